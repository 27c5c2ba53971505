"""What every answer and every request must satisfy: headers, the host it was sent to, and how large it may be.

Knows no route and no person. The policy needs no nonces, because scripts and styles come from our own files only.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from flask import request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask, Response
    from werkzeug.wrappers import Request

    from workflow.settings import Settings

LARGEST_BODY: Final = 1024 * 1024
LARGEST_FORM: Final = 500_000
MOST_PARTS: Final = 500
_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST: Final = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{1,5})?")
# Monitors and senders of webhooks reach us by names of their own; none of these answers holds a link.
_ANY_HOST: Final = ("/webhooks/", "/healthz", "/readyz", "/metrics")
# The address itself is the secret: it must not travel on, nor be found by a search engine.
_SECRET_PATHS: Final = ("/u/", "/b/", "/sign-in/")
_POLICY: Final[Mapping[str, str]] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "object-src": "'none'",
    "frame-ancestors": "'none'",
}
_YEAR_S: Final = 31_536_000


def policy(**changed: str) -> str:
    """The Content-Security-Policy, with parts changed or added for one page: `policy(frame_src="'self'")`."""
    parts = {**_POLICY, **{name.replace("_", "-"): value for name, value in changed.items()}}
    return "; ".join(f"{name} {value}" for name, value in parts.items())


_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": policy(),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
"""A view that needs another value sets it before; it stands."""


def register(app: Flask, settings: Settings) -> None:
    """Hold `app` to this."""
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        MAX_FORM_MEMORY_SIZE=LARGEST_FORM,
        MAX_FORM_PARTS=MOST_PARTS,
    )
    base = urlsplit(settings.base_url)
    names = frozenset({(base.hostname or "").lower()})
    if names & _LOOPBACK_NAMES:
        names |= _LOOPBACK_NAMES
    headers = dict(_HEADERS)
    if base.scheme == "https":
        headers["Strict-Transport-Security"] = f"max-age={_YEAR_S}; includeSubDomains"

    def check_host() -> None:
        if not request.path.startswith(_ANY_HOST) and _host(request.environ.get("HTTP_HOST", "")) not in names:
            raise BadRequest("This is not the address of this installation.")

    def add_headers(answer: Response) -> Response:
        told = answer.headers
        if request.path.startswith("/webhooks/"):
            # Read by programs, a thousand times a second: a browser's rules would only cost.
            told["X-Content-Type-Options"] = "nosniff"
            return answer
        if request.path.startswith(_SECRET_PATHS):
            told.setdefault("Referrer-Policy", "no-referrer")
            told.setdefault("X-Robots-Tag", "noindex")
        for name, value in headers.items():
            told.setdefault(name, value)
        return answer

    app.before_request(check_host)
    app.after_request(add_headers)


def raw_body(asked: Request, largest: int = LARGEST_BODY) -> bytes:
    """The bytes of a body, whether it came with its length or in chunks. Raises RequestEntityTooLarge (413)."""
    # One byte more than allowed: a stream without a length is cut at its limit, which must not pass for its end.
    asked.max_content_length = largest + 1
    body = asked.get_data(cache=False)
    if len(body) > largest:
        raise RequestEntityTooLarge
    return body


def is_local(asked: Request) -> bool:
    """Whether a request comes from this machine itself, and not through a proxy that runs on it."""
    if "X-Forwarded-For" in asked.headers or "Forwarded" in asked.headers:
        return False
    try:
        return ip_address(asked.remote_addr or "").is_loopback
    except ValueError:
        return False


def _host(header: str) -> str | None:
    """The name in a Host header, without its port; None for anything that is no host."""
    found = _HOST.fullmatch(header.lower())
    return (found[1] or found[2]).removesuffix(".") if found else None
