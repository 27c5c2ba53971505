"""Pages for people outside, reached by a signed link in an email: to unsubscribe.

No cookie, no session: whoever holds the link holds the right. Looking changes nothing, because mail scanners look too.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Blueprint, Response, g, request
from sqlalchemy import select

from web.i18n import LANGUAGES, choose
from web.pages import register as register_pages
from web.pages import render, workspace
from workflow.actions import prospects
from workflow.actions.prospects import Who
from workflow.engine.signals import UNSUBSCRIBED
from workflow.ids import is_id
from workflow.mail import tokens
from workflow.records.models import Prospect, Suppression

if TYPE_CHECKING:
    from flask import Flask
    from flask.typing import ResponseReturnValue

    from workflow.workspace import Workspace

_SENDER = Who("prospect", "link:unsubscribe")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Whose link it is, and whether the address gets no mail already because its owner said so."""

    prospect_id: str
    language: str
    unsubscribed: bool


def register(app: Flask, ws: Workspace) -> None:
    """Add the public pages to `app`."""
    register_pages(app, ws)
    routes = Blueprint("public", __name__)
    routes.add_url_rule("/u/<token>", view_func=ask, methods=["GET"])
    routes.add_url_rule("/u/<token>", view_func=unsubscribe, methods=["POST"])
    app.register_blueprint(routes)


def ask(token: str) -> ResponseReturnValue:
    """The page with the button."""
    return _page(_reader(token), "ask")


def unsubscribe(token: str) -> ResponseReturnValue:
    """End the emails to whom the link was sent; a mail program's one click (RFC 8058) and the button do the same."""
    found = _reader(token)
    if found is not None and not found.unsubscribed:
        prospects.tell(workspace(), found.prospect_id, UNSUBSCRIBED, {}, _SENDER)
    if request.form.get("List-Unsubscribe") == "One-Click":
        return Response("", HTTPStatus.OK if found else HTTPStatus.NOT_FOUND, mimetype="text/plain")
    return _page(found, "done")


def _reader(token: str) -> _Reader | None:
    ws = workspace()
    known = tokens.read("unsubscribe", token, ws.key("links"))
    if known is None or not is_id(known):
        return None
    with ws.database.read() as tx:
        row = tx.conn.execute(
            select(Prospect.language, Suppression.cause)
            .outerjoin(Suppression, Suppression.email_key == Prospect.email_key)
            .where(Prospect.id == known)
        ).one_or_none()
    return _Reader(known, row.language, row.cause == "stop.unsubscribe") if row else None


def _page(found: _Reader | None, step: str) -> Response:
    """One page for every link that is not ours, altered or of somebody who is gone: it tells nothing of anybody."""
    asked = request.args.get("lang")
    told = found.language if found and found.language in LANGUAGES else None
    g.language = asked if asked in LANGUAGES else told or choose(None)
    step = step if found else "unknown"
    markup = render("public/unsubscribe.html", {"step": step})
    return Response(markup, HTTPStatus.OK if found else HTTPStatus.NOT_FOUND, mimetype="text/html")
