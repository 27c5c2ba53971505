"""The same life as the simulator's, lived by the real actions on SQLite under a clock that is told the time.

The mail server takes everything and delivers nothing. Gives what stands in the records in the end.
"""

from __future__ import annotations

import email
import email.policy
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from sqlalchemy import func, select

from tests.conftest import Clock, _fill
from tests.support import ground
from workflow.actions import prospects
from workflow.actions.outreach import acts, claim
from workflow.actions.outreach.send import Sender
from workflow.actions.outreach.spool import Spool
from workflow.actions.outreach.timings import Timings
from workflow.actions.prospects import Who
from workflow.engine import life, reasons
from workflow.engine import signals as kinds
from workflow.engine.life import Happening, Imagined, Standing
from workflow.ids import new_id
from workflow.mail.transport import FakeTransport
from workflow.records.db import Database
from workflow.records.models import Message, Prospect, Touch
from workflow.reports import replay
from workflow.settings import Settings
from workflow.workspace import Workspace, open_workspace

SENDER = "Iva Petrova"
_REP = Who("rep", "test")
_LINK = re.compile(r"https?://\S+/u/\S+")


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
    """What stands in the records when the life is over, and what differs when its decisions are asked again."""

    touches: tuple[Standing, ...]
    mails: tuple[Mail, ...]
    stage: str
    outcome: str | None
    differences: tuple[str, ...]


def unlinked(text: str) -> str:
    """A text without the one link that differs, and without the line ends that mail has of its own."""
    return " ".join(_LINK.sub("LINK", text).split())


def live(playbook: Path, person: Imagined, script: Iterable[Happening], begins: datetime, horizon: timedelta) -> Lived:
    """Live through a script as production does."""
    place = ground.folder() / f"life-{uuid4().hex[:12]}"
    place.mkdir()
    template = ground.folder() / "template.db"
    ground.once("sqlite", lambda: _fill(f"sqlite:///{template}"))
    shutil.copyfile(template, place / "onward.db")
    clock = Clock(begins)
    database = Database(f"sqlite:///{place / 'onward.db'}", clock=clock, pooled=False)
    try:
        settings = Settings(
            data_dir=place,
            database_url=database.url,
            redis_url=None,
            smtp_url=None,
            playbook=playbook,
            base_url="https://onward.example.com",
            mail_from=f"{SENDER} <iva@example.com>",
            secret_key="0123456789abcdef0123456789abcdef",
        )
        return _House(open_workspace(settings, database=database), clock, place).live(person, script, horizon)
    finally:
        database.close()
        shutil.rmtree(place)


class _House:
    def __init__(self, ws: Workspace, clock: Clock, place: Path) -> None:
        self.ws = ws
        self.clock = clock
        self.sender = Sender(ws, FakeTransport(), Spool(place / "spool"), Timings(), new_id())
        self.prospect_id: str | None = None

    def live(self, person: Imagined, script: Iterable[Happening], horizon: timedelta) -> Lived:
        self._tell(Happening(self.clock.now, kinds.UPSERTED, fields=person.fields, custom=person.custom))
        for happening in script:
            self._send_until(happening.at)
            self.clock.now = max(self.clock.now, happening.at)
            if happening.kind in life.ACTS:
                self._act(happening)
            else:
                self._tell(happening)
        self._send_until(self.clock.now + horizon)
        return self._lived()

    def _tell(self, happening: Happening) -> None:
        signal = happening.signal()
        told = self.ws.database.transact(lambda tx: prospects.submit(self.ws, tx, self.prospect_id, signal))
        self.prospect_id = told.prospect_id

    def _act(self, happening: Happening) -> None:
        sequence, _, step = happening.step.rpartition(".")
        found = select(Touch.id).where(Touch.step == step, Touch.state == "scheduled")
        if sequence:
            found = found.where(Touch.sequence == sequence)
        if happening.kind != life.SKIPPED:
            found = found.where(Touch.kind == ("task" if happening.kind == life.DONE else "email"))
        with self.ws.database.read() as tx:
            touch_id = tx.conn.execute(found.order_by(Touch.id.desc()).limit(1)).scalar_one_or_none()
        if touch_id is not None:
            does = {life.DONE: acts.done, life.SKIPPED: acts.skip, life.SENT_NOW: acts.send_now}[happening.kind]
            does(self.ws, touch_id, _REP)

    def _send_until(self, until: datetime) -> None:
        while True:
            with self.ws.database.read() as tx:
                due = claim.earliest_due(tx)
                last = tx.conn.execute(select(func.max(Touch.committed_at))).scalar_one()
            if due is None or due > until:
                return
            self.clock.now = max(self.clock.now, due)
            claim.hold_open(self.ws)
            claimed = claim.claim_due(self.ws)
            for each in claimed:
                self.sender.drain(each.mailbox_id)
            if not claimed:
                assert last is not None, "only the gap of the mailbox may hold what is due"
                free = last + self.ws.playbooks.current.limits.mailbox.min_gap
                assert free > self.clock.now, "only the gap of the mailbox may hold what is due"
                if free > until:
                    return
                self.clock.now = free

    def _lived(self) -> Lived:
        with self.ws.database.read() as tx:
            person = tx.conn.execute(select(Prospect.stage, Prospect.outcome)).one()
            differences = tuple(sentence for _, sentence in replay.everything(self.ws, tx))
            rows = tx.conn.execute(select(*Touch.__table__.columns)).all()
            messages = {
                row.touch_id: row
                for row in tx.conn.execute(select(Message.touch_id, Message.subject, Message.content)).all()
            }
        touches = []
        mails = []
        for row in rows:
            reason = reasons.unpack(row.reason)
            assert reason is not None
            touches.append(Standing(row.sequence, row.step, row.kind, row.state, row.due_at, row.ended_at, reason))
            if row.state == "sent":
                subject, text = _read(messages[row.id].content)
                assert subject == messages[row.id].subject
                mails.append(Mail(row.sent_at, row.sequence, row.step, subject, unlinked(text)))
        return Lived(tuple(touches), tuple(mails), person.stage, person.outcome, differences)


def _read(content: bytes) -> tuple[str, str]:
    message = email.message_from_bytes(content, policy=email.policy.default)
    body = message.get_body(("plain",))
    assert body is not None
    return str(message["subject"]), body.get_content()
