"""`POST /webhooks/<name>`: raw bytes in, verified, handed to the inbox, answered.

Decides nothing about prospects. Answers 202 once the delivery is stored, 401 and 413 before, 503 when it could not be.
"""

from __future__ import annotations

import json
import logging
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import NotFound, Unauthorized
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Request

from web.security import raw_body
from web.strict import line
from web.webhooks.adapter import COMMON, EVENT, KEY, QUERY, RECEIVED, URL, parcel
from web.webhooks.kinds import ADAPTERS
from workflow.actions import inbox, sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from flask import Flask

    from web.webhooks.adapter import Adapter, Answer, Headers
    from workflow.actions.parcels import Receipt
    from workflow.actions.sources import OpenSource
    from workflow.workspace import Workspace

LARGEST: Final = 1024 * 1024
"""Bytes of a body."""
_LOG = logging.getLogger(__name__)
_FRESH_S: Final = 2.0
_NAME: Final = re.compile(r"[a-z0-9-]{1,40}")
_PATH: Final = re.compile(rf"/webhooks/({_NAME.pattern})(?:/([^\x00-\x1f]{{1,300}}))?")
_RULES: Final = ("/webhooks/<name>", "/webhooks/<name>/<path:tail>")
_HEADER_NAMES: Final[Mapping[str, str]] = {
    name: ("" if name == "content-type" else "HTTP_") + name.upper().replace("-", "_")
    for name in {*COMMON, *(each for adapter in ADAPTERS.values() for each in adapter.reads)}
    if not name.startswith(":")
}


def host_time() -> datetime:
    """The time by which signatures are judged: that of this host, because five minutes are allowed."""
    return datetime.now(UTC)


def register(app: Flask, ws: Workspace, clock: Callable[[], datetime] = host_time) -> None:
    """Add the route to `app`, and put a shorter way to it in front."""
    desk = _Desk(_Sources(ws), ws, clock)

    def receive(name: str, tail: str = "") -> Response:
        told = desk.take(request, name, tail)
        return Response(told.body, told.status, mimetype=told.mimetype)

    for rule in _RULES:
        # No automatic OPTIONS: a hook is posted to, and nothing else.
        app.add_url_rule(rule, "webhook", receive, methods=["POST"], provide_automatic_options=False)
    app.wsgi_app = _Front(app, app.wsgi_app, desk)  # type: ignore[method-assign]


