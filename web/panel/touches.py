"""Emails and tasks of a sequence: skip, send now, done; settle an uncertain one; read one that was written."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser
from typing import TYPE_CHECKING

from flask import request
from sqlalchemy import select

from web.i18n import gettext as _
from web.pages import is_swap, workspace
from web.panel.frame import Toast, done, reading, viewer, warn, who, worded
from web.panel.letters import body_of, inside, show_letter
from web.panel.prospects import show_prospect
from web.panel.today import key_of, show_today
from web.panel.wording import state as state_word
from web.panel.work import SAID, show_work
from workflow.actions.outreach import acts, again
from workflow.errors import Conflict
from workflow.records.models import Mailbox, Touch
from workflow.reports import prospect, scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Blueprint
    from flask.typing import ResponseReturnValue


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/touches/<touch_id>", view_func=show_email, methods=["GET"])
    routes.add_url_rule("/touches/<touch_id>/html", view_func=show_email_html, methods=["GET"])
    routes.add_url_rule("/touches/<touch_id>/skip", view_func=skip, methods=["POST"])
    routes.add_url_rule("/touches/<touch_id>/send-now", view_func=send_now, methods=["POST"])
    routes.add_url_rule("/touches/<touch_id>/done", view_func=mark_done, methods=["POST"])
    routes.add_url_rule("/touches/<touch_id>/resolve", view_func=resolve, methods=["POST"])
    routes.add_url_rule("/touches/<touch_id>/undo", view_func=undo, methods=["POST"])


def show_email(touch_id: str) -> ResponseReturnValue:
    """An email as it was written."""
    with reading() as tx:
        line, known, content = prospect.email(workspace(), tx, viewer(), touch_id)
    message = BytesParser(policy=policy.default).parsebytes(content)
    html = f"/touches/{touch_id}/html"
    return show_letter(message, here="prospects", back=f"/prospects/{known}", html=html, line=line)


def show_email_html(touch_id: str) -> ResponseReturnValue:
    """The HTML of an email, for the frame."""
    with reading() as tx:
        _line, _known, content = prospect.email(workspace(), tx, viewer(), touch_id)
    return inside(body_of(BytesParser(policy=policy.default).parsebytes(content), "html"))


def skip(touch_id: str) -> ResponseReturnValue:
    """Leave it out."""
    return _act(touch_id, lambda: acts.skip(workspace(), touch_id, who()), _("It was skipped"), _back(touch_id))


def send_now(touch_id: str) -> ResponseReturnValue:
    """Let an email leave at once."""
    return _act(touch_id, lambda: acts.send_now(workspace(), touch_id, who()), _("It leaves now"))


def mark_done(touch_id: str) -> ResponseReturnValue:
    """Tick off a task."""
    return _act(touch_id, lambda: acts.done(workspace(), touch_id, who()), _("Done"), _back(touch_id))


def resolve(touch_id: str) -> ResponseReturnValue:
    """Settle an uncertain or a failed email."""
    as_ = request.form.get("as", "")
    said = {
        "sent": _("Counted as arrived"),
        "resend": _("It is sent once more"),
        "dropped": _("Dropped; its sequence ends"),
    }
    return _act(touch_id, lambda: again.settle(workspace(), touch_id, as_, who()), said.get(as_, ""), _back(touch_id))


def undo(touch_id: str) -> ResponseReturnValue:
    """Take back what was decided about an email or a task."""
    return _act(touch_id, lambda: again.undo(workspace(), touch_id, who()), _("Taken back"))


def _back(touch_id: str) -> str:
    return f"/touches/{touch_id}/undo"


def _act(touch_id: str, act: Callable[[], object], said: str, back: str = "") -> ResponseReturnValue:
    """Do it to a touch that the viewer may see, and show the page that it was asked from; `back` undoes it."""
    with reading() as tx:
        known = scope.touch_owner(tx, viewer(), touch_id)
    view = request.form.get("view", "")
    try:
        act()
    except Conflict as error:
        return _show(view, known, alert=_overtaken(touch_id, error))
    # On Today an Undo leads back to the row that it brings back.
    row = key_of("email" if request.form.get("what") == "email" else "task", touch_id)
    toast = Toast(said, back, (("view", view), ("after", row))) if back else Toast(said)
    if not is_swap():
        addresses = {"today": "/", "uncertain": "/uncertain"}
        return done(addresses.get(view, f"/prospects/{known}"), toast)
    return _show(view, known, toast)


def _show(view: str, known: str, toast: Toast | None = None, *, alert: str = "") -> ResponseReturnValue:
    """The page that the act was asked from, as it is now."""
    if alert:
        warn(alert)
    if view == "today":
        return show_today(toast=toast)
    if view == "uncertain":
        return show_work(toast=toast)
    return show_prospect(known, toast=toast)


def _overtaken(touch_id: str, error: Conflict) -> str:
    """Why the act meant nothing any more."""
    with reading() as tx:
        row = tx.conn.execute(
            select(Touch.state, Mailbox.state.label("mailbox"))
            .outerjoin(Mailbox, Mailbox.id == Touch.mailbox_id)
            .where(Touch.id == touch_id)
        ).one()
    if row.state == "scheduled" and row.mailbox == "paused":
        return _("The mailbox is paused. Resume it first.")
    if error.message and (row.state in ("uncertain", "failed") or error.message in SAID):
        return worded(error)
    return _("This could not be done any more. It is now: %(state)s.") % {"state": state_word(row.state)}
