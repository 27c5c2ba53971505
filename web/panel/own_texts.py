"""The text of one single email before it leaves: an editor, how it reads, and the way back to the template.

What is typed stays in the page until it is saved; whether it may be sent is judged by `workflow.actions.own_texts`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import request

from web.forms import line as read_line
from web.i18n import gettext as _
from web.pages import workspace
from web.panel.faults import place, sentence
from web.panel.frame import Part, Toast, done, fragment, page, reading, swap, viewer, warn, who, worded
from web.panel.letters import inside
from web.security import policy
from workflow import text
from workflow.actions import own_texts
from workflow.actions.texts import FaultyText
from workflow.errors import BadInput, Conflict
from workflow.reports import prospect, scope

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

_FAULT: Final = {"place": place, "sentence": sentence}
_DIGITS: Final = 6
Typed = tuple[str, str]


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    at = "/touches/<touch_id>/text"
    routes.add_url_rule(at, view_func=edit_own, methods=["GET"])
    routes.add_url_rule(at, view_func=save_own, methods=["POST"])
    routes.add_url_rule(f"{at}/preview", view_func=preview_own, methods=["POST"])
    routes.add_url_rule(f"{at}/html", view_func=own_html, methods=["GET", "POST"])
    routes.add_url_rule(f"{at}/drop", view_func=drop_own, methods=["POST"])


def edit_own(touch_id: str) -> ResponseReturnValue:
    """The text of an email that waits, to be changed."""
    _known(touch_id)
    return _editor(touch_id)


def save_own(touch_id: str) -> ResponseReturnValue:
    """Keep what was typed for this one email; 409 with both sides when somebody was faster."""
    known, typed, version = _known(touch_id), _typed(), _version()
    try:
        kept = own_texts.save(workspace(), touch_id, *typed, who(), version=version)
    except FaultyText:
        warn(_("Nothing was saved yet: correct what is named at the text."))
        return _editor(touch_id, typed, HTTPStatus.UNPROCESSABLE_ENTITY)
    except BadInput as error:
        warn(worded(error))
        return _editor(touch_id, typed, HTTPStatus.UNPROCESSABLE_ENTITY)
    except Conflict:
        return _editor(touch_id, typed, HTTPStatus.CONFLICT, overtaken=True)
    toast = Toast(_("Saved: only this email has this text")) if kept != version else Toast(_("Nothing was changed"))
    return done(f"/prospects/{known}", toast)


def preview_own(touch_id: str) -> ResponseReturnValue:
    """How what is typed would read, while it is typed."""
    _known(touch_id)
    with reading() as tx:
        shown = own_texts.show(workspace(), tx, touch_id, *_typed())
    markup = fragment("own_text", "preview", shown=shown, fault=_FAULT)
    return swap(Part("#preview", markup, "innerHTML"))


def own_html(touch_id: str) -> ResponseReturnValue:
    """The HTML as it will be sent, for the frame: of what is typed, or of the text as it stands."""
    _known(touch_id)
    ws = workspace()
    with reading() as tx:
        if request.method == "POST":
            subject, body = _typed()
        else:
            words = own_texts.read(ws, tx, touch_id)
            subject, body = words.subject, words.text
        shown = own_texts.show(ws, tx, touch_id, subject, body) if body else None
    return inside(shown.rendered.html if shown and shown.rendered else "")


def drop_own(touch_id: str) -> ResponseReturnValue:
    """Let the email follow its template again."""
    known = _known(touch_id)
    try:
        own_texts.drop(workspace(), touch_id, who(), version=_version())
    except Conflict:
        warn(_("Somebody has changed the text of this email meanwhile: look at it again and decide."))
        return _editor(touch_id)
    return done(f"/prospects/{known}", Toast(_("The email follows its template again")))


def _editor(
    touch_id: str, typed: Typed | None = None, status: int = HTTPStatus.OK, *, overtaken: bool = False
) -> ResponseReturnValue:
    ws = workspace()
    with reading() as tx:
        words = own_texts.read(ws, tx, touch_id)
        subject, body = typed or (words.subject, words.text)
        shown = own_texts.show(ws, tx, touch_id, subject, body) if body or typed else None
        line = prospect.line(ws, tx, touch_id)
    answer = page(
        "own_text", here="prospects", status=status, words=words, subject=subject, text=body, shown=shown, line=line,
        fault=_FAULT, is_open=words.state in own_texts.OPEN, overtaken=overtaken, longest=own_texts.LONGEST,
    )  # fmt: skip
    answer.headers["Content-Security-Policy"] = policy(frame_src="'self'")
    return answer


def _known(touch_id: str) -> str:
    with reading() as tx:
        return scope.touch_owner(tx, viewer(), touch_id)


def _typed() -> Typed:
    """What the form holds, cleaned of what no text may carry."""
    return read_line("subject", 400), text.block(request.form.get("text", ""), own_texts.LONGEST + 1)


def _version() -> int:
    told = request.form.get("version", "0")
    if not told.isascii() or not told.isdigit() or len(told) > _DIGITS:
        raise BadInput(_("The version of a text is a number."), field="version")
    return int(told)
