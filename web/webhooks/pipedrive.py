"""The kind `pipedrive`: webhooks of version 2 and of version 1, one change each.

Pipedrive signs nothing: the webhook is given a user and a password, and the password is the secret. Deals carry ids of
stages only; a deal belongs to its person, so that both are one prospect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from web.strict import loads
from web.webhooks import proof
from web.webhooks.adapter import Adapter, Headers, body_key
from web.webhooks.reading import (
    event_id,
    facts,
    first,
    one,
    own_id,
    plain_text,
    table,
    tables,
    the_table,
    when,
    word,
)
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

_ACTIONS: Final = {"added": "create", "updated": "change", "deleted": "delete"}
_HASH: Final = 40


def verify(headers: Headers, _body: bytes, secrets: Sequence[str], _now: datetime) -> bool:
    """Whether the request shows the password."""
    return proof.shows(headers, secrets)


def read(key: str, _headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """What changed. Raises Unreadable."""
    return tuple(one(the_table(loads(body)), key, _change))


ADAPTER: Final = Adapter(reads=proof.SHOWING, verify=verify, key=body_key, read=read)


def _change(told: Mapping[str, Any], fallback: str) -> list[Incoming]:
    meta = table(told.get("meta"))
    older = "current" in told or word(meta.get("v")) == "1"
    now = table(told.get("current" if older else "data"))
    what = first(meta, "entity", "object").lower() or "object"
    action = word(meta.get("action")).lower()
    action = _ACTIONS.get(action, action)
    if older:
        parts = (meta.get("webhook_id"), told.get("event"), meta.get("id"), meta.get("timestamp_micro"))
        named = event_id("pipedrive-v1", *parts) if meta.get("timestamp_micro") else fallback
    else:
        named = event_id("pipedrive", meta.get("id")) if word(meta.get("id")) else fallback
    at = when(meta.get("timestamp_micro")) or when(meta.get("timestamp"))
    about = first(now, "id") or first(meta, "entity_id", "id" if older else "entity_id")
    if action == "delete" or not now:
        return [Incoming(named, f"{what}.{action}", at, _ref(what, about))]
    if what == "deal":
        return _deal(named, at, about, action, now, told.get("previous"))
    if what == "person":
        fields = facts(
            name=now.get("name"),
            email=_primary(now, "emails", "email"),
            phone=_primary(now, "phones", "phone"),
            company=now.get("org_name"),
            title=now.get("job_title"),
        )
        return [Incoming(named, kinds.UPSERTED, at, own_id(*_own(now)) or about, fields)]
    if what == "activity" and _is_call(now, told.get("previous")):
        data: dict[str, Any] = {"minutes": _minutes(now.get("duration")), "notes": plain_text(now.get("note"))}
        return [Incoming(named, kinds.CALL_ENDED, at, _person(now) or None, data=data)]
    return [Incoming(named, f"{what}.{action}", at, _ref(what, about))]


def _deal(
    named: str, at: datetime | None, about: str, action: str, now: Mapping[str, Any], previous: object
) -> list[Incoming]:
    person = _person(now)
    ref = own_id(*_own(now)) or person or _ref("deal", about)
    fields = facts(name=now.get("person_name"), company=now.get("org_name"))
    found: list[Incoming] = []
    if action == "create" and not person:
        # With a person, the person's own event says who it is, and may find that we know them already.
        custom = {"deal": word(now.get("title"))}
        found.append(Incoming(f"{named}:deal", kinds.UPSERTED, at, ref, fields, custom))
    for name, kind in (("stage_id", "deal.stage"), ("status", "deal.status")):
        value = word(now.get(name))
        # A new deal is open; that it is tells nothing.
        news = value != "open" if action == "create" and name == "status" else _changed(name, value, previous)
        if value and news:
            key, data = f"{named}:{name}" if found else named, {"value": value}
            found.append(Incoming(key, kind, at, ref, fields, data=data, about=f"deal:{about}" if about else None))
    return found or [Incoming(named, f"deal.{action}", at, ref, fields)]


def _changed(name: str, value: str, previous: object) -> bool:
    """Whether a field is new. `previous` holds what changed only; without one, everything may have."""
    if not isinstance(previous, dict) or not previous:
        return True
    return name in previous and word(previous[name]) != value


def _person(now: Mapping[str, Any]) -> str:
    told = now.get("person_id")
    return word(told.get("value") if isinstance(told, dict) else told)


def _ref(what: str, about: str) -> str | None:
    if not about:
        return None
    return about if what == "person" else f"{what}:{about}"


def _own(now: Mapping[str, Any]) -> list[object]:
    """The values of a company's own fields, which go by a hash."""
    newer = [each.get("value") for each in table(now.get("custom_fields")).values() if isinstance(each, dict)]
    return newer + [value for name, value in now.items() if len(name) == _HASH]


def _primary(now: Mapping[str, Any], *names: str) -> str:
    for name in names:
        rows = tables(now.get(name))
        chosen = next((row for row in rows if row.get("primary")), rows[0] if rows else {})
        if found := word(chosen.get("value")):
            return found
    return next((word(now.get(name)) for name in names if isinstance(now.get(name), str)), "")


def _is_call(now: Mapping[str, Any], previous: object) -> bool:
    done = word(now.get("type")) == "call" and now.get("done") is True
    return done and not (isinstance(previous, dict) and previous and previous.get("done", True) is True)


def _minutes(told: object) -> int | None:
    hours, _, minutes = word(told).partition(":")
    if not (hours.isdecimal() and minutes[:2].isdecimal()):
        return None
    total = int(hours[:3]) * 60 + int(minutes[:2])
    return total if total <= 24 * 60 else None
