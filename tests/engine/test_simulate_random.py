"""The simulator and production agree on random playbooks: state, time, reason, order and words of every touch.

`make differential` lives ten thousand pairs of a playbook and a story; the suite a few hundred of them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.engine.production import SENDER, Lived, Mail, live, templates, unlinked
from tests.support import books, ground
from tests.support.books import Case
from workflow.actions.preview import Preview
from workflow.engine import signals as kinds
from workflow.engine.life import Happening, Life
from workflow.engine.simulate import simulate

PIECES = 10
# Cases of what few others have: mail that is too late when it begins to wait for its mailbox, meetings that move and
# take their reminders along, blank notes of a call under a guard that asks for notes, a company that has got enough
# while a mailbox keeps its gap, and a cancellation that names none of two meetings at one time.
RARE = (194, 199, 204, 738, 1030, 4099, 102_510, 104_432, 106_237)


def book(source: str, name: str = "book") -> Path:
    """A playbook as a file."""
    path = ground.folder() / f"{name}-{os.getpid()}.yaml"
    path.write_text(source, encoding="utf-8")
    return path


def agree(life: Life, lived: Lived, *cases: Case) -> None:
    """Hold one against the other: what stands in the records, and what left in which order."""
    foretold = [
        Mail(entry.at, entry.sequence, entry.step, entry.subject, unlinked(entry.text))
        for entry in life.entries
        if entry.kind == "mail"
    ]
    assert [_worded(mail, cases) for mail in foretold] == [_worded(mail, cases) for mail in lived.mails]
    assert sorted(life.touches, key=str) == sorted(lived.touches, key=str)
    assert (life.stage, life.outcome) == (lived.stage, lived.outcome)


def _worded(mail: Mail, cases: tuple[Case, ...]) -> Mail:
    """Without words where they depend on the id of an enrollment: it chooses among variants."""
    for case in cases:
        sequence = case.playbook.sequences.get(mail.sequence)
        if sequence is not None and any(step.variants for step in sequence.steps):
            return Mail(mail.at, mail.sequence, mail.step, "", "")
    return mail


def hold(seed: int) -> None:
    """Live the case of a seed twice."""
    case = books.case(seed)
    writer = Preview(templates(), SENDER)
    life = simulate(
        case.playbook, case.person, case.script, begins=case.begins, horizon=books.HORIZON, writer=writer
    )  # fmt: skip
    agree(life, live(book(case.source), case.person, case.script, case.begins, books.HORIZON), case)


def away(seed: int) -> Case:
    """The case of a seed, of somebody who is away now and then and has colleagues."""
    case, chance = books.case(seed), random.Random(f"away {seed}")
    script = list(case.script)
    for number in range(1000, 1000 + chance.randint(1, 4)):
        at = case.begins + timedelta(minutes=chance.randint(0, 60 * 24 * 20))
        kind = chance.choice((kinds.AUTO_REPLIED,) * 4 + (kinds.REPLIED, kinds.ANSWERED))
        data: dict[str, object] = {}
        if kind == kinds.AUTO_REPLIED:
            data["about"] = chance.choice(("away", "away", "away", "left", "other"))
            if chance.random() < 0.6:
                data["returns_on"] = (at + timedelta(days=chance.randint(-2, 15))).date().isoformat()
        elif kind == kinds.REPLIED:
            data["colleague"] = chance.random() < 0.5
        sender = chance.choice((*books.SOURCES, ()))
        script.append(Happening(at, kind, data, sender=sender, line=number))
    return replace(case, script=tuple(sorted(script, key=lambda told: told.at)))


def hold_away(seed: int) -> None:
    """Live that case twice, and ask everything again."""
    case = away(seed)
    writer = Preview(templates(), SENDER)
    life = simulate(
        case.playbook, case.person, case.script, begins=case.begins, horizon=books.HORIZON, writer=writer
    )  # fmt: skip
    lived = live(book(case.source), case.person, case.script, case.begins, books.HORIZON)
    agree(life, lived, case)
    assert lived.differences == ()


def through(seeds: range, holds: Callable[[int], None]) -> None:
    """Try every seed, and name the first one that fails."""
    for seed in seeds:
        try:
            holds(seed)
        except BaseException as error:
            error.add_note(f"the case of seed {seed}: tests.support.books.case({seed})")
            raise


def share(piece: int, first: int, count: int) -> range:
    """One of the equal pieces of a run, so that several processes share it."""
    return range(first + piece, first + count, PIECES)


@pytest.mark.parametrize("piece", range(PIECES))
def test_it_agrees_with_production_on_a_random_playbook(piece: int) -> None:
    through(share(piece, first=0, count=160), hold)


@pytest.mark.parametrize("piece", range(4))
def test_it_agrees_about_whoever_is_away(piece: int) -> None:
    through(range(piece * 15, piece * 15 + 15), hold_away)


@pytest.mark.parametrize("seed", RARE)
def test_it_agrees_on_what_is_rare(seed: int) -> None:
    hold(seed)


@pytest.mark.differential
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("piece", range(2 * PIECES))
def test_it_agrees_with_production_ten_thousand_times(piece: int) -> None:
    through(range(100_000 + piece * 500, 100_500 + piece * 500), hold)
