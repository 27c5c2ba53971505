"""The list of received mail that matched nobody: say whom a message is about, or put it aside."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from sqlalchemy import select

from web.auth import person
from web.forms import line as read_line
from web.i18n import gettext as _
from web.pages import is_swap, workspace
from web.panel.frame import Toast, done, page, reading, viewer, warn
from workflow.actions import received as actions
from workflow.errors import Conflict
from workflow.mail.address import key_of
from workflow.records.models import Prospect
from workflow.reports import received

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/unmatched", view_func=show_unmatched, methods=["GET"])
    routes.add_url_rule("/unmatched/<incoming_id>/assign", view_func=assign_mail, methods=["POST"])
    routes.add_url_rule("/unmatched/<incoming_id>/aside", view_func=put_mail_aside, methods=["POST"])


def show_unmatched(
    *, toast: Toast | None = None, wrong: str = "", typed: str = "", status: int = HTTPStatus.OK
) -> ResponseReturnValue:
    """Mail that matched nobody; `wrong` is the message whose form was sent with an address that is nobody's."""
    with reading() as tx:
        found, _behind = received.unmatched(tx, viewer())
    return page("unmatched", here="uncertain", status=status, toast=toast, found=found, wrong=wrong, typed=typed)


def assign_mail(incoming_id: str) -> ResponseReturnValue:
    """Apply a message as one about the prospect with the address that was typed."""
    typed = read_line("email", 254)
    with reading() as tx:
        known = received.unmatched_id(tx, viewer(), incoming_id)
        wanted = select(Prospect.id).where(Prospect.email_key == (key_of(typed) or ""), viewer().sees())
        prospect_id = tx.conn.execute(wanted).scalar_one_or_none()
    if prospect_id is None:
        return show_unmatched(wrong=known, typed=typed, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        taken = actions.assign(workspace(), known, prospect_id, person().actor)
    except Conflict:
        return _overtaken()
    if taken.outcome != "applied":
        return _shown(Toast(_("The message was assigned, and nothing could be done with it: see the timeline")))
    return _shown(Toast(_("The message was assigned")))


def put_mail_aside(incoming_id: str) -> ResponseReturnValue:
    """Let a message be."""
    with reading() as tx:
        known = received.unmatched_id(tx, viewer(), incoming_id)
    try:
        actions.put_aside(workspace(), known, person().actor)
    except Conflict:
        return _overtaken()
    return _shown(Toast(_("The message was put aside")))


def _overtaken() -> ResponseReturnValue:
    warn(_("Somebody has dealt with this message already."))
    return show_unmatched()


def _shown(toast: Toast) -> ResponseReturnValue:
    return show_unmatched(toast=toast) if is_swap() else done("/unmatched", toast)
