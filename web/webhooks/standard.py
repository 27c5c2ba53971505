"""The kind `standard`: Standard Webhooks (standardwebhooks.com) with our own events inside.

Pure. The body is verified as the bytes that came; nothing is read from it before.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from web.facts import LOCALE, address, block, fact, line, moment
from web.strict import Unreadable, loads, tidy
from web.webhooks.adapter import Adapter, Headers, short_key
from workflow.actions.parcels import Incoming
from workflow.engine import signals as kinds
from workflow.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

TOLERANCE_S: Final = 300
"""How far the sender's clock may be from ours, both ways (specification, "Verifying webhook authenticity")."""
MOST_EVENTS: Final = 100
_STAMP: Final = re.compile(r"[0-9]{1,12}")
_LONGEST_ID: Final = 200
_LONGEST_NAME: Final = 100
_LONGEST_NOTE: Final = 2_000
_MOST_KEYS: Final = 200
_MOST_MINUTES: Final = 24 * 60


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """Whether `body` was signed within five minutes of `now` with one of `secrets` (`whsec_<base64>`)."""
    name, stamp, given = (_header(headers, part) for part in ("id", "timestamp", "signature"))
    if not name or not _STAMP.fullmatch(stamp) or abs(now.timestamp() - int(stamp)) > TOLERANCE_S:
        return False
    try:
        # A server hands headers on as Latin-1, whatever they were: this gives back the bytes that were signed.
        content = b"%b.%b.%b" % (name.encode("latin-1"), stamp.encode(), body)
    except UnicodeEncodeError:
        return False
    # A list, because a sender that changes its key signs with both for a while.
    marks = [mark.encode("utf-8", "replace") for version, _, mark in _pairs(given) if version == "v1"]
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        ours = base64.b64encode(hmac.digest(key, content, hashlib.sha256))
        if any(hmac.compare_digest(ours, mark) for mark in marks):
            return True
    return False


def key(headers: Headers, _body: bytes) -> str:
    """`webhook-id`: a retry keeps it."""
    return short_key(_header(headers, "id"))


def read(key: str, _headers: Headers, body: bytes) -> tuple[Incoming, ...]:
    """The events in `body`, one object or a list; one wrong by itself says so in `problem`. Raises Unreadable."""
    told = loads(body)
    items = told if isinstance(told, list) else [told]
    if len(items) > MOST_EVENTS:
        raise Unreadable(f"The body has {len(items)} events: send at most {MOST_EVENTS} at once.")
    if items is not told and not isinstance(told, dict):
        raise Unreadable("The body must be an event, or a list of events.")
    return tuple(_event(item, f"{key}:{index}") for index, item in enumerate(items))


ADAPTER: Final = Adapter(
    reads=tuple(f"{family}-{part}" for family in ("webhook", "svix") for part in ("id", "timestamp", "signature")),
    verify=verify,
    key=key,
    read=read,
    keeps=tuple(f"{family}-{part}" for family in ("webhook", "svix") for part in ("id", "timestamp")),
)


def _header(headers: Headers, part: str) -> str:
    family = "webhook" if "webhook-id" in headers else "svix"
    return headers.get(f"{family}-{part}", "")


def _pairs(given: str) -> list[tuple[str, str, str]]:
    return [each.partition(",") for each in given.split(" ")]


def _event(item: object, fallback: str) -> Incoming:
    if not isinstance(item, dict):
        return Incoming(fallback, "", problem="An event must be an object.")
    try:
        event_id = _name(item, "id", _LONGEST_ID) or fallback
        kind = _name(item, "type", _LONGEST_NAME)
    except BadInput as error:
        return Incoming(fallback, "", problem=error.message)
    try:
        return _usable(item, event_id, kind) if kind else Incoming(event_id, "", problem="“type” is missing.")
    except BadInput as error:
        return Incoming(event_id, kind, problem=error.message)


def _usable(item: Mapping[str, Any], event_id: str, kind: str) -> Incoming:
    prospect = _object(item, "prospect", "prospect")
    data = _object(item, "data", "data") if kind in kinds.KINDS or isinstance(item.get("data"), dict) else {}
    person = _Person()
    person.take(prospect, "prospect")
    if kind == kinds.UPSERTED:
        # Here the data are about the prospect as well, and win over what merely names whom it is about.
        person.take(data, "data")
        data = {}
    when = item.get("occurred_at", item.get("timestamp"))
    return Incoming(
        event_id=event_id,
        type=kind,
        occurred_at=None if when is None else moment(when, "occurred_at"),
        ref=person.ref,
        fields=person.fields,
        custom=person.custom,
        data=_checked(kind, tidy(data, "data")) if data or kind in _CHECKS else {},
    )


