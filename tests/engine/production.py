"""The same life as the simulator's, lived by the real actions on SQLite under a clock that is told the time.

The mail server delivers nothing. It takes everything, but for the outcomes it is told to play at first. Gives what
stands in the records in the end.
"""

from __future__ import annotations

import email
import email.policy
import os
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, select

from tests.conftest import Clock, _fill
from tests.support import ground
from tests.support.books import SOURCES
from workflow import places
from workflow.actions import inbox, prospects
from workflow.actions.outreach import acts, claim, recover
from workflow.actions.outreach.send import Sender
from workflow.actions.outreach.spool import Spool
from workflow.actions.outreach.timings import Timings
from workflow.actions.parcels import Incoming, Parcel
from workflow.actions.prospects import Who
from workflow.actions.sources import OpenSource
from workflow.engine import leaving, life, reasons
from workflow.engine import signals as kinds
from workflow.engine.life import Happening, Imagined, Standing
from workflow.ids import new_id
from workflow.mail.templates import Templates
from workflow.mail.transport import FakeTransport, Outcome
from workflow.playbook.needs import ROLES
from workflow.records.base import Moment
from workflow.records.db import Database, Record
from workflow.records.models import Mailbox, Message, Prospect, Rep, Source, Touch
from workflow.records.prepared import Prepared
from workflow.reports import replay
from workflow.settings import Settings
from workflow.texts import Texts
from workflow.workspace import Workspace, open_workspace

SENDER: Final = "Iva Petrova"
# By a source that knows the prospect, in the words of the front door.
_REF: Final = "p-1"
_REP: Final = Who("rep", "test")
_LINK: Final = re.compile(r"https?://\S+/u/\S+")
# The clock looks at deadlines far more often; they are moved an hour before they end.
_LOOK_EVERY: Final = timedelta(minutes=30)


def _one(value: object, *where: object, name: str) -> Any:
    return select(value).where(*where).scalar_subquery().label(name)  # type: ignore[call-overload]


_SCHEDULED: Final = (Touch.state == "scheduled") & Touch.asks_since.is_(None)
_WAITS: Final = Prepared(
    select(
        Mailbox.state,
        Mailbox.backoff_until,
        _one(func.min(Touch.next_attempt_at), _SCHEDULED, Touch.mailbox_id.is_not(None), name="due"),
        _one(func.min(Touch.next_attempt_at), _SCHEDULED, Touch.forced, name="ahead"),
        _one(func.max(Touch.committed_at), name="last"),
        _one(
            func.min(Touch.committed_at),
            Touch.state == "uncertain",
            Touch.committed_at >= bindparam("now", type_=Moment()),
            name="counts_soon",
        ),
        _one(func.min(Touch.committed_at), Touch.state == "uncertain", name="uncertain"),
    )
)


@dataclass(frozen=True, slots=True)
class Mail:
    """An email that left: when, of which step, and how it reads."""

    at: datetime
    sequence: str
    step: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Lived:
    """What stands in the records when the life is over, the mails in the order in which they left.

    After a look, only what was open then and what came after it. `seen` is what the look gave,
    `differences` what comes out otherwise when the decisions are asked again.
    """

    touches: tuple[Standing, ...]
    mails: tuple[Mail, ...]
    stage: str
    outcome: str | None
    seen: Any = None
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """Once `after` so many happenings, somebody looks; `takes` is handed the installation and the prospect."""

    after: int
    takes: Callable[[Workspace, str], object]
    reopen: Path | None = None
    outcomes: Sequence[Outcome] = field(default_factory=tuple)


@cache
def templates() -> Templates:
    """The emails that ship with the product, compiled once."""
    return Templates(places.templates_dir() / "email")


def unlinked(text: str) -> str:
    """A text without the one link that differs, and without the line ends that mail has of its own."""
    return " ".join(_LINK.sub("LINK", text).split())


def live(
    playbook: Path,
    person: Imagined,
    script: Iterable[Happening],
    begins: datetime,
    horizon: timedelta,
    look: Look | None = None,
) -> Lived:
    """Live through a script as production does."""
    return _house(os.getpid()).live(playbook, person, tuple(script), begins, horizon, look)


@cache
def _house(_pid: int) -> _House:
    return _House()


