"""How each source stands with its vendor's API: when it is asked, by whom alone, what is wrong, and what is written.

Asks nobody. The token itself is kept by `sources`; `lookups`, `reconciling` and `writeback` do the asking.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, exists, or_, select, update

from workflow import auditing
from workflow.actions import outbox
from workflow.engine.reasons import because
from workflow.errors import BadInput, NotFound
from workflow.records import upserts
from workflow.records.crm import CrmLink, CrmLookup
from workflow.records.models import Source
from workflow.records.outbox import Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from workflow.crm.port import CrmError
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

OVERLAP: Final = timedelta(minutes=10)
"""So much of what was read is read once more: vendors index what changed some seconds later, and clocks differ."""
LEASE: Final = timedelta(minutes=3)
"""Longer than the calls for one page may take, with all that is tried again."""
EVERY_MINUTES: Final = 15
_LONGEST_STAGE: Final = 100
_MENDED_BY_A_PERSON: Final = timedelta(minutes=10)
_AWAY: Final = timedelta(minutes=1)
_LONGEST_WAIT: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Link:
    """A source as whoever asks its vendor needs it."""

    source_id: str
    name: str
    kind: str
    cursor_at: datetime
    next_poll_at: datetime
    poll_minutes: int


def begin(tx: Tx, source_id: str) -> None:
    """A source has a token, perhaps another one: its vendor is asked from now on, and what waited is asked at once."""
    had = tx.conn.execute(select(Source.api_token).where(Source.id == source_id)).scalar_one_or_none()
    _made(tx, source_id)
    free: dict[str, Any] = {"problem": None, "problem_since": None, "ask_after": None}
    if had is None:
        # What came before was told by webhooks alone, and is not told once more.
        free |= {"cursor_at": tx.now + OVERLAP, "next_poll_at": tx.now}
    tx.conn.execute(update(CrmLink).where(CrmLink.source_id == source_id).values(**free))
    waiting = update(CrmLookup).where(CrmLookup.source_id == source_id, CrmLookup.state == "waiting")
    tx.conn.execute(waiting.values(next_at=tx.now))
    target_id = tx.conn.execute(select(CrmLink.target_id).where(CrmLink.source_id == source_id)).scalar_one()
    again = (Target.id == target_id) & Target.next_at.is_not(None)
    tx.conn.execute(update(Target).where(again).values(next_at=tx.now, hint_at=None))


def end(tx: Tx, source_id: str) -> None:
    """A source was put away: nothing is written there any more."""
    row = tx.conn.execute(select(CrmLink.target_id).where(CrmLink.source_id == source_id)).one_or_none()
    if row is not None:
        tx.conn.execute(update(CrmLink).where(CrmLink.source_id == source_id).values(writes={}))
        if row.target_id is not None:
            outbox.switch_off(tx, row.target_id, because("writes.off"))


def due(ws: Workspace) -> Sequence[str]:
    """The sources whose vendor is to be asked for something now, and that nobody asks yet."""
    with ws.database.read() as tx:
        waits = exists().where(
            CrmLookup.source_id == CrmLink.source_id, CrmLookup.state == "waiting", CrmLookup.next_at <= tx.now
        )
        found = select(CrmLink.source_id).join(Source, Source.id == CrmLink.source_id)
        found = found.where(
            Source.disabled_at.is_(None),
            Source.api_token.is_not(None),
            or_(CrmLink.ask_after.is_(None), CrmLink.ask_after <= tx.now),
            or_(CrmLink.lease_until.is_(None), CrmLink.lease_until <= tx.now),
            or_(CrmLink.next_poll_at <= tx.now, waits),
        )
        return tx.conn.execute(found.order_by(CrmLink.next_poll_at)).scalars().all()


def hold(ws: Workspace, source_id: str, holder: str) -> bool:
    """Take the lease, or keep it. False while somebody else has it."""

    def work(tx: Tx) -> bool:
        free = or_(CrmLink.holder.is_(None), CrmLink.holder == holder, CrmLink.lease_until <= tx.now)
        taken = update(CrmLink).where(CrmLink.source_id == source_id, free)
        return tx.conn.execute(taken.values(holder=holder, lease_until=tx.now + LEASE)).rowcount == 1

    return ws.database.transact(work)


def let_go(ws: Workspace, source_id: str, holder: str) -> None:
    """Leave a source to somebody else."""
    mine = update(CrmLink).where(CrmLink.source_id == source_id, CrmLink.holder == holder)
    ws.database.transact(lambda tx: tx.conn.execute(mine.values(holder=None, lease_until=None)))


def link(tx: Tx, source_id: str) -> Link:
    """How a source stands. Raises NotFound for one without a token."""
    found = select(
        CrmLink.source_id, Source.name, Source.kind, CrmLink.cursor_at, CrmLink.next_poll_at, CrmLink.poll_minutes
    ).join(Source, Source.id == CrmLink.source_id)
    row = tx.conn.execute(found.where(CrmLink.source_id == source_id)).one_or_none()
    if row is None:
        message = "This source has no API token: give it one first, with `onward source token NAME`."
        raise NotFound(message)
    return Link(*row)


def failed(ws: Workspace, source_id: str, error: CrmError) -> None:
    """Write down why a vendor could not be asked, and leave it alone for as long as that takes."""
    pause = _MENDED_BY_A_PERSON if error.kind == "token" else _AWAY
    if error.wait_s is not None:
        pause = max(pause if error.kind == "token" else timedelta(), timedelta(seconds=error.wait_s))

    def work(tx: Tx) -> None:
        mine = update(CrmLink).where(CrmLink.source_id == source_id)
        tx.conn.execute(mine.where(CrmLink.problem_since.is_(None)).values(problem_since=tx.now))
        told = {"problem": error.reason.pack(), "ask_after": tx.now + min(pause, _LONGEST_WAIT)}
        tx.conn.execute(mine.values(**told))

    ws.database.transact(work)


def went_well(tx: Tx, source_id: str, **told: object) -> None:
    """Write down that a vendor answered, and what else is known since."""
    well: dict[str, Any] = {"problem": None, "problem_since": None, "ask_after": None, **told}
    tx.conn.execute(update(CrmLink).where(CrmLink.source_id == source_id).values(**well))


def set_writes(ws: Workspace, source_id: str, writes: Mapping[str, str]) -> None:
    """Let each of these stages of the playbook set a stage at the vendor from now on; none at all ends it.

    Raises BadInput for a stage that there is not, NotFound.
    """
    set_up(ws, source_id, writes=writes)


def set_poll(ws: Workspace, source_id: str, minutes: int) -> None:
    """Look for changes every so many minutes, from 1 to 1,440. Raises BadInput and NotFound."""
    set_up(ws, source_id, minutes=minutes)


def set_up(
    ws: Workspace, source_id: str, *, writes: Mapping[str, str] | None = None, minutes: int | None = None
) -> None:
    """Do what `set_writes` and `set_poll` do, what is given of it: all or, where some of it is odd, nothing."""
    if minutes is not None and not 1 <= minutes <= 24 * 60:
        message = "Changes are looked for every 1 to 1,440 minutes."
        raise BadInput(message, field="poll_minutes")

    def work(tx: Tx) -> None:
        if writes is not None:
            _write(ws, tx, source_id, {stage: theirs.strip() for stage, theirs in writes.items() if theirs.strip()})
        if minutes is not None:
            _poll(ws, tx, source_id, minutes)

    ws.database.transact(work)


def _write(ws: Workspace, tx: Tx, source_id: str, told: Mapping[str, str]) -> None:
    known = ws.playbooks.in_force(tx).stages
    for stage, theirs in told.items():
        if stage not in known:
            message = f"The playbook has no stage “{stage[:60]}”: use {', '.join(known)}."
            raise BadInput(message, field="writes")
        if len(theirs) > _LONGEST_STAGE or not theirs.isprintable():
            message = f"The stage for “{stage}” has up to {_LONGEST_STAGE} signs: use an id of the vendor."
            raise BadInput(message, field="writes")
    name = tx.conn.execute(select(Source.name).where(Source.id == source_id)).scalar_one_or_none()
    if name is None:
        raise NotFound
    _made(tx, source_id)
    before = tx.conn.execute(select(CrmLink.writes).where(CrmLink.source_id == source_id)).scalar_one()
    _aim(tx, source_id, told)
    auditing.note(tx, ws.actor, "source.writes", name, {"writes": before}, {"writes": told}, about_id=source_id)


def _poll(ws: Workspace, tx: Tx, source_id: str, minutes: int) -> None:
    at = link(tx, source_id)
    next_at = min(at.next_poll_at, tx.now + timedelta(minutes=minutes))
    mine = update(CrmLink).where(CrmLink.source_id == source_id)
    tx.conn.execute(mine.values(poll_minutes=minutes, next_poll_at=next_at))
    was, now = {"poll_minutes": at.poll_minutes}, {"poll_minutes": minutes}
    auditing.note(tx, ws.actor, "source.poll", at.name, was, now, about_id=source_id)


def poll_soon(ws: Workspace, source_id: str) -> None:
    """Let the clock look for changes at once, also while the vendor wanted to be left alone. Raises NotFound."""

    def work(tx: Tx) -> None:
        link(tx, source_id)
        mine = update(CrmLink).where(CrmLink.source_id == source_id)
        tx.conn.execute(mine.values(next_poll_at=tx.now, ask_after=None))

    ws.database.transact(work)


def _aim(tx: Tx, source_id: str, writes: Mapping[str, str]) -> None:
    """Switch the target of a source on or off, and make it when it is first needed."""
    mine = update(CrmLink).where(CrmLink.source_id == source_id)
    target_id = tx.conn.execute(select(CrmLink.target_id).where(CrmLink.source_id == source_id)).scalar_one()
    if writes and target_id is None:
        target_id = outbox.add_target(tx, "writeback")
        outbox.retell(tx)
    elif target_id is not None:
        off = and_(Target.id == target_id, Target.state == "disabled")
        is_off = tx.conn.execute(select(Target.id).where(off)).scalar_one_or_none() is not None
        if writes and is_off:
            outbox.resume(tx, target_id)
        elif not writes and not is_off:
            outbox.switch_off(tx, target_id, because("writes.off"))
    tx.conn.execute(mine.values(writes=dict(writes), target_id=target_id))


def _made(tx: Tx, source_id: str) -> None:
    row = {
        "source_id": source_id,
        "writes": {},
        "poll_minutes": EVERY_MINUTES,
        "cursor_at": tx.now + OVERLAP,
        "next_poll_at": tx.now,
        "poll_found": 0,
    }
    upserts.insert_new(tx, CrmLink, row)
