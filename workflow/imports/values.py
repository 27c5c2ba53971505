"""Turns the cells of a row into facts about a prospect, and says what is wrong with which of them.

Pure. A date or number that can be read in two ways is never guessed: the evidence of the whole column decides, or the
person who imports. Problems are codes with facts; their sentences are in `sentences`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from workflow import ids, text
from workflow.engine import calendar
from workflow.engine.signals import FIELDS
from workflow.errors import BadInput
from workflow.imports.cells import bare
from workflow.imports.columns import CUSTOM, REFERRED_BY, split
from workflow.imports.tables import LONGEST_CELL
from workflow.mail.address import key_of, parse_address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workflow.imports.options import Options
    from workflow.imports.tables import Row

_LONGEST: Final = dict.fromkeys(FIELDS, 200) | {"email": 320, "phone": 50, "time_zone": 64}
_LANGUAGE: Final = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{2,8})*")
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
_LANGUAGES: Final = {"english": "en", "английски": "en", "bulgarian": "bg", "български": "bg"}
_COUNTRIES: Final = {
    "bulgaria": "BG", "българия": "BG", "germany": "DE", "германия": "DE", "united kingdom": "GB", "uk": "GB",
    "великобритания": "GB", "united states": "US", "usa": "US", "сащ": "US", "romania": "RO", "румъния": "RO",
    "greece": "GR", "гърция": "GR", "france": "FR", "франция": "FR", "austria": "AT", "австрия": "AT",
    "north macedonia": "MK", "северна македония": "MK", "serbia": "RS", "сърбия": "RS", "turkey": "TR", "турция": "TR",
}  # fmt: skip
_ISO: Final = re.compile(r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})(?:[T ].*)?")
# In Bulgarian they end with "г."
_PARTS: Final = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?:\s*г\.?)?(?:[T ].*)?")
_NUMBER: Final = re.compile(r"[-+]?\d[\d\s\u00a0\u202f.,'’]*")
_MONEY: Final = re.compile(r"^(?:€|\$|£|лв\.?|eur|bgn|usd|gbp)\s*|\s*(?:€|\$|£|лв\.?|eur|bgn|usd|gbp)$", re.IGNORECASE)
_CENTURY: Final = 2000
_LAST_SHORT_YEAR: Final = 69
_TWELVE: Final = 12
_THREE: Final = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with one cell: the name of its column, a code and what the sentence tells."""

    column: str
    code: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a row says of a person; `email_key` is what two spellings of the address share.

    `referred_by` names whoever told them of us, each by an address, an id or a ref.
    """

    number: int
    fields: Mapping[str, str]
    custom: Mapping[str, Any]
    id: str = ""
    ref: str = ""
    owner: str = ""
    email_key: str | None = None
    problems: tuple[Problem, ...] = ()
    referred_by: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether the row can be written."""
        return not self.problems


@dataclass(slots=True)
class Evidence:
    """What the columns show of how dates and decimals are written, over all rows that were looked at."""

    day_first: bool = False
    month_first: bool = False
    either: bool = False
    comma: bool = False
    point: bool = False
    either_decimal: bool = False

    def look(self, columns: Sequence[str], cells: Sequence[str]) -> None:
        """Take in one row."""
        for target, cell in zip(columns, cells, strict=False):
            kind = split(target)[0] if ":" in target else "text"
            if kind == "date":
                self._look_at_date(cell.strip())
            elif kind == "number":
                self._look_at_number(cell)

    def questions(self, options: Options) -> tuple[str, ...]:
        """What a person must say, because the file does not: `dates`, `decimals`."""
        dates = not options.date_order and (self.either or (self.day_first and self.month_first))
        asks_dates = dates and self.day_first == self.month_first
        asks_decimals = not options.decimal and self.either_decimal and self.comma == self.point
        return (*(("dates",) if asks_dates else ()), *(("decimals",) if asks_decimals else ()))

    @property
    def date_order(self) -> str:
        """How dates are written, as far as it is sure."""
        return "" if self.day_first == self.month_first else "dmy" if self.day_first else "mdy"

    @property
    def decimal(self) -> str:
        """The decimal sign, as far as it is sure."""
        return "" if self.comma == self.point else "," if self.comma else "."

    def _look_at_date(self, cell: str) -> None:
        found = _PARTS.fullmatch(cell)
        if found is None:
            return
        first, second = int(found[1]), int(found[3])
        if first > _TWELVE or found[2] == ".":
            # With dots between them the day is first wherever that form is used.
            self.day_first = True
        elif second > _TWELVE:
            self.month_first = True
        elif first != second:
            self.either = True

    def _look_at_number(self, cell: str) -> None:
        told = _without_money(cell)
        commas, points = told.count(","), told.count(".")
        if commas and points:
            last_is_comma = told.rfind(",") > told.rfind(".")
            self.comma |= last_is_comma
            self.point |= not last_is_comma
        elif commas == 1 or points == 1:
            sign = "," if commas else "."
            digits = len(told) - told.rfind(sign) - 1
            if digits != _THREE:
                self.comma |= bool(commas)
                self.point |= bool(points)
            else:
                self.either_decimal = True
        elif commas > 1:
            self.point = True
        elif points > 1:
            self.comma = True


