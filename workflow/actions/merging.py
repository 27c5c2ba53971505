"""Merges two prospects who are one person: one goes on, the other stays as a mark that leads there.

The history of both stays as it was and can still be proved. Nothing is sent twice: of two runs of a sequence the one
that has come further goes on, and what was begun but not let go is written anew. There is no way back.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import aliased

from workflow.actions import apply, barred, erasing, prospects, relations
from workflow.actions.outreach import settle
from workflow.engine.decide import Change, Decision, Stop
from workflow.engine.reasons import because
from workflow.engine.signals import FIELDS, Signal
from workflow.errors import BadInput, Conflict
from workflow.mail.address import key_of
from workflow.records.calls import CallSheet
from workflow.records.models import (
    Answer,
    Call,
    Enrollment,
    ExternalRef,
    Incoming,
    Meeting,
    Prospect,
    Suppression,
    Touch,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from workflow.actions.prospects import Loaded, Who
    from workflow.engine.signals import EnrollmentView, ProspectView
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

KIND: Final = "merged"
GONE: Final = "merged.away"
CHOOSABLE: Final = (*FIELDS, "owner")
"""What a person may take from the one that goes; anything else that only that one has is taken by itself."""
_LEFT: Final = ("sent", "committing", "uncertain")
_BEGUN: Final = ("claimed", "sending")


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did: whose version it is now, and how many sequences it ended."""

    prospect_id: str
    version: int
    stopped: int


@dataclass(slots=True)
class _Fate:
    """Which enrollments end with the merge, and how."""

    stops: dict[str, Stop] = field(default_factory=dict)

    def end(self, enrollment: EnrollmentView, code: str, *, suppressed: bool = False, **facts: str) -> None:
        self.stops.setdefault(
            enrollment.id, Stop(enrollment.id, enrollment.sequence.key, because(code, **facts), suppressed)
        )


def merge(
    ws: Workspace,
    prospect_id: str,
    gone_id: str,
    who: Who,
    *,
    take: Collection[str] = (),
    version: int | None = None,
) -> Merged:
    """Merge `gone_id` into `prospect_id`, which keeps its stage; `take` names the facts that come from the other one.

    Raises NotFound, BadInput for the same one twice or an unknown fact, and Conflict when one of them was merged
    before or `prospect_id` is no longer at `version`.
    """
    odd = next((name for name in take if name not in CHOOSABLE), None)
    if odd is not None:
        raise BadInput(
            f"“{odd[:60]}” is no fact that can be taken over: choose of {', '.join(CHOOSABLE)}.", field="take"
        )
    if prospect_id == gone_id:
        raise BadInput("A prospect cannot be merged with itself: choose another one.", field="other")

    def work(tx: Tx) -> Merged:
        # In the order of ids, as everybody locks who locks two.
        for each in sorted((prospect_id, gone_id)):
            prospects.lock(tx, each)
        kept, gone = (prospects.load(ws, tx, each) for each in (prospect_id, gone_id))
        if (kept.view.id, gone.view.id) != (prospect_id, gone_id):
            raise Conflict("One of the two was merged already: open the prospect that it went into.")
        if any(erasing.newest(tx, each) for each in (prospect_id, gone_id)):
            raise Conflict("One of the two was erased: nothing can be merged with them.")
        if version is not None and kept.view.version != version:
            raise Conflict(f"The prospect is at version {kept.view.version}, not {version}: look at it again.")
        return _Merge(ws, tx, kept, gone, who).carry_out(frozenset(take))

    return ws.database.transact(work)


