"""Where each part of a playbook's text stands: the tree of its keys, values and rows with their places in the text.

Values only, made by `loader`; `edit` cuts the text by them. Nothing is judged here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Plain = str | list["Plain"] | dict[str, "Plain"]


@dataclass(slots=True)
class Spot:
    """One node: the text from `start` to `end`, on `line` (from 1) in `column` (from 0).

    A scalar has a `value`; a mapping `entries`, a list `items`. `flow` is one that stands in brackets.
    """

    start: int
    end: int
    line: int
    column: int
    value: str | None = None
    quoted: bool = False
    flow: bool = False
    entries: list[tuple[Spot, Spot]] | None = None
    items: list[Spot] | None = None
    last_line: int = field(default=0)

    def entry(self, name: str) -> tuple[Spot, Spot] | None:
        """The key and the value named `name`, if this is a mapping that has it."""
        return next((pair for pair in self.entries or () if pair[0].value == name), None)

    def at(self, *path: str | int) -> Spot | None:
        """The node behind these keys and row numbers (from 0); None where there is none."""
        here: Spot | None = self
        for part in path:
            if here is None:
                return None
            if isinstance(part, int):
                rows = here.items or []
                here = rows[part] if 0 <= part < len(rows) else None
            else:
                pair = here.entry(part)
                here = pair[1] if pair else None
        return here

    def keys(self) -> Iterator[str]:
        """The names in a mapping, in order."""
        return (key.value for key, _ in self.entries or () if key.value is not None)

    def plain(self) -> Plain:
        """What is written here, every scalar as its text."""
        if self.entries is not None:
            return {key.value: value.plain() for key, value in self.entries if key.value is not None}
        if self.items is not None:
            return [item.plain() for item in self.items]
        return self.value or ""
