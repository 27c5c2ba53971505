"""Random sequences, moved to a random other version at a random moment: the rest goes as if it had always held.

The oracle is the simulator, which lives through the same events under the new version alone. What had happened by the
moment of the publication is the same in both versions; what follows is drawn anew.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Clock
from tests.outreach.conftest import Stage
from tests.outreach.scene import FAST, Scene
from workflow.actions import effect as effects
from workflow.actions import publishing
from workflow.actions.prospects import Who
from workflow.actions.publishing import Choices
from workflow.engine import signals as kinds
from workflow.engine.life import Happening, Imagined, Life
from workflow.engine.simulate import simulate
from workflow.playbook import loader
from workflow.reports import doctor

EMAILS = ("follow_up_questions", "schedule_next_call", "call_confirmation", "meeting_recap", "decision")
STEPS = FAST.read_text(encoding="utf-8").partition("    steps:\n")[2].partition("  welcome:")[0]
WHO = {"email": "ana@sink.test", "time_zone": "America/New_York", "country": "US"}
WINDOW = '{from: "09:00", to: "17:00"}'


def line(key: str, dice: random.Random, least_hours: int = 0) -> str:
    """A step in YAML, due after hours or working days; an email, a task, or a task that holds up what follows."""
    hours = least_hours + dice.choice((0, 1, 5, 23, 49))
    after = f"{dice.randint(1, 3)}wd" if not least_hours and dice.random() < 0.3 else f"{hours}h"
    kind = dice.choice(("email", "email", "email", "task", "blocking"))
    if kind == "email":
        return f"      - {{key: {key}, email: {dice.choice(EMAILS)}, after: {after}}}\n"
    held = ", blocking: true" if kind == "blocking" else ""
    return f"      - {{key: {key}, task: {{en: Call, bg: Обадете се}}, after: {after}{held}}}\n"


def written(steps: Sequence[str]) -> str:
    """fast.yaml with these steps after a call, and a send window."""
    source = FAST.read_text(encoding="utf-8").replace("send_window: always", f"send_window: {WINDOW}")
    return source.replace(STEPS, "".join(steps))


def lived(steps: Sequence[str], begins: Any) -> Life:
    """What the simulator makes of a call under these steps."""
    happens = [Happening(begins, kinds.CALL_ENDED)]
    return simulate(loader.load(written(steps)), Imagined(WHO), happens, begins=begins, horizon=timedelta(days=120))


def told(touches: Iterable[tuple[str, str, str, Any]]) -> list[tuple[str, str, Any]]:
    """Touches in order, told alike of both sides: when each left, or for a task that nothing holds when it is due."""
    found, held = [], False
    for step, kind, state, at in touches:
        open_ = state == "scheduled"
        found.append((step, "open" if open_ else state, None if held else at))
        held = held or (open_ and kind == "blocking")
    return found


def go_on(scene: Scene, clock: Clock, until: Any) -> None:
    """Let everything leave that is due by then, at its time."""
    while True:
        due = [row.next_attempt_at for row in scene.touches() if row.kind == "email" and row.next_attempt_at]
        open_ = [at for at in due if at <= until]
        if not open_:
            break
        clock.now = max(clock.now, min(open_))
        scene.send()
    clock.now = max(clock.now, until)


@dataclass(frozen=True, slots=True)
class Case:
    """Two versions that agree on what has happened by `moment`."""

    old: list[str]
    new: list[str]
    moment: Any


def drawn(seed: int, begins: Any) -> Case:
    """A case by its number."""
    dice = random.Random(seed)
    old = [line(f"s{number}", dice) for number in range(dice.randint(2, 5))]
    moment = begins + timedelta(hours=dice.choice((0, 3, 30, 80, 150)), minutes=7)
    times = [touch.ended_at or touch.due_at for touch in lived(old, begins).touches]
    happened = next((number for number, at in enumerate(times) if at > moment), len(times))
    # The first step that is drawn anew is not due before the publication, or else it would leave late.
    least = int((moment - max(times[:happened], default=begins)).total_seconds() // 3600) + 1
    keys = [f"s{happened + number}" if dice.random() < 0.6 else f"n{number}" for number in range(dice.randint(0, 4))]
    rest = [line(key, dice, 0 if number else least) for number, key in enumerate(keys)]
    if not rest and not happened:
        rest = [line("only", dice, least)]
    return Case(old, [*old[:happened], *rest], moment)


@pytest.mark.parametrize("seed", range(25))
def test_after_a_move_the_rest_goes_as_under_the_new_version_alone(stage: Stage, clock: Clock, seed: int) -> None:
    begins = clock.now
    case = drawn(seed, begins)
    scene = stage(window=WINDOW, replaced={STEPS: "".join(case.old)})
    scene.tell(scene.prospect(**WHO), "call.ended")
    go_on(scene, clock, case.moment)
    is_over = scene.enrollment("after_call").state != "active"
    draft = publishing.draft(written(case.new))
    if case.new != case.old:
        publishing.publish(scene.ws, draft, Who("rep:iva", "test"), choices=Choices("move"))
        publishing.finish(scene.ws)
    assert not any(group.changes for group in effects.effect(scene.ws, draft.sound()).groups.values())
    go_on(scene, clock, begins + timedelta(days=110))

    life = lived(case.old if is_over else case.new, begins)
    kinds_of = {step.key: "blocking" if step.blocking else "" for step in draft.sound().sequences["after_call"].steps}
    rows = sorted((row for row in scene.touches() if row.state != "cancelled"), key=lambda row: row.position)
    assert told((row.step, kinds_of.get(row.step, ""), row.state, row.sent_at or row.due_at) for row in rows) == told(
        (each.step, kinds_of.get(each.step, ""), each.state, each.ended_at or each.due_at) for each in life.touches
    )
    sent = [(row.enrollment_id, row.step) for row in rows if row.state == "sent"]
    assert len(scene.sent) == len(sent) == len(set(sent))
    assert doctor.examine(scene.ws) == ()
