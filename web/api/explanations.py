"""The API's routes that say why: of one email or task, and of the sequences of a prospect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from web.api.models import Explanation, WantedExplanation, WantedSequences
from web.api.route import Call, Route
from workflow.actions import facts
from workflow.engine import calendar
from workflow.errors import BadInput
from workflow.reports import explain, missing

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def touch(call: Call) -> Explanation:
    """Why an email or task was sent, held, moved, skipped or stopped."""
    viewer = _zone(call.query(WantedExplanation).zone)
    with call.ws.database.read() as tx:
        told = explain.of_touch(call.ws, tx, call.id, viewer)
    return Explanation.model_validate(told.as_json(call.language))


def prospect(call: Call) -> Explanation:
    """Why sequences of a prospect did or did not begin, and what is still missing."""
    asked = call.query(WantedSequences)
    if asked.step and not asked.sequence:
        raise BadInput("A step stands in a sequence: give “sequence” too.", field="sequence")
    viewer = _zone(asked.zone)
    with call.ws.database.read() as tx:
        told = missing.of_prospect(
            call.ws, tx, call.id, facts.facts, sequence=asked.sequence, step=asked.step, viewer_zone=viewer
        )
    return Explanation.model_validate(told.as_json(call.language))


def _zone(name: str) -> ZoneInfo | None:
    found = calendar.zone_named(name)
    if name and found is None:
        raise BadInput(f"“{name}” is no time zone: write it as Europe/Sofia.", field="zone")
    return found


_MISSING: Final = (404,)
ROUTES: Final = (
    Route(
        "GET", "/touches/<id>/explanation", "Explain a touch", touch, Explanation,
        query=WantedExplanation, refusals=_MISSING,
    ),
    Route(
        "GET", "/prospects/<id>/explanation", "Explain sequences", prospect, Explanation,
        query=WantedSequences, refusals=_MISSING,
    ),
)  # fmt: skip
