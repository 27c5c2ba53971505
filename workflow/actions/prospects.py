"""Prospects: find, make, edit and move one. Loads what the engine may know, asks it, and writes down what it says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, exists, select, update

from workflow import ids, playbooks
from workflow.actions import apply, barred, facts, late, together
from workflow.engine import signals as kinds
from workflow.engine.decide import Change, Decision, decide, wants
from workflow.engine.signals import EnrollmentView, ProspectView, Signal
from workflow.errors import Conflict, NotFound
from workflow.mail.address import key_of
from workflow.records import upserts
from workflow.records.models import Enrollment, Event, ExternalRef, Prospect, Rep, Suppression, Touch
from workflow.records.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

_COLUMNS: Final = (
    Prospect.id, Prospect.stage, Prospect.version, Prospect.chain, Prospect.custom, Prospect.outcome,
    Prospect.outcome_reason, Prospect.entered_stage_at, Prospect.moved_at, Prospect.owner_id, Prospect.mail_hold_until,
    Prospect.merged_into, Prospect.mail_hold_why, Prospect.declined, Prospect.updated_at, Prospect.reached,
    Prospect.origin,
    *(getattr(Prospect, name) for name in kinds.FIELDS),
)  # fmt: skip
_WHOLE: Final = (
    select(*_COLUMNS, Rep.time_zone.label("rep_zone"), Suppression.email_key.label("suppressed"))
    .outerjoin(Rep, Rep.id == Prospect.owner_id)
    .outerjoin(Suppression, Suppression.email_key == Prospect.email_key)
    .with_for_update(of=Prospect)
)
_BY_ID: Final = Prepared(_WHOLE.where(Prospect.id == bindparam("prospect")))
# A ref names the same prospect for ever, so that it can be read together with the row it leads to.
_BY_REF: Final = Prepared(
    _WHOLE.join(ExternalRef, ExternalRef.prospect_id == Prospect.id).where(
        ExternalRef.source_id == bindparam("source"),
        ExternalRef.object == "prospect",
        ExternalRef.ref == bindparam("ref"),
    )
)
_LOCK: Final = Prepared(select(Prospect.id).where(Prospect.id == bindparam("prospect")).with_for_update())
_BY_EMAIL: Final = Prepared(
    select(Prospect.id, Prospect.merged_into).where(Prospect.email_key == bindparam("email_key"))
)
# What else is asked about a prospect, in one go: a row for each active enrollment, or one without any, and with it
# what holds for all of the transaction. Only asked once the row is locked: another transaction, for which the lock
# waited, may have begun an enrollment or published a playbook, and what is read together with a lock is older.
_AROUND: Final = Prepared(
    select(
        Enrollment.id, Enrollment.sequence, Enrollment.playbook_digest, Enrollment.meeting_id,
        exists().where(Event.prospect_id == Prospect.id, Event.payload.is_not(None)).label("has_kept"),
        *playbooks.HOLDING,
    )
    .select_from(Prospect)
    .outerjoin(Enrollment, and_(Enrollment.prospect_id == Prospect.id, Enrollment.state == "active"))
    .where(Prospect.id == bindparam("prospect"))
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loaded:
    """A prospect as the engine sees it, the newest link of its history, and when that was; its row is locked."""

    view: ProspectView
    chain: str
    changed_at: datetime = kinds.NEVER
    has_kept: bool = False
    """Whether events of theirs are kept that may have to be applied again."""
    row: Record | None = None
    """What was read when it was locked; None of one that is about to be made."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a signal: the decision, whose prospect, and the prospect's version after it."""

    prospect_id: str
    version: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class Who:
    """Whose doing it is: an actor such as `rep:<id>` or `api:<name>`, and the request that caused it."""

    actor: str
    cause: str


def move(
    ws: Workspace,
    prospect_id: str,
    trigger: str,
    data: Mapping[str, Any],
    who: Who,
    *,
    custom: Mapping[str, str] | None = None,
    version: int | None = None,
) -> Result:
    """Move a prospect by a trigger. Raises NotFound, and Conflict when it is no longer at `version`.

    `custom` are facts that are learnt with the move: they are kept with it, or not at all where it is refused.
    """

    def work(tx: Tx) -> Result:
        signal = Signal(kinds.MOVE, tx.now, who.actor, who.cause, data={**data, "trigger": trigger})
        moved = submit(ws, tx, prospect_id, signal, version=version)
        if not custom or moved.decision.verdict != "applied":
            return moved
        learnt = Signal(kinds.UPSERTED, tx.now, who.actor, who.cause, custom=custom)
        return replace(moved, version=submit(ws, tx, moved.prospect_id, learnt).version)

    return ws.database.transact(work)