class _House:
    """One installation of this process; before each life its database is what it was at first."""

    def __init__(self) -> None:
        self.place = ground.folder() / f"lives-{os.getpid()}"
        self.place.mkdir()
        self.file = self.place / "onward.db"
        self.clock = Clock(kinds.NEVER)
        self.empty = self.place / "empty.db"
        self.reps = {role: new_id() for role in ROLES}
        self.sources = {name: OpenSource(new_id(), name, kind, ()) for kind, name in SOURCES}
        template = ground.folder() / "template.db"
        ground.once("sqlite", lambda: _fill(f"sqlite:///{template}"))
        shutil.copyfile(template, self.file)
        self.database = Database(f"sqlite:///{self.file}", clock=self.clock)
        self.database.transact(lambda tx: self._people(tx.conn))
        self.database.close()
        shutil.copyfile(self.file, self.empty)

    def _people(self, conn: Any) -> None:
        for role, rep_id in self.reps.items():
            row = {"id": rep_id, "email": f"{role}@example.com", "name": role, "role": role}
            conn.execute(insert(Rep), {**row, "created_at": kinds.NEVER})
        for source in self.sources.values():
            row = {"id": source.id, "name": source.name, "kind": source.kind, "secrets": ""}
            conn.execute(insert(Source), {**row, "created_at": kinds.NEVER})

    def live(
        self,
        playbook: Path,
        person: Imagined,
        script: tuple[Happening, ...],
        begins: datetime,
        horizon: timedelta,
        look: Look | None,
    ) -> Lived:
        for end in ("", "-wal", "-shm"):
            Path(f"{self.file}{end}").unlink(missing_ok=True)
        shutil.copyfile(self.empty, self.file)
        self.clock.now = begins
        try:
            return _Life(self, self._open(playbook), look).live(person, script, horizon)
        finally:
            self.database.close()

    def _open(self, playbook: Path) -> Workspace:
        settings = Settings(
            data_dir=self.place,
            database_url=self.database.url,
            redis_url=None,
            smtp_url=None,
            playbook=playbook,
            base_url="https://onward.example.com",
            mail_from=f"{SENDER} <iva@example.com>",
            secret_key="0123456789abcdef0123456789abcdef",
        )
        return replace(open_workspace(settings, database=self.database), templates=Texts(templates()))


