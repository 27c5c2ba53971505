"""A full installation for benches: a hundred thousand prospects with a million rows of history, filled within minutes.

Rows go in by the driver alone (COPY on PostgreSQL). What is in them is plausible; nobody's history proves itself.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from sqlalchemy import select

from bench import busy
from workflow import ids, progress
from workflow.actions import people
from workflow.engine.signals import BOUNCED
from workflow.records.base import Base
from workflow.records.day import Snooze
from workflow.records.models import Call, Enrollment, History, Incoming, Meeting, Prospect, Rep, Suppression, Touch
from workflow.records.stays import Stay
from workflow.search import searchable
from workflow.workspace import Workspace

PROSPECTS: Final = 100_000
PER_PROSPECT: Final = 10
"""Rows of history of each."""
_REPS: Final = 20
_FIRST: Final = (
    "Иван", "Петър", "Георги", "Димитър", "Мария", "Елена", "Цветан", "Живко", "Христо", "Йордан", "Стоян", "Николай",
    "Десислава", "Anna", "John", "Maria", "Peter", "Thomas", "Claire", "Sofia",
)  # fmt: skip
_LAST: Final = (
    "Иванов", "Петров", "Георгиев", "Димитров", "Желязков", "Цветков", "Христов", "Йорданов", "Стоянов", "Николов",
    "Ангелова", "Тодорова", "Smith", "Weber", "Novak", "Moreau", "Rossi", "Jensen", "Kowalski", "Papadopoulos",
)  # fmt: skip
_TRADE: Final = ("Строй", "Логистик", "Софт", "Foods", "Steel", "Медия", "Textile", "Аптеки")
_ORIGINS: Final = ("source:crm", "source:site", "import", "rep")
_COMPETITORS: Final = ("Salesmate", "salesmate", "In-house sheet", "Cargobase; Salesmate", "Do nothing")
_SEQUENCES: Final = ("after_call", "after_call", "after_meeting")
_KINDS: Final = ("created", "edited", "answers.recorded", "call.ended", "moved", "email.opened", "moved", "edited")


@dataclass(frozen=True, slots=True)
class Full:
    """What was filled: some prospects to look at, and the reps by id."""

    prospects: tuple[str, ...]
    reps: tuple[str, ...]


def fill(ws: Workspace, prospects: int = PROSPECTS) -> Full:
    """Fill the installation of `ws`, which nobody uses yet."""
    dice = random.Random(11)
    reps = tuple(people.add_rep(ws, f"rep{number}@example.com", "rep", name=f"Rep {number}") for number in range(_REPS))
    people.add_rep(ws, "boss@example.com", "admin", name="Boss")
    with ws.database.read() as tx:
        book = ws.playbooks.in_force(tx)
        now = tx.now
    stages = tuple(book.stages)
    made = list(_people(dice, reps, stages, now, prospects))
    silent: list[dict[str, Any]] = []
    with _indexed_at_once(ws):
        _insert(ws, Prospect, made)
    _insert(ws, History, (row for each in made for row in _history(dice, each, stages, reps, silent)))
    _insert(ws, Stay, (row for each in made for row in _stays(dice, each, stages)))
    _insert(ws, Suppression, silent)
    _insert(ws, Call, busy.calls(dice, made, reps))
    _insert(ws, Meeting, busy.meetings(dice, made, now))
    running = [each for each in made if each["stage"] != stages[-1] and dice.random() < 0.4]
    enrolled = [_enrollment(each, dice.choice(_SEQUENCES), book.digest) for each in running]
    _insert(ws, Enrollment, enrolled)
    planned = [
        row
        for each in enrolled
        for row in busy.touches(dice, each, book.sequences[each["sequence"]].steps, ws.mailbox_id, now)
    ]
    _insert(ws, Touch, planned)
    waiting = [each for each in planned if each["kind"] == "task" and each["next_attempt_at"] is not None]
    _insert(ws, Snooze, busy.put_off(dice, waiting, reps, now))
    _insert(ws, Incoming, busy.unmatched(dice, ws.mailbox_id, now))
    _analyze(ws)
    return Full(tuple(each["id"] for each in dice.sample(made, 200)), reps)


def boss(ws: Workspace) -> str:
    """The id of the administrator."""
    with ws.database.read() as tx:
        return str(tx.conn.execute(select(Rep.id).where(Rep.email == "boss@example.com")).scalar_one())


def _people(
    dice: random.Random, reps: Sequence[str], stages: Sequence[str], now: datetime, number: int
) -> Iterator[dict[str, Any]]:
    for at in range(number):
        name = f"{dice.choice(_FIRST)} {dice.choice(_LAST)}"
        company = f"{dice.choice(_TRADE)} {at % 5000} ООД"
        email, phone = f"person{at}@firm{at % 5000}.example.com", f"+35988{at:07d}"
        created = now - timedelta(minutes=(number - at) * 4, seconds=dice.randrange(60))
        entered = created + (now - created) * dice.random()
        stage = dice.choices(stages, range(len(stages) + 2, 2, -1))[0]
        final = stage == stages[-1]
        reached = [*stages[: stages.index(stage) + 1], *(["email.replied"] if dice.random() < 0.3 else [])]
        yield {
            "id": ids.new_id(), "email": email, "email_key": email, "name": name, "company": company, "phone": phone,
            "title": "Управител", "language": "bg", "time_zone": "", "country": "BG", "stage": stage,
            "custom": {"persona": "owner", "budget": str(at % 900), "team": "12"}, "version": PER_PROSPECT,
            "outcome": dice.choice(("won", "lost", "no_decision")) if final else None, "chain": f"{at:064x}",
            "owner_id": dice.choice(reps) if dice.random() < 0.9 else None, "entered_stage_at": entered,
            "moved_at": entered, "search": searchable(name, company, email, phone), "created_at": created,
            "updated_at": entered, "reached": progress.told(reached), "origin": dice.choice(_ORIGINS),
            "competitor": dice.choice(_COMPETITORS) if dice.random() < 0.2 else "",
            "outcome_reason": dice.choice(("price", "timing", "silence")) if final else None,
        }  # fmt: skip


def _stays(dice: random.Random, told: dict[str, Any], stages: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The stages before the one it is in, each left at some time in between."""
    passed = stages.index(told["stage"])
    for number, stage in enumerate(stages[:passed]):
        left = told["created_at"] + (told["entered_stage_at"] - told["created_at"]) * ((number + 1) / passed)
        yield {
            "prospect_id": told["id"], "version": number + 2, "stage": stage, "hours": dice.randrange(1, 900),
            "left_at": left, "owner_id": told["owner_id"], "language": told["language"], "origin": told["origin"],
        }  # fmt: skip


