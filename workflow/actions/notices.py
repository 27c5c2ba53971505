"""Notices to the administrators about the installation itself, by email, once and as well as it goes.

No email of a sequence: a notice is bound by no limit and no window, and one that cannot leave is only logged; whatever
it says is shown in the panel as well.
"""

from __future__ import annotations

import json
import logging
from contextlib import closing
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select, update

from workflow import ids
from workflow.actions import mailboxes
from workflow.engine import reasons
from workflow.errors import OnwardError
from workflow.mail.transport import Envelope
from workflow.records import upserts
from workflow.records.models import Delivery, Event, Fact, Rep
from workflow.records.outbox import Endpoint, Outgoing, Target
from workflow.records.prepared import one_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflow.mail.transport import Transport
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

_LOG = logging.getLogger(__name__)
_TOLD: Final = "notice.dead"
_PAUSE: Final = timedelta(hours=1)
_SUBJECT: Final = {
    "en": "Webhooks to {name} are switched off",
    "bg": "Уебхуковете към {name} са изключени",
}
_TEXT: Final = {
    "en": """\
Onward no longer sends webhooks to {name} ({url}): {why}

What waited for it is kept. Mend the receiver, resume the endpoint and replay what was missed:
{link}
""",
    "bg": """\
Onward вече не изпраща уебхукове към {name} ({url}): {why}

Чакащото е запазено. Поправете приемника, пуснете адреса отново и повторете пропуснатото:
{link}
""",
}
_DEAD_SUBJECT: Final = {
    "en": "Webhooks wait for a person",
    "bg": "Уебхукове чакат човек",
}
_DEAD_TEXT: Final = {
    "en": """\
Onward could not go on by itself with webhooks that wait for a person now:

deliveries that cannot be read: {unreadable}
events from a CRM given up after their last try: {failed}
events to an endpoint given up: {unheard}

Nothing is lost: mend what is wrong and replay them.
{link}/deliveries
{link}/settings/endpoints
""",
    "bg": """\
Onward не можа да продължи сам с уебхукове, които сега чакат човек:

доставки, които не могат да се прочетат: {unreadable}
събития от CRM, изоставени след последния опит: {failed}
събития към адрес, които бяха изоставени: {unheard}

Нищо не е загубено: поправете грешното и ги повторете.
{link}/deliveries
{link}/settings/endpoints
""",
}


def endpoint_off(ws: Workspace, endpoint_id: str, transport: Callable[[], Transport] | None = None) -> int:
    """Write to every administrator that an endpoint was switched off, by the installation's own mailbox; to how many.

    `transport` stands in for the mail server of that mailbox.
    """
    with ws.database.read() as tx:
        found = select(Endpoint.name, Endpoint.url, Target.why).join(Target, Target.id == Endpoint.id)
        row = tx.conn.execute(found.where(Endpoint.id == endpoint_id)).one_or_none()
    if row is None:
        return 0
    link = f"{ws.settings.base_url}/settings/endpoints/{endpoint_id}"

    def told(language: str) -> tuple[str, str]:
        why = reasons.words(row.why, language) or ""
        text = _TEXT[language].format(name=row.name, url=row.url, why=why, link=link)
        return _SUBJECT[language].format(name=row.name), text

    return _write(ws, told, transport)


def is_due(ws: Workspace) -> bool:
    """Whether webhooks were given up since the last notice of that, and that was an hour ago.

    What was replayed or forgotten is taken off what was told, so that as many new ones are told again.
    """
    with ws.database.read() as tx:
        dead, before = _dead(tx)
        due = _due(tx, dead, before) is not None
    if any(number < before.get("dead", {}).get(name, 0) for name, number in dead.items()):
        ws.database.transact(_take_off)
    return due


