"""A panel to try: an installation with the shipped playbook, the fixed cast, and a visitor who fills in its forms.

Iva is an administrator, Boyan and Mila are reps. Nothing is sent but by `Scene.send_due`, with the working fake of
the port.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, partial
from html import unescape
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from tests.conftest import Clock
from workflow.actions import passwords, people, prospects
from workflow.actions.outreach import claim
from workflow.actions.outreach.send import Sender
from workflow.actions.outreach.spool import Spool
from workflow.actions.outreach.timings import Timings
from workflow.actions.prospects import Who
from workflow.engine.signals import MOVE, Signal
from workflow.ids import new_id
from workflow.mail.transport import FakeTransport, Outcome, Phase, Reason
from workflow.records.db import Record, Tx
from workflow.records.models import Prospect, Rep, Touch
from workflow.workspace import Workspace

PASSWORD = "correct horse battery"
CRM = Who("source:crm", "test")
LOST = Outcome("uncertain", Phase.DOT, None, "the server closed the connection", scope="message", reason=Reason.DROPPED)
GOOD_CALL = {
    "fit": "full", "authority": "decides", "urgency": "quarter",
    "challenge": "Lost orders", "obstacles": "Paper", "cost_of_problem": "Two clients a year",
}  # fmt: skip
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@cache
def _hash() -> str:
    return passwords.hash_of(PASSWORD)


@dataclass(slots=True)
class Visitor:
    """A browser with one cookie jar. `htmx` makes it ask as htmx does."""

    client: FlaskClient
    csrf: str = ""
    htmx: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> TestResponse:
        """Look at a page."""
        answer = self.client.get(path, headers=self._headers(headers))
        found = _TOKEN.search(answer.text) if answer.mimetype == "text/html" else None
        self.csrf = found[1] if found else self.csrf
        return answer

    def read(self, path: str) -> str:
        """The words of a page that is there."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return unescape(answer.text)

    def post(self, path: str, fields: Mapping[str, Any] | None = None, **headers: str) -> TestResponse:
        """Send a form, with the token of the page seen last."""
        return self.client.post(path, data={"csrf_token": self.csrf, **(fields or {})}, headers=self._headers(headers))

    def sign_in(self, email: str, password: str = PASSWORD) -> TestResponse:
        """Sign in by password."""
        self.get("/sign-in")
        answer = self.post("/sign-in", {"email": email, "password": password})
        if answer.status_code == 303:
            self.get("/settings")
        return answer

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        own = {"HX-Request": "true"} if self.htmx else {}
        return {**self.headers, **own, **{name.replace("_", "-"): value for name, value in more.items()}}


@dataclass(slots=True)
class Scene:
    """The installation, its clock and its people."""

    ws: Workspace
    app: Flask
    clock: Clock
    reps: dict[str, str] = field(default_factory=dict)

    def add_rep(self, name: str, role: str) -> str:
        """A rep called `name`, at name@example.com."""
        self.reps[name] = people.add_rep(self.ws, f"{name}@example.com", role, name=name.title())
        return self.reps[name]

    def give_passwords(self) -> None:
        """Let the cast sign in by password; hashed once for all tests, because hashing is slow on purpose."""
        with self.ws.database.write() as tx:
            tx.conn.execute(update(Rep).values(password_hash=_hash()))

    def visitor(self, name: str | None = None, *, htmx: bool = False) -> Visitor:
        """A browser; signed in when somebody's name is given."""
        client = self.app.test_client()
        client.environ_base["HTTP_HOST"] = "127.0.0.1:8000"
        found = Visitor(client)
        if name is not None:
            link = f"/sign-in/{people.sign_in_link(self.ws, self.reps[name])}"
            found.get(link)
            assert found.post(link).status_code == 303
            found.get("/settings/appearance")
        found.htmx = htmx
        return found

    def prospect(self, name: str = "Ana Petrova", *, owner: str | None = None, **facts: str) -> str:
        """A prospect; without more facts with an address and a company."""
        fields = {
            "name": name,
            "company": "Example OOD",
            "email": f"{name.split(maxsplit=1)[0].lower()}@buyer.example",
            **facts,
        }
        owner_id = self.reps[owner] if owner else None
        return prospects.create(self.ws, fields, {}, CRM, owner_id=owner_id).prospect_id

    def move(self, prospect: str, *triggers: str, **data: str) -> None:
        """Move a prospect along, as somebody who may do so without a score or evidence."""
        for trigger in triggers:
            result = self.ws.database.transact(partial(self._moved, prospect, {**data, "trigger": trigger}))
            assert result.decision.verdict == "applied", result.decision.reasons

    def _moved(self, prospect: str, data: dict[str, str], tx: Tx) -> prospects.Result:
        signal = Signal(MOVE, tx.now, CRM.actor, CRM.cause, data=data, role="admin")
        return prospects.submit(self.ws, tx, prospect, signal)

    def good_call(self, prospect: str) -> None:
        """Record what lets a rep qualify and diagnose."""
        self.tell(prospect, "answers.recorded", answers=GOOD_CALL)
        self.tell(prospect, "call.ended", minutes=25, notes="They lose orders on paper.")

    def tell(self, prospect: str, kind: str, **data: Any) -> None:
        """Tell of a call, a meeting or a mail event."""
        prospects.tell(self.ws, prospect, kind, data, CRM)

    def send_due(self, outcomes: Iterable[Outcome] = ()) -> FakeTransport:
        """Send what is due now."""
        transport = FakeTransport(outcomes)
        spool = Spool(self.ws.settings.data_dir / "spool")
        sender = Sender(self.ws, transport, spool, Timings(), new_id())
        for claimed in claim.claim_due(self.ws):
            sender.drain(claimed.mailbox_id)
        return transport

    def uncertain_email(self, prospect: str) -> str:
        """An email after a call of which nobody knows whether it arrived; gives its touch."""
        self.tell(prospect, "call.ended", minutes=12)
        self.clock.advance(hours=25)
        self.send_due([LOST])
        (touch,) = (row for row in self.touches(prospect) if row.state == "uncertain")
        return str(touch.id)

    def touches(self, prospect: str) -> list[Record]:
        """The emails and tasks of a prospect, in their order."""
        with self.ws.database.read() as tx:
            found = select(*Touch.__table__.columns).where(Touch.prospect_id == prospect)
            return list(tx.conn.execute(found.order_by(Touch.created_at, Touch.position, Touch.generation)))

    def row(self, prospect: str) -> Record:
        """The row of a prospect."""
        with self.ws.database.read() as tx:
            return tx.conn.execute(select(*Prospect.__table__.columns).where(Prospect.id == prospect)).one()

    def wait(self, **span: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(**span))
