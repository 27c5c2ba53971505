"""What is wrong with a playbook, gathered while it is read: every finding, not only the first.

Holds no rule itself; `loader` and `check` fill it.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from workflow.errors import Finding, PlaybookError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Finding", "Findings", "nearest"]

_COMPARED: Final = 100
MOST: Final = 1000  # a file of nothing but mistakes must not cost more than it is worth


class Findings:
    """A growing list of findings."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def add(self, line: int, code: str, sentence: str) -> None:
        """Note one finding; beyond the first thousand they are not kept."""
        if len(self._found) < MOST:
            self._found.append(Finding(line, code, sentence))

    def unknown(self, line: int, code: str, start: str, word: str, known: Iterable[str]) -> None:
        """Note that `word` is not among the `known`; the sentence begins with `start` and ends with an offer."""
        if len(self._found) < MOST:  # the search for a likeness is the dear part
            self.add(line, code, f"{start}: {nearest(word, known)}")

    def sorted(self) -> tuple[Finding, ...]:
        """All findings in the order of their lines."""
        return tuple(sorted(self._found))

    def refuse(self, file: str) -> None:
        """Raise PlaybookError for `file` when there is any finding."""
        if self._found:
            raise PlaybookError(file=file, findings=self.sorted())


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a sentence that offers the known word most like `word`, or all of them when they are few."""
    known = sorted(known)
    close = get_close_matches(word[:64], _likely(word, known), n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    if 0 < len(known) <= 12:  # noqa: PLR2004 - about what fits on one line
        return f"known here: {', '.join(known)}."
    return "see docs/playbook.md."


def _likely(word: str, known: list[str]) -> list[str]:
    """Of very many words those that begin alike and are about as long: comparing is dear."""
    if len(known) <= _COMPARED:
        return known
    alike = [each for each in known if each[:1] == word[:1] and abs(len(each) - len(word)) <= 2]  # noqa: PLR2004 - letters
    return alike[:_COMPARED]
