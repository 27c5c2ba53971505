"""The kind `zoho`: notifications of Zoho CRM, one or many records of one module each.

Zoho signs nothing: it repeats in the body the token that the channel was made with. The token is the secret, or the
channel's id, a colon and the token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from web.strict import Unreadable, loads
from web.webhooks import proof
from web.webhooks.adapter import Adapter, Headers, body_key
from web.webhooks.reading import batch, event_id, facts, first, full_name, table, tables, the_table, when, word
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

_PEOPLE: Final = frozenset({"Leads", "Contacts"})
_STATUS: Final = {"Deals": ("Stage", "deal.stage"), "Leads": ("Lead_Status", "lead.status")}


def verify(_headers: Headers, body: bytes, secrets: Sequence[str], _now: datetime) -> bool:
    """Whether the body repeats the token, and comes through the channel if the secret names one."""
    try:
        told = table(loads(body))
    except Unreadable:
        return False
    token, channel = word(told.get("token")), word(told.get("channel_id"))
    return bool(token) and any(
        proof.same(secret, told.encode()) for secret in secrets for told in _ways(secret, channel, token)
    )


def read(key: str, _headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """What happened to each record. Raises Unreadable."""
    told = the_table(loads(body))
    about = [word(each) for each in told["ids"]] if isinstance(told.get("ids"), list) else []
    values = {word(row.get("record_id")): table(row.get("values")) for row in tables(told.get("affected_values"))}
    shared = (told.get("channel_id"), told.get("module"), told.get("operation"))
    items = [{"id": each, "values": values.get(each, {})} for each in about or list(values)]

    def change(item: Mapping[str, Any], _fallback: str) -> list[Incoming]:
        named = event_id("zoho", *shared, item["id"], told.get("server_time"))
        return _change(named, told, item["id"], item["values"])

    return batch(items, key, change)


ADAPTER: Final = Adapter(reads=(), verify=verify, key=body_key, read=read)


def _ways(secret: str, channel: str, token: str) -> tuple[str, ...]:
    return (f"{channel}:{token}",) if ":" in secret and ":" not in token else (token,)


def _change(named: str, told: Mapping[str, Any], about: str, values: Mapping[str, Any]) -> list[Incoming]:
    module, operation = word(told.get("module")), word(told.get("operation")).lower()
    at = when(told.get("server_time"))
    if operation == "delete":
        return [Incoming(named, f"{module.lower()}.delete", at, about)]
    fields = _fields(module, values)
    name, kind = _STATUS.get(module, ("", ""))
    status = word(values.get(name)) if name else ""
    found: list[Incoming] = []
    if (module in _PEOPLE and fields) or (operation == "insert" and module in _STATUS):
        found.append(Incoming(named, kinds.UPSERTED, at, about, fields))
    if status:
        data = {"value": status}
        found.append(Incoming(f"{named}:status" if found else named, kind, at, about, fields, data=data))
    return found or [Incoming(named, f"{module.lower()}.{operation or 'change'}", at, about, fields)]


def _fields(module: str, values: Mapping[str, Any]) -> dict[str, str]:
    company = values.get("Company") if module == "Leads" else values.get("Account_Name")
    return facts(
        email=values.get("Email"),
        name=first(values, "Full_Name") or full_name(values.get("First_Name"), values.get("Last_Name")),
        phone=first(values, "Phone", "Mobile"),
        company=company.get("name") if isinstance(company, dict) else company,
        title=first(values, "Designation", "Title"),
    )
