"""Pages for people outside, reached by a signed link in an email: no more emails, no more of these, or a pause.

No cookie, no session: whoever holds the link holds the right. Looking changes nothing, because mail scanners look too.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from babel.dates import format_date
from flask import Blueprint, Response, g, request

from web.i18n import LANGUAGES, choose
from web.pages import register as register_pages
from web.pages import render, workspace
from workflow.actions import wishes

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.typing import ResponseReturnValue

    from workflow.actions.wishes import Standing
    from workflow.workspace import Workspace

_LOCALES: Final = {"en": "en_GB", "bg": "bg_BG"}
# What the buttons of the page ask for. A form that names no choice is that of a mail program or of an older page.
_WISHES: Final[dict[str, tuple[str, Callable[[Workspace, Standing], None]]]] = {
    "": ("done", wishes.everything),
    "pause": ("ask", wishes.pause),
    "go-on": ("ask", wishes.go_on),
    "decline": ("ask", wishes.decline),
    "want-again": ("ask", wishes.want_again),
}


def register(app: Flask, ws: Workspace) -> None:
    """Add the public pages to `app`."""
    register_pages(app, ws)
    routes = Blueprint("public", __name__)
    routes.add_url_rule("/u/<token>", view_func=ask, methods=["GET"])
    routes.add_url_rule("/u/<token>", view_func=wish, methods=["POST"])
    app.register_blueprint(routes)


def ask(token: str) -> ResponseReturnValue:
    """The page with the buttons, and how it stands."""
    found = wishes.look(workspace(), token)
    return _page(found, "done" if found and found.unsubscribed else "ask")


def wish(token: str) -> ResponseReturnValue:
    """Do as a button asks. One click in a mail program (RFC 8058) and the first button do the same."""
    ws = workspace()
    found = wishes.look(ws, token)
    one_click = request.form.get("List-Unsubscribe") == "One-Click"
    choice = "" if one_click else request.form.get("choice", "")
    if choice not in _WISHES:
        return _page(found, "ask", HTTPStatus.UNPROCESSABLE_ENTITY)
    step, act = _WISHES[choice]
    if found is not None:
        act(ws, found)
    if one_click:
        return Response("", HTTPStatus.OK if found else HTTPStatus.NOT_FOUND, mimetype="text/plain")
    return _page(wishes.look(ws, token), step, did=choice)


def _page(found: Standing | None, step: str, status: HTTPStatus = HTTPStatus.OK, did: str = "") -> Response:
    """One page for every link that is not ours, altered or of somebody who is gone: it tells nothing of anybody."""
    asked = request.args.get("lang")
    told = found.language if found and found.language in LANGUAGES else None
    g.language = asked if asked in LANGUAGES else told or choose(None)
    until = found.paused_until if found else None
    day = format_date(until, "long", _LOCALES[g.language]) if until else ""
    values = {"step": step if found else "unknown", "found": found, "until": day, "did": did}
    markup = render("public/unsubscribe.html", values)
    return Response(markup, status if found else HTTPStatus.NOT_FOUND, mimetype="text/html")