def _history(
    dice: random.Random, told: dict[str, Any], stages: Sequence[str], reps: Sequence[str], silent: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Its rows; whoever's mail came back goes to `silent` as well."""
    last = busy.told_last(dice, reps)
    span = told["updated_at"] - told["created_at"]
    reached = stages.index(told["stage"])
    for version in range(1, PER_PROSPECT + 1):
        at = told["created_at"] + span * (version / PER_PROSPECT)
        kind = "created" if version == 1 else _KINDS[version % len(_KINDS)]
        actor = "source:crm"
        if version > PER_PROSPECT - len(last):
            kind, actor = last[version - PER_PROSPECT - 1]
            if kind == BOUNCED:
                silent.append(busy.barred(told, at))
        moves = kind == "moved" and reached > 0
        to = stages[min(reached, version)] if moves else stages[0] if version == 1 else None
        yield {
            "prospect_id": told["id"], "version": version, "at": at, "occurred_at": at, "kind": kind,
            "actor": actor, "cause": f"delivery:{version}", "to_stage": to,
            "from_stage": stages[max(0, min(reached, version) - 1)] if moves else None,
            "changes": {"stage": to} if to else {"budget": str(dice.randrange(900))}, "detail": {},
            "digest": f"{version:064x}",
        }  # fmt: skip


def _enrollment(told: dict[str, Any], key: str, digest: str) -> dict[str, Any]:
    return {
        "id": ids.new_id(), "prospect_id": told["id"], "sequence": key, "playbook_digest": digest, "state": "active",
        "cause": "test", "started_at": told["entered_stage_at"],
    }  # fmt: skip


def _insert(ws: Workspace, model: type[Base], rows: Iterable[dict[str, Any]]) -> None:
    columns = [column.name for column in model.__table__.columns]
    table = model.__table__.name  # type: ignore[attr-defined]
    if ws.database.is_sqlite:
        marks = ", ".join("?" * len(columns))
        with closing(sqlite3.connect(ws.database.url.removeprefix("sqlite:///"))) as lite:
            lite.execute("PRAGMA synchronous=OFF")
            lite.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})",
                ([_plain(row.get(name), naive=True) for name in columns] for row in rows),
            )
            lite.commit()
        return
    order: Any = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    with (
        psycopg.connect(ws.database.url.replace("+psycopg", "")) as connection,
        connection.cursor().copy(order) as copy,
    ):
        for row in rows:
            copy.write_row([_plain(row.get(name), naive=False) for name in columns])


@contextmanager
def _indexed_at_once(ws: Workspace) -> Iterator[None]:
    """Let SQLite index the words of all prospects together: by its trigger, one by one, it takes minutes."""
    if not ws.database.is_sqlite:
        yield
        return
    with closing(sqlite3.connect(ws.database.url.removeprefix("sqlite:///"), isolation_level=None)) as lite:
        lite.execute("PRAGMA synchronous=OFF")
        (trigger,) = lite.execute("SELECT sql FROM sqlite_master WHERE name = 'prospect_words_made'").fetchone()
        lite.execute("DROP TRIGGER prospect_words_made")
        yield
        lite.execute("INSERT INTO prospect_words (prospect_id, words) SELECT id, search FROM prospect ORDER BY id")
        lite.execute("INSERT INTO prospect_grams (prospect_grams) VALUES ('rebuild')")
        lite.execute(trigger)


def _plain(value: Any, *, naive: bool) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") if naive else value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


def _analyze(ws: Workspace) -> None:
    """What PostgreSQL does by itself after some minutes; SQLite goes without statistics, as in production."""
    if ws.database.is_sqlite:
        with closing(sqlite3.connect(ws.database.url.removeprefix("sqlite:///"))) as lite:
            lite.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    with psycopg.connect(ws.database.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
