"""Deliveries: what senders brought, what became of it, and applying it once more. For administrators."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from flask import request

from web.auth import person, require
from web.i18n import gettext as _
from web.i18n import language
from web.i18n import ngettext as _n
from web.pages import is_swap, workspace
from web.panel.frame import Toast, done, page, reading
from web.webhooks.kinds import read_again
from workflow.actions import inbox
from workflow.errors import NotFound
from workflow.ids import is_id
from workflow.reports import deliveries

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

LISTED: Final = 50
_LONGEST_BODY: Final = 100_000
# What the list can be narrowed to: by the delivery's own status, or by what became of an event in it.
_FILTERS: Final = {
    "dead": {"status": "dead"},
    "failed": {"outcome": "failed"},
    "parked": {"outcome": "parked"},
    "blocked": {"outcome": "blocked"},
}


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/deliveries", view_func=all_deliveries, methods=["GET"])
    routes.add_url_rule("/deliveries/<delivery_id>", view_func=one_delivery, methods=["GET"])
    routes.add_url_rule("/deliveries/<delivery_id>/replay", view_func=replay_delivery, methods=["POST"])


def all_deliveries() -> ResponseReturnValue:
    """The newest deliveries, or those with a problem of one kind."""
    require("deliveries")
    only = request.args.get("only", "")
    with reading() as tx:
        found = deliveries.page(
            tx, language(), **_FILTERS.get(only, {}), after=_after(request.args.get("after", "")), limit=LISTED + 1
        )
    shown = found[:LISTED]
    older = ""
    if len(found) > LISTED:
        last = f"{shown[-1].received_at.isoformat()}~{shown[-1].id}"
        older = urlencode({"only": only, "after": last} if only in _FILTERS else {"after": last})
    return page("deliveries", here="deliveries", found=shown, only=only, older=older, filters=tuple(_FILTERS))


def one_delivery(delivery_id: str) -> ResponseReturnValue:
    """One delivery with its heads and its body."""
    require("deliveries")
    return _show(delivery_id)


def replay_delivery(delivery_id: str) -> ResponseReturnValue:
    """Apply a delivery again; what was applied once stays as it is."""
    require("deliveries")
    if not is_id(delivery_id):
        raise NotFound
    receipt = inbox.replay(workspace(), delivery_id, read_again, person().actor)
    applied = sum(event.outcome == "applied" for event in receipt.events)
    told = _n("Tried again: %(num)s event stands applied", "Tried again: %(num)s events stand applied", applied)
    toast = Toast(told % {"num": applied} if receipt.events else _("Tried again: it still cannot be read"))
    return _show(delivery_id, toast) if is_swap() else done(f"/deliveries/{delivery_id}", toast)


def _show(delivery_id: str, toast: Toast | None = None) -> ResponseReturnValue:
    if not is_id(delivery_id):
        raise NotFound
    with reading() as tx:
        letter = deliveries.one(tx, delivery_id, language())
    return page("delivery", here="deliveries", toast=toast, letter=letter, body=_pretty(letter.body))


def _pretty(body: bytes) -> str:
    """The body as a person reads it: JSON with line breaks, anything else as it came."""
    told = body[:_LONGEST_BODY].decode("utf-8", "replace")
    try:
        return json.dumps(json.loads(told), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return told


def _after(told: str) -> tuple[datetime, str] | None:
    moment, _tilde, known = told.partition("~")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (at, known) if at.tzinfo is not None and is_id(known) else None
