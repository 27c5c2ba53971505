"""Cells of the files we write: no spreadsheet takes one for a formula, and an import takes the guard off again.

A rule of its own, because writing and reading must agree on it (OWASP ASVS 5.0, 1.2.10).
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_GUARD: Final = "'"
_MARK: Final = "\ufeff"
"""Without it some spreadsheets take UTF-8 for the alphabet of their own country."""
_AT_ONCE: Final = 64 * 1024


def guarded(cell: str) -> str:
    """`cell` as it may stand in a file: a sign before it where it would begin a formula."""
    return f"{_GUARD}{cell}" if cell.lstrip(_GUARD).startswith(_STARTS) else cell


def bare(cell: str) -> str:
    """`cell` without that sign."""
    return cell[1:] if cell.startswith(_GUARD) and cell.lstrip(_GUARD).startswith(_STARTS) else cell


def as_csv(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[bytes]:
    """The bytes of a CSV file in UTF-8, a few rows at a time."""
    out = io.StringIO()
    writer = csv.writer(out)
    out.write(_MARK)
    writer.writerow([guarded(cell) for cell in header])
    for row in rows:
        writer.writerow([guarded(cell) for cell in row])
        if out.tell() > _AT_ONCE:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()