class _Front:
    """Takes deliveries before Flask begins with what only pages need; that is most of the time we spend on one.

    Everything else, and every error, goes the usual way.
    """

    def __init__(self, app: Flask, inner: WSGIApplication, desk: _Desk) -> None:
        self._app = app
        self._inner = inner
        self._desk = desk

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        found = _PATH.fullmatch(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] == "POST" else None
        if found is None:
            return self._inner(environ, start_response)
        try:
            told = self._desk.take(Request(environ), found[1], found[2] or "")
        except Exception as error:  # noqa: BLE001 - the edge of a request; the application's own handler logs it
            return self._refuse(environ, error)(environ, start_response)
        length = ("Content-Length", str(len(told.body)))
        status = f"{told.status} {HTTP_STATUS_CODES[told.status].upper()}"
        start_response(status, [("Content-Type", told.mimetype), length, ("X-Content-Type-Options", "nosniff")])
        return (told.body,)

    def _refuse(self, environ: WSGIEnvironment, error: Exception) -> Response:
        with self._app.request_context(environ):
            told = self._app.make_response(self._app.handle_user_exception(error))
            return self._app.process_response(told)


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where a delivery is looked at, handed on and receipted."""

    known: _Sources
    ws: Workspace
    clock: Callable[[], datetime]

    def take(self, asked: Request, name: str, tail: str) -> Answer:
        """Store and apply the delivery in a request; gives what to answer. Raises for every other answer."""
        body = raw_body(asked, LARGEST)
        source, adapter, headers = self._verified(name, tail, asked.environ, body)
        found = parcel(adapter, headers, body)
        if found.unreadable is not None:
            _LOG.warning("a delivery from %s is kept as a dead letter: %s", source.name, found.unreadable)
        return adapter.answered(body, _receipt(inbox.receive(self.ws, source, found)))

    def _verified(
        self, name: str, tail: str, environ: WSGIEnvironment, body: bytes
    ) -> tuple[OpenSource, Adapter, Headers]:
        now = self.clock()
        if tail and not _NAME.fullmatch(name):
            raise NotFound
        for look in (self.known.recent, self.known.fresh):
            source = look(name) if _NAME.fullmatch(name) else None
            if source is None:
                continue
            adapter = ADAPTERS[source.kind]
            if tail and not adapter.has_tail:
                raise NotFound
            headers = _headers(adapter, environ) | self._beside(adapter, environ, tail, now)
            if adapter.verify(headers, body, source.secrets, now):
                return source, adapter, headers
        _LOG.warning("a webhook was refused: no such source, or its signature does not fit: %s", name[:40])
        raise Unauthorized("The signature is missing or wrong, or there is no such source.")

    def _beside(self, adapter: Adapter, environ: WSGIEnvironment, tail: str, now: datetime) -> dict[str, str]:
        """What an adapter wants to know of a request beside its headers."""
        wanted = {name for name in adapter.reads if name.startswith(":")}
        if not wanted:
            return {}
        query = environ.get("QUERY_STRING", "")
        path = _raw_path(environ)
        told = {
            # Compared and never stored, so that it stays byte for byte what was sent.
            KEY: tail,
            # Stored, and an address may hold signs that no row can, such as a zero byte.
            EVENT: line(tail, 500),
            QUERY: query,
            URL: self.ws.settings.base_url.rstrip("/") + path + (f"?{query}" if query else ""),
            RECEIVED: now.isoformat(timespec="minutes"),
        }
        return {name: value for name, value in told.items() if name in wanted and value}


class _Sources:
    """The sources as they were up to two seconds ago, which saves each delivery a transaction.

    A new secret is valid at once, because a signature that does not fit is checked against a fresh look; a source that
    was switched off may deliver for two seconds more.
    """

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._seen: dict[str, tuple[float, OpenSource]] = {}

    def recent(self, name: str) -> OpenSource | None:
        """The source, if it was looked at a moment ago."""
        at, source = self._seen.get(name, (0.0, None))
        return source if time.monotonic() - at < _FRESH_S else None

    def fresh(self, name: str) -> OpenSource | None:
        """The source as the database has it now. Only what exists is remembered, so that nobody can fill our memory."""
        with self._ws.database.read() as tx:
            source = sources.open_source(self._ws, tx, name)
        if source is None:
            self._seen.pop(name, None)
        else:
            self._seen[name] = (time.monotonic(), source)
        return source


def _headers(adapter: Adapter, environ: WSGIEnvironment) -> dict[str, str]:
    names = (name for name in (*COMMON, *adapter.reads) if not name.startswith(":"))
    found = ((name, environ.get(_HEADER_NAMES[name])) for name in names)
    return {name: value for name, value in found if value}


def _raw_path(environ: WSGIEnvironment) -> str:
    """The path as it was sent: a vendor signs its address before any server has read it."""
    for name in ("RAW_URI", "REQUEST_URI"):
        sent = str(environ.get(name, ""))
        if sent.startswith("/"):
            return sent.partition("?")[0]
    return quote(environ["PATH_INFO"].encode("latin-1", "replace"))


def _receipt(receipt: Receipt) -> bytes:
    events = [
        {"id": event.id, "outcome": event.outcome, "stage": event.stage, "reason": event.reason}
        for event in receipt.events
    ]
    told = {"delivery": receipt.delivery_id, "status": receipt.status, "events": events}
    return json.dumps(told, ensure_ascii=False).encode()