class _Person:
    """What an event says of its prospect. An empty value says nothing: many write one for what they do not know."""

    def __init__(self) -> None:
        self.ref: str | None = None
        self.fields: dict[str, str] = {}
        self.custom: dict[str, Any] = {}

    def take(self, told: Mapping[str, Any], place: str) -> None:
        """Take over everything in `told`, which stands at `place` of the event."""
        for name, value in told.items():
            said = f"{place}.{name}"
            if value is None or value == "":
                continue
            if name == "ref":
                self.ref = line(value, said, _LONGEST_ID) or None
            elif name in kinds.FIELDS:
                self._fact(name, value, said)
            elif name == "custom" and isinstance(value, dict):
                self.custom |= tidy(value, said)
            else:
                self.custom |= tidy({name: value}, said)
        if len(self.custom) > _MOST_KEYS:
            raise BadInput(f"“{place}” has more than {_MOST_KEYS} keys of its own.")

    def _fact(self, name: str, value: object, said: str) -> None:
        try:
            clean = fact(name, value, said=said)
        except BadInput:
            # “Bulgaria” for BG must not cost us the word that this prospect unsubscribed: kept, not used.
            if name not in LOCALE or not isinstance(value, str):
                raise
            self.custom |= tidy({name: value}, said)
        else:
            if clean:
                self.fields[name] = clean


def _checked(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """The data of an event in their types; what the kind does not know passes through."""
    if len(data) > _MOST_KEYS:
        raise BadInput(f"“data” has more than {_MOST_KEYS} keys.")
    told = {name: value for name, value in data.items() if value not in (None, "")}
    for name, check in _CHECKS.get(kind, {}).items():
        if name in told:
            told[name] = check(told[name], f"data.{name}")
    if kind == kinds.MOVE and not told.get("trigger"):
        raise BadInput("“data.trigger” is missing.")
    if kind == kinds.ANSWERS and not told.get("answers"):
        raise BadInput("“data.answers” is missing.")
    starts, ends = told.get("starts_at"), told.get("ends_at")
    if kind in kinds.MEETING_KINDS and starts and ends and ends < starts:
        raise BadInput("“data.ends_at” lies before “data.starts_at”.")
    return told


def _object(item: Mapping[str, Any], name: str, said: str) -> Mapping[str, Any]:
    value = item.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadInput(f"“{said}” must be an object.")
    return value


def _name(item: Mapping[str, Any], name: str, longest: int) -> str:
    value = item.get(name)
    if value is None:
        return ""
    told = line(value, name, longest + 1)
    if len(told) > longest:
        raise BadInput(f"“{name}” has more than {longest} characters.")
    return told


def _word(value: object, said: str) -> str:
    return line(value, said)


def _note(value: object, said: str) -> str:
    return block(value, said, _LONGEST_NOTE)


def _minutes(value: object, said: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInput(f"“{said}” must be a number of minutes.")
    if not 0 <= value <= _MOST_MINUTES:
        raise BadInput(f"“{said}” must be from 0 to {_MOST_MINUTES}.")
    return value


def _yes_or_no(value: object, said: str) -> bool:
    if not isinstance(value, bool):
        raise BadInput(f"“{said}” must be true or false.")
    return value


def _answers(value: object, said: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise BadInput(f"“{said}” must be an object of texts.")
    if len(value) > _MOST_KEYS:
        raise BadInput(f"“{said}” has more than {_MOST_KEYS} keys.")
    return {name: block(each, f"{said}.{name}") for name, each in value.items() if each is not None}


def _day(value: object, said: str) -> str:
    told = line(value, said)
    try:
        return date.fromisoformat(told).isoformat()
    except ValueError as error:
        raise BadInput(f"“{said}” must be a day, such as 2026-12-01.") from error


_MEETING: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "uid": _word,
    "starts_at": moment,
    "ends_at": moment,
    "place": _word,
    "reason": _note,
}
_MAIL: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "address": address,
    "message_id": _word,
    "detail": _note,
    "permanent": _yes_or_no,
}
_CHECKS: Final[Mapping[str, Mapping[str, Callable[[Any, str], Any]]]] = {
    kinds.MOVE: {"trigger": _word, "outcome": _word, "reason": _note},
    kinds.CALL_ENDED: {"minutes": _minutes, "notes": block},
    kinds.ANSWERS: {"answers": _answers},
    **dict.fromkeys(kinds.MEETING_KINDS, _MEETING),
    **dict.fromkeys(kinds.MAIL_KINDS, _MAIL),
    kinds.AUTO_REPLIED: {**_MAIL, "about": _word, "returns_on": _day},
    kinds.ANSWERED: {"uid": _word, "answer": _word, "comment": _note, "address": address},
}
