"""Opens a table somebody sent, CSV or XLSX, and gives its rows as texts, one at a time.

Finds out what kind it is, how its letters are written and what stands between its cells. Knows nothing of prospects.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Final, Literal

from workflow.errors import BadInput
from workflow.imports import sheets
from workflow.imports.options import DELIMITERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workflow.imports.options import Options

MOST_BYTES: Final = 64 * 1024 * 1024
MOST_ROWS: Final = 250_000
MOST_COLUMNS: Final = 200
LONGEST_CELL: Final = 20_000
LONGEST_HEADER: Final = 200
PIECE: Final = 256 * 1024

_ZIP: Final = b"PK\x03\x04"
_OLD_OFFICE: Final = b"\xd0\xcf\x11\xe0"
_LONGEST_FIELD: Final = 1024 * 1024
_SAMPLED: Final = 64 * 1024
_SAMPLED_ROWS: Final = 50
# A zero byte that slipped into a name is taken off; a file full of them is no text.
_STRAY_ZEROS: Final = 0.01
# Excel writes and reads such a first row, so that the delimiter does not depend on the country.
_NAMES_DELIMITER: Final = re.compile(r"sep=(.?)", re.IGNORECASE)
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number as a spreadsheet shows it (the header is row 1), its cells, and what is wrong with it."""

    number: int
    cells: tuple[str, ...]
    problem: str = ""


def kind_of(path: Path) -> Literal["csv", "xlsx"]:
    """What a file is, by its first bytes and not by its name. Raises BadInput for what is no table."""
    with path.open("rb") as file:
        head = file.read(_SAMPLED)
    if not head.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise BadInput(
            "The file is empty: it should have a row of column names and a row for each person.", field="file"
        )
    if head.startswith(_ZIP):
        return "xlsx"
    if head.startswith(_OLD_OFFICE):
        raise BadInput("This is an old .xls file or has a password: save it as .xlsx or .csv.", field="file")
    if head.count(0) > _STRAY_ZEROS * len(head) and encoding_of_head(head) is None:
        raise BadInput("This is neither a CSV file nor a spreadsheet: it holds zero bytes.", field="file")
    return "csv"


def encoding_of_head(head: bytes) -> str | None:
    """An encoding that the first bytes show by themselves: a byte order mark, or the zeros of UTF-16."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    sample = head[:4096]
    for name, zeros, others in (("utf-16-le", sample[1::2], sample[::2]), ("utf-16-be", sample[::2], sample[1::2])):
        # In tables every second byte of UTF-16 is zero or 4 (Cyrillic); the other half is neither.
        if zeros and zeros.count(0) + zeros.count(4) > 0.9 * len(zeros) and others.count(0) < 0.02 * len(others):
            return name
    return None


def encoding_of(path: Path) -> str:
    """How the letters of a file are written: as its mark says, else UTF-8 where all of it is, else Windows-1251."""
    with path.open("rb") as file:
        head = file.read(_SAMPLED)
        known = encoding_of_head(head)
        if known is not None:
            return known
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            decoder.decode(head)
            while piece := file.read(PIECE):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "windows-1251"
    return "utf-8"


def delimiter_of(path: Path, encoding: str) -> str:
    """What stands between the cells: the sign by which most of the first rows fall into equally many, and several."""
    with path.open("r", encoding=_codec(encoding), errors="replace", newline="") as file:
        text = file.read(_SAMPLED)
    named = _NAMES_DELIMITER.match(text.partition("\n")[0].rstrip("\r"))
    if named and named[1] in DELIMITERS:
        return named[1]
    best, most = ",", 0.0
    for sign in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(text.splitlines(keepends=True), delimiter=sign) if row]
        except csv.Error:
            continue
        widths = widths[:_SAMPLED_ROWS]
        if not widths:
            continue
        width, times = Counter(widths).most_common(1)[0]
        score = (width - 1) * times / len(widths)
        if score > most:
            best, most = sign, score
    return best


def rows(path: Path, options: Options) -> Iterator[Row]:
    """Every row that holds anything, the header first. Raises BadInput for a file that is no table, or too large."""
    found = _sheet(path, options) if options.kind == "xlsx" else _text(path, options)
    for count, row in enumerate(found):
        if count > MOST_ROWS:
            raise BadInput(f"The file has more than {MOST_ROWS:,} rows: split it.", field="file")
        yield row


@contextmanager
def flat(path: Path, options: Options) -> Iterator[tuple[Path, Options]]:
    """The same table where a row costs little to read: a sheet as CSV for as long as the block runs. Raises BadInput.

    A spreadsheet takes twenty times as long to read, and an import reads its file several times.
    """
    if options.kind == "csv":
        yield path, options
        return
    with NamedTemporaryFile("w", encoding="utf-8", newline="", prefix="onward-sheet-") as file:
        writer = csv.writer(file)
        for cells in sheets.rows(path, options.sheet, most_columns=MOST_COLUMNS):
            writer.writerow(cells)
        file.flush()
        yield Path(file.name), replace(options, kind="csv", encoding="utf-8", delimiter=",")


def header(path: Path, options: Options) -> tuple[str, ...]:
    """The names of the columns. Raises BadInput when there are none, too many, or two alike."""
    first = next(rows(path, options), None)
    if first is None:
        raise BadInput(
            "The file is empty: it should have a row of column names and a row for each person.", field="file"
        )
    if first.problem == "letters":
        raise BadInput("The names of the columns cannot be read: choose another encoding.", field="encoding")
    if first.problem:
        raise BadInput("The first row cannot be read: its quotes do not match.", field="file")
    told = tuple(" ".join(cell.replace("\ufeff", "").split()) for cell in first.cells)
    while told and not told[-1]:
        told = told[:-1]
    if len(told) > MOST_COLUMNS:
        raise BadInput(f"The file has more than {MOST_COLUMNS} columns: leave out those you do not need.", field="file")
    for name, times in Counter(name.casefold() for name in told if name).items():
        if times > 1:
            shown = next(each for each in told if each.casefold() == name)
            raise BadInput(f"The column “{shown[:60]}” is there {times} times: rename or remove one.", field="file")
    if any(len(name) > LONGEST_HEADER for name in told):
        raise BadInput("The first row holds a long text where the name of a column should stand.", field="file")
    return told


def _codec(encoding: str) -> str:
    return "utf-8-sig" if encoding == "utf-8" else encoding


def _text(path: Path, options: Options) -> Iterator[Row]:
    # For the whole process; larger than what a row may hold, so that a missing quote is told as one.
    csv.field_size_limit(_LONGEST_FIELD)
    with path.open("r", encoding=_codec(options.encoding), errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=options.delimiter, strict=True)
        number = 0
        while True:
            number += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                ended = "end of data" in str(error)
                yield Row(number, (), "quotes_to_the_end" if ended else "quotes")
                continue
            whole = "".join(cells)
            if number == 1 and _NAMES_DELIMITER.fullmatch(whole):
                continue
            if whole and not whole.isspace():
                yield Row(number, tuple(cells), "letters" if "\ufffd" in whole else "")


def _sheet(path: Path, options: Options) -> Iterator[Row]:
    for number, cells in enumerate(sheets.rows(path, options.sheet, most_columns=MOST_COLUMNS), 1):
        if any(cell.strip() for cell in cells):
            yield Row(number, cells)
