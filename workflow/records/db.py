"""The database: one door to SQLite (WAL) and PostgreSQL, with the time that goes with each transaction.

Opens, times and ends transactions. Knows no table; the schema is the matter of `workflow.records.schema`.
"""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine, NullPool, Row, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from workflow.errors import OnwardError, Unavailable
from workflow.records.line import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
Record: TypeAlias = Row[*tuple[Any, ...]]
"""One row of an answer; its columns are attributes."""

# The clock carries the journal into the file each second; a commit does it only where no clock has for 8,000 pages
# (32 MB). The cache holds the pages that a claim of 500 emails out of a million touches, which would else be written
# twice; it takes what is used, so that an idle process has none.
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=5000",
    "wal_autocheckpoint=8000",
    "cache_size=-8000",
)
_TRIES = 5
# A little less than the five seconds that both databases wait for a lock.
_WAITED_ENOUGH_S = 4.0
# Deadlock, serialization failure, lock not available: PostgreSQL undid the transaction, and it may be run again.
_AGAIN = frozenset({"40P01", "40001", "55P03"})
_READ = "BEGIN"
# A deferred transaction that reads and then writes fails at once, whatever the busy timeout.
_WRITE = "BEGIN IMMEDIATE"
_ALONE = "BEGIN IMMEDIATE -- alone"
# PostgreSQL is asked for the time first. Whoever writes shares a gate, which costs nothing; whoever must be alone
# closes it. Nothing is read before the gate is passed, so that what is read was written by whom one waited for.
_GATE = 0x6F6E7761
_FIRST = {
    _READ: "SELECT now()",
    _WRITE: f"SELECT now(), pg_advisory_xact_lock_shared({_GATE})",
    _ALONE: f"SELECT now(), pg_advisory_xact_lock({_GATE})",
}


class CommitUnknown(OnwardError):
    """The database did not answer the commit: it may or may not have happened, so read before doing it again."""


