"""The API's routes about mailboxes: list, add, change, try out, pause and resume. Secrets come in and never go out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from web.api import listing
from web.api.models import Listed, Mailbox, MailboxList, Nothing, Reply, Request, Text
from web.api.route import Call, Route
from workflow.actions import mailboxes
from workflow.actions.outreach import acts
from workflow.engine import reasons
from workflow.errors import OnwardError
from workflow.mail.smtp import Timeouts
from workflow.reports import health

if TYPE_CHECKING:
    from workflow.records.db import Record

_PATIENCE_S: Final = 10.0
_PATIENCE: Final = Timeouts(connect=_PATIENCE_S, command=_PATIENCE_S)
Secret = Annotated[str, Field(max_length=20_000, description="Write-only; an empty text takes it away.")]
Signature = Annotated[str, Field(max_length=1000)]


class MailboxFields(Request):
    """What a mailbox has beside its name; what is not named stays, an empty text takes a value away."""

    rep: Annotated[str | None, Field(max_length=400, description="The email address of a rep; empty: shared.")] = None
    smtp_url: Secret | None = None
    imap_url: Secret | None = None
    dkim_key: Secret | None = None
    token_url: Secret | None = None
    client_id: Secret | None = None
    client_secret: Secret | None = None
    refresh_token: Secret | None = None
    dkim_domain: Text | None = None
    dkim_selector: Text | None = None
    signature_en: Signature | None = None
    signature_bg: Signature | None = None
    plus_addresses: Literal["", "yes"] | None = None


class MailboxNew(MailboxFields):
    """A mailbox to be added; `sender` is as prospects see it: `Maria Ivanova <maria@example.com>`."""

    name: Annotated[str, Field(min_length=1, max_length=40)]
    sender: Annotated[str, Field(min_length=1, max_length=400)]


class MailboxChange(MailboxFields):
    """A change of some of it."""

    sender: Annotated[str | None, Field(min_length=1, max_length=400)] = None


class MailboxTest(Reply):
    """How far a mailbox came. `phase` is where sending stopped; `reads` is null for one without an IMAP server."""

    sends: bool
    phase: str
    answer: str
    reads: bool | None
    problem: str | None


def listed(call: Call) -> MailboxList:
    """Every mailbox."""
    with call.ws.database.read() as tx:
        rows, more = listing.short(call, health.mailboxes(tx))
    return MailboxList(items=tuple(_told(row, call.language) for row in rows), next_cursor=more)


def read(call: Call) -> Mailbox:
    """One mailbox."""
    mailboxes.named(call.ws, call.id)
    return _one(call, call.id)


def added(call: Call) -> Mailbox:
    """Add a mailbox."""
    wanted = call.body(MailboxNew)
    return _one(call, mailboxes.add(call.ws, wanted.name, wanted.sender, _named(wanted), rep=wanted.rep or None))


def changed(call: Call) -> Mailbox:
    """Change what is named."""
    wanted = call.body(MailboxChange)
    name = mailboxes.named(call.ws, call.id)
    mailboxes.change(call.ws, name, _named(wanted), sender=wanted.sender, rep=wanted.rep)
    return _one(call, call.id)


def tried(call: Call) -> MailboxTest:
    """Connect, sign in, ask whether it may send, and open the folder that is read; sends nothing."""
    name = mailboxes.named(call.ws, call.id)
    outcome = mailboxes.try_out(call.ws, name, _PATIENCE)
    problem: str | None = None
    reads: bool | None = None
    if _one(call, call.id).inbox is not None:
        try:
            mailboxes.try_inbox(call.ws, name, _PATIENCE_S)
        except OnwardError as error:
            problem = error.message
        reads = problem is None
    answer = " ".join(filter(None, [str(outcome.code or ""), outcome.text]))
    return MailboxTest(
        sends=outcome.kind == "sent", phase=outcome.phase.value, answer=answer, reads=reads, problem=problem
    )


def paused(call: Call) -> Mailbox:
    """Let its mail wait."""
    kind, _colon, name = call.who.actor.partition(":")
    mailboxes.pause(call.ws, mailboxes.named(call.ws, call.id), name or kind)
    return _one(call, call.id)


def resumed(call: Call) -> Mailbox:
    """Let a paused mailbox send again."""
    acts.resume(call.ws, call.id)
    return _one(call, call.id)


def _named(wanted: MailboxFields) -> dict[str, str]:
    given = wanted.model_dump(exclude_none=True, exclude={"name", "sender", "rep"})
    return {name: str(value) for name, value in given.items()}


def _one(call: Call, mailbox_id: str) -> Mailbox:
    with call.ws.database.read() as tx:
        return _told(next(each for each in health.mailboxes(tx) if each.id == mailbox_id), call.language)


def _told(row: Record, language: str) -> Mailbox:
    told = row._asdict()
    shown = told.pop("settings") or {}
    told |= {"server": shown.get("server"), "inbox": shown.get("inbox")}
    return Mailbox(**told | {"pause_reason": reasons.words(row.pause_reason, language)})


_AT: Final = "/mailboxes/<id>"
ROUTES: Final = (
    Route("GET", "/mailboxes", "List mailboxes", listed, MailboxList, query=Listed),
    Route("GET", _AT, "Read a mailbox", read, Mailbox, refusals=(404,)),
    Route(
        "POST", "/mailboxes", "Add a mailbox", added, Mailbox, MailboxNew, right="mailboxes", status=201,
        refusals=(404, 409),
    ),
    Route("PATCH", _AT, "Change a mailbox", changed, Mailbox, MailboxChange, right="mailboxes", refusals=(404,)),
    Route(
        "POST", f"{_AT}/test", "Try out a mailbox", tried, MailboxTest, Nothing, right="resume_mailbox",
        refusals=(404,),
    ),
    Route("POST", f"{_AT}/pause", "Pause a mailbox", paused, Mailbox, right="resume_mailbox", refusals=(404,)),
    Route("POST", f"{_AT}/resume", "Resume a mailbox", resumed, Mailbox, right="resume_mailbox", refusals=(404,)),
)  # fmt: skip
