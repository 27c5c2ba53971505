"""The verifier against brute force: what it calls impossible is never done, and what cannot be done it calls so.

On playbooks of up to five stages, seven transitions, two sequences and needs of every kind, tried on the engine. The
second half, that everything impossible is found, is asked where no sequence is exclusive and no two begin with the same
call or meeting. The verifier does not follow whether an exclusive one had to give way, and takes each of two for begun
or not by itself. Nor does it take for certain that a call which ended has begun its sequence: the call may be older.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.support.small_playbooks import OUTCOMES, playbook, try_out
from workflow.playbook.case import Case
from workflow.playbook.findings import Finding
from workflow.playbook.paths import Paths
from workflow.playbook.schema import Playbook
from workflow.playbook.verify_stages import no_way_to_final, unreachable_stage

Rule = Callable[[Case], Iterator[Finding]]

CASES = int(os.environ.get("VERIFY_CASES", "2000"))
"""How many are tried; the suite's own figure, of a few seconds for each thousand, may be raised by hand."""
BATCH = 250
KEPT = CASES // 25
"""While nothing is undone all that is known is part of where somebody stands, which takes twenty times as long."""


def exact(book: Playbook) -> bool:
    """Whether the verifier claims to miss nothing here."""
    begins = [sequence.start.when for sequence in book.sequences.values() if sequence.start.when != "stage.entered"]
    return len(begins) == len(set(begins)) and not any(sequence.exclusive for sequence in book.sequences.values())


def tried_outcomes(paths: Paths) -> dict[str, set[str | None]]:
    """The outcomes that are possible, as far as somebody tries them."""
    return {stage: given & {None, *OUTCOMES} for stage, given in paths.outcomes.items()}


def told(book: Playbook, case: Case, rule: Rule, words: str) -> set[str]:
    """The stages that the findings of a rule are about."""
    sentences = [finding.sentence for finding in rule(case)]
    return {key for key in book.stages if any(f"{words} `{key}`" in sentence for sentence in sentences)}


@pytest.mark.parametrize("first", range(0, CASES, BATCH))
def test_what_is_called_impossible_is_and_the_rest_is_not(first: int) -> None:
    """Stages, triggers, outcomes and dead ends, while people clear fields, blank answers and correct meetings."""
    for seed in range(first, min(first + BATCH, CASES)):
        book = playbook(seed)
        case, tried = Case(book, ()), try_out(book, undone=True)
        paths, outcomes = case.paths, tried_outcomes(case.paths)
        unreachable = told(book, case, unreachable_stage, "the stage")
        stuck = told(book, case, no_way_to_final, "leads from the stage")
        assert tried.stages <= set(paths.at), seed
        assert tried.fired <= paths.fired, seed
        assert all(given <= outcomes[stage] for stage, given in tried.outcomes.items()), seed
        assert stuck <= tried.stuck(book), seed
        assert unreachable == set(book.stages) - set(paths.at), seed
        if exact(book):
            assert set(paths.at) == tried.stages, seed
            assert paths.fired == tried.fired, seed
            assert outcomes == tried.outcomes, seed
            # Of a chain that ends in one trap only the trap is named.
            assert bool(stuck) == bool(tried.stuck(book)), seed


@pytest.mark.parametrize("first", range(0, KEPT, 20))
def test_what_contradicts_the_way_there_does(first: int) -> None:
    """The same while nobody undoes anything."""
    for seed in range(first, min(first + 20, KEPT)):
        book = playbook(seed)
        paths, tried = Case(book, ()).plain, try_out(book, undone=False)
        assert tried.fired <= paths.fired, seed
        assert tried.stages <= set(paths.at), seed
        if exact(book):
            assert paths.fired == tried.fired, seed