class Tx:
    """A transaction, the one moment in which it happens (aware UTC), and whether it locks rows one by one.

    SQLite locks the whole file instead, before the first statement. `known` keeps what holds for its whole length.
    """

    __slots__ = ("_cursor", "_ending", "conn", "known", "locks_rows", "now")

    now: datetime

    def __init__(self, conn: Connection, *, locks_rows: bool) -> None:
        self.conn = conn
        self.locks_rows = locks_rows
        self.known: dict[str, Any] = {}
        self._ending: list[tuple[Callable[[Tx, list[Any]], None], Any]] = []
        self._cursor: Any = conn.connection.cursor()

    def drive(self, sql: str, values: object = (), *, many: bool = False) -> Any:  # noqa: ANN401 - two drivers
        """Let the driver run `sql`, once or for `many` sets of values; gives its cursor, the same one each time.

        For `workflow.records.prepared`. An error is named as SQLAlchemy names those of its own statements.
        """
        try:
            (self._cursor.executemany if many else self._cursor.execute)(sql, values)
        except self._driver.Error as error:
            raise self._named(sql, error) from error
        return self._cursor

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A part of the transaction that leaves nothing behind when it fails; its error goes on to the caller.

        By hand, because the library compiles each savepoint anew, which costs as much as three statements.
        """
        self.drive("SAVEPOINT attempt")
        before = len(self._ending)
        try:
            yield
        except BaseException:
            del self._ending[before:]
            if not self.conn.invalidated:
                self.drive("ROLLBACK TO SAVEPOINT attempt")
            raise
        self.drive("RELEASE SAVEPOINT attempt")

    def at_end(self, act: Callable[[Tx, list[Any]], None], item: object) -> None:
        """Let `act` run right before the commit, once, with all its items: for what locks a row that everybody needs.

        Locked earlier it would hold up whoever else writes, and two such transactions might wait for each other.
        """
        self._ending.append((act, item))

    def finish(self) -> None:
        """Do what was left for the end."""
        for act in dict.fromkeys(act for act, _ in self._ending):
            act(self, [item for other, item in self._ending if other is act])
        self._ending.clear()

    @property
    def _driver(self) -> Any:  # noqa: ANN401 - a module
        return self.conn.dialect.loaded_dbapi

    def _named(self, sql: str, error: Any) -> StatementError:  # noqa: ANN401 - of a driver
        gone = self.conn.dialect.is_disconnect(error, self.conn.connection.dbapi_connection, self._cursor)
        dialect, base = self.conn.dialect, self._driver.Error
        named: StatementError = DBAPIError.instance(
            sql, None, error, base, hide_parameters=True, connection_invalidated=gone, dialect=dialect
        )
        if gone:
            self.conn.invalidate(error)
        return named


class Database:
    """A database, opened for one process. Call `after_fork` in a child before it is used there.

    The time of a transaction is that of this host on SQLite, which lives on one, and that of the server on PostgreSQL:
    one clock for many hosts. `clock` tells another.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], datetime] | None = None,
        pooled: bool = True,
        pool_size: int = 8,
        statement_timeout_s: int = 60,
    ) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._clock = clock
        self._line = Line()
        self._before: Callable[[], None] | None = None
        self._engine = _engine(url, pooled=pooled, pool_size=pool_size, statement_timeout_s=statement_timeout_s)

    def held_to(self, check: Callable[[], None]) -> Database:
        """The same database, whose next transaction that writes does so alone, and only if `check` raises nothing.

        `check` reads in a transaction of its own: nobody changes anything between what it sees and the commit.
        """
        held = copy(self)
        held._before = check  # noqa: SLF001 - of this class
        return held

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A transaction that only reads, over one snapshot on SQLite. Raises Unavailable when the database is away."""
        with _named_errors(), self._begun(_READ) as tx:
            yield tx
            tx.conn.commit()

    @contextmanager
    def write(self, *, alone: bool = False) -> Iterator[Tx]:
        """A transaction that writes. On SQLite it takes the write lock first, so that it never fails half-way.

        With `alone` no other one writes meanwhile, on PostgreSQL either. Raises Unavailable when the database is away
        or busy, CommitUnknown when the commit was not answered.
        """
        before = self._before
        with _named_errors(), self._turn(), self._begun(_ALONE if alone or before else _WRITE) as tx:
            if before is not None:
                before()
            yield tx
            tx.finish()
            try:
                tx.conn.commit()
            except DBAPIError as error:
                if _sqlstate(error) in _AGAIN or isinstance(error.orig, sqlite3.Error):
                    raise
                raise CommitUnknown from error
            self._before = None

    def transact(self, work: Callable[[Tx], T], *, alone: bool = False) -> T:
        """Run `work` in a write transaction; again, up to five times, when the database asks for that.

        Not after a wait of seconds for somebody else's lock: whoever asked has waited long enough for an answer.
        """
        begun = time.monotonic()
        for left in range(_TRIES - 1, -1, -1):
            try:
                with self.write(alone=alone) as tx:
                    return work(tx)
            except Unavailable as error:
                waited = time.monotonic() - begun > _WAITED_ENOUGH_S
                if not left or waited or not _asks_again(error.__cause__):
                    raise
            time.sleep(random.uniform(0.01, 0.2))  # noqa: S311 - jitter, no secret
        raise AssertionError

    def after_fork(self) -> None:
        """Forget the parent's connections without closing them: the sockets still belong to the parent."""
        self._engine.dispose(close=False)
        # A thread of the parent may have been in the middle of its turn.
        self._line = Line()

    def empty_journal(self) -> None:
        """Bring SQLite's journal into its file and empty it, as far as nobody reads it; PostgreSQL sees to its own."""
        if self.is_sqlite:
            with _named_errors(), self._engine.connect() as conn:
                conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def carry_journal(self) -> None:
        """Bring as much of SQLite's journal into its file as nobody is in the way of; nobody waits for it.

        Done between the commits, and not by the one that happens to make the journal too long: such a commit would pay
        for those of all others.
        """
        if self.is_sqlite:
            with _named_errors(), self._engine.connect() as conn:
                conn.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Close every idle connection."""
        self._engine.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Threads of this process come to write on SQLite in the order in which they asked."""
        if not self.is_sqlite:
            yield
            return
        # Whoever waited in vain asks SQLite all the same: it then says so itself, or lets them in.
        with self._line.turn(_WAITED_ENOUGH_S):
            yield

    @contextmanager
    def _begun(self, begin: str) -> Iterator[Tx]:
        tx = self._begin(begin)
        try:
            yield tx
        finally:
            tx.conn.close()

    def _begin(self, begin: str) -> Tx:
        """Begin on a connection that answers: one that died while it lay in the pool is replaced, and nobody notices.

        Done here and not by a listener of the engine, which would be asked at every statement.
        """
        for dead_before in (False, True):
            conn = self._engine.connect()
            try:
                conn.begin()
                tx = Tx(conn, locks_rows=not self.is_sqlite)
                tx.now = self._first_answer(tx, begin)
            except BaseException as error:
                conn.close()
                died = isinstance(error, DBAPIError) and error.connection_invalidated
                if dead_before or not died:
                    raise
            else:
                return tx
        raise AssertionError

    def _first_answer(self, tx: Tx, begin: str) -> datetime:
        if self.is_sqlite:
            tx.drive(begin)
            return self._clock() if self._clock else datetime.now(UTC)
        # Asked even where the time is told: the answer shows that the connection lives.
        moment: datetime = tx.drive(_FIRST[begin]).fetchone()[0]
        return self._clock() if self._clock else moment.astimezone(UTC)


