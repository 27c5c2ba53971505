"""Takes in a received email: what it is, whose it is, and what follows from it, in one transaction.

The same bytes are taken in once a mailbox, however often they are read. Understanding is done by `mail.inbound`,
deciding by the engine; here a prospect is found, and nothing that anybody could forge does harm.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from workflow import ids, text
from workflow.actions import breaker, enrolling, evidence, prospects
from workflow.actions.prospects import Who
from workflow.engine import signals as kinds
from workflow.engine.reasons import Reason, because
from workflow.engine.signals import Signal
from workflow.errors import Conflict, OnwardError
from workflow.mail.address import key_of, parse_mailbox
from workflow.mail.inbound import signals
from workflow.mail.inbound.classify import Classified, Kind, classify
from workflow.mail.inbound.matching import Candidate, Ours
from workflow.records import upserts
from workflow.records.models import Enrollment, Incoming, Mailbox, Prospect, Touch

if TYPE_CHECKING:
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

_LONGEST_TEXT: Final = 20_000
_LONGEST_KEPT: Final = 1024 * 1024
_SILENT: Final = frozenset({Kind.OWN, Kind.DELIVERED, Kind.DEFERRED})
# Anybody can write a report about anybody; only one about an email that we signed may bar an address.
_NEEDS_PROOF: Final = frozenset({Kind.BOUNCE, Kind.COMPLAINT})


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it was read: its bytes, and whether they are all of it."""

    content: bytes
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a message. `again` means that these bytes had been taken in before, and nothing was done."""

    kind: str
    outcome: str
    prospect_id: str | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class _Match:
    """The prospect that a message is about, and how it was found."""

    prospect_id: str
    candidate: Candidate
    touch: Record | None = None


def take(ws: Workspace, tx: Tx, mailbox_id: str, letter: Letter) -> Taken:
    """Take in one message in the caller's transaction. Raises nothing for whatever its bytes are."""
    sha256 = hashlib.sha256(letter.content).hexdigest()
    mailbox = tx.conn.execute(select(Mailbox.name, Mailbox.sender).where(Mailbox.id == mailbox_id)).one()
    found = classify(letter.content, ours=_ours(ws, mailbox.sender), received_at=tx.now)
    row = _row(tx, mailbox_id, sha256, letter, found)
    if not upserts.insert_new(tx, Incoming, row):
        return Taken(found.kind.value, "ignored", again=True)
    match = _find(tx, found)
    if match is not None and found.kind in _SILENT and not _proves(match):
        match = None
    who = Who(f"mailbox:{mailbox.name}", f"mail:{row['id']}")
    outcome, reason = _settle(ws, tx, found, match, who)
    _keep(tx, row["id"], outcome, reason, match)
    return Taken(found.kind.value, outcome, match.prospect_id if match else None)


def assign(ws: Workspace, incoming_id: str, prospect_id: str, actor: str) -> Taken:
    """Apply a message that matched nobody as one about this prospect, because a person says so.

    A report of a bounce still bars nobody: a person knows whom it is about, and not that it is true. Raises Conflict
    when it was dealt with already.
    """

    def work(tx: Tx) -> Taken:
        _take_up(tx, incoming_id)
        of_box = select(Incoming.content, Incoming.received_at, Mailbox.sender)
        row = tx.conn.execute(
            of_box.join(Mailbox, Mailbox.id == Incoming.mailbox_id).where(Incoming.id == incoming_id)
        ).one()
        found = classify(row.content, ours=_ours(ws, row.sender), received_at=row.received_at)
        match = _Match(prospect_id, Candidate("person", actor, "likely"))
        outcome, reason = _settle(ws, tx, found, match, Who(actor, f"mail:{incoming_id}"))
        _keep(tx, incoming_id, outcome, reason, match)
        return Taken(found.kind.value, outcome, prospect_id)

    return ws.database.transact(work)


def put_aside(ws: Workspace, incoming_id: str, actor: str) -> None:
    """Let a message that matched nobody be. Raises Conflict when it was dealt with already."""

    def work(tx: Tx) -> None:
        _take_up(tx, incoming_id)
        _keep(tx, incoming_id, "ignored", because("mail.aside", by=actor), None)

    ws.database.transact(work)


def _take_up(tx: Tx, incoming_id: str) -> None:
    """Make sure that nobody else deals with an unmatched message. Raises Conflict."""
    mine = update(Incoming).where(Incoming.id == incoming_id, Incoming.outcome == "unmatched")
    if tx.conn.execute(mine.values(outcome="ignored", reason=None)).rowcount != 1:
        message = "Somebody has dealt with this message already."
        raise Conflict(message)


def _keep(tx: Tx, incoming_id: str, outcome: str, reason: Reason | None, match: _Match | None) -> None:
    values: dict[str, Any] = {"outcome": outcome, "reason": reason.pack() if reason else None}
    if match is not None:
        values |= {
            "prospect_id": match.prospect_id,
            "touch_id": match.touch.id if match.touch else None,
            "match": _kept(asdict(match.candidate)),
        }
    tx.conn.execute(update(Incoming).where(Incoming.id == incoming_id).values(**values))


