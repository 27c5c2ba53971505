"""The panel: what a rep sees and clicks. Asks `workflow.reports`, acts through `workflow.actions`, decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

from web.errors import PAGE
from web.pages import register as register_pages
from web.panel.analytics import add_routes as add_analytics
from web.panel.answers import add_routes as add_answers
from web.panel.auditing import add_routes as add_auditing
from web.panel.board import add_routes as add_board
from web.panel.booking import add_routes as add_booking
from web.panel.bulk import add_routes as add_bulk
from web.panel.calling import add_routes as add_calling
from web.panel.deliveries import add_routes as add_deliveries
from web.panel.drafting import add_routes as add_drafting
from web.panel.drawing import add_routes as add_drawing
from web.panel.duplicates import add_routes as add_duplicates
from web.panel.endpoints import add_routes as add_endpoints
from web.panel.erasing import add_routes as add_erasing
from web.panel.everywhere import add_routes as add_everywhere
from web.panel.filters import add_routes as add_filters
from web.panel.frame import begin, error_page, finish, guard
from web.panel.helping import add_routes as add_helping
from web.panel.importing import add_routes as add_importing
from web.panel.keys import add_routes as add_keys
from web.panel.letters import add_routes as add_letters
from web.panel.lists import add_routes as add_lists
from web.panel.mailboxes import add_routes as add_mailboxes
from web.panel.meetings import add_routes as add_meetings
from web.panel.merging import add_routes as add_merging
from web.panel.moves import add_routes as add_moves
from web.panel.one_fact import add_routes as add_one_fact
from web.panel.own_texts import add_routes as add_own_texts
from web.panel.planning import add_routes as add_planning
from web.panel.prospects import add_routes as add_prospects
from web.panel.publishing import add_routes as add_publishing
from web.panel.relations import add_routes as add_relations
from web.panel.sequences import add_routes as add_sequences
from web.panel.settings import add_routes as add_settings
from web.panel.signing import door
from web.panel.snoozing import add_routes as add_snoozing
from web.panel.sources import add_routes as add_sources
from web.panel.suppressions import add_routes as add_suppressions
from web.panel.texts import add_routes as add_texts
from web.panel.today import add_routes as add_today
from web.panel.touches import add_routes as add_touches
from web.panel.unmatched import add_routes as add_unmatched
from web.panel.users import add_routes as add_users
from web.panel.why import add_routes as add_why
from web.panel.work import add_routes as add_work

if TYPE_CHECKING:
    from flask import Flask

    from workflow.workspace import Workspace


def register(app: Flask, ws: Workspace) -> None:
    """Add the panel and its sign-in to `app`."""
    register_pages(app, ws)
    inside = Blueprint("panel", __name__)
    inside.before_request(begin)
    inside.before_request(guard)
    inside.after_request(finish)
    pages = (add_today, add_board, add_moves, add_prospects, add_answers, add_touches, add_work, add_unmatched, add_why)
    for add in (
        *pages,
        add_duplicates,
        add_letters,
        add_deliveries,
        add_settings,
        add_endpoints,
        add_keys,
        add_mailboxes,
        add_publishing,
        add_drawing,
    ):
        add(inside)
    for add in (add_lists, add_bulk, add_filters, add_snoozing):
        add(inside)
    add_sources(inside)
    add_texts(inside)
    add_own_texts(inside)
    add_one_fact(inside)
    add_relations(inside)
    add_suppressions(inside)
    add_planning(inside)
    add_calling(inside)
    add_importing(inside)
    add_merging(inside)
    add_erasing(inside)
    add_sequences(inside)
    add_drafting(inside)
    add_everywhere(inside)
    add_users(inside)
    add_auditing(inside)
    add_analytics(inside)
    add_booking(inside)
    add_meetings(inside)
    add_helping(inside)
    app.register_blueprint(door())
    app.register_blueprint(inside)
    app.extensions[PAGE] = error_page
