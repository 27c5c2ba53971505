"""What a person or a program does to the sequences of a prospect: begin and end one, take that back, hold the mail.

Asks the engine as everybody does; a wish that comes to nothing is told with its reason and leaves nothing behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from workflow import rights
from workflow.actions import prospects
from workflow.engine import signals as kinds
from workflow.engine.by_hand import LONGEST_HOLD
from workflow.engine.signals import Signal
from workflow.errors import BadInput, Conflict, Forbidden, NotFound
from workflow.playbook.findings import nearest
from workflow.records.models import Enrollment
from workflow.text import line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from workflow.actions.prospects import Result, Who
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

_LONGEST_REASON: Final = 400
PAST: Final = "This end can be taken back no more, because something has happened since: begin the sequence anew."


def start(ws: Workspace, prospect_id: str, sequence: str, who: Who, *, version: int | None = None) -> str:
    """Begin a sequence and give its enrollment. Raises NotFound, BadInput, and Conflict with a reason."""

    def work(tx: Tx) -> str:
        known = ws.playbooks.in_force(tx).sequences
        if sequence not in known:
            raise BadInput(
                f"The playbook has no sequence “{sequence[:80]}”: {nearest(sequence, known)}", field="sequence"
            )
        decision = _ask(ws, tx, prospect_id, (kinds.STARTED, {"sequence": sequence}), who, version).decision
        if not decision.enroll:
            why = " ".join(each.reason.words("en") for each in decision.withheld)
            raise Conflict(why or f"The sequence “{sequence}” is under way for this prospect: end it first.")
        mine = (Enrollment.prospect_id == prospect_id, Enrollment.sequence == sequence)
        begun = select(Enrollment.id).where(*mine).order_by(Enrollment.started_at.desc(), Enrollment.id.desc()).limit(1)
        return tx.conn.execute(begun).scalar_one()

    return ws.database.transact(work)


def stop(ws: Workspace, enrollment_id: str, who: Who, *, version: int | None = None) -> int:
    """End an enrollment and what has not left of it; gives the prospect's version, by which `resume` takes it back.

    Raises NotFound, and Conflict when it has ended.
    """

    def work(tx: Tx) -> int:
        found = select(Enrollment.prospect_id).where(Enrollment.id == enrollment_id)
        prospect_id = tx.conn.execute(found).scalar_one_or_none()
        if prospect_id is None:
            raise NotFound("There is no such enrollment: check the id.")
        told = _ask(ws, tx, prospect_id, (kinds.ENDED, {"enrollment": enrollment_id}), who, version)
        if told.decision.verdict != "applied":
            raise Conflict("This enrollment has ended already.")
        return told.version

    return ws.database.transact(work)


def resume(ws: Workspace, enrollment_id: str, who: Who, *, ended: int) -> None:
    """Take back the end of an enrollment that `stop` answered with the version `ended`.

    What was cancelled waits again, at its own time or now, and is asked again before it leaves. Raises NotFound, and
    Conflict when it was ended by something else, or anything has happened to the prospect since.
    """

    def work(tx: Tx) -> None:
        columns = select(Enrollment.prospect_id, Enrollment.sequence, Enrollment.state, Enrollment.ended_version)
        found = columns.where(Enrollment.id == enrollment_id)
        row = tx.conn.execute(found).one_or_none()
        if row is None:
            raise NotFound("There is no such enrollment: check the id.")
        wish = (kinds.RESUMED, {"enrollment": enrollment_id, "sequence": row.sequence})
        if row.state == "stopped" and row.ended_version == ended:
            _ask(ws, tx, row.prospect_id, wish, who, None)
        # Whether it goes on is decided under the lock: a refusal leaves no row of history either.
        now = tx.conn.execute(found).one()
        if row.state != "stopped" or now.state != "active":
            raise Conflict(PAST)

    ws.database.transact(work)


def hold(ws: Workspace, prospect_id: str, until: datetime, who: Who, *, version: int | None = None) -> None:
    """Let emails to a prospect wait until a time. Raises NotFound, BadInput, and Conflict where they wait longer."""

    def work(tx: Tx) -> None:
        if not tx.now < until <= tx.now + LONGEST_HOLD:
            raise BadInput("“until” must lie in the future, within a year.", field="until")
        told = _ask(ws, tx, prospect_id, (kinds.HELD_BACK, {"until": until.isoformat()}), who, version)
        if told.decision.verdict != "applied":
            raise Conflict("The prospect is away or asked for a pause, and their mail waits for that.")

    ws.database.transact(work)


def release(
    ws: Workspace, prospect_id: str, who: Who, *, role: str = "", reason: str = "", version: int | None = None
) -> None:
    """Let emails go on that wait because `hold` made them, or because their prospect is out of office.

    A pause that the prospect asked for ends only by a `role` that may end it, and for a `reason`. Raises NotFound,
    Conflict where no mail waits, and for a pause Forbidden and BadInput.
    """

    def work(tx: Tx) -> None:
        held = prospects.load(ws, tx, prospect_id).view.hold(tx.now)
        asked: tuple[str, Mapping[str, Any]] = (kinds.RELEASED, {})
        if held is not None and held.why == kinds.PAUSE:
            asked = (kinds.PAUSE_ENDED, {"detail": _why(role, reason)})
        if _ask(ws, tx, prospect_id, asked, who, version).decision.verdict != "applied":
            raise Conflict("The mail of this prospect does not wait for anybody.")

    ws.database.transact(work)


def _why(role: str, reason: str) -> str:
    """The reason for ending a pause, by somebody who may."""
    if not rights.may(role, "end_pause"):
        raise Forbidden("The prospect asked for a pause: only an administrator ends it, with a reason.")
    clean = line(reason, _LONGEST_REASON)
    if not clean:
        raise BadInput("Say why the pause ends: the prospect asked for it.", field="reason")
    return clean


def _ask(
    ws: Workspace, tx: Tx, prospect_id: str, signal: tuple[str, Mapping[str, Any]], who: Who, version: int | None
) -> Result:
    kind, data = signal
    told = Signal(kind, tx.now, who.actor, who.cause, data=data)
    return prospects.submit(ws, tx, prospect_id, told, version=version)
