"""A stage for tests of outreach: an opened installation, a clock that is told, prospects, and hands that send.

Everything happens in this process and on a real database; only the mail server is the working fake of the port,
unless a test asks for a real one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from tests.conftest import Clock
from workflow import ids
from workflow.actions import prospects
from workflow.actions.outreach import claim, recover
from workflow.actions.outreach.claim import Claimed
from workflow.actions.outreach.send import Sender
from workflow.actions.outreach.settle import Begun
from workflow.actions.outreach.spool import Spool
from workflow.actions.outreach.timings import Timings
from workflow.actions.prospects import Result, Who
from workflow.engine import reasons
from workflow.mail.templates import Templates
from workflow.mail.transport import Envelope, FakeTransport, Outcome, Phase, Reason, Transport
from workflow.probe import SILENT, Probe
from workflow.records.base import Base
from workflow.records.db import Database, Record
from workflow.records.models import Enrollment, History, Mailbox, Message, Prospect, Suppression, Touch
from workflow.settings import Settings
from workflow.texts import Texts
from workflow.workspace import Workspace, open_workspace

FAST = Path(__file__).resolve().parents[1] / "playbook" / "fast.yaml"
REP = Who("rep:tester", "test")
CRM = Who("source:crm", "test")
OPEN_LIMITS = (
    "  mailbox: {per_hour: 100000, per_day: 1000000, min_gap: 0s, pause_after_uncertain: 1000000}\n"
    "  prospect: {min_gap: 0s}"
)

SENT = Outcome("sent", Phase.REPLIED, 250, "2.0.0 Ok: queued as 1A", "1A", scope="message")
GREYLISTED = Outcome(
    "transient", Phase.RCPT, 451, "4.7.1 greylisted, try again", scope="recipient", reason=Reason.DEFERRED
)
BUSY = Outcome("transient", Phase.CONNECT, 421, "4.3.2 too busy", scope="host", reason=Reason.BUSY)
LATER_AFTER_DOT = Outcome("transient", Phase.REPLIED, 451, "4.3.0 later", scope="message", reason=Reason.DEFERRED)
NO_SUCH_USER = Outcome(
    "permanent", Phase.RCPT, 550, "5.1.1 no such user", scope="recipient", reason=Reason.NO_SUCH_ADDRESS
)
POLICY = Outcome("permanent", Phase.REPLIED, 554, "5.7.1 refused by policy", scope="mailbox", reason=Reason.POLICY)
NO_LOGIN = Outcome("permanent", Phase.AUTH, 535, "5.7.8 wrong password", scope="mailbox", reason=Reason.LOGIN)
BAD_SENDER = Outcome("permanent", Phase.MAIL, 550, "5.1.8 sender rejected", scope="mailbox", reason=Reason.SENDER)
TOO_BIG = Outcome("permanent", Phase.REPLIED, 552, "5.3.4 message too big", scope="message", reason=Reason.REFUSED)
NO_UTF8 = Outcome("permanent", Phase.MAIL, None, "no SMTPUTF8", scope="message", reason=Reason.UNSUPPORTED_ADDRESS)
LOST = Outcome("uncertain", Phase.DOT, None, "the server closed the connection", scope="message", reason=Reason.DROPPED)


@dataclass(slots=True)
class Scene:
    """One installation under test. `sent` holds every email a server would have taken, in order."""

    ws: Workspace
    clock: Clock
    spool: Spool
    timings: Timings = field(default_factory=Timings)
    sent: list[Envelope] = field(default_factory=list)

    # --- people and what happens to them

    def prospect(self, email: str = "ana@sink.test", **fields: str) -> str:
        """A new prospect with this address; gives the id."""
        return prospects.create(self.ws, {"email": email, **fields}, {}, REP).prospect_id

    def qualified(self, email: str = "ana@sink.test", **fields: str) -> str:
        """A new prospect who gets the one email of the sequence `welcome` now."""
        prospect_id = self.prospect(email, **fields)
        self.move(prospect_id, "qualify")
        return prospect_id

    def called(self, email: str = "ana@sink.test", **fields: str) -> str:
        """A new prospect after a call: two emails, after 2 s and 4 s more."""
        prospect_id = self.prospect(email, **fields)
        self.tell(prospect_id, "call.ended")
        return prospect_id

    def move(self, prospect_id: str, trigger: str, **data: str) -> Result:
        """A rep's click."""
        return prospects.move(self.ws, prospect_id, trigger, data, REP)

    def tell(self, prospect_id: str, kind: str, **data: Any) -> Result:
        """An event from outside."""
        return prospects.tell(self.ws, prospect_id, kind, data, CRM)

    def edit(self, prospect_id: str, **fields: str) -> Result:
        """A rep edits facts."""
        return prospects.edit(self.ws, prospect_id, fields, {}, REP)

    # --- the clock and the hands

    def claim(self) -> tuple[Claimed, ...]:
        """What the clock does when it ticks."""
        claim.hold_open(self.ws)
        return claim.claim_due(self.ws)

    def sender(
        self,
        *script: Outcome,
        transport: Transport | None = None,
        probe: Probe = SILENT,
        ws: Workspace | None = None,
        beats: bool = True,
    ) -> Sender:
        """A pair of hands with a heartbeat, whose mail server answers as scripted and then takes everything."""
        holder = ids.new_id()
        if beats:
            recover.beat(self.ws, holder, "sender", "test sender", {})
        fake = FakeTransport(script, sent=self.sent)
        return Sender(ws or self.ws, transport or fake, self.spool, self.timings, holder, probe, sleep=self._sleep)

    def send(self, *script: Outcome) -> Sender:
        """Claim what is due and drain it; the server answers as scripted."""
        self.claim()
        sender = self.sender(*script)
        sender.drain(self.ws.mailbox_id)
        return sender

    def begin(self, sender: Sender | None = None) -> Begun:
        """Claim and begin one email that leaves."""
        self.claim()
        begun = (sender or self.sender()).begin(self.ws.mailbox_id)
        assert isinstance(begun, Begun), begun
        return begun

    def reap(self) -> int:
        """What the clock does about the dead."""
        return recover.reap(self.ws, self.timings)

    def _sleep(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    # --- what stands in the records

    def touches(self, prospect_id: str | None = None) -> list[Record]:
        """The touches of a prospect, or all, in order."""
        found = select(*columns(Touch)).order_by(Touch.created_at, Touch.sequence, Touch.position, Touch.generation)
        if prospect_id is not None:
            found = found.where(Touch.prospect_id == prospect_id)
        with self.ws.database.read() as tx:
            return list(tx.conn.execute(found).all())

    def touch(self, step: str = "hello", prospect_id: str | None = None) -> Record:
        """The newest generation of the touch of this step."""
        return [row for row in self.touches(prospect_id) if row.step == step][-1]

    def states(self) -> dict[str, str]:
        """The state of each touch, by step."""
        return {row.step: row.state for row in self.touches()}

    def why(self, step: str = "hello") -> str:
        """The code of the reason of a touch."""
        reason = reasons.unpack(self.touch(step).reason)
        assert reason is not None
        return reason.code

    def mailbox(self) -> Record:
        """The one mailbox."""
        with self.ws.database.read() as tx:
            return tx.conn.execute(select(*columns(Mailbox))).one()

    def enrollment(self, sequence: str) -> Record:
        """The newest enrollment on a sequence."""
        with self.ws.database.read() as tx:
            found = select(*columns(Enrollment)).where(Enrollment.sequence == sequence)
            return tx.conn.execute(found.order_by(Enrollment.id.desc()).limit(1)).one()

    def prospect_row(self, prospect_id: str) -> Record:
        """A prospect as the records hold it."""
        with self.ws.database.read() as tx:
            return tx.conn.execute(select(*columns(Prospect)).where(Prospect.id == prospect_id)).one()

    def history(self, prospect_id: str) -> list[str]:
        """The kinds of a prospect's history, in order."""
        with self.ws.database.read() as tx:
            found = select(History.kind).where(History.prospect_id == prospect_id).order_by(History.version)
            return list(tx.conn.execute(found).scalars())

    def suppressed(self) -> list[str]:
        """Every barred address."""
        with self.ws.database.read() as tx:
            return list(tx.conn.execute(select(Suppression.email_key).order_by(Suppression.email_key)).scalars())

    def bar(self, address: str) -> None:
        """Suppress an address behind everybody's back."""
        with self.ws.database.write() as tx:
            tx.conn.execute(insert(Suppression), {"email_key": address, "cause": "test", "actor": "test", "at": tx.now})

    def messages(self) -> list[Record]:
        """The emails that are kept."""
        with self.ws.database.read() as tx:
            return list(tx.conn.execute(select(*columns(Message)).order_by(Message.id)).all())

    def change(self, table: type[Base], values: Mapping[str, Any], **where: Any) -> None:
        """Change rows behind the product's back, to bring about what would take long to wait for."""
        with self.ws.database.write() as tx:
            tx.conn.execute(update(table).filter_by(**where).values(**values))

    def recipients(self) -> list[str]:
        """To whom mail has left, in order."""
        return [envelope.recipient for envelope in self.sent]

    def ago(self, **span: float) -> Any:
        """A moment in the past."""
        return self.clock.now - timedelta(**span)


def columns(table: type[Base]) -> Iterable[Any]:
    """Every column of a table."""
    return tuple(table.__table__.columns)


@cache
def templates(folder: Path) -> Templates:
    """Short emails under the names that fast.yaml uses, compiled once for the run."""
    for name in ("follow_up_questions", "schedule_next_call", "call_confirmation", "meeting_recap", "decision"):
        for language in ("en", "bg"):
            place = folder / name / language
            place.mkdir(parents=True, exist_ok=True)
            (place / "subject.txt").write_text(f"{name} for {{{{ company|default('you') }}}}", encoding="utf-8")
            (place / "body.txt").write_text("Hello. {{ unsubscribe_url }}", encoding="utf-8")
            link = '<p>Hello. <a href="{{ unsubscribe_url }}">End</a></p>'
            (place / "body.html").write_text(link, encoding="utf-8")
    (folder / "frame.html").write_text((SHIPPED / "frame.html").read_text(encoding="utf-8"), encoding="utf-8")
    return Templates(folder)


SHIPPED = Path(__file__).resolve().parents[2] / "templates" / "email"


def opened(
    place: Path,
    database: Database,
    *,
    folder: Path,
    window: str = "always",
    limits: str = "",
    replaced: Mapping[str, str] | None = None,
) -> Workspace:
    """An installation on fast.yaml, with another send window, other limits or other words where asked."""
    text = FAST.read_text(encoding="utf-8")
    changes = {"send_window: always": f"send_window: {window}", OPEN_LIMITS: limits or OPEN_LIMITS, **(replaced or {})}
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    playbook = place / f"{ids.new_id()}.yaml"
    playbook.write_text(text, encoding="utf-8")
    settings = Settings(
        data_dir=place,
        database_url=database.url,
        redis_url=None,
        smtp_url=None,
        playbook=playbook,
        base_url="https://onward.sales.example.com",
        mail_from="Ivan Rep <ivan@sales.example.com>",
        secret_key="0123456789abcdef0123456789abcdef",
    )
    return replace(open_workspace(settings, database=database), templates=Texts(templates(folder)))


def mailbox_limits(**changes: str) -> str:
    """The limits of fast.yaml with some changed: `mailbox_limits(per_hour="3", prospect_gap="4h")`."""
    named = {"per_hour": "100000", "per_day": "1000000", "min_gap": "0s", "pause_after_uncertain": "1000000"}
    gap = changes.pop("prospect_gap", "0s")
    pairs = ", ".join(f"{name}: {value}" for name, value in (named | changes).items())
    return f"  mailbox: {{{pairs}}}\n  prospect: {{min_gap: {gap}}}"
