"""The API's route about times to meet: those that suit both sides, ranked, each with its reasons. Books nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from web.api.models import Id, Query, Reason, Reply
from web.api.route import Call, Route
from workflow.engine import slots
from workflow.reports import meetings, scope

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_ID: Final = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class WantedSlots(Query):
    """For whom, and how long; `days=all` also offers working days that the playbook keeps free of meetings."""

    prospect: Annotated[str, Field(pattern=_ID, description="The id of a prospect.")]
    minutes: Annotated[int | None, Field(ge=1, le=1440, description="The playbook's length without it.")] = None
    days: Literal["", "all"] = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 20


class Slot(Reply):
    """A time that suits. `day` and `there` are by the prospect's clock, `here` by that of their rep.

    `recommended` are the best and its alternates, which differ from it in day and hours.
    """

    starts_at: datetime
    ends_at: datetime
    day: date
    there: str
    here: str
    recommended: bool
    reasons: tuple[Reason, ...]


class SlotList(Reply):
    """The times, those recommended first, then by rank; the zones are those of `there` and `here`."""

    prospect_id: Id
    time_zone: str
    rep_time_zone: str
    items: tuple[Slot, ...]


def offered(call: Call) -> SlotList:
    """Times to meet a prospect that suit both sides, the best first, each with the reasons why it is offered."""
    asked = call.query(WantedSlots)
    with call.ws.database.read() as tx:
        known = scope.prospect_id(tx, call.viewer, asked.prospect)
        book = call.ws.playbooks.in_force(tx)
        rules = book.content.meetings
        if asked.minutes is not None:
            rules = replace(rules, length=timedelta(minutes=asked.minutes))
        sides = meetings.sides_of(tx, known, rules, book.time_zone, otherwise=call.viewer.rep_id)
        found = slots.offered(rules, book.calendar, sides, tx.now, any_day=asked.days == "all")
    best = slots.recommended(found, 1 + rules.alternates)
    ranked = [*best, *(each for each in found if each not in best)][: asked.limit]
    return SlotList(
        prospect_id=known, time_zone=sides.zone.key, rep_time_zone=sides.rep_zone.key,
        items=tuple(_told(each, sides.zone, sides.rep_zone, recommended=each in best) for each in ranked),
    )  # fmt: skip


def _told(slot: slots.Slot, there: ZoneInfo, here: ZoneInfo, *, recommended: bool) -> Slot:
    return Slot(
        starts_at=slot.starts_at, ends_at=slot.ends_at, day=slot.day, recommended=recommended,
        there=f"{slot.starts_at.astimezone(there):%H:%M}", here=f"{slot.starts_at.astimezone(here):%H:%M}",
        reasons=tuple(Reason(code=why.code, en=why.words("en"), bg=why.words("bg")) for why in slot.reasons),
    )  # fmt: skip


ROUTES: Final = (
    Route(
        "GET", "/meetings/slots", "List times that suit both sides", offered, SlotList, query=WantedSlots,
        refusals=(404,),
    ),
)  # fmt: skip