def with_kinds(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The columns, where those of their own that hold only dates, or decimals, in the first rows are led to such."""
    told = []
    for at, target in enumerate(columns):
        cells = [row[at].strip() for row in rows if at < len(row) and row[at].strip()]
        kind = ""
        if target.startswith(CUSTOM) and cells:
            if all(_ISO.fullmatch(cell) or _PARTS.fullmatch(cell) for cell in cells):
                kind = "date:"
            elif all(_is_decimal(cell) for cell in cells):
                kind = "number:"
        told.append(f"{kind}{target}")
    return tuple(told)


def _is_decimal(cell: str) -> bool:
    """A number with a decimal sign, a group or a currency: a bare one may be a code, whose form must stay."""
    bare = _MONEY.sub("", cell)
    return bool(_NUMBER.fullmatch(bare)) and (bare != cell or any(sign in bare.strip() for sign in ",. \u00a0"))


def facts(row: Row, header: Sequence[str], options: Options, owners: Mapping[str, str]) -> Facts:
    """What a row says, with every problem of it. `owners` holds the reps by address."""
    told: dict[str, str] = {}
    custom: dict[str, Any] = {}
    problems = []
    if row.problem:
        return Facts(row.number, {}, {}, problems=(Problem("", row.problem),))
    if len(row.cells) > len(header) and any(cell.strip() for cell in row.cells[len(header) :]):
        problems.append(Problem("", "too_many_cells", {"cells": str(len(row.cells)), "columns": str(len(header))}))
    for name, target, cell in zip(header, options.columns, row.cells, strict=False):
        if not target or not cell or cell.isspace():
            continue
        cell = bare(cell)  # noqa: PLW2901 - what our own exports put before a formula
        if len(cell) > LONGEST_CELL:
            problems.append(Problem(name, "too_long", {"signs": str(len(cell)), "most": str(LONGEST_CELL)}))
            continue
        try:
            if target in FIELDS:
                told[target] = _field(target, cell)
            elif target in _OTHERS:
                told[target] = _other(target, cell, owners)
            else:
                kind, place = split(target)
                custom[place.removeprefix(CUSTOM)] = _kinds(kind, cell, options)
        except _Odd as odd:
            problems.append(Problem(name, odd.code, odd.facts))
    return _assembled(row.number, told, custom, problems)


_OTHERS: Final = ("id", "ref", "owner", "first_name", "last_name", REFERRED_BY)
_BETWEEN: Final = re.compile(r"[\s,;]+")


def _assembled(number: int, told: dict[str, str], custom: Mapping[str, Any], problems: list[Problem]) -> Facts:
    names = [told.pop(part, "") for part in ("first_name", "last_name")]
    if any(names) and not told.get("name"):
        told["name"] = " ".join(filter(None, names))
    others = {name: told.pop(name, "") for name in ("id", "ref", "owner")}
    known_by = [others["id"], others["ref"], *(told.get(name) for name in ("email", "name", "company", "phone"))]
    if not problems and not any(known_by):
        problems.append(Problem("", "nobody"))
    key = key_of(told["email"]) if told.get("email") else None
    by = tuple(dict.fromkeys(filter(None, _BETWEEN.split(told.pop(REFERRED_BY, "")))))
    return Facts(number, told, custom, others["id"], others["ref"], others["owner"], key, tuple(problems), by)


class _Odd(Exception):
    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


# A title, a country or a company comes again and again, and every row is read three times.
@lru_cache(maxsize=4096)
def _field(name: str, cell: str) -> str:
    if len(cell) > _LONGEST[name]:
        raise _Odd("too_long", signs=str(len(cell)), most=str(_LONGEST[name]))
    told = text.line(cell, _LONGEST[name])
    if name == "email" and told:
        try:
            return parse_address(told.removeprefix("mailto:")).text
        except BadInput as error:
            raise _Odd("email", value=told[:60]) from error
    if name == "language" and told:
        return _language(told)
    if name == "country" and told:
        known = _COUNTRIES.get(told.casefold(), told)
        if not _COUNTRY.fullmatch(known):
            raise _Odd("country", value=told[:60])
        return known.upper()
    if name == "time_zone" and told and calendar.zone_of(told).key != told:
        raise _Odd("time_zone", value=told[:60])
    return told


def _language(told: str) -> str:
    known = _LANGUAGE.fullmatch(_LANGUAGES.get(told.casefold(), told))
    if known is None:
        raise _Odd("language", value=told[:60])
    return known[1].lower()


def _other(target: str, cell: str, owners: Mapping[str, str]) -> str:
    told = text.line(cell)
    if target == "id" and not ids.is_id(told):
        raise _Odd("id", value=told[:60])
    if target == "owner":
        found = owners.get(key_of(told) or "")
        if found is None:
            raise _Odd("owner", value=told[:60])
        return found
    return told


def _kinds(kind: str, cell: str, options: Options) -> str | float | int:
    if kind == "date":
        return _date(cell.strip(), options.date_order)
    if kind == "number":
        return _number(cell, options.decimal)
    return text.block(cell, LONGEST_CELL).strip()


def _date(cell: str, order: str) -> str:
    """A date as ISO 8601."""
    iso, parts = _ISO.fullmatch(cell), _PARTS.fullmatch(cell)
    try:
        if iso is not None:
            return date(int(iso[1]), int(iso[2]), int(iso[3])).isoformat()
        if parts is not None:
            first, second, year = int(parts[1]), int(parts[3]), int(parts[4])
            if len(parts[4]) < len("2000"):
                year += _CENTURY if year < _LAST_SHORT_YEAR else _CENTURY - 100
            # Dots always put the day first; without a choice only what can be read in one way is read.
            if parts[2] == "." or order == "dmy" or (not order and first > _TWELVE):
                return date(year, second, first).isoformat()
            if order == "mdy" or second > _TWELVE or first == second:
                return date(year, first, second).isoformat()
            raise _Odd("date_ambiguous", value=cell[:40])
    except ValueError as error:
        raise _Odd("date", value=cell[:40]) from error
    raise _Odd("date", value=cell[:40])


def _without_money(cell: str) -> str:
    told = cell.strip()
    return told if told[:1].isdigit() and told[-1].isdigit() else _MONEY.sub("", told)


def _number(cell: str, decimal: str) -> float | int:
    told = _without_money(cell)
    if not _NUMBER.fullmatch(told):
        raise _Odd("number", value=cell[:40])
    told = re.sub(r"[\s\u00a0\u202f'’]", "", told)
    sign = decimal or _sign_of(told)
    other = "." if sign == "," else ","
    whole, point, rest = told.replace(other, "").partition(sign)
    try:
        found = float(f"{whole}.{rest}") if point else int(whole)
        # JSON has no infinity, and what is larger than any number is a code or a slip.
        if math.isfinite(found):
            return found
    except (ValueError, OverflowError) as error:
        raise _Odd("number", value=cell[:40]) from error
    raise _Odd("number", value=cell[:40])


def _sign_of(told: str) -> str:
    """The decimal sign of a number that nobody chose one for; what can be read in two ways is refused."""
    evidence = Evidence()
    evidence._look_at_number(told)  # noqa: SLF001 - of this module
    if evidence.either_decimal:
        raise _Odd("number_ambiguous", value=told[:40])
    return evidence.decimal or "."
