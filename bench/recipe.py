"""Records the statements of one delivery as the product issues them, to be run again as literal SQL by `bench.bare`."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.json import Json, Jsonb
from sqlalchemy import event

from workflow.records.db import Database

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a recorded parameter that differs from request to request: `name` says what stands in it."""

    name: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A recorded statement. `gives_prospect` marks the one whose answer names the prospect."""

    sql: str
    values: tuple[object, ...] | dict[str, object]
    asks: bool
    gives_prospect: bool


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a bare server runs; without statements, two in Core."""

    url: str
    secret: str
    source_id: str
    statements: tuple[Statement, ...] = ()
    fresh_ids: int = 0


COMMIT = "COMMIT"
"""Stands between the statements of one transaction and those of the next."""


def record(
    database: Database, act: Callable[[], object], known: dict[str, str], body: bytes = b""
) -> tuple[tuple[Statement, ...], int]:
    """The statements that `act` issues, and how many ids it makes.

    `known` names the words of the sample that differ between requests, after = those that do not; `body` is what was
    sent. What the driver is told is heard, whoever tells it.
    """
    heard: list[tuple[str, Any]] = []

    class Ears(sqlite3.Cursor):
        def execute(self, sql: str, values: Any = ()) -> Any:
            heard.append((sql, values))
            return super().execute(sql, values)

    class PostgresEars(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
            heard.append((query, params or {}))
            return super().execute(query, params, **more)

    class SqliteConnection(sqlite3.Connection):
        def cursor(self, factory: Any = Ears) -> Any:
            return super().cursor(factory)

    def listen(_dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
        options |= {"factory": SqliteConnection} if database.is_sqlite else {"cursor_factory": PostgresEars}

    with database.read() as tx:
        engine = tx.conn.engine
    database.close()
    event.listen(engine, "do_connect", listen)
    event.listen(engine, "commit", lambda _conn: heard.append((COMMIT, ())))
    with database.read():
        heard.clear()
    heard.clear()
    act()
    slots = _Slots(known, body)
    return tuple(_statement(sql, values, slots) for sql, values in heard), slots.fresh


class _Slots:
    """Turns the values of the sample into places for those of other requests."""

    def __init__(self, known: dict[str, str], body: bytes) -> None:
        self._known = known
        self._body = body
        self._ids: dict[str, str] = {}

    @property
    def fresh(self) -> int:
        return len(self._ids)

    def of(self, value: object) -> object:
        if isinstance(value, Json | Jsonb):
            return json.dumps(value.obj)
        if isinstance(value, memoryview | bytes):
            return Slot("body") if bytes(value) == self._body else bytes(value)
        if not isinstance(value, str):
            return value
        for name, word in self._known.items():
            if word in value:
                return value if name.startswith("=") else _slot(name, word, value)
        made = _ID.search(value)
        if made is None:
            return value
        name = self._ids.setdefault(made[0], f"id{len(self._ids)}")
        return _slot(name, made[0], value)


def _slot(name: str, word: str, value: str) -> Slot:
    before, _, after = value.partition(word)
    return Slot(name, before, after)


def _statement(sql: str, values: Any, slots: _Slots) -> Statement:
    asks = sql.startswith("SELECT")
    filled: Any
    if isinstance(values, dict):
        filled = {name: slots.of(value) for name, value in values.items()}
    else:
        filled = tuple(slots.of(value) for value in values)
    return Statement(sql, filled, asks, asks and "external_ref" in sql)
