"""What a delivery holds, in normal form, and what became of it: values, and the form in which an event is kept.

Knows no vendor's format and no rule; `actions.inbox` stores and applies what stands here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from workflow.engine import signals as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workflow.records.db import Record

ORIGIN: Final = "onward-origin"
"""The header of a delivery that we asked a vendor for ourselves: `lookup` or `poll`; its body is in normal form."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One event in normal form. `problem` says in a sentence why it cannot be used; then only `event_id` counts.

    `introduces` makes an unknown prospect known whatever the type, because its sender says enough of the person.
    `about` is the sender's own object whose value is told, such as `deal:12`, where the same change may come twice.
    """

    event_id: str
    type: str
    occurred_at: datetime | None = None
    ref: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None
    introduces: bool = False
    about: str | None = None

    @property
    def address(self) -> str:
        """The address it is about, if it names one."""
        return self.fields.get("email") or str(self.data.get("address") or "")


@dataclass(frozen=True, slots=True)
class EventReceipt:
    """What became of one event."""

    id: str
    outcome: str
    stage: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a delivery."""

    delivery_id: str
    status: str
    events: tuple[EventReceipt, ...]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A verified request: the vendor's key of it, and what it holds, or in `unreadable` why nothing can be read."""

    key: str
    headers: Mapping[str, str]
    body: bytes
    events: Sequence[Incoming] = ()
    unreadable: str | None = None


def pack(incoming: Incoming) -> dict[str, Any]:
    """An event in normal form, as JSON."""
    return {
        "event_id": incoming.event_id,
        "type": incoming.type,
        "occurred_at": incoming.occurred_at.isoformat() if incoming.occurred_at else None,
        "ref": incoming.ref,
        "fields": dict(incoming.fields),
        "custom": dict(incoming.custom),
        "data": {k: v.isoformat() if isinstance(v, datetime) else v for k, v in incoming.data.items()},
        **({"introduces": True} if incoming.introduces else {}),
        **({"about": incoming.about} if incoming.about else {}),
    }


def unpack(event: Record) -> Incoming:
    """An event as its row keeps it; without a payload only that it was there."""
    kept = event.payload
    if kept is None:
        return Incoming(event.event_id, event.type, problem="This event was kept without its contents.")
    return opened(kept)


def opened(kept: Mapping[str, Any]) -> Incoming:
    """What `pack` made."""
    occurred = datetime.fromisoformat(kept["occurred_at"]) if kept["occurred_at"] else None
    data = dict(kept["data"])
    # Only a meeting has times here; in the data of another type these words may mean anything.
    for name in ("starts_at", "ends_at") if kept["type"] in kinds.MEETING_KINDS else ():
        if isinstance(data.get(name), str):
            data[name] = _time(data[name])
    return Incoming(
        kept["event_id"],
        kept["type"],
        occurred,
        kept["ref"],
        kept["fields"],
        kept["custom"],
        data,
        introduces=kept.get("introduces", False),
        about=kept.get("about"),
    )


def written(events: Sequence[Incoming]) -> bytes:
    """The body of a delivery that we asked for ourselves."""
    return json.dumps([pack(one) for one in events], ensure_ascii=False).encode()


def reread(key: str, headers: Mapping[str, str], body: bytes) -> Parcel:
    """A delivery that we asked for ourselves."""
    return Parcel(key, headers, body, [opened(kept) for kept in json.loads(body)])


def _time(told: str) -> datetime | str:
    """A time; what is none stays as it is, and fails where it is used, for its own event only."""
    try:
        return datetime.fromisoformat(told)
    except ValueError:
        return told
