"""What a publication would change for everybody in flight: each touch under both versions, counted with examples.

Reads a batch at a time and writes nothing, so that ten thousand enrollments need no more memory than a hundred.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from workflow import playbooks
from workflow.actions import flights
from workflow.engine import leaving, replan
from workflow.errors import PlaybookError
from workflow.records.models import Enrollment, Prospect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from workflow.engine.replan import Change, Fate, InFlight
    from workflow.playbook import schema
    from workflow.playbook.schema import Playbook
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

_BATCH: Final = 250
_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class Example:
    """One touch that would change: whose, of which step, when it was due and when it would be."""

    prospect_id: str
    who: str
    step: str
    fate: Fate
    was_at: datetime | None
    at: datetime | None


@dataclass(slots=True)
class Group:
    """Those in flight on one sequence. `gone` says that the new playbook does not have it: to move them stops them.

    `staying` counts those that could not be moved, because an email of a removed step left and may have arrived.
    """

    sequence: str
    gone: bool
    enrollments: int = 0
    staying: int = 0
    touches: dict[Fate, int] = field(default_factory=lambda: dict.fromkeys(replan.FATES, 0))
    examples: list[Example] = field(default_factory=list)

    def count(self, change: Change, flight: InFlight) -> None:
        """Take in what would become of one touch; the first few of each kind are kept as examples."""
        self.touches[change.fate] += 1
        if change.fate != "unaffected" and self.touches[change.fate] <= _EXAMPLES:
            step = change.after.step.key if change.after else change.before.step if change.before else ""
            at = change.after.at if change.after else None
            self.examples.append(Example(flight.prospect_id, "", step, change.fate, change.was_at, at))

    @property
    def changes(self) -> bool:
        """Whether anything would change for anybody in it."""
        return any(number for fate, number in self.touches.items() if fate != "unaffected")


@dataclass(frozen=True, slots=True)
class Effect:
    """What moving everybody would change, by sequence; and how many stand in stages that are removed."""

    groups: Mapping[str, Group]
    stranded: Mapping[str, int]

    @property
    def enrollments(self) -> int:
        """Everybody in flight."""
        return sum(group.enrollments for group in self.groups.values())

    def touches(self) -> dict[Fate, int]:
        """The counts of all groups together."""
        return {fate: sum(group.touches[fate] for group in self.groups.values()) for fate in replan.FATES}

    def summary(self) -> dict[str, object]:
        """The counts, for the record of the publication."""
        return {
            "enrollments": self.enrollments,
            "touches": dict(self.touches()),
            "groups": {
                key: {"enrollments": group.enrollments, "touches": dict(group.touches)}
                for key, group in self.groups.items()
            },
        }


def effect(ws: Workspace, playbook: Playbook, told: Callable[[int, int], None] | None = None) -> Effect:
    """What moving everybody in flight to `playbook` would change. `told` hears how many of how many are done."""
    groups: dict[str, Group] = {}
    cursor, done = flights.START, 0
    with ws.database.read() as tx:
        stranded = playbooks.stranded(tx, playbook)
        active = select(func.count()).where(Enrollment.state == "active")
        total = tx.conn.execute(active).scalar_one()
    judge = _Judge(ws, playbook)
    while True:
        # A transaction each, so that none stands open for long.
        with ws.database.read() as tx:
            which = flights.after(tx, cursor, limit=_BATCH)
            for flight in flights.read(tx, which):
                judge.take(tx, flight, groups)
        if not which:
            break
        cursor, done = which[-1], done + len(which)
        if told is not None:
            told(done, max(total, done))
    _name(ws, groups)
    return Effect(dict(sorted(groups.items())), stranded)


class _Judge:
    """Judges one enrollment after the other under both versions; knows which sequences plan alike in both."""

    def __init__(self, ws: Workspace, playbook: Playbook) -> None:
        self.ws = ws
        self.playbook = playbook
        self._alike: dict[tuple[str, str], bool] = {}

    def take(self, tx: Tx, flight: InFlight, groups: dict[str, Group]) -> None:
        new = self.playbook.sequences.get(flight.sequence)
        group = groups.setdefault(flight.sequence, Group(flight.sequence, gone=new is None))
        group.enrollments += 1
        waiting = [touch for touch in flight.touches if touch.state in leaving.OPEN]
        try:
            own = self.ws.playbooks.version(tx, flight.digest)
            old = own.sequences[flight.sequence]
        except (PlaybookError, LookupError):
            # Of a version that this release cannot read nothing leaves, and nothing can be told.
            group.staying += 1
            return
        if flight.digest == self.playbook.digest or (new is not None and self._plans_alike(own, old, new)):
            group.touches["unaffected"] += len(waiting)
            return
        if new is None:
            for touch in waiting:
                if touch.state in ("scheduled", "claimed", "sending"):
                    group.count(replan.Change("lost", touch, None, touch.due_at), flight)
            return
        planned = replan.replan((own, old), (self.playbook, new), flight, tx.now)
        if planned.stays:
            group.staying += 1
            group.touches["unaffected"] += len(waiting)
        for change in planned.changes:
            if change.after is None or change.after.barred is None:
                group.count(change, flight)

    def _plans_alike(self, own: Playbook, old: schema.Sequence, new: schema.Sequence) -> bool:
        key = (own.digest, old.key)
        if key not in self._alike:
            self._alike[key] = replan.alike((own, old), (self.playbook, new))
        return self._alike[key]


def _name(ws: Workspace, groups: Mapping[str, Group]) -> None:
    """Put names to the few prospects among the examples."""
    known = {example.prospect_id for group in groups.values() for example in group.examples}
    if not known:
        return
    with ws.database.read() as tx:
        found = select(Prospect.id, Prospect.name, Prospect.email, Prospect.company).where(Prospect.id.in_(known))
        names = {row.id: row.name or row.email or row.company for row in tx.conn.execute(found)}
    for group in groups.values():
        group.examples = [
            Example(each.prospect_id, names.get(each.prospect_id, ""), each.step, each.fate, each.was_at, each.at)
            for each in group.examples
        ]
