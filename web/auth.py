"""Who is asking: the session behind the cookie, and the proof that a form was ours.

Sets and reads cookies. Sessions, passwords and links themselves are the matter of `workflow.actions.people`.
"""

from __future__ import annotations

import hmac
import re
import secrets
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from flask import abort, current_app, g, request
from werkzeug.exceptions import HTTPException

from web.pages import STALE_FORM, workspace
from web.security import is_local
from workflow import rights
from workflow.actions import people
from workflow.errors import Forbidden
from workflow.mail import tokens

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from workflow.actions.people import Person, SignedIn
    from workflow.rights import Action
    from workflow.settings import Settings

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# A path on this host: `//evil` and `/\\evil` name another one, and a control character splits a header.
_PATH: Final = re.compile(r"/(?![/\\])[^\x00-\x20\\]*")
_LONGEST_PATH: Final = 1000
_VISIT: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_NOTE: Final = "panel note"
CSRF_FIELD: Final = "csrf_token"
CSRF_HEADER: Final = "X-CSRF-Token"


def load() -> None:
    """Find out who is asking, before every request of the panel."""
    token = request.cookies.get(_name("onward"), "")
    g.session_token = token
    g.signed_in = people.session_of(workspace(), token) if token else None


def signed_in() -> SignedIn | None:
    """The session of this request."""
    return cast("SignedIn | None", g.get("signed_in"))


def person() -> Person:
    """The rep who is asking; only behind a door that lets nobody else through."""
    found = signed_in()
    if found is None:
        abort(401)
    return found.person


def require(action: Action) -> None:
    """Refuse whose role does not allow `action`. Raises Forbidden."""
    if not rights.may(person().role, action):
        raise Forbidden


def is_safe_method() -> bool:
    """Whether the request cannot change anything."""
    return request.method in _SAFE


def check_form() -> None:
    """Refuse a form that another site sent, or an old page. Aborts with 400."""
    if not _same_site() or not hmac.compare_digest(_sent(), csrf().encode()):
        abort(400, STALE_FORM)


def csrf() -> str:
    """What every form of this answer must carry: the session's token, or one for the visit before signing in."""
    found = signed_in()
    if found is not None:
        return found.csrf
    if "visit" not in g:
        kept = request.cookies.get(_name("onward-visit"), "")
        g.visit = kept if _VISIT.fullmatch(kept) else secrets.token_urlsafe(32)
        g.new_visit = g.visit != kept
    key = workspace().key("sign-in form")
    return hmac.digest(key.encode(), g.visit.encode(), "sha256").hex()


def keep(response: Response) -> Response:
    """Set what this answer began: the visit that a form before signing in belongs to; and take a read note away."""
    if g.get("new_visit"):
        _set(response, "onward-visit", g.visit)
    if g.get("note_read"):
        response.delete_cookie(_name("onward-note"), path="/", secure=is_secure(_settings()), samesite="Lax")
    return response


def leave_note(response: Response, note: str) -> None:
    """Give the browser a note for the next page. Signed, so that nobody else puts words into our mouth."""
    _set(response, "onward-note", tokens.sign(_NOTE, note, workspace().key(_NOTE)))


def take_note() -> str | None:
    """The note that the page before left."""
    kept = request.cookies.get(_name("onward-note"))
    if kept is None:
        return None
    g.note_read = True
    return tokens.read(_NOTE, kept, workspace().key(_NOTE))


def open_session(response: Response, session: SignedIn) -> Response:
    """Hand the cookie of a new session to the browser."""
    _set(response, "onward", session.token)
    return response


def close_session(response: Response) -> Response:
    """Take the cookie back."""
    settings = _settings()
    response.delete_cookie(_name("onward"), path="/", secure=is_secure(settings), httponly=True, samesite="Lax")
    return response


def session_token() -> str:
    """The cookie that came with this request."""
    return cast("str", g.get("session_token", ""))


def caller() -> str | None:
    """The address that sign-ins are counted by; None for this machine itself, which is not counted."""
    return None if is_local(request) else request.remote_addr or "unknown"


def safe_next(told: str) -> str:
    """`told` when it is a page of ours, else the first page: a sign-in must not lead to another site."""
    if not _PATH.fullmatch(told) or len(told) > _LONGEST_PATH:
        return "/"
    path = urlsplit(told).path
    try:
        current_app.create_url_adapter(request).match(path, method="GET")  # type: ignore[union-attr]
    except HTTPException:
        return "/"
    return told


def is_secure(settings: Settings) -> bool:
    """Whether cookies ask for https: always, except on plain http to a loopback address."""
    parts = urlsplit(settings.base_url)
    return not (parts.scheme == "http" and (parts.hostname or "") in _LOOPBACK)


def _name(base: str) -> str:
    settings = _settings()
    if is_secure(settings):
        return f"__Host-{base}"
    # Cookies know no ports: two installations on one machine must not sign each other out.
    return f"{base}-{urlsplit(settings.base_url).port or 80}"


def _set(response: Response, base: str, value: str) -> None:
    response.set_cookie(_name(base), value, secure=is_secure(_settings()), httponly=True, samesite="Lax", path="/")


def _settings() -> Settings:
    return workspace().settings


def _sent() -> bytes:
    told = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
    return told.encode("utf-8", "replace")


def _same_site() -> bool:
    """Whether the browser says that the form came from here. One that says nothing is held to the token alone."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    if origin in (None, "null"):
        # A page without referrer sends its forms with the origin "null".
        return True
    return origin == f"{request.scheme}://{request.host}" or origin == _origin(_settings().base_url)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
