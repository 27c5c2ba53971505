"""The days on which a sequence would bring its emails and tasks to a real prospect, were it begun on a chosen day.

The simulator tells; nothing else happens to the prospect meanwhile, and each task is done when it is due. Reads only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from workflow.engine import calendar, sequences
from workflow.engine import signals as kinds
from workflow.engine.life import DONE, Happening, Imagined, Known
from workflow.engine.simulate import simulate
from workflow.reports import forecast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from zoneinfo import ZoneInfo

    from workflow.engine.life import Entry, Life
    from workflow.playbook.schema import Playbook
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

CLOCK: Final = time(10)
"""The hour of the prospect's day at which the sequence begins, and at which an invented meeting starts."""
_MEETING_DAYS: Final = 5
_MOST_TASKS: Final = 30
_HORIZON: Final = timedelta(days=400)
_SHOWN: Final = frozenset({"mail", "task", "skipped", "failed", "stopped", "withheld"})


@dataclass(frozen=True, slots=True)
class Course:
    """What comes when, by the prospect's clock: begun at `begins`, with a meeting at `meeting` where it needs one.

    `refused` are the rows that say why it would not begin at all; else they are among the `rows`.
    """

    zone: ZoneInfo
    begins: datetime
    meeting: datetime | None
    rows: tuple[Entry, ...]
    refused: tuple[Entry, ...] = ()


def course(ws: Workspace, tx: Tx, playbook: Playbook, key: str, prospect_id: str | None, day: date | None) -> Course:
    """The course of the sequence `key` of `playbook`, begun on `day` at ten, or now if that is past.

    Without a prospect it is somebody invented who lives by the playbook's clock. Raises NotFound.
    """
    sequence = playbook.sequences[key]
    # By itself: what another sequence would do to it depends on the day that it is really begun.
    alone = replace(playbook, sequences={key: sequence}, signals=())
    person = _person(ws, tx, prospect_id)
    fields = person.view.fields if isinstance(person, Known) else person.fields
    fallback = person.view.fallback_zone if isinstance(person, Known) else None
    where = sequences.whereabouts(alone, fields.get("time_zone"), fallback, fields.get("country"))
    begins = _moment(tx.now, day, where.zone)
    told = Happening(begins, kinds.STARTED, data={"sequence": key})
    meeting = None
    if sequence.start.when == kinds.BOOKED:
        booked = datetime.combine(begins.astimezone(where.zone).date() + timedelta(days=_MEETING_DAYS), CLOCK)
        meeting = _working(booked, playbook, where).astimezone(UTC)
        told = Happening(
            begins, kinds.BOOKED,
            data={"uid": "course", "starts_at": meeting, "ends_at": meeting + playbook.content.meetings.length},
        )  # fmt: skip
    life = _lived(alone, person, told, tx.now)
    shown = [entry for entry in life.entries if entry.kind in _SHOWN]
    refused = tuple(entry for entry in life.entries if entry.kind == "event" and entry.verdict != "applied")
    return Course(where.zone, begins, meeting, tuple(_once(shown)), refused)


def _person(ws: Workspace, tx: Tx, prospect_id: str | None) -> Known | Imagined:
    if prospect_id is None:
        return Imagined(
            {"name": "Ana Petrova", "email": "ana@example.com"}, stage=ws.playbooks.in_force(tx).first_stage
        )
    known = forecast.known(ws, tx, prospect_id)
    return replace(known, enrollments=(), meetings=(), view=replace(known.view, begun={}, enrollments=(), meetings=()))


def _moment(now: datetime, day: date | None, zone: ZoneInfo) -> datetime:
    if day is None:
        return now
    return max(now, datetime.combine(day, CLOCK, zone).astimezone(UTC))


def _working(at: datetime, playbook: Playbook, where: sequences.Whereabouts) -> datetime:
    for _ in range(30):
        if calendar.is_working_day(at.date(), playbook.calendar, where.country):
            break
        at += timedelta(days=1)
    return at.replace(tzinfo=where.zone)


def _lived(playbook: Playbook, person: Known | Imagined, told: Happening, now: datetime) -> Life:
    """The whole course, with every task done when it is due."""
    script = [told]
    life = simulate(playbook, person, script, begins=now, horizon=_HORIZON)
    for _ in range(_MOST_TASKS):
        open_tasks = [each for each in life.touches if each.kind == "task" and each.ended_at is None]
        if life.ending != "waiting" or not open_tasks:
            break
        script += [
            Happening(max(each.due_at, told.at), DONE, step=f"{each.sequence}.{each.step}") for each in open_tasks
        ]
        life = simulate(playbook, person, script, begins=now, horizon=_HORIZON)
    return life


def _once(shown: Sequence[Entry]) -> list[Entry]:
    """Each step once, as it came out in the end."""
    last = {(entry.sequence, entry.step, entry.kind if not entry.step else ""): entry for entry in shown}
    return sorted(last.values(), key=lambda entry: entry.at)
