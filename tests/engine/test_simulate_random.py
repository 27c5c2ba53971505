"""The simulator and production agree on random playbooks: state, time, reason, order and words of every touch.

`make differential` lives ten thousand pairs of a playbook and a story; the suite a few hundred of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.production import SENDER, Lived, Mail, live, templates, unlinked
from tests.support import books, ground
from tests.support.books import Case
from workflow.actions.preview import Preview
from workflow.engine.life import Life
from workflow.engine.simulate import simulate

PIECES = 10
# Cases of what few others have: mail that is too late when it begins to wait for its mailbox, meetings that move and
# take their reminders along, and blank notes of a call under a guard that asks for notes.
RARE = (194, 199, 204, 738, 1030, 4099, 102_510)


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


@pytest.mark.parametrize("seed", RARE)
def test_it_agrees_on_what_is_rare(seed: int) -> None:
    hold(seed)


@pytest.mark.differential
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("piece", range(2 * PIECES))
def test_it_agrees_with_production_ten_thousand_times(piece: int) -> None:
    through(range(100_000 + piece * 500, 100_500 + piece * 500), hold)
