"""Spreadsheets (XLSX), read and written as streams: the one door to the library that knows their form.

Refuses what would not fit into memory before it is opened. Knows nothing of prospects.
"""

from __future__ import annotations

import importlib
import re
import warnings
import zipfile
import zlib
from contextlib import contextmanager
from datetime import date, datetime, time
from functools import cache
from itertools import chain
from typing import IO, TYPE_CHECKING, Any, Final

from workflow.errors import BadInput
from workflow.imports.cells import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MOST_BYTES: Final = 256 * 1024 * 1024
"""Of all parts of a workbook, unpacked."""
MOST_TEXTS: Final = 64 * 1024 * 1024
"""Of the texts that its cells share, which lie in memory."""
_MOST_PARTS: Final = 500
_HEAD: Final = 4096
# What XML cannot hold (XML 1.0, 2.2).
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BROKEN: Final = (
    LookupError, ValueError, TypeError, AttributeError, ArithmeticError, zipfile.BadZipFile, zlib.error, EOFError,
    OSError, SyntaxError, NotImplementedError, RuntimeError,
)  # fmt: skip
_UNREADABLE: Final = "The spreadsheet cannot be read: open it, save it once more as .xlsx or .csv, and try again."


def names(path: Path) -> tuple[str, ...]:
    """The names of the sheets that hold cells. Raises BadInput."""
    _guard(path)
    with _readable(), _opened(path) as book:
        return tuple(sheet.title for sheet in book.worksheets)


def rows(path: Path, sheet: str, *, most_columns: int) -> Iterator[tuple[str, ...]]:
    """The rows of a sheet as texts, empty ones too, each cut behind `most_columns` and one. Raises BadInput."""
    _guard(path)
    with _readable(), _opened(path) as book:
        found = next((each for each in book.worksheets if each.title == sheet), None) if sheet else book.worksheets[0]
        if found is None:
            raise BadInput(f"There is no sheet “{sheet}” in the file: choose one of those it has.", field="sheet")
        # What a file says of its own size may be wrong, or a lie.
        found.reset_dimensions()
        for row in found.iter_rows(values_only=True):
            yield tuple(_text(value) for value in row[: most_columns + 1])


def write(out: IO[bytes], header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Write one sheet of texts to `out`; the rows are taken one at a time, and no cell is ever a formula."""
    book = _library().Workbook(write_only=True)
    sheet = book.create_sheet("Onward")
    for row in chain((header,), rows):
        sheet.append([_cell(sheet, value) for value in row])
    book.save(out)


def _cell(sheet: Any, value: str) -> Any:  # noqa: ANN401 - of the library
    cell = _library().cell.WriteOnlyCell(sheet, _ILLEGAL.sub("", guarded(value)))
    # The library takes a text that begins with = for a formula.
    cell.data_type = "s"
    return cell


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)  # noqa: PLR2004 - exact ints
    return str(value)


def _guard(path: Path) -> None:
    """Refuse a file that unpacks into more than it may, or that is none, before a byte of it is parsed."""
    with _readable(), zipfile.ZipFile(path) as packed:
        parts = packed.infolist()
        whole = sum(part.file_size for part in parts)
        texts = sum(part.file_size for part in parts if part.filename.lower().endswith("sharedstrings.xml"))
        if len(parts) > _MOST_PARTS or whole > MOST_BYTES or texts > MOST_TEXTS:
            raise BadInput("The spreadsheet unpacks into far too much: save it as .csv, or split it.", field="file")
        if any(part.flag_bits & 1 for part in parts):
            raise BadInput("The spreadsheet is locked with a password: save it without one.", field="file")
        for part in parts:
            if part.filename.endswith((".xml", ".rels")):
                with packed.open(part) as inside:
                    head = inside.read(_HEAD)
                if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
                    raise BadInput("The spreadsheet holds definitions that no spreadsheet needs.", field="file")


@cache
def _library() -> Any:  # noqa: ANN401 - a module
    """Loaded with the first spreadsheet: ten megabytes that most processes never need."""
    return importlib.import_module("openpyxl")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    # Handed in open, because the library judges a file by the ending of its name.
    with path.open("rb") as file:
        with warnings.catch_warnings():
            # About styles and extensions, of which only the cells are read.
            warnings.simplefilter("ignore")
            book = _library().load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            yield book
        finally:
            book.close()


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except BadInput:
        raise
    except (*_BROKEN, _library().utils.exceptions.InvalidFileException) as error:
        raise BadInput(_UNREADABLE, field="file") from error
