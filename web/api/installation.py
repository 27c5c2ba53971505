"""The API's routes about the installation itself: its playbook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from web.api.models import Playbook, Sequence, Stage, Step, Transition
from web.api.route import Call, Route

if TYPE_CHECKING:
    from workflow.playbook import schema


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


ROUTES: Final = (Route("GET", "/playbook", "Read the playbook", playbook, Playbook),)


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
