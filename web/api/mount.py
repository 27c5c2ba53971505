"""Puts the API together: its routes, the door before each, and the document that describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import g

from web.api.attention import ROUTES as ATTENTION
from web.api.audit import ROUTES as AUDIT
from web.api.calls import ROUTES as CALLS
from web.api.day import ROUTES as DAY
from web.api.deliveries import ROUTES as DELIVERIES
from web.api.discovery import ROUTES as DISCOVERY
from web.api.document import register as register_document
from web.api.door import Door
from web.api.endpoints import ROUTES as ENDPOINTS
from web.api.enrollments import ROUTES as ENROLLMENTS
from web.api.erasing import ROUTES as ERASING
from web.api.events import ROUTES as EVENTS
from web.api.explanations import ROUTES as EXPLANATIONS
from web.api.installation import ROUTES as INSTALLATION
from web.api.limits import Buckets
from web.api.mailboxes import ROUTES as MAILBOXES
from web.api.meetings import ROUTES as MEETINGS
from web.api.merging import ROUTES as MERGING
from web.api.people import ROUTES as PEOPLE
from web.api.personal import ROUTES as PERSONAL
from web.api.prospects import ROUTES as PROSPECTS
from web.api.publishing import ROUTES as PUBLISHING
from web.api.received import ROUTES as RECEIVED
from web.api.reports import ROUTES as REPORTS
from web.api.simulations import ROUTES as SIMULATIONS
from web.api.slots import ROUTES as SLOTS
from web.api.sources import ROUTES as SOURCES
from web.api.suppressions import ROUTES as SUPPRESSIONS
from web.api.texts import ROUTES as TEXTS
from web.api.touches import ROUTES as TOUCHES

if TYPE_CHECKING:
    from flask import Flask, Response

    from workflow.workspace import Workspace

PREFIX: Final = "/api/v1"
ROUTES: Final = (
    *PROSPECTS,
    *MERGING,
    *ERASING,
    *DISCOVERY,
    *CALLS,
    *MEETINGS,
    *SLOTS,
    *ENROLLMENTS,
    *SIMULATIONS,
    *TOUCHES,
    *PERSONAL,
    *EXPLANATIONS,
    *DELIVERIES,
    *EVENTS,
    *ENDPOINTS,
    *SOURCES,
    *INSTALLATION,
    *MAILBOXES,
    *TEXTS,
    *RECEIVED,
    *ATTENTION,
    *DAY,
    *PUBLISHING,
    *SUPPRESSIONS,
    *REPORTS,
    *PEOPLE,
    *AUDIT,
)


def register(app: Flask, ws: Workspace, buckets: Buckets | None = None) -> None:
    """Add the API to `app`."""
    buckets = buckets or Buckets()
    records = {route.word: route for route in ROUTES if route.reads_one}
    for route in ROUTES:
        name = f"api {route.method} {route.path}"
        door = Door(ws, route, buckets, records.get(route.word))
        app.add_url_rule(PREFIX + route.path, name, door, methods=[route.method])
    app.after_request(_tell_limits)
    register_document(app, ws, ROUTES, PREFIX)


def _tell_limits(answer: Response) -> Response:
    """Say how many calls are left, whatever became of this one."""
    answer.headers.update(g.get("rate_limit", {}))
    return answer