class _Life:
    def __init__(self, house: _House, ws: Workspace, look: Look | None) -> None:
        self.house = house
        self.ws = ws
        self.clock = house.clock
        self.look = look
        self.timings = Timings()
        self.transport = FakeTransport(look.outcomes if look else ())
        self.sender = Sender(ws, self.transport, Spool(house.place / "spool"), self.timings, new_id())
        self.prospect_id: str | None = None
        self.over: set[str] = set()

    def live(self, person: Imagined, script: tuple[Happening, ...], horizon: timedelta) -> Lived:
        """Live, and look once on the way."""
        self._tell(Happening(self.clock.now, kinds.UPSERTED, fields=person.fields, custom=person.custom))
        self.ws.database.transact(self._make_known)
        seen = self._looked(0)
        for number, happening in enumerate(script, start=1):
            self._send_until(happening.at)
            self.clock.now = max(self.clock.now, happening.at)
            if happening.kind in life.ACTS:
                self._act(happening)
            elif happening.sender in SOURCES:
                self._deliver(happening)
            elif happening.role and not happening.sender:
                self._ask(happening)
            else:
                self._tell(happening)
            seen = self._looked(number) or seen
        self._send_until(self.clock.now + horizon)
        return self._lived(seen)

    def _make_known(self, tx: Any) -> None:
        for source in self.house.sources.values():
            prospects.remember_ref(tx, source.id, _REF, self.prospect_id or "")

    def _looked(self, number: int) -> object:
        if self.look is None or self.look.after != number or self.prospect_id is None:
            return None
        # Whatever the server still had up its sleeve: from here on it takes everything.
        self.transport = FakeTransport()
        if self.look.reopen is not None:
            self.ws = self.house._open(self.look.reopen)
        spool = Spool(self.house.place / "spool")
        self.sender = Sender(self.ws, self.transport, spool, self.timings, new_id())
        with self.ws.database.read() as tx:
            over = select(Touch.id).where(Touch.state.not_in(leaving.OPEN))
            self.over = set(tx.conn.execute(over).scalars())
        if number % 2:
            claim.claim_due(self.ws)
        seen = self.look.takes(self.ws, self.prospect_id)
        self.sender.drain(self.ws.mailbox_id)
        return seen

    # --- the doors

    def _tell(self, happening: Happening) -> None:
        signal = happening.signal()
        told = self.ws.database.transact(lambda tx: prospects.submit(self.ws, tx, self.prospect_id, signal))
        self.prospect_id = told.prospect_id

    def _deliver(self, told: Happening) -> None:
        """By webhook; every third delivery comes twice, and once more under another key."""
        incoming = Incoming(
            f"event-{told.line}", told.kind, told.occurred_at, _REF, told.fields, told.custom, dict(told.data)
        )
        source = self.house.sources[told.sender[1]]
        for key in ("a", "a", "b") if told.line % 3 == 0 else ("a",):
            receipt = inbox.receive(self.ws, source, Parcel(f"{told.line}{key}", {}, b"{}", (incoming,)))
            assert receipt.events[0].outcome not in ("parked", "failed", "pending"), receipt

    def _ask(self, told: Happening) -> None:
        """By the door that panel and API use."""
        who = Who(f"rep:{self.house.reps[told.role or '']}", f"request:{told.line}")
        prospect_id = self.prospect_id or ""
        if told.kind == kinds.MOVE:
            prospects.move(self.ws, prospect_id, told.data["trigger"], told.data, who)
        elif told.kind == kinds.UPSERTED:
            prospects.edit(self.ws, prospect_id, told.fields, told.custom, who)
        else:
            prospects.tell(self.ws, prospect_id, told.kind, told.data, who)

    def _act(self, happening: Happening) -> None:
        sequence, _, step = happening.step.rpartition(".")
        found = select(Touch.id).where(Touch.step == step, Touch.state == "scheduled")
        if sequence:
            found = found.where(Touch.sequence == sequence)
        if happening.kind != life.SKIPPED:
            found = found.where(Touch.kind == ("task" if happening.kind == life.DONE else "email"))
        with self.ws.database.read() as tx:
            touch_id = tx.conn.execute(found.order_by(Touch.id.desc()).limit(1)).scalar_one_or_none()
            paused = tx.conn.execute(select(Mailbox.state)).scalar_one() != "active"
        if touch_id is not None and not (paused and happening.kind == life.SENT_NOW):
            does = {life.DONE: acts.done, life.SKIPPED: acts.skip, life.SENT_NOW: acts.send_now}[happening.kind]
            does(self.ws, touch_id, _REP)

    # --- the clock and the hands

    def _send_until(self, until: datetime) -> None:
        """Go on to each moment at which something may leave, and let it."""
        while True:
            at, waits = self._next()
            if waits.uncertain is not None:
                recover.release_behind_uncertain(self.ws, self.timings)
                at, waits = self._next()
            if at is None or at > until:
                return
            stood = at <= self.clock.now
            self.clock.now = max(self.clock.now, at)
            claim.hold_open(self.ws)
            claimed = claim.claim_due(self.ws)
            put_off = stood and not claimed and self._next()[0] != at
            assert claimed or put_off or not stood, "what is due may leave, and nobody claims it"
            self.sender.drain(self.ws.mailbox_id)

    def _next(self) -> tuple[datetime | None, Record]:
        """When the next email can be claimed, or the next uncertain one lets go on."""
        now = self.clock.now
        with self.ws.database.read() as tx:
            (waits,) = _WAITS.all(tx, {"now": now - self.timings.uncertain_counts_as_sent})
        times = []
        if waits.counts_soon is not None:
            times.append(waits.counts_soon + self.timings.uncertain_counts_as_sent + timedelta.resolution)
        due = waits.due if waits.state == "active" else None
        if due is not None:
            gap = self.ws.playbooks.current.limits.mailbox.min_gap
            free = max(due, waits.last + gap if waits.last and gap else due, waits.backoff_until or due)
            if due <= now < free:
                # Looked at now and then, so that its deadline is held open.
                claim.hold_open(self.ws)
                free = min(free, now + _LOOK_EVERY)
            times.append(due if due > now else free)
            times += [waits.ahead] if waits.ahead is not None else []
        return min(times, default=None), waits

    def _lived(self, seen: object) -> Lived:
        with self.ws.database.read() as tx:
            person = tx.conn.execute(select(Prospect.stage, Prospect.outcome)).one()
            differences = tuple(sentence for _, sentence in replay.everything(self.ws, tx))
            rows = tx.conn.execute(select(*Touch.__table__.columns).order_by(Touch.id)).all()
            messages = {
                row.touch_id: row
                for row in tx.conn.execute(select(Message.touch_id, Message.subject, Message.content)).all()
            }
        mails = {}
        touches = []
        for row in rows:
            if row.id in self.over:
                continue
            reason = reasons.unpack(row.reason)
            assert reason is not None
            touches.append(Standing(row.sequence, row.step, row.kind, row.state, row.due_at, row.ended_at, reason))
            if row.state == "sent":
                subject, text = _read(messages[row.id].content)
                assert subject == messages[row.id].subject
                mails[messages[row.id].content] = Mail(row.sent_at, row.sequence, row.step, subject, unlinked(text))
        left = tuple(mails[envelope.content] for envelope in self.transport.sent)
        assert len(left) == len(mails)
        return Lived(tuple(touches), left, person.stage, person.outcome, seen, differences)


def _read(content: bytes) -> tuple[str, str]:
    message = email.message_from_bytes(content, policy=email.policy.default)
    body = message.get_body(("plain",))
    assert body is not None
    return str(message["subject"]), body.get_content()
