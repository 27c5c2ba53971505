"""The kind `salesforce`: outbound messages (SOAP, answered with an Ack) and HTTP callouts of a flow (JSON).

Neither is signed. A message is known by the secret at the end of its address, and by the organization where the secret
begins with one (`00D…:`); a callout shows the secret in a header as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from web.strict import Unreadable, loads
from web.webhooks import proof, soap
from web.webhooks.adapter import Adapter, Headers, body_key
from web.webhooks.reading import batch, event_id, facts, first, full_name, one, own_id, the_table, when, word
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

_ACK: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    b"</soapenv:Body></soapenv:Envelope>\n"
)
_ORGANIZATION: Final = "00D"
_SHORT, _LONG = 15, 18
_STATUS: Final = {"Opportunity": ("StageName", "deal.stage"), "Lead": ("Status", "lead.status")}


def verify(headers: Headers, body: bytes, secrets: Sequence[str], _now: datetime) -> bool:
    """Whether the request shows the secret, and comes from the organization that the secret names, if it does."""
    bare = [secret.partition(":")[2] if _names_organization(secret) else secret for secret in secrets]
    if not proof.shows(headers, bare):
        return False
    if not all(_names_organization(secret) for secret in secrets):
        return True
    try:
        told = _organization(body)
    except Unreadable:
        return False
    return any(proof.same(secret.partition(":")[0][:_SHORT], told[:_SHORT].encode()) for secret in secrets)


def read(key: str, _headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """The changed records. Raises Unreadable."""
    if not _is_soap(body):
        return tuple(one(the_table(loads(body)), key, _callout))
    message = soap.read(body)
    items = [{"id": each.id, "object": each.object, "fields": each.fields} for each in message.notifications]
    return batch(items, key, _notified)


def answer(body: bytes) -> tuple[str, bytes] | None:
    """The Ack, without which Salesforce sends a message again for a day; our own receipt for a callout."""
    return ("text/xml; charset=utf-8", _ACK) if _is_soap(body) else None


ADAPTER: Final = Adapter(reads=proof.SHOWING, verify=verify, key=body_key, read=read, success=200, answer=answer)


def bare_id(told: str) -> str:
    """An id without the three signs that only repeat the case of the others: not every part of Salesforce adds them."""
    return told[:_SHORT] if len(told) == _LONG else told


def _is_soap(body: bytes) -> bool:
    return body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def _names_organization(secret: str) -> bool:
    name, colon, _ = secret.partition(":")
    return bool(colon) and name.startswith(_ORGANIZATION) and len(name) >= _SHORT


def _organization(body: bytes) -> str:
    return soap.read(body).organization if _is_soap(body) else word(the_table(loads(body)).get("organizationId"))


def _notified(item: Mapping[str, Any], fallback: str) -> list[Incoming]:
    told, what = item["fields"], word(item["object"])
    named = event_id("salesforce", item["id"]) if item["id"] else fallback
    return _record(named, what, told, when(first(told, "LastModifiedDate", "SystemModstamp", "CreatedDate")))


def _record(named: str, what: str, told: Mapping[str, Any], at: datetime | None) -> list[Incoming]:
    fields = facts(
        email=first(told, "Email", "Email__c", "Contact_Email__c", "PersonEmail"),
        name=first(told, "Contact_Name__c") or full_name(told.get("FirstName"), told.get("LastName")),
        phone=first(told, "Phone", "MobilePhone"),
        company=first(told, "Company", "Account_Name__c"),
        title=told.get("Title"),
        country=told.get("CountryCode"),
    )
    ref = own_id(*(value for name, value in told.items() if name.endswith("__c"))) or bare_id(word(told.get("Id")))
    name, kind = _STATUS.get(what, ("", ""))
    status = word(told.get(name)) if name else ""
    known = bool(fields.get("email"))
    if status:
        return [Incoming(named, kind, at, ref, fields, data={"value": status}, introduces=known)]
    if fields and what in ("Contact", "Lead"):
        return [Incoming(named, kinds.UPSERTED, at, ref, fields)]
    return [Incoming(named, f"{what.lower() or 'record'}.changed", at, ref, fields)]


def _callout(told: Mapping[str, Any], fallback: str) -> list[Incoming]:
    """A flow's own words, in the form that our steps for the flow propose."""
    about = first(told, "recordId")
    named = event_id("salesforce-flow", told["eventId"], about) if word(told.get("eventId")) else fallback
    fields = facts(**{name: told.get(name) for name in ("email", "name", "phone", "company", "title")})
    ref = own_id(told.get("prospectKey")) or bare_id(about)
    stage, status = first(told, "stage"), first(told, "status")
    value = stage or status
    kind = "deal.stage" if stage else "lead.status" if status else word(told.get("event")) or "record.changed"
    data = {"value": value, "previous": word(told.get("previousStage"))}
    known = bool(fields.get("email"))
    return [Incoming(named, kind, when(told.get("occurredAt")), ref, fields, data=data, introduces=known)]
