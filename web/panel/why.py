"""Why: what made an email or task as it is, and why an expected one is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import g, request

from web.i18n import language
from web.pages import workspace
from web.panel.frame import page, reading, viewer
from workflow import text
from workflow.actions import facts
from workflow.engine.telling import sentences
from workflow.reports import explain, missing, scope

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.reports.explain import Explanation

_LONGEST_KEY = 100


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/touches/<touch_id>/why", view_func=show_touch, methods=["GET"])
    routes.add_url_rule("/prospects/<prospect_id>/why", view_func=show_prospect, methods=["GET"])


def show_touch(touch_id: str) -> ResponseReturnValue:
    """Why an email or task is as it is."""
    ws = workspace()
    with reading() as tx:
        scope.touch_owner(tx, viewer(), touch_id)
        told = explain.of_touch(ws, tx, touch_id, g.zone)
    return _show(told, whole=True)


def show_prospect(prospect_id: str) -> ResponseReturnValue:
    """Why sequences did or did not begin: all, or the one that is named."""
    ws = workspace()
    sequence = text.line(request.args.get("sequence", ""), _LONGEST_KEY)
    step = text.line(request.args.get("step", ""), _LONGEST_KEY) if sequence else ""
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
        told = missing.of_prospect(ws, tx, known, facts.facts, sequence=sequence, step=step, viewer_zone=g.zone)
    return _show(told, whole=bool(sequence))


def _show(told: Explanation, *, whole: bool) -> ResponseReturnValue:
    notes = {id(note): sentences(note, language(), told.clocks) for explained in told.items for note in explained.notes}
    return page("why", here="prospects", told=told, whole=whole, say_note=lambda note: notes[id(note)])
