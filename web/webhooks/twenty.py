"""The kind `twenty`: webhooks of the CRM Twenty, one record each.

An opportunity belongs to its point of contact, so that both are one prospect. The nonce is not signed and not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from web.strict import loads
from web.webhooks import proof
from web.webhooks.adapter import Adapter, Headers, body_key
from web.webhooks.reading import event_id, facts, first, full_name, one, own_id, table, the_table, when, word
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

TOLERANCE_S: Final = 300
_STAMP, _MARK = "x-twenty-webhook-timestamp", "x-twenty-webhook-signature"


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """Whether `stamp:body` was signed with the webhook's secret; the stamp is in milliseconds."""
    stamp = headers.get(_STAMP, "")
    content = proof.wire(stamp) + b":" + body
    return proof.fresh(stamp, now, TOLERANCE_S, per_second=1000) and proof.any_fits(
        secrets, lambda key: proof.hex_mark(key, content), headers.get(_MARK, "")
    )


def read(key: str, _headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """What changed. Raises Unreadable."""
    return tuple(one(the_table(loads(body)), key, _change))


ADAPTER: Final = Adapter(reads=(_STAMP, _MARK), verify=verify, key=body_key, read=read)


def _change(told: Mapping[str, Any], fallback: str) -> list[Incoming]:
    # Older releases call the two otherwise.
    record, name = table(told.get("record") or told.get("data")), first(told, "eventName", "event")
    about, what = word(record.get("id")), name.partition(".")[0]
    named = event_id("twenty", told.get("webhookId"), name, about, record.get("updatedAt")) if about else fallback
    at = when(told.get("eventDate")) or when(record.get("updatedAt"))
    updated = told.get("updatedFields")
    if name.endswith((".deleted", ".destroyed")):
        return [Incoming(named, name, at, about)]
    if what == "opportunity":
        ref = own_id(record.get("onwardId")) or first(record, "pointOfContactId") or about
        stage = word(record.get("stage"))
        if stage and (not isinstance(updated, list) or "stage" in updated):
            return [Incoming(named, "deal.stage", at, ref, data={"value": stage})]
        return [Incoming(named, name, at, ref)]
    if what == "person":
        return [Incoming(named, kinds.UPSERTED, at, own_id(record.get("onwardId")) or about, _person(record))]
    return [Incoming(named, name or "unknown", at, about)]


def _person(record: Mapping[str, Any]) -> dict[str, str]:
    name, phones = table(record.get("name")), table(record.get("phones"))
    number = word(phones.get("primaryPhoneNumber"))
    return facts(
        name=full_name(name.get("firstName"), name.get("lastName")),
        email=table(record.get("emails")).get("primaryEmail") or record.get("email"),
        phone=f"{word(phones.get('primaryPhoneCallingCode'))}{number}" if number else record.get("phone"),
        title=record.get("jobTitle"),
        company=table(record.get("company")).get("name"),
    )
