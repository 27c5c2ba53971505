"""Erasing a person: what it takes away and what stays, a word to type before it happens, and no way back."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import request
from sqlalchemy import select

from web.auth import require
from web.i18n import gettext as _
from web.pages import workspace
from web.panel.frame import Toast, done, page, reading, viewer, who
from workflow import text
from workflow.actions import erasing
from workflow.errors import Conflict
from workflow.records.models import Prospect
from workflow.reports import scope

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.records.db import Record


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/prospects/<prospect_id>/erase", view_func=show_erase, methods=["GET"])
    routes.add_url_rule("/prospects/<prospect_id>/erase", view_func=erase_them, methods=["POST"])


def show_erase(prospect_id: str, *, wrong: str = "", status: int = HTTPStatus.OK) -> ResponseReturnValue:
    """What happens, and the question whether it shall."""
    require("erase")
    mine, before = _one(prospect_id)
    return page("erase", here="prospects", status=status, mine=mine, word=_word(mine), wrong=wrong, before=before)


def erase_them(prospect_id: str) -> ResponseReturnValue:
    """Erase this person, if what was typed is what the page asks for."""
    require("erase")
    mine, _before = _one(prospect_id)
    if text.line(request.form.get("typed", ""), 320).casefold() != _word(mine).casefold():
        return show_erase(
            prospect_id, wrong=_("Type it exactly as it stands here."), status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    try:
        erasing.erase(workspace(), mine.id, who())
    except Conflict:
        wrong = _("An email to them or an import is on its way just now: try again in some minutes.")
        return show_erase(prospect_id, wrong=wrong, status=HTTPStatus.CONFLICT)
    return done("/prospects", Toast(_("They were erased. What names them elsewhere is searched for now.")))


def _one(prospect_id: str) -> tuple[Record, erasing.Erased | None]:
    columns = (Prospect.id, Prospect.name, Prospect.company, Prospect.email)
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
        return tx.conn.execute(select(*columns).where(Prospect.id == known)).one(), erasing.newest(tx, known)


def _word(mine: Record) -> str:
    """What is to be typed: something of theirs, so that nobody erases another one."""
    return str(mine.email or mine.name or mine.company or mine.id)