class _Merge:
    """One merge, in one transaction; both rows are locked."""

    def __init__(self, ws: Workspace, tx: Tx, kept: Loaded, gone: Loaded, who: Who) -> None:
        self._ws = ws
        self._tx = tx
        self._kept = kept
        self._gone = gone
        self._who = who

    def carry_out(self, take: frozenset[str]) -> Merged:
        kept, gone = self._kept.view, self._gone.view
        changes = self._changes(take)
        fate = self._fate(suppressed=kept.suppressed or gone.suppressed)
        left = [change for change in (self._parting(changes),) if change is not None]
        chain, at = self._gone.chain, gone.version
        if left:
            # An address is of one row at a time: the one that goes lets go of its own first.
            at, chain = self._write(gone, left[0], (), at, chain)
        told = {"from": gone.id, "taken": sorted(take)}
        mine = [stop for stop in fate.stops.values() if stop.enrollment_id in {each.id for each in kept.enrollments}]
        version, _chain = self._write(
            kept, Change(KIND, self._tx.now, changes, told), mine, kept.version, self._kept.chain
        )
        parted: dict[str, Any] = {"merged_into": kept.id}
        if left and kept.fields.get("email"):
            # What was written to the old address is still answered from there.
            parted["email"] = kept.fields["email"]
        others = [stop for stop in fate.stops.values() if stop not in mine]
        self._write(gone, Change(GONE, self._tx.now, parted, {"into": kept.id}), others, at, chain)
        self._lead_on()
        self._bar()
        self._move()
        return Merged(kept.id, version, len(fate.stops))

    # --- facts

    def _changes(self, take: frozenset[str]) -> dict[str, Any]:
        """The facts of the one that goes on, with what it lacked and what was chosen."""
        kept, gone = self._kept.view, self._gone.view
        changes: dict[str, Any] = {}
        for name in FIELDS:
            mine, other = kept.fields.get(name, ""), gone.fields.get(name, "")
            # An address that only the other has stays there unless it is chosen or there is none.
            if other and other != mine and (name in take or not mine):
                changes[name] = other
        custom = {**gone.custom, **kept.custom}
        if custom != kept.custom:
            changes["custom"] = custom
        if gone.owner_id and gone.owner_id != kept.owner_id and ("owner" in take or kept.owner_id is None):
            changes["owner_id"] = gone.owner_id
        holds = [view for view in (kept, gone) if view.mail_hold_until is not None]
        longest = max(holds, key=lambda view: view.mail_hold_until or self._tx.now, default=None)
        if longest is gone:
            changes |= {"mail_hold_until": gone.mail_hold_until, "mail_hold_why": gone.mail_hold_why}
        declined = kept.declined | gone.declined
        if declined != kept.declined:
            changes["declined"] = " ".join(sorted(declined))
        return changes

    def _parting(self, changes: Mapping[str, Any]) -> Change | None:
        taken = key_of(changes.get("email", ""))
        if taken is None or taken != key_of(self._gone.view.fields.get("email", "")):
            return None
        return Change("edited", self._tx.now, {"email": ""})

    def _write(
        self, view: ProspectView, change: Change, stops: Collection[Stop], version: int, chain: str
    ) -> tuple[int, str]:
        """One row of history, and the newest link after it."""
        decision = Decision("applied", view.stage, history=(change,), stop=tuple(stops))
        signal = Signal(change.kind, self._tx.now, self._who.actor, self._who.cause)
        now_at = apply.carry_out(self._ws, self._tx, _at(view, version), signal, decision, chain)
        newest = select(Prospect.chain).where(Prospect.id == view.id)
        return now_at, str(self._tx.conn.execute(newest).scalar_one())

    def _lead_on(self) -> None:
        """Those that were merged into the one that goes lead to the one that goes on, without a detour."""
        found = select(Prospect.id).where(Prospect.merged_into == self._gone.view.id).order_by(Prospect.id)
        for marked in self._tx.conn.execute(found).scalars().all():
            row = self._tx.conn.execute(
                select(Prospect.version, Prospect.chain, Prospect.stage).where(Prospect.id == marked)
            ).one()
            view = _blank(self._gone.view, marked, row)
            change = Change(GONE, self._tx.now, {"merged_into": self._kept.view.id}, {"into": self._kept.view.id})
            self._write(view, change, (), row.version, row.chain)

    # --- mail

    def _fate(self, *, suppressed: bool) -> _Fate:
        """Which of the running sequences end, so that nobody gets the same email twice."""
        kept, gone = self._kept.view, self._gone.view
        fate, reached = _Fate(), self._reached()
        playbook = self._ws.playbooks.in_force(self._tx)
        for mine, other in ((kept, gone), (gone, kept)):
            for each in mine.enrollments:
                key = each.sequence.key
                ahead = max(
                    (far for (whose, what), far in reached.items() if (whose, what) == (other.id, key)), default=-2
                )
                rival = any(those.sequence.key == key for those in other.enrollments)
                own = self._how_far(each.id)
                if suppressed:
                    fate.end(each, "suppressed", suppressed=True)
                elif ahead > own or (rival and ahead == own and mine is gone):
                    fate.end(each, "stop.merged")
                elif mine is gone and playbook.is_final(kept.stage) and "close" in each.sequence.stop:
                    fate.end(each, "stop.close")
        self._one_exclusive(fate)
        return fate

    def _one_exclusive(self, fate: _Fate) -> None:
        """Of sequences that bear no other beside them the one of the highest priority goes on."""
        running = [
            each
            for view in (self._kept.view, self._gone.view)
            for each in view.enrollments
            if each.sequence.exclusive and each.id not in fate.stops
        ]
        first = max(running, key=lambda each: each.sequence.priority, default=None)
        for each in running:
            if each is not first:
                fate.end(each, "stop.merged")

    def _reached(self) -> dict[tuple[str, str], int]:
        """How far each of the two came on each sequence, whenever that was: the last step whose email left."""
        both = (self._kept.view.id, self._gone.view.id)
        far = select(Touch.prospect_id, Touch.sequence, func.max(Touch.position).label("far")).where(
            Touch.prospect_id.in_(both), Touch.state.in_(_LEFT)
        )
        rows = self._tx.conn.execute(far.group_by(Touch.prospect_id, Touch.sequence))
        found = {(row.prospect_id, row.sequence): int(row.far) for row in rows}
        for view in (self._kept.view, self._gone.view):
            for each in view.enrollments:
                found.setdefault((view.id, each.sequence.key), -1)
        return found

    def _how_far(self, enrollment_id: str) -> int:
        far = select(func.max(Touch.position)).where(Touch.enrollment_id == enrollment_id, Touch.state.in_(_LEFT))
        found = self._tx.conn.execute(far).scalar_one_or_none()
        return -1 if found is None else int(found)

    def _bar(self) -> None:
        """Who wants no mail at one address wants none at the other."""
        keys = {key_of(view.fields.get("email", "")) for view in (self._kept.view, self._gone.view)} - {None}
        found = select(Suppression.cause, Suppression.note).where(Suppression.email_key.in_(keys))
        for row in self._tx.conn.execute(found).all():
            for key in sorted(key for key in keys if key is not None):
                barred.bar(self._tx, key, row.cause, actor=self._who.actor, note=row.note or "", source="merge")

    # --- what hangs on the one that goes

    def _move(self) -> None:
        kept, gone, run = self._kept.view.id, self._gone.view.id, self._tx.conn.execute
        begun = select(Touch.id).where(Touch.prospect_id == gone, Touch.state.in_(_BEGUN))
        for touch_id in run(begun).scalars().all():
            # Nothing of it has left yet: its mark is refused, and it is written to the one that goes on.
            settle.put_back(self._tx, touch_id, self._tx.now, because("merged"))
        # Versions are counted by prospect: those of the other's history mean nothing here.
        run(
            update(Enrollment)
            .where(Enrollment.prospect_id == gone)
            .values(prospect_id=kept, started_version=None, ended_version=None)
        )
        run(update(Touch).where(Touch.prospect_id == gone).values(prospect_id=kept, committed_version=None))
        relations.move_over(self._tx, kept, gone)
        for table in (ExternalRef, Call, CallSheet, Incoming):
            run(update(table).where(table.prospect_id == gone).values(prospect_id=kept))
        here = aliased(Meeting)
        known = exists().where(here.prospect_id == kept, here.uid == Meeting.uid)
        run(update(Meeting).where(Meeting.prospect_id == gone, ~known).values(prospect_id=kept))
        said = aliased(Answer)
        answered = exists().where(said.prospect_id == kept, said.question == Answer.question)
        run(update(Answer).where(Answer.prospect_id == gone, ~answered).values(prospect_id=kept))


def _at(view: ProspectView, version: int) -> ProspectView:
    return replace(view, version=version)


def _blank(view: ProspectView, prospect_id: str, row: Record) -> ProspectView:
    """Enough of a marked prospect to write a row of its history."""
    return replace(view, id=prospect_id, version=row.version, stage=row.stage, fields={}, custom={}, enrollments=())
