"""What a prospect's history comes down to, for counting: the stages reached, who brought it, the competitors named.

Pure rules that the writer, the doctor and the migration share, so that all three make the same of a history.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

COUNTED: Final = frozenset({"email.replied", "meeting.booked"})
"""Kinds of history that are kept beside the stages: whether a prospect ever answered, or booked a meeting."""
COMPETITOR: Final = "competitor"
"""The fact that names competitors; several stand with commas, semicolons or lines between."""
_BETWEEN: Final = re.compile(r"[,;\n]")
_LONGEST: Final = 60
_MOST: Final = 5


def marks(rows: Iterable[tuple[str, str | None]], known: str = "") -> tuple[str, ...]:
    """The stages and counted kinds that `rows`, each a kind and a stage entered, add to those already `known`."""
    found = dict.fromkeys(known.split())
    for kind, to_stage in rows:
        if to_stage:
            found[to_stage] = None
        if kind in COUNTED:
            found[kind] = None
    return tuple(found)


def told(these: Iterable[str]) -> str:
    """Marks as the row has them: in the order in which they came, with a blank on both sides of each."""
    joined = " ".join(these)
    return f" {joined} " if joined else ""


def origin(actor: str, cause: str) -> str:
    """Who brought a prospect, by the first row of its history: import, rep, or an actor such as `source:<name>`."""
    if cause.startswith("import:"):
        return "import"
    return "rep" if actor.startswith("rep:") else actor


def competitors(custom: Mapping[str, Any]) -> str:
    """The competitors that the facts name, in one spelling of blanks, at most five; empty where they name none."""
    value = custom.get(COMPETITOR)
    if not isinstance(value, str):
        return ""
    names = (" ".join(part.split())[:_LONGEST].strip() for part in _BETWEEN.split(value))
    return "; ".join(list(dict.fromkeys(name for name in names if name))[:_MOST])


def hours(entered: datetime, left: datetime) -> int | None:
    """Whole hours of a stay; None where a stage was only passed through, in the moment in which it was entered."""
    return int((left - entered).total_seconds() // 3600) if left > entered else None
