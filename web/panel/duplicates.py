"""Who a prospect that is being typed may be already: said while one types, so that nobody is added twice.

It only tells. An address that is taken is refused where prospects are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import request

from web.pages import workspace
from web.panel.frame import Part, fragment, reading, swap, viewer
from workflow import text
from workflow.reports import listing
from workflow.reports.filters import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.reports.board import Card

_MOST: Final = 4
_SHORTEST: Final = 3
_LONGEST: Final = 100
_DIGITS: Final = 6


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/prospects/new/known", view_func=tell_known, methods=["GET"])


def tell_known() -> ResponseReturnValue:
    """Those who are like what stands in the form so far."""
    return swap(Part("#known", fragment("prospect_new", "known", known=likely(request.args)), "innerHTML"))


def likely(told: Mapping[str, str]) -> tuple[Card, ...]:
    """A few prospects the viewer sees with this address, number or name, in whichever script it is written."""
    email, phone, name = (text.line(told.get(key, ""), _LONGEST).strip() for key in ("email", "phone", "name"))
    asked = [email] if "@" in email.strip("@") else []
    asked += [phone] if sum(sign.isdigit() for sign in phone) >= _DIGITS else []
    asked += [name] if len(name) >= _SHORTEST else []
    found: dict[str, Card] = {}
    with reading() as tx:
        for words in asked:
            rows = listing.prospects(workspace(), tx, viewer(), Wanted(search=words)).rows
            found |= {row.card.id: row.card for row in rows[:_MOST] if row.card.id not in found}
    return tuple(found.values())[:_MOST]
