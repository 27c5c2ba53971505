"""How a file is to be read and what becomes of its rows: one frozen value, kept as JSON with its job.

Decides nothing; the guesses are made in `columns` and `tables`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Double = Literal["skip", "update", "merge"]
DOUBLES: Final[tuple[Double, ...]] = ("skip", "update", "merge")
"""A row about somebody who is known: left out, written over what is known, or only where nothing is known yet."""
ENCODINGS: Final = ("utf-8", "windows-1251", "utf-16", "utf-16-le", "utf-16-be", "windows-1252", "mac-cyrillic")
DELIMITERS: Final = (",", ";", "\t", "|")
DATE_ORDERS: Final = ("dmy", "mdy")
DECIMALS: Final = (",", ".")


@dataclass(frozen=True, slots=True)
class Options:
    """All choices about one file. An empty text means that nothing was chosen, and nothing needs to be.

    `columns` says where each column goes: a field of the prospect, `custom.<key>`, the same behind `number:` or
    `date:`, `id`, `ref`, `owner`, `referred_by`, or nowhere when empty. `ref` holds ids of `source_id`.
    """

    kind: Literal["csv", "xlsx"] = "csv"
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    columns: tuple[str, ...] = ()
    date_order: str = ""
    decimal: str = ""
    double: Double = "skip"
    start: bool = False
    owner_id: str = ""
    source_id: str = ""

    def pack(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "columns": list(self.columns)}

    def with_columns(self, columns: Mapping[int, str]) -> Options:
        """These options with some columns led elsewhere."""
        return replace(self, columns=tuple(columns.get(at, told) for at, told in enumerate(self.columns)))


def unpack(told: Mapping[str, Any]) -> Options:
    """Options that were packed."""
    return Options(**{**told, "columns": tuple(told["columns"])})