def tell(
    ws: Workspace, prospect_id: str, kind: str, data: Mapping[str, Any], who: Who, *, version: int | None = None
) -> Result:
    """Tell of a call, answers, a meeting or a mail event. Raises NotFound and Conflict as `move` does."""

    def work(tx: Tx) -> Result:
        return submit(ws, tx, prospect_id, Signal(kind, tx.now, who.actor, who.cause, data=data), version=version)

    return ws.database.transact(work)


def create(
    ws: Workspace, fields: Mapping[str, str], custom: Mapping[str, Any], who: Who, *, owner_id: str | None = None
) -> Result:
    """Make a prospect. Raises Conflict when its address belongs to one already."""
    return ws.database.transact(lambda tx: create_in(ws, tx, fields, custom, who, owner_id=owner_id))


def create_in(
    ws: Workspace, tx: Tx, fields: Mapping[str, str], custom: Mapping[str, Any], who: Who, *, owner_id: str | None
) -> Result:
    """The same in the caller's transaction."""
    _refuse_taken(tx, fields.get("email", ""), but="")
    signal = Signal(kinds.UPSERTED, tx.now, who.actor, who.cause, fields=fields, custom=custom, owner_id=owner_id)
    return submit(ws, tx, None, signal)


def edit(
    ws: Workspace,
    prospect_id: str,
    fields: Mapping[str, str],
    custom: Mapping[str, Any],
    who: Who,
    *,
    owner_id: str | None = None,
    version: int | None = None,
) -> Result:
    """Change facts about a prospect. Raises NotFound, and Conflict for a stale `version` or a taken address."""

    def work(tx: Tx) -> Result:
        _refuse_taken(tx, fields.get("email", ""), but=prospect_id)
        signal = Signal(kinds.UPSERTED, tx.now, who.actor, who.cause, fields=fields, custom=custom, owner_id=owner_id)
        return submit(ws, tx, prospect_id, signal, version=version)

    return ws.database.transact(work)


def submit(ws: Workspace, tx: Tx, prospect_id: str | None, signal: Signal, *, version: int | None = None) -> Result:
    """Put `signal` before the engine and carry out what it decides, in the caller's transaction.

    Without `prospect_id` the prospect is made. Raises NotFound, and Conflict when it is no longer at `version`.
    """
    loaded = None
    if prospect_id is not None:
        loaded = load(ws, tx, prospect_id, meetings=signal.kind in kinds.MEETING_KINDS)
    return put(ws, tx, loaded, signal, version=version)


def put(ws: Workspace, tx: Tx, loaded: Loaded | None, signal: Signal, *, version: int | None = None) -> Result:
    """The same for a prospect that the caller has loaded."""
    if loaded is None:
        loaded = nobody_yet(suppressed=_is_suppressed(tx, signal.fields.get("email")))
    if version is not None and loaded.view.version != version:
        message = f"The prospect is at version {loaded.view.version}, not {version}: load it again and decide anew."
        raise Conflict(message)
    playbook, view = ws.playbooks.in_force(tx), loaded.view
    if signal.occurred_at < loaded.changed_at:
        view, signal = late.seen(tx, playbook, view, signal)
    kinds_wanted = wants(playbook, view, signal)
    if kinds_wanted:
        view, signal = facts.complete(tx, view, signal, kinds_wanted)
    decision = decide(playbook, view, signal, tx.now)
    now_at = apply.carry_out(ws, tx, view, signal, decision, loaded.chain, row=loaded.row)
    apply.remember(tx, playbook, view, signal, decision, now_at)
    return Result(view.id, now_at, decision)


def nobody_yet(*, suppressed: bool) -> Loaded:
    """A prospect that is about to be made; `suppressed` when nobody may write to the address."""
    return Loaded(ProspectView(id=ids.new_id(), suppressed=suppressed), "")


def note(ws: Workspace, tx: Tx, prospect_id: str, change: Change, who: Who) -> None:
    """Leave a row in a prospect's history that changes nothing of the prospect itself."""
    loaded = load(ws, tx, prospect_id)
    decision = Decision("applied", loaded.view.stage, history=(change,))
    signal = Signal(change.kind, tx.now, who.actor, who.cause)
    apply.carry_out(ws, tx, loaded.view, signal, decision, loaded.chain)


def load(ws: Workspace, tx: Tx, prospect_id: str, *, meetings: bool = False) -> Loaded:
    """Lock a prospect's row and read what the engine may know of it. Raises NotFound."""
    together.settle(tx)
    row = _followed(tx, _BY_ID.first(tx, {"prospect": prospect_id}))
    if row is None:
        message = "There is no such prospect: check the id."
        raise NotFound(message)
    return _loaded(ws, tx, row, meetings=meetings)


