"""Holds rows back for a while, so that one statement writes those of many new prospects.

On SQLite an index of the search is written anew at every statement: two hundred rows at once cost a fifth of two
hundred single ones. What is written is the same, and so is its order within each table.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workflow.records.db import Tx
    from workflow.records.prepared import Prepared

    _Held: TypeAlias = dict[tuple[Prepared, tuple[str, ...]], list[Mapping[str, Any]]]

_KEY: Final = "held_rows"


@contextmanager
def together(tx: Tx) -> Iterator[None]:
    """Inside the block rows may be held back; at its end all are written. Whoever reads inside calls `settle` first."""
    tx.known[_KEY] = {}
    try:
        yield
        settle(tx)
    finally:
        del tx.known[_KEY]


def may_wait(tx: Tx) -> bool:
    """Whether the caller is inside such a block."""
    return _KEY in tx.known


def hold(tx: Tx, statement: Prepared, row: Mapping[str, Any]) -> None:
    """Keep a row for `statement`. Tables are written in the order in which each got its first row."""
    held: _Held = tx.known[_KEY]
    held.setdefault((statement, tuple(row)), []).append(row)


def settle(tx: Tx) -> None:
    """Write what is held back, if anything is."""
    held: _Held | None = tx.known.get(_KEY)
    if held:
        tx.known[_KEY] = {}
        for (statement, _names), rows in held.items():
            statement.run_all(tx, rows)