def dead_letters(ws: Workspace, transport: Callable[[], Transport] | None = None) -> int:
    """Write to every administrator what was given up, at most once an hour; to how many.

    It is noted before it is sent: a notice may be lost with the process that sends it, but never comes twice.
    """
    if not is_due(ws):
        return 0

    def work(tx: Tx) -> dict[str, int] | None:
        _lock(tx)
        found, before = _dead(tx)
        due = _due(tx, found, before)
        if due is not None:
            _keep(tx, {"at": tx.now.isoformat(), "dead": found})
        return due

    due = ws.database.transact(work)
    if due is None:
        return 0

    def told(language: str) -> tuple[str, str]:
        return _DEAD_SUBJECT[language], _DEAD_TEXT[language].format(**due, link=ws.settings.base_url)

    return _write(ws, told, transport)


def _dead(tx: Tx) -> tuple[dict[str, int], dict[str, Any]]:
    """How many webhooks wait for a person, of each sort, and what was told last."""
    unreadable = select(func.count()).where(Delivery.status != "accepted", one_of(Delivery.status, ("dead",)))
    failed = select(func.count()).where(
        Event.outcome != "applied", one_of(Event.outcome, ("failed",)), Event.next_attempt_at.is_(None)
    )
    # Of an endpoint that was switched off its own notice told.
    unheard = select(func.count()).join(Target, Target.id == Outgoing.target_id).select_from(Outgoing)
    unheard = unheard.where(one_of(Outgoing.state, ("dead",)), Target.state != "disabled")
    told = tx.conn.execute(select(Fact.value).where(Fact.name == _TOLD)).scalar_one_or_none()
    counts = {
        name: tx.conn.execute(each).scalar_one()
        for name, each in (("unreadable", unreadable), ("failed", failed), ("unheard", unheard))
    }
    return counts, json.loads(told or "{}")


def _take_off(tx: Tx) -> None:
    _lock(tx)
    dead, before = _dead(tx)
    known = before.get("dead", {})
    _keep(tx, {**before, "dead": {name: min(number, known.get(name, 0)) for name, number in dead.items()}})


def _lock(tx: Tx) -> None:
    """Of two who would tell at once the second waits here, and then finds that it was told."""
    upserts.insert_new(tx, Fact, {"name": _TOLD, "value": "{}"})
    locked = select(Fact.name).where(Fact.name == _TOLD)
    tx.conn.execute(locked.with_for_update() if tx.locks_rows else locked).all()


def _keep(tx: Tx, told: dict[str, Any]) -> None:
    tx.conn.execute(update(Fact).where(Fact.name == _TOLD).values(value=json.dumps(told)))


def _due(tx: Tx, dead: dict[str, int], before: dict[str, Any]) -> dict[str, int] | None:
    """What to tell, if any sort has grown and the last notice is an hour old."""
    at, known = before.get("at"), before.get("dead", {})
    if at is not None and tx.now - datetime.fromisoformat(at) < _PAUSE:
        return None
    return dead if any(number > known.get(name, 0) for name, number in dead.items()) else None


def _write(
    ws: Workspace, told: Callable[[str], tuple[str, str]], transport: Callable[[], Transport] | None = None
) -> int:
    """Send a subject and a text, `told` in a language, to every administrator."""
    with ws.database.read() as tx:
        admins = select(Rep.email, Rep.language).where(Rep.role == "admin", Rep.disabled_at.is_(None))
        people, now = tx.conn.execute(admins).all(), tx.now
    try:
        way = mailboxes.way(ws, ws.mailbox_id)
    except OnwardError as error:
        _LOG.warning("no notice to the administrators: %s", error.message)
        return 0
    number, sender = 0, way.outlet.sender
    with closing(transport() if transport is not None else way.transport()) as out:
        for person in people:
            subject, text = told("bg" if person.language == "bg" else "en")
            letter = EmailMessage(policy.SMTP)
            letter["From"], letter["To"] = formataddr((sender.name, sender.address.text)), person.email
            letter["Subject"] = subject
            letter["Date"], letter["Auto-Submitted"] = format_datetime(now), "auto-generated"
            letter["Message-ID"] = f"<{ids.new_id()}@{ws.mail_domain}>"
            letter.set_content(text, cte="quoted-printable")
            outcome = out.send(Envelope(sender.address.text, person.email, letter.as_bytes()), lambda: True)
            number += outcome.kind == "sent"
    return number
