"""The API's routes about the installation itself: its playbook and its mailboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from web.api.models import Mailbox, MailboxList, Playbook, Sequence, Stage, Step, Transition
from web.api.route import Call, Route
from workflow.actions.outreach import acts
from workflow.engine import reasons
from workflow.reports import health

if TYPE_CHECKING:
    from workflow.playbook import schema
    from workflow.records.db import Record


def playbook(call: Call) -> Playbook:
    """The playbook in force."""
    with call.ws.database.read() as tx:
        book = call.ws.playbooks.in_force(tx)
    return Playbook(
        name=book.name,
        digest=book.digest,
        languages=book.languages,
        time_zone=book.time_zone,
        stages=tuple(Stage(key=each.key, title=dict(each.title), final=each.final) for each in book.stages.values()),
        transitions=tuple(_transition(each) for each in book.transitions),
        sequences=tuple(_sequence(each) for each in book.sequences.values()),
    )


def mailboxes(call: Call) -> MailboxList:
    """Every mailbox."""
    with call.ws.database.read() as tx:
        rows = health.mailboxes(tx)
    return MailboxList(items=tuple(_mailbox(row, call.language) for row in rows), next_cursor=None)


def resumed(call: Call) -> Mailbox:
    """Let a paused mailbox send again."""
    acts.resume(call.ws, call.id)
    with call.ws.database.read() as tx:
        row = next(each for each in health.mailboxes(tx) if each.id == call.id)
    return _mailbox(row, call.language)


ROUTES: Final = (
    Route("GET", "/playbook", "Read the playbook", playbook, Playbook),
    Route("GET", "/mailboxes", "List mailboxes", mailboxes, MailboxList),
    Route(
        "POST", "/mailboxes/<id>/resume", "Resume a mailbox", resumed, Mailbox, right="resume_mailbox", refusals=(404,)
    ),
)


def _mailbox(row: Record, language: str) -> Mailbox:
    told = row._asdict()
    server = (told.pop("settings") or {}).get("server")
    return Mailbox(**told | {"pause_reason": reasons.words(row.pause_reason, language), "server": server})


def _transition(way: schema.Transition) -> Transition:
    return Transition(
        trigger=way.trigger,
        from_=way.sources,
        to=way.to,
        needs=way.required_fields,
        guards=tuple(need.brief for need in way.needs),
        sets=dict(way.sets),
    )


def _sequence(each: schema.Sequence) -> Sequence:
    return Sequence(
        key=each.key,
        title=dict(each.title),
        start=each.start.when,
        stage=each.start.stage,
        outcome=each.start.outcome,
        stop=tuple(sorted(each.stop)),
        steps=tuple(_step(step) for step in each.steps),
    )


def _step(step: schema.Step) -> Step:
    title = dict(step.task) if step.task is not None else None
    return Step(key=step.key, kind="email" if step.email else "task", email=step.email, title=title)