def lock(tx: Tx, prospect_id: str) -> None:
    """Lock a prospect's row: it comes first in the one order of locks, before enrollments and touches."""
    if tx.locks_rows:
        _LOCK.all(tx, {"prospect": prospect_id})


def find(
    ws: Workspace, tx: Tx, source_id: str, ref: str | None, email_key: str | None, *, meetings: bool
) -> tuple[Loaded | None, bool]:
    """The prospect a source means, by its own `ref`, else by address, locked; and whether the ref was known.

    A `ref` may be our own id of the prospect: a calendar or a mail service carries it for us.
    """
    if ref:
        row = _BY_REF.first(tx, {"source": source_id, "ref": ref})
        if row is None and ids.is_id(ref):
            row = _BY_ID.first(tx, {"prospect": ref})
        row = _followed(tx, row)
        if row is not None:
            return _loaded(ws, tx, row, meetings=meetings), True
    found = by_email(tx, email_key) if email_key else None
    return (load(ws, tx, found, meetings=meetings) if found else None), False


def by_message(tx: Tx, message_id: str) -> str | None:
    """The prospect an email of ours went to, by its Message-ID."""
    bare = message_id.strip().strip("<>")
    return tx.conn.execute(select(Touch.prospect_id).where(Touch.message_id == f"<{bare}>")).scalar_one_or_none()


def by_email(tx: Tx, email_key: str) -> str | None:
    """The prospect with this address; of one that was merged, the one it went into."""
    found = _BY_EMAIL.first(tx, {"email_key": email_key})
    return (found.merged_into or found.id) if found else None


def holder(tx: Tx, email_key: str) -> str | None:
    """Whose row holds this address, which no other may have: a merged one keeps its own, so that answers find us."""
    found = _BY_EMAIL.first(tx, {"email_key": email_key})
    return found.id if found else None


def remember_ref(tx: Tx, source_id: str, ref: str, prospect_id: str) -> None:
    """Keep a source's own id of a prospect, and wake the events that wait for it."""
    together.settle(tx)
    row = {"source_id": source_id, "object": "prospect", "ref": ref, "prospect_id": prospect_id}
    if upserts.insert_new(tx, ExternalRef, row):
        tx.conn.execute(
            update(Event)
            .where(Event.outcome == "parked", Event.source_id == source_id, Event.waits_ref == ref)
            .values(next_attempt_at=tx.now)
        )


def _followed(tx: Tx, row: Record | None) -> Record | None:
    """The row that a merged one leads to, locked in its turn: whatever happens to the old one happens to the other."""
    while row is not None and row.merged_into is not None:
        row = _BY_ID.first(tx, {"prospect": row.merged_into})
    return row


def _loaded(ws: Workspace, tx: Tx, row: Record, *, meetings: bool) -> Loaded:
    around = _AROUND.all(tx, {"prospect": row.id})
    ws.playbooks.heard(tx, around[0])
    view = ProspectView(
        id=row.id,
        stage=row.stage,
        version=row.version,
        fields={name: getattr(row, name) for name in kinds.FIELDS},
        custom=row.custom,
        outcome=row.outcome,
        outcome_reason=row.outcome_reason,
        entered_stage_at=row.entered_stage_at,
        moved_at=row.moved_at,
        suppressed=row.suppressed is not None,
        owner_id=row.owner_id,
        fallback_zone=row.rep_zone,
        enrollments=_active(ws, tx, around),
        meetings=facts.meetings(tx, row.id) if meetings else (),
        mail_hold_until=row.mail_hold_until,
        mail_hold_why=row.mail_hold_why,
        declined=frozenset((row.declined or "").split()),
    )
    return Loaded(view, row.chain, row.updated_at, has_kept=around[0].has_kept, row=row)


def _active(ws: Workspace, tx: Tx, rows: Sequence[Record]) -> tuple[EnrollmentView, ...]:
    return tuple(
        EnrollmentView(
            row.id,
            ws.playbooks.version(tx, row.playbook_digest).sequences[row.sequence],
            row.meeting_id,
            row.playbook_digest,
        )
        for row in rows
        if row.id is not None
    )


def _is_suppressed(tx: Tx, email: str | None) -> bool:
    email_key = key_of(email or "")
    return email_key is not None and barred.is_barred(tx, email_key)


def _refuse_taken(tx: Tx, email: str, *, but: str) -> None:
    email_key = key_of(email)
    held_by = holder(tx, email_key) if email_key else None
    if held_by not in (None, but):
        message = f"The address {email} belongs to another prospect ({held_by}): open that one instead."
        raise Conflict(message)