def _settle(ws: Workspace, tx: Tx, found: Classified, match: _Match | None, who: Who) -> tuple[str, Reason | None]:
    if found.kind in _SILENT:
        # It changes nothing of the prospect, but a delay, a receipt or our own copy shows that an email left.
        shown = match is not None and match.touch is not None and _show(ws, tx, match.touch, evidence.RELAYED)
        return ("applied" if shown else "ignored"), None
    if match is None:
        return "unmatched", because("mail.unmatched")
    if found.kind in _NEEDS_PROOF and match.candidate.confidence != "sure":
        return "ignored", because("mail.unproven")
    try:
        with tx.attempt():
            _act(ws, tx, found, match, who)
    except OperationalError:
        # The trouble is the database's, not this message's: it is read once more.
        raise
    except (OnwardError, SQLAlchemyError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        # The savepoint undid what the message had begun; it is kept, and the next ones are read.
        return "failed", because("mail.failed", error=type(error).__name__)
    return "applied", None


def _act(ws: Workspace, tx: Tx, found: Classified, match: _Match, who: Who) -> None:
    zone = enrolling.where_is(tx, ws.playbooks.in_force(tx), match.prospect_id).zone
    for told in signals.told(found, zone):
        data = {name: value for name, value in told.data.items() if value not in ("", None)}
        if match.touch is not None:
            data["message_id"] = match.touch.message_id
        if told.kind == kinds.UNSUBSCRIBED:
            # Whoever asks, it is the prospect who gets no more mail; a forwarder's own address was never written to.
            data.pop("address", None)
        if told.kind == kinds.REPLIED and _is_colleague(tx, found, match.prospect_id):
            data["colleague"] = True
        at = min(found.sent_at or tx.now, tx.now)
        prospects.submit(ws, tx, match.prospect_id, Signal(told.kind, at, who.actor, who.cause, data=data))
        if match.touch is not None:
            _show(ws, tx, match.touch, evidence.by_signal(told.kind, data))
            if told.kind == kinds.BOUNCED:
                breaker.came_back(tx, match.touch.message_id, data)


def _show(ws: Workspace, tx: Tx, touch: Record, reason: Reason) -> bool:
    return touch.message_id is not None and evidence.confirm(ws, tx, touch.message_id, reason)


def _proves(match: _Match) -> bool:
    return match.touch is not None and match.candidate.confidence == "sure"


def _find(tx: Tx, found: Classified) -> _Match | None:
    """The first candidate that is known here."""
    for each in found.candidates:
        if each.touch_id is not None:
            touch = _touch(tx, Touch.id == each.touch_id)
            if touch is not None:
                return _Match(touch.prospect_id, each, touch)
        elif each.by == "unsigned_id":
            touch = _touch(tx, Touch.message_id == each.value)
            if touch is not None:
                return _Match(touch.prospect_id, each, touch)
        elif each.prospect_id is not None:
            if _exists(tx, each.prospect_id):
                return _Match(each.prospect_id, each)
        else:
            prospect_id = _by_open_enrollment(tx, each.value)
            if prospect_id is not None:
                return _Match(prospect_id, each)
    return None


def _touch(tx: Tx, where: Any) -> Record | None:  # noqa: ANN401 - a condition of Core
    return tx.conn.execute(select(Touch.id, Touch.prospect_id, Touch.message_id).where(where)).one_or_none()


def _exists(tx: Tx, prospect_id: str) -> bool:
    return (
        ids.is_id(prospect_id)
        and tx.conn.execute(select(Prospect.id).where(Prospect.id == prospect_id)).one_or_none() is not None
    )


def _by_open_enrollment(tx: Tx, email_key: str) -> str | None:
    """Whoever has this address and gets mail just now: an address alone, which anybody can write, says no more."""
    open_one = (
        select(Prospect.id)
        .join(Enrollment, Enrollment.prospect_id == Prospect.id)
        .where(Prospect.email_key == email_key, Enrollment.state == "active")
        .limit(1)
    )
    found: str | None = tx.conn.execute(open_one).scalar_one_or_none()
    return found


def _is_colleague(tx: Tx, found: Classified, prospect_id: str) -> bool:
    own = tx.conn.execute(select(Prospect.email_key).where(Prospect.id == prospect_id)).scalar_one()
    return own is not None and key_of(found.sender) != own


def _ours(ws: Workspace, sender: str) -> Ours:
    addresses = {parse_mailbox(each, local_host=True).address.key for each in (sender, ws.settings.mail_from)}
    return Ours(
        message_keys=(ws.key("message ids"),),
        tag_keys=(ws.key("mail tags"),),
        link_keys=(ws.key("links"),),
        addresses=frozenset(addresses),
    )


def _row(tx: Tx, mailbox_id: str, sha256: str, letter: Letter, found: Classified) -> dict[str, Any]:
    facts = {
        "rule": found.rule,
        "evidence": found.evidence,
        "sure": found.sure,
        "bounce": found.bounce,
        "recipients": [asdict(each) for each in found.recipients[:20]],
        "about": found.about,
        "opt_out": found.opt_out,
        "feedback": found.feedback,
        "sender_name": found.sender_name,
    }
    return {
        "id": ids.new_id(),
        "mailbox_id": mailbox_id,
        "sha256": sha256,
        "message_id": found.message_id or None,
        "received_at": tx.now,
        "occurred_at": min(found.sent_at or tx.now, tx.now),
        "sender": text.line(found.sender)[:320],
        "subject": text.line(found.subject),
        "kind": found.kind.value,
        "outcome": "ignored",
        "facts": _kept(facts),
        "match": {},
        "visible": text.block(found.reply.visible)[:_LONGEST_TEXT],
        "quoted": text.block(found.reply.quoted)[:_LONGEST_TEXT],
        "content": letter.content[:_LONGEST_KEPT],
        "whole": letter.whole and len(letter.content) <= _LONGEST_KEPT,
    }


def _kept(values: dict[str, Any]) -> dict[str, Any]:
    """Values as JSON keeps them, their texts clean."""
    return {name: _clean(value) for name, value in values.items()}


def _clean(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        return text.block(value)[:2000]
    if isinstance(value, dict):
        return _kept(value)
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value
