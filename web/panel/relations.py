"""Related prospects: link another one with this one, or a new one from here, and take a link away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import request
from sqlalchemy import select

from web.i18n import gettext as _
from web.pages import is_swap, workspace
from web.panel.frame import Toast, done, page, reading, viewer, warn, who
from web.panel.prospects import show_prospect
from workflow import text
from workflow.actions import relations
from workflow.errors import BadInput, Conflict, NotFound
from workflow.records.models import Prospect
from workflow.reports import listing, scope
from workflow.reports import relations as reports
from workflow.reports.filters import Wanted

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/prospects/<prospect_id>/related", view_func=find_related, methods=["GET"])
    routes.add_url_rule("/prospects/<prospect_id>/related", view_func=link_related, methods=["POST"])
    routes.add_url_rule("/prospects/<prospect_id>/related/remove", view_func=unlink_related, methods=["POST"])


def find_related(prospect_id: str) -> ResponseReturnValue:
    """Whom to link with."""
    ws, words = workspace(), text.line(request.args.get("q", ""), 100)
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
        mine = tx.conn.execute(_NAMED.where(Prospect.id == known)).one()
        # Without a search those of the same company: they are the likeliest.
        asked = words or mine.company
        found = listing.prospects(ws, tx, viewer(), Wanted(search=asked)) if asked else None
        linked = {each.prospect_id for each in reports.of_prospect(tx, viewer(), known)}
    rows = [row.card for row in found.rows if row.card.id != known and row.card.id not in linked] if found else []
    way = request.args.get("as", relations.WAYS[0])
    return page("related", here="prospects", mine=mine, found=rows, asked=words, ways=relations.WAYS, way=way)


def link_related(prospect_id: str) -> ResponseReturnValue:
    """Link the other one with this one."""
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
        other = scope.prospect_id(tx, viewer(), request.form.get("other", "")[:40])
    try:
        relations.link(workspace(), *relations.both(known, other, request.form.get("as", "")), who())
    except (BadInput, Conflict):
        warn(_("The two could not be linked: load the page again."))
        return show_prospect(known)
    return _shown(known, Toast(_("The two are linked"), f"/prospects/{known}/related/remove", (("other", other),)))


def unlink_related(prospect_id: str) -> ResponseReturnValue:
    """Take a link away."""
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
        other = scope.prospect_id(tx, viewer(), request.form.get("other", "")[:40])
        row = next((each for each in reports.of_prospect(tx, viewer(), known) if each.prospect_id == other), None)
    try:
        relations.unlink(workspace(), known, other, who())
    except NotFound:
        warn(_("These two prospects are not linked any more."))
        return show_prospect(known)
    back = (("other", other), ("as", way_of(row.kind, row.side) if row else "other"))
    return _shown(known, Toast(_("The link is gone"), f"/prospects/{known}/related", back))


def way_of(kind: str, side: str) -> str:
    """What the other one of a link is to this one: one of `WAYS`."""
    return {"from": "referred", "to": "referrer"}[side] if kind == "referral" else kind


def _shown(known: str, toast: Toast) -> ResponseReturnValue:
    return show_prospect(known, toast=toast) if is_swap() else done(f"/prospects/{known}", toast)


_NAMED: Final = select(Prospect.id, Prospect.name, Prospect.company, Prospect.email)
