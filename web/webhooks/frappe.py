"""The kind `frappe`: webhooks of Frappe CRM, one document each, with the fields that the webhook's author chose.

They come without a Content-Type, and their times without a zone: those are the site's own and taken for UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from web.strict import loads
from web.webhooks import proof
from web.webhooks.adapter import Adapter, Headers, body_key
from web.webhooks.reading import event_id, facts, first, full_name, one, own_id, the_table, when, word
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

_HEADER: Final = "x-frappe-webhook-signature"
_STATUS: Final = {
    "CRM Deal": "deal.stage", "Opportunity": "deal.stage", "CRM Lead": "lead.status", "Lead": "lead.status",
}  # fmt: skip


def verify(headers: Headers, body: bytes, secrets: Sequence[str], _now: datetime) -> bool:
    """Whether the body was signed with the webhook's secret."""
    return proof.any_fits(secrets, lambda key: proof.base64_mark(key, body), headers.get(_HEADER, ""))


def read(key: str, _headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """What became of the document. Raises Unreadable."""
    return tuple(one(the_table(loads(body)), key, _change))


ADAPTER: Final = Adapter(reads=(_HEADER,), verify=verify, key=body_key, read=read)


def _change(told: Mapping[str, Any], fallback: str) -> list[Incoming]:
    what, about, modified = first(told, "doctype"), first(told, "name"), first(told, "modified")
    named = event_id("frappe", what, about, modified) if what and about and modified else fallback
    fields = facts(
        email=first(told, "email", "email_id", "contact_email"),
        name=first(told, "lead_name", "full_name", "contact_name")
        or full_name(told.get("first_name"), told.get("last_name")),
        phone=first(told, "mobile_no", "phone"),
        company=first(told, "organization", "organization_name", "company_name"),
        title=first(told, "job_title", "designation"),
    )
    # A deal remembers the lead it was made from, so that the prospect keeps its first name.
    ref = own_id(told.get("onward_id"), told.get("custom_onward_id")) or first(told, "lead") or about
    status, at = word(told.get("status")), when(modified)
    known = bool(fields.get("email"))
    if status and what in _STATUS:
        return [Incoming(named, _STATUS[what], at, ref, fields, data={"value": status}, introduces=known)]
    if fields and (what in _STATUS or what == "Contact"):
        return [Incoming(named, kinds.UPSERTED, at, ref, fields)]
    return [Incoming(named, f"{what.lower() or 'document'}.changed", at, ref, fields, data={"value": status})]
