"""Two changes of one text come together where they do not meet; where they do, nobody guesses."""

from __future__ import annotations

import pytest

from workflow.playbook.merge import merged

BEFORE = "a\nb\nc\nd\ne\nf\n"


@pytest.mark.parametrize(
    ("mine", "theirs", "both"),
    [
        ("a\nB\nc\nd\ne\nf\n", "a\nb\nc\nd\nE\nf\n", "a\nB\nc\nd\nE\nf\n"),
        ("x\na\nb\nc\nd\ne\nf\n", "a\nb\nc\nd\ne\n", "x\na\nb\nc\nd\ne\n"),
        ("a\nc\nd\ne\nf\n", "a\nc\nd\ne\nf\ny\n", "a\nc\nd\ne\nf\ny\n"),
        (BEFORE, "b\n", "b\n"),
        # The same line, lines that touch, and two texts for one place.
        ("a\nB\nc\nd\ne\nf\n", "a\nß\nc\nd\ne\nf\n", None),
        ("a\nB\nc\nd\ne\nf\n", "a\nb\nC\nd\ne\nf\n", None),
        ("a\nb\nx\nc\nd\ne\nf\n", "a\nb\ny\nc\nd\ne\nf\n", None),
    ],
)
def test_changes_that_do_not_meet_come_together(mine: str, theirs: str, both: str | None) -> None:
    assert merged(BEFORE, mine, theirs) == both
    assert merged(BEFORE, theirs, mine) == both
