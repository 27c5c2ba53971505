"""Merging two prospects who are one: find the other, choose fact by fact, and say what cannot be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request
from sqlalchemy import select

from web.forms import version as read_version
from web.i18n import gettext as _
from web.pages import workspace
from web.panel.frame import Toast, done, page, reading, viewer, warn, who
from workflow import text
from workflow.actions import merging
from workflow.engine.signals import FIELDS
from workflow.errors import BadInput, Conflict
from workflow.records.models import Prospect, Rep
from workflow.reports import listing, scope
from workflow.reports.filters import Wanted

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.records.db import Record, Tx

_FACTS = select(
    Prospect.id,
    Prospect.version,
    Prospect.stage,
    Rep.name.label("owner"),
    *(getattr(Prospect, name) for name in FIELDS),
).outerjoin(Rep, Rep.id == Prospect.owner_id)


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/prospects/<prospect_id>/merge", view_func=show_merge, methods=["GET"])
    routes.add_url_rule("/prospects/<prospect_id>/merge", view_func=merge_them, methods=["POST"])


def show_merge(prospect_id: str) -> ResponseReturnValue:
    """Whom to merge with, or the two side by side."""
    ws, told = workspace(), request.args.get("with", "")[:40]
    asked = text.line(request.args.get("q", ""), 100)
    with reading() as tx:
        mine = _one(tx, scope.prospect_id(tx, viewer(), prospect_id))
        other = _one(tx, scope.prospect_id(tx, viewer(), told)) if told else None
        # Without a search those of the same name, or else of the same company: they are the likeliest.
        words = asked or mine.name or mine.company
        found = listing.prospects(ws, tx, viewer(), Wanted(search=words)) if words and not other else None
    rows = [row.card for row in found.rows if row.card.id != mine.id] if found else []
    return page("merge", here="prospects", mine=mine, other=other, found=rows, asked=asked, fields=(*FIELDS, "owner"))


def merge_them(prospect_id: str) -> ResponseReturnValue:
    """Merge the other one into this one."""
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
        other = scope.prospect_id(tx, viewer(), request.form.get("other", "")[:40])
    take = [name for name in merging.CHOOSABLE if request.form.get(f"take-{name}") == "other"]
    try:
        merging.merge(workspace(), known, other, who(), take=take, version=read_version())
    except (BadInput, Conflict):
        warn(_("One of the two has changed or was merged already: look at both again."))
        return show_merge(prospect_id)
    return done(f"/prospects/{known}", Toast(_("The two are one now")))


def _one(tx: Tx, known: str) -> Record:
    return tx.conn.execute(_FACTS.where(Prospect.id == known)).one()
