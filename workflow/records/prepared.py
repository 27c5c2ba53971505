"""Statements of the hot routes: written in Core, compiled once for each database, run by the driver itself.

Core spends three times as long on running a statement as the driver does. What it gives besides, the types of values
and the names of errors, is done here; all else goes through `tx.conn.execute`.
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from sqlalchemy import BindParameter, Insert, Select, literal, literal_column
from sqlalchemy.sql import visitors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Delete, Dialect, Update
    from sqlalchemy.orm import InstrumentedAttribute
    from sqlalchemy.sql.visitors import ExternallyTraversible

    from workflow.records.db import Record, Tx

# SQLite takes 32,766 values in a statement, and no table has a hundred columns.
_AT_ONCE: Final = 200

_Statement: TypeAlias = "Select[*tuple[Any, ...]] | Insert | Update | Delete"


class Prepared:
    """One statement, for ever. Its values are handed in by the names of its columns and bind parameters."""

    __slots__ = ("_forms", "_statement")

    def __init__(self, statement: _Statement) -> None:
        self._statement = statement
        self._forms: dict[tuple[object, ...], _Form] = {}

    def run(self, tx: Tx, values: Mapping[str, object]) -> int:
        """Run it; how many rows it touched."""
        form = self._form(tx, values)
        count: int = tx.drive(form.sql, form.filled(values)).rowcount
        return count

    def run_all(self, tx: Tx, rows: Sequence[Mapping[str, object]]) -> None:
        """Run it for each of `rows`, which name the same values."""
        if len(rows) == 1:
            self.run(tx, rows[0])
        elif rows:
            form = self._form(tx, rows[0])
            if not form.by_position or not isinstance(self._statement, Insert):
                tx.drive(form.sql, [form.filled(row) for row in rows], many=True)
                return
            for start in range(0, len(rows), _AT_ONCE):
                some = rows[start : start + _AT_ONCE]
                tx.drive(form.times(len(some)), [value for row in some for value in form.filled(row)])

    def all(self, tx: Tx, values: Mapping[str, object]) -> Sequence[Record]:
        """Every row it finds."""
        form = self._form(tx, values)
        return form.read(tx.drive(form.sql, form.filled(values)).fetchall())

    def first(self, tx: Tx, values: Mapping[str, object]) -> Record | None:
        """The first row it finds, if any."""
        found = self.all(tx, values)
        return found[0] if found else None

    def _form(self, tx: Tx, values: Mapping[str, object]) -> _Form:
        # An INSERT or UPDATE names the columns that it is given.
        key = (tx.locks_rows, *values)
        form = self._forms.get(key)
        if form is None:
            form = self._forms[key] = _compiled(self._statement, tx.conn.dialect, list(values))
        return form


def one_of(column: InstrumentedAttribute[str], words: Iterable[str]) -> ColumnElement[bool]:
    """`column IN (words)` with the words in the text of the statement, prepared or not."""
    return column.in_([literal(word, literal_execute=True) for word in words])


@dataclass(frozen=True, slots=True)
class _Form:
    """A statement as one driver takes it."""

    sql: str
    names: tuple[str, ...]
    """Of all values, in the order of the question marks where the driver takes those."""
    by_position: bool
    constants: Mapping[str, object]
    """Values that the compiler adds of its own."""
    written: tuple[tuple[str, Callable[[Any], Any]], ...]
    """Values whose type is not the driver's, and how they become it."""
    read_back: tuple[tuple[int, Callable[[Any], Any]], ...]
    """The same for columns of the answer, by position."""
    row: Callable[[Any], tuple[Any, ...]]

    def filled(self, values: Mapping[str, object]) -> Any:  # noqa: ANN401 - a tuple or a dict, as the driver wants it
        whole = {**self.constants, **values}
        for name, write in self.written:
            whole[name] = write(whole[name])
        if self.by_position:
            return tuple([whole[name] for name in self.names])
        return {name: whole[name] for name in self.names}

    def times(self, number: int) -> str:
        """The same INSERT for so many rows at once: its row of question marks as often."""
        before, values, marks = self.sql.rpartition(" VALUES ")
        return f"{before}{values}{', '.join([marks] * number)}"

    def read(self, found: Sequence[Any]) -> Sequence[Record]:
        if not self.read_back:
            return cast("Sequence[Record]", [self.row(each) for each in found])
        rows = []
        for each in found:
            values = list(each)
            for position, read in self.read_back:
                values[position] = read(values[position])
            rows.append(self.row(values))
        return cast("Sequence[Record]", rows)


def _compiled(statement: _Statement, dialect: Dialect, names: list[str]) -> _Form:
    compiled: Any = _spelled_out(statement, dialect).compile(dialect=dialect, column_keys=names)
    if compiled.post_compile_params:  # pragma: no cover - a mistake of ours, seen at the first run
        message = "write a list behind IN as literals: one of values is drawn up anew at every run"
        raise AssertionError(message)
    writers = ((name, bind.type.dialect_impl(dialect).bind_processor(dialect)) for name, bind in compiled.binds.items())
    columns = list(statement.selected_columns) if isinstance(statement, Select) else []
    found: Any = namedtuple("Found", [str(column.key) for column in columns])  # type: ignore[misc]  # noqa: PYI024
    readers = (column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns)
    return _Form(
        sql=compiled.string,
        names=tuple(compiled.positiontup if compiled.positional else compiled.binds),
        by_position=compiled.positional,
        constants={name: bind.value for name, bind in compiled.binds.items() if not bind.required},
        written=tuple((name, write) for name, write in writers if write is not None),
        read_back=tuple((position, read) for position, read in enumerate(readers) if read is not None),
        row=found._make,
    )


def _spelled_out(statement: _Statement, dialect: Dialect) -> _Statement:
    """The statement with its constants in its text.

    SQLite chooses a partial index by them; where they are bound it prepares the statement anew at every run.
    """

    def spell(element: ExternallyTraversible, **_more: object) -> ExternallyTraversible | None:
        if not isinstance(element, BindParameter) or element.required or element.expanding:
            return None
        write = element.type.dialect_impl(dialect).literal_processor(dialect)
        return literal_column(write(element.value)) if write is not None and element.value is not None else None

    return cast("_Statement", visitors.replacement_traverse(statement, {}, spell))
