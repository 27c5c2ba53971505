"""Brings two changes of one text together, line by line, where they do not meet.

Pure: text in, text out. Whether what comes out is sound is asked by `check`.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Change = tuple[int, int, tuple[str, ...]]
    """From and to which line of the text before, and what stands there instead."""


def merged(before: str, mine: str, theirs: str) -> str | None:
    """The text `before` with the changes of `mine` and of `theirs`; None where they touch each other."""
    lines = before.splitlines(keepends=True)
    ours, others = _changes(lines, mine), _changes(lines, theirs)
    # The same change on both sides is one.
    wanted = sorted(dict.fromkeys([*ours, *others]))
    for (_, end, _), (start, _, _) in pairwise(wanted):
        if start <= end:
            return None
    for start, end, said in reversed(wanted):
        lines[start:end] = said
    return "".join(lines)


def _changes(before: Sequence[str], after: str) -> list[Change]:
    lines = after.splitlines(keepends=True)
    found = SequenceMatcher(None, before, lines, autojunk=False).get_opcodes()
    return [(i1, i2, tuple(lines[j1:j2])) for tag, i1, i2, j1, j2 in found if tag != "equal"]