def _engine(url: str, *, pooled: bool, pool_size: int, statement_timeout_s: int) -> Engine:
    if url.startswith("sqlite"):
        engine = create_engine(
            url,
            hide_parameters=True,
            connect_args={"timeout": 5, "check_same_thread": False},
            **_pool(pooled, pool_size),
        )
        event.listen(engine, "connect", _sqlite_connected)
    else:
        # A commit that the server may still forget is none: a forgotten commit mark would send an email twice. So it is
        # asked for here, whatever the server's own default.
        options = (
            f"-c synchronous_commit=on -c statement_timeout={statement_timeout_s * 1000} -c lock_timeout=5000"
            " -c idle_in_transaction_session_timeout=30000 -c timezone=UTC"
            # Our questions are answered by their indexes, most of which lie in memory; the server's own figure is of a
            # turning disk, and lets it read whole tables instead. Workers take longer to come than they save.
            " -c random_page_cost=1.1 -c max_parallel_workers_per_gather=0"
        )
        connect = {"options": options, "connect_timeout": 5, "application_name": "onward"}
        engine = create_engine(url, hide_parameters=True, connect_args=connect, **_pool(pooled, pool_size))
    return engine


def _pool(pooled: bool, size: int) -> dict[str, Any]:  # noqa: FBT001 - private
    if not pooled:
        return {"poolclass": NullPool}
    return {"pool_size": size, "max_overflow": 2, "pool_timeout": 5}


def _sqlite_connected(connection: sqlite3.Connection, _record: object) -> None:
    # None: the driver begins no transaction by itself; `Database` does, with the lock that is meant.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except (OperationalError, PoolTimeout) as error:
        raise Unavailable from error
    except DBAPIError as error:
        if error.connection_invalidated or _sqlstate(error) in _AGAIN:
            raise Unavailable from error
        raise


def _sqlstate(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", "") or "")


def _asks_again(error: BaseException | None) -> bool:
    if not isinstance(error, DBAPIError):
        return False
    return _sqlstate(error) in _AGAIN or "locked" in str(error.orig)
