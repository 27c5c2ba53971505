"""Notices to the administrators about the installation itself, by email, once and as well as it goes.

No email of a sequence: a notice is bound by no limit and no window, and one that cannot leave is only logged; whatever
it says is shown in the panel as well.
"""

from __future__ import annotations

import logging
from contextlib import closing
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from workflow import ids
from workflow.actions import mailboxes
from workflow.engine import reasons
from workflow.errors import OnwardError
from workflow.mail.transport import Envelope
from workflow.records.models import Rep
from workflow.records.outbox import Endpoint, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflow.mail.transport import Transport
    from workflow.workspace import Workspace

_LOG = logging.getLogger(__name__)
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


def endpoint_off(ws: Workspace, endpoint_id: str, transport: Callable[[], Transport] | None = None) -> int:
    """Write to every administrator that an endpoint was switched off, by the installation's own mailbox; to how many.

    `transport` stands in for the mail server of that mailbox.
    """
    with ws.database.read() as tx:
        found = select(Endpoint.name, Endpoint.url, Target.why).join(Target, Target.id == Endpoint.id)
        row = tx.conn.execute(found.where(Endpoint.id == endpoint_id)).one_or_none()
        admins = select(Rep.email, Rep.language).where(Rep.role == "admin", Rep.disabled_at.is_(None))
        people, now = tx.conn.execute(admins).all(), tx.now
    if row is None:
        return 0
    try:
        way = mailboxes.way(ws, ws.mailbox_id)
    except OnwardError as error:
        _LOG.warning("no notice of an endpoint that was switched off: %s", error.message)
        return 0
    told, sender = 0, way.outlet.sender
    link = f"{ws.settings.base_url}/settings/endpoints/{endpoint_id}"
    with closing(transport() if transport is not None else way.transport()) as out:
        for person in people:
            language = "bg" if person.language == "bg" else "en"
            why = reasons.words(row.why, language) or ""
            letter = EmailMessage(policy.SMTP)
            letter["From"], letter["To"] = formataddr((sender.name, sender.address.text)), person.email
            letter["Subject"] = _SUBJECT[language].format(name=row.name)
            letter["Date"], letter["Auto-Submitted"] = format_datetime(now), "auto-generated"
            letter["Message-ID"] = f"<{ids.new_id()}@{ws.mail_domain}>"
            text = _TEXT[language].format(name=row.name, url=row.url, why=why, link=link)
            letter.set_content(text, cte="quoted-printable")
            outcome = out.send(Envelope(sender.address.text, person.email, letter.as_bytes()), lambda: True)
            told += outcome.kind == "sent"
    return told
