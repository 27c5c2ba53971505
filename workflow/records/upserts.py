"""INSERT … ON CONFLICT for both databases: the one way to say "unless it is there already"."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import postgresql, sqlite

from workflow.records.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workflow.records.base import Base
    from workflow.records.db import Tx


def insert_new(tx: Tx, table: type[Base], row: Mapping[str, Any]) -> bool:
    """Insert `row` unless any unique key of it is taken; tells whether it was inserted."""
    return _unless_there(table, postgres=tx.locks_rows).run(tx, row) == 1


def upsert(tx: Tx, table: type[Base], row: Mapping[str, Any], keys: Sequence[str], keep: Sequence[str] = ()) -> None:
    """Insert `row`, or where its `keys` exist overwrite the other columns, except those to `keep`."""
    changed = tuple(name for name in row if name not in keys and name not in keep)
    _or_overwrite(table, tuple(keys), changed, postgres=tx.locks_rows).run(tx, row)


@lru_cache(maxsize=64)
def _unless_there(table: type[Base], *, postgres: bool) -> Prepared:
    return Prepared(_insert(table, postgres=postgres).on_conflict_do_nothing())


@lru_cache(maxsize=64)
def _or_overwrite(table: type[Base], keys: tuple[str, ...], changed: tuple[str, ...], *, postgres: bool) -> Prepared:
    insert = _insert(table, postgres=postgres)
    values = {name: insert.excluded[name] for name in changed}
    return Prepared(insert.on_conflict_do_update(index_elements=list(keys), set_=values))


def _insert(table: type[Base], *, postgres: bool) -> Any:  # noqa: ANN401 - two classes with one shape
    return (postgresql.insert if postgres else sqlite.insert)(table)
