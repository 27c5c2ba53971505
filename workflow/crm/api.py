"""Asks a vendor's JSON API: bounded in time and size, within its rate windows, and again after what may pass.

Knows no vendor. The token is in a header that is neither logged nor quoted; what a vendor answers is quoted in part.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from workflow import text
from workflow.crm.port import CrmError
from workflow.engine.reasons import because
from workflow.errors import BadInput
from workflow.outbound.client import Client, Failed, Reply
from workflow.outbound.guard import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TRIES: Final = 3
LARGEST: Final = 8 * 1024 * 1024
"""Bytes of an answer: a page of a hundred objects with all that is asked for has a tenth of that."""
_TIMEOUT_S: Final = 10.0
_LONGEST_WAIT_S: Final = 5.0
"""A wait that is worth staying for; a longer one is left to the database."""
_UNTOLD_WAIT_S: Final = 10.0
_EXCERPT: Final = 200
_OK: Final = range(200, 300)
_FAULT: Final = 500
_TOO_MANY: Final = 429
_TIMED_OUT: Final = 408


def client(*, private: bool = False) -> Client:
    """A client with room for what a CRM answers."""
    return Client(private=private, timeout_s=_TIMEOUT_S, longest=LARGEST)


@dataclass(slots=True)
class Api:
    """One account at one vendor. `room` reads from the headers of an answer how long to wait before the next call."""

    name: str
    base: str
    auth: Mapping[str, str] = field(repr=False)
    client: Client = field(default_factory=client)
    room: Callable[[Mapping[str, str]], float] = lambda _headers: 0.0
    sleep: Callable[[float], None] = time.sleep
    tries: int = TRIES
    _free_at: float = 0.0

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """What is there. Raises CrmError."""
        asked = urlencode({name: value for name, value in query.items() if value})
        return self._ask("GET", path + (f"?{asked}" if asked else ""), None)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a question that takes a body; nothing is made by it. Raises CrmError."""
        return self._ask("POST", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Set what stands in `body`; the same once more changes nothing. Raises CrmError."""
        return self._ask("PATCH", path, body)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        for left in range(self.tries - 1, -1, -1):
            self._wait(self._free_at - time.monotonic())
            try:
                return self._once(method, path, body)
            except CrmError as error:
                wait = error.wait_s if error.wait_s is not None else 0.5 * (self.tries - left)
                if not left or error.kind not in ("limit", "away") or wait > _LONGEST_WAIT_S:
                    raise
                self._wait(wait * random.uniform(1.0, 1.2))  # noqa: S311 - jitter, no secret
        raise AssertionError

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json", **self.auth}
        if sent is not None:
            headers["Content-Type"] = "application/json"
        try:
            reply = self.client.send(method, self.base + path, headers, sent)
        except (Failed, Refused, BadInput) as error:
            what = error.message if isinstance(error, Refused | BadInput) else str(error)
            raise CrmError(because("crm.unreachable", vendor=self.name, what=what), "away") from error
        self._free_at = time.monotonic() + min(self.room(reply.headers), _LONGEST_WAIT_S)
        if reply.code not in _OK:
            raise self._refused(reply)
        try:
            told = json.loads(reply.text) if reply.text else {}
        except (ValueError, RecursionError) as error:
            odd = because("crm.odd", vendor=self.name, most=LARGEST // 1024**2)
            raise CrmError(odd, "away", reply.code) from error
        return told if isinstance(told, dict) else {}

    def _refused(self, reply: Reply) -> CrmError:
        facts = {"vendor": self.name, "code": reply.code, "said": self._said(reply.text)}
        if reply.code in (401, 403):
            return CrmError(because("crm.token", **facts), "token", reply.code)
        if reply.code == _TOO_MANY:
            wait_s = reply.retry_after_s if reply.retry_after_s is not None else _UNTOLD_WAIT_S
            return CrmError(because("crm.limit", **facts), "limit", reply.code, wait_s)
        if reply.code in (404, 410):
            return CrmError(because("crm.gone", vendor=self.name), "missing", reply.code)
        if reply.code >= _FAULT or reply.code == _TIMED_OUT or reply.code < _OK.start:
            return CrmError(because("crm.trouble", **facts), "away", reply.code, reply.retry_after_s)
        return CrmError(because("crm.refused", **facts), "refused", reply.code)

    def _said(self, answered: str) -> str:
        """What the vendor says is wrong, without anything of ours that it may repeat."""
        try:
            told = json.loads(answered)
        except (ValueError, RecursionError):
            return ""
        said = (told.get("message") or told.get("error")) if isinstance(told, dict) else None
        if not isinstance(said, str) or not said.strip():
            return ""
        for secret in self.auth.values():
            said = said.replace(secret.removeprefix("Bearer "), "…")
        return f": {text.line(said.encode('utf-8', 'replace').decode(), _EXCERPT).rstrip('.')}"

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self.sleep(seconds)


def moment(told: object) -> datetime | None:
    """A time of a vendor, ISO 8601 with or without a zone (then UTC), or milliseconds; None for nothing."""
    try:
        if isinstance(told, int | float) and not isinstance(told, bool):
            return datetime.fromtimestamp(told / 1000, UTC)
        if not isinstance(told, str) or not told.strip():
            return None
        if told.isdigit():
            return datetime.fromtimestamp(int(told) / 1000, UTC)
        found = datetime.fromisoformat(told.strip())
    except (ValueError, OverflowError, OSError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def tables(told: object) -> list[dict[str, Any]]:
    """The objects in a list; none in anything else."""
    return [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []


def table(told: object) -> dict[str, Any]:
    """An object; an empty one for anything else."""
    return told if isinstance(told, dict) else {}


def number(told: object) -> str:
    """An id as text; empty for anything that is none."""
    return str(told) if isinstance(told, str | int) and not isinstance(told, bool) and str(told).isdigit() else ""
