"""A life in advance: every mail, task, skip and stop that a playbook would bring a prospect, and why.

Pure: no database, no network, and a clock of its own. Decisions, due times and the rules of sending are those of
production; the rows are plain values in `rows`, and what leaves when is the matter of `posting`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from workflow.engine import overtaken, posting, rows
from workflow.engine import signals as kinds
from workflow.engine.decide import decide
from workflow.engine.life import ACTS, IS_NEW, Entry, Happening, Imagined, Known, Life
from workflow.engine.overtaken import Line
from workflow.engine.rows import World
from workflow.engine.signals import FIELDS, MeetingView, ProspectView

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from workflow.engine.decide import Decision, MeetingFact
    from workflow.engine.life import Ending, Writer
    from workflow.engine.signals import Signal
    from workflow.playbook.schema import Playbook

HORIZON: Final = timedelta(days=120)


def simulate(
    playbook: Playbook,
    person: Imagined | Known,
    script: Iterable[Happening],
    *,
    begins: datetime,
    horizon: timedelta = HORIZON,
    writer: Writer | None = None,
) -> Life:
    """Live through `script` from `begins` on, and for `horizon` beyond its last event, or until nothing is left to do.

    Somebody known goes on from where they stand: the life holds what is still open, and what comes. Without a `writer`
    the emails have no words.
    """
    world = _begun(playbook, person, begins, writer)
    for happening in sorted(script, key=lambda happening: happening.at):
        posting.run_until(world, happening.at)
        world.now = max(world.now, happening.at)
        if happening.kind in ACTS:
            posting.act(world, happening)
        else:
            _tell(world, happening)
    posting.run_until(world, world.now + horizon)
    return Life(
        entries=tuple(world.entries),
        touches=tuple(touch.standing for touch in world.touches),
        stage=world.view.stage,
        outcome=world.view.outcome,
        ending=_ending(world),
        ended_at=world.now,
    )


def _begun(playbook: Playbook, person: Imagined | Known, begins: datetime, writer: Writer | None) -> World:
    if isinstance(person, Known):
        world = World(playbook, writer, begins, person.view)
        rows.take_over(world, person)
        return world
    empty = ProspectView("", fields=dict.fromkeys(FIELDS, ""), fallback_zone=person.rep_zone)
    world = World(playbook, writer, begins, empty)
    if person.stage is None:
        _tell(world, Happening(begins, kinds.UPSERTED, fields=person.fields, custom=person.custom, said=IS_NEW))
        return world
    fields = {**empty.fields, **person.fields}
    world.view = replace(
        empty, fields=fields, custom=person.custom, stage=person.stage, version=1, entered_stage_at=begins
    )
    return world


def _ending(world: World) -> Ending:
    if posting.next_at(world) is not None:
        return "horizon"
    if world.open:
        return "waiting"
    return "closed" if world.playbook.is_final(world.view.stage) else "quiet"


# --- events, decided by the engine and written down as `actions.apply` does


def _tell(world: World, happening: Happening) -> None:
    world.view = replace(
        world.view,
        enrollments=tuple(each.view for each in world.enrollments if each.active),
        meetings=tuple(
            MeetingView(fact.uid, fact.uid, fact.state, fact.starts_at, fact.changed_at)
            for fact in world.meetings.values()
        ),
        answers=dict(world.answers),
    )
    view, signal = _seen(world, happening.signal())
    decision = decide(world.playbook, view, signal, world.now)
    place = len(world.entries)
    _carry_out(world, decision)
    # Told last, for it may be the event that says where the prospect lives, and shown first.
    told = Entry(
        world.now, world.zone, "event", happening.said, reasons=decision.reasons, verdict=decision.verdict,
        line=happening.line,
    )  # fmt: skip
    world.entries.insert(place, told)
    for each in decision.withheld:
        world.tell("withheld", sequence=each.sequence, reasons=(each.reason,))


def _seen(world: World, signal: Signal) -> tuple[ProspectView, Signal]:
    """What the engine is told when news come late: with what was said since, and without what that overtook."""
    if all(line.occurred_at <= signal.occurred_at for line in world.history):
        return world.view, signal
    later = overtaken.words(world.playbook, world.history, signal.occurred_at)
    return replace(world.view, later=later), overtaken.left_of(signal, world.history)


def _carry_out(world: World, decision: Decision) -> None:
    if not decision.history:
        return
    barred = decision.suppress is not None and bool(world.view.fields.get("email"))
    _fold(world, decision)
    zone = world.zone
    if decision.meeting is not None:
        _meet(world, decision.meeting)
    active = {each.id: each for each in world.enrollments if each.active}
    for stop in decision.stop:
        rows.stop(world, active[stop.enrollment_id], stop.reason, skipped=stop.suppressed)
    if decision.resume:
        rows.resume(world)
    for moved in decision.reanchor:
        rows.reanchor(world, active[moved.enrollment_id], moved)
    for enroll in decision.enroll:
        rows.start(world, enroll, zone)
    calls = kinds.call_words(decision.call) if decision.call is not None else frozenset()
    world.view = replace(world.view, suppressed=world.view.suppressed or barred, calls=world.view.calls | calls)
    world.answers.update(decision.answers)


def _fold(world: World, decision: Decision) -> None:
    """The prospect after the rows of history that the decision makes."""
    folded: dict[str, Any] = {}
    for change in decision.history:
        folded |= change.changes
        stages = (change.from_stage, change.to_stage)
        world.history.append(Line(change.kind, change.occurred_at, change.changes, change.detail, *stages))
        if change.kind == "moved":
            told = f"{change.from_stage} → {change.to_stage}"
            said = ", ".join(filter(None, [told, change.changes.get("outcome"), change.reason]))
            world.tell("moved", said)
    facts: dict[str, str] = {name: folded.pop(name) for name in FIELDS if name in folded}
    version = world.view.version + len(decision.history)
    world.view = replace(world.view, fields={**world.view.fields, **facts}, version=version, **folded)


def _meet(world: World, fact: MeetingFact) -> None:
    known = world.meetings.get(fact.uid)
    if known is not None:
        fact = replace(fact, ends_at=fact.ends_at or known.ends_at, place=fact.place or known.place)
    world.meetings[fact.uid] = fact
    told = Entry(world.now, world.zone, "meeting", fact.state, step=fact.uid)
    world.entries.append(replace(told, planned_at=fact.starts_at, until=fact.ends_at))
