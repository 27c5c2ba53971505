"""Meetings: those ahead, those that wait for a word, and those past; what became of one; and its calendar file.

A mark goes through the one door that webhooks use; what it would send and stop is shown before it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from flask import Response, g, request

from web.formats import local, there_day
from web.forms import line as read_line
from web.forms import number as read_number
from web.forms import version as read_version
from web.i18n import gettext as _
from web.i18n import later
from web.pages import is_swap, playbook, workspace
from web.panel.frame import Toast, done, page, reading, viewer, warn, who
from web.panel.prospects import newest_change
from web.panel.wishes import after_meeting
from web.panel.wording import said
from workflow.actions import calling, prospects
from workflow.actions import meetings as acts
from workflow.engine import calendar
from workflow.engine import meetings as rules
from workflow.engine import signals as kinds
from workflow.errors import BadInput, Conflict
from workflow.reports import followups, icalendar
from workflow.reports import meetings as reports

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from zoneinfo import ZoneInfo

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.engine.meetings import Kind
    from workflow.playbook.content import Question
    from workflow.records.db import Record, Tx

TEAM: Final = "team"
PAST: Final = "past"
_MOST: Final = 500
_WEEK: Final = 7
MARKS: Final = {"held": kinds.HELD, "no_show": kinds.NO_SHOW, "cancelled": kinds.CANCELLED}
_DONE: Final = {
    "held": later("The meeting took place"),
    "no_show": later("Nobody came"),
    "cancelled": later("It was called off"),
}
KINDS: Final = {
    "video": later("Video call"),
    "phone": later("By phone"),
    "visit": later("In person"),
    "open": later("No place yet"),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A meeting as it is shown: the clock of the prospect, how people meet, how long, and how much of it is planned."""

    row: Record
    zone: ZoneInfo
    kind: Kind
    minutes: int
    planned: int


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the week strip: its midnight by the viewer's clock, and what is on."""

    at: datetime
    today: bool
    meetings: tuple[Seen, ...]


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/meetings", view_func=show_meetings, methods=["GET"])
    routes.add_url_rule("/meetings/<meeting_id>", view_func=show_meeting, methods=["GET"])
    routes.add_url_rule("/meetings/<meeting_id>/mark", view_func=mark_meeting, methods=["POST"])
    routes.add_url_rule("/meetings/<meeting_id>/undo", view_func=take_mark_back, methods=["POST"])
    routes.add_url_rule("/meetings/<meeting_id>/meeting.ics", view_func=give_calendar, methods=["GET"])


def show_meetings() -> ResponseReturnValue:
    """The meetings that the address asks for."""
    mine, past = request.args.get("who") != TEAM, request.args.get("show") == PAST
    limit = read_number("n", reports.SHOWN, _MOST)
    with reading() as tx:
        start = _week(tx.now)
        found = reports.meetings(tx, viewer(), mine=mine, past=past, limit=limit)
        week = reports.between(tx, viewer(), start, _days_on(start, _WEEK), mine=mine)
        ready = reports.answered(tx, (row.prospect_id for row in found.rows), plan_questions())
        today = local(tx.now).date()
    days = [_days_on(start, number) for number in range(_WEEK + 1)]
    strip = [
        Day(at, local(at).date() == today, seen(row for row in week if at <= row.starts_at < after))
        for at, after in pairwise(days)
    ]
    return page(
        "meetings", here="meetings", mine=mine, past=past, strip=strip, limit=limit,
        waiting=seen(found.waiting), days=_by_day(seen(found.rows, ready)), more=found.more and limit < _MOST,
        of=len(plan_questions()), way=_way, words=KINDS,
        weeks=(_days_on(start, -_WEEK), _days_on(start, _WEEK)),
    )  # fmt: skip


def show_meeting(meeting_id: str) -> ResponseReturnValue:
    """One meeting with its plan; with `what` also what a mark would send and stop."""
    return _one(meeting_id)


def answer(meeting_id: str, toast: Toast) -> ResponseReturnValue:
    """What an act answers with: the page of its meeting, which says what was done."""
    return _one(meeting_id, toast) if is_swap() else done(f"/meetings/{meeting_id}", toast)


def _one(meeting_id: str, toast: Toast | None = None) -> ResponseReturnValue:
    what = request.args.get("what", "")
    with reading() as tx:
        row = reports.one(tx, viewer(), meeting_id)
        what = what if row.state == "booked" and what in MARKS else ""
        values = _about(tx, row)
        values["effects"] = (
            followups.effects(workspace(), tx, row.prospect_id, MARKS[what], {"uid": row.uid}) if what else None
        )
    return page("meeting", here="meetings", toast=toast, what=what, **values)


def mark_meeting(meeting_id: str) -> ResponseReturnValue:
    """Say what became of a meeting."""
    what = read_line("what", 20)
    if what not in MARKS:
        raise BadInput(_("Say what became of the meeting."), field="what")
    with reading() as tx:
        row = reports.one(tx, viewer(), meeting_id)
    if row.state != "booked":
        return _stale(row, _("Somebody said already what became of this meeting."))
    told = {"uid": row.uid, "reason": read_line("reason", 400)}
    told = {name: value for name, value in told.items() if value}
    try:
        result = prospects.tell(workspace(), row.prospect_id, MARKS[what], told, who(), version=read_version())
    except Conflict:
        with reading() as tx:
            return _stale(row, newest_change(tx, row.prospect_id))
    if result.decision.verdict != "applied":
        return _stale(row, " ".join(said(reason) for reason in result.decision.reasons))
    undo = f"/meetings/{row.id}/undo" if what in ("held", "no_show") else ""
    fields = (("version", str(result.version)),) if undo else ()
    return answer(row.id, Toast(_(_DONE[what]), undo, fields))


def take_mark_back(meeting_id: str) -> ResponseReturnValue:
    """Take a mark back: the meeting is booked again, and what began with the mark ends."""
    with reading() as tx:
        row = reports.one(tx, viewer(), meeting_id)
    try:
        acts.take_back(workspace(), row.id, who(), version=read_version())
    except Conflict:
        with reading() as tx:
            return _stale(row, newest_change(tx, row.prospect_id))
    return answer(row.id, Toast(_("The meeting is on again")))


def give_calendar(meeting_id: str) -> ResponseReturnValue:
    """The meeting for a calendar (RFC 5545): the same name at every change, with a higher number."""
    with reading() as tx:
        row = reports.one(tx, viewer(), meeting_id)
    if row.starts_at is None:
        raise BadInput(_("The meeting has no time yet: move it to one first."))
    called_off = row.state == "cancelled"
    zone = calendar.zone_of(row.time_zone, g.zone.key)
    lines = [_("For the prospect: %(when)s (%(city)s)") % {"when": there_day(row.starts_at, zone), "city": zone.key}]
    lines += [row.phone, row.email, f"{workspace().settings.base_url}/prospects/{row.prospect_id}"]
    event = icalendar.Event(
        name=f"meeting {row.id}",
        stamp=row.changed_at,
        begins=row.starts_at,
        ends=row.ends_at or row.starts_at + playbook().content.meetings.length,
        title=_("Meeting: %(name)s") % {"name": ", ".join(filter(None, (row.name, row.company))) or row.email},
        text="\n".join(filter(None, lines)),
        cancelled=called_off,
        sequence=row.sequence,
        place=row.place,
        organizer=(row.owner, row.owner_email) if row.owner_email else None,
        busy=True,
    )
    method = "CANCEL" if called_off else "PUBLISH"
    content = icalendar.calendar("-//Onward//meetings//EN", [event], method)
    response = Response(content, content_type=f"text/calendar; charset=utf-8; method={method}")
    response.headers["Content-Disposition"] = f'attachment; filename="meeting-{local(row.starts_at):%Y-%m-%d}.ics"'
    return response


def plan_questions() -> dict[str, Question]:
    """The questions that make the plan of a meeting."""
    known = playbook().content.questions
    return {key: each for key, each in known.items() if each.of_rep and key != calling.SCRIPT_USED}


def seen(rows: Iterable[Record], ready: Mapping[str, frozenset[str]] | None = None) -> tuple[Seen, ...]:
    """Meetings as they are shown; `ready` are the answers to the plan by prospect."""
    found = []
    for row in rows:
        zone = calendar.zone_of(row.time_zone, g.zone.key)
        planned = len(ready.get(row.prospect_id, ())) if ready else 0
        found.append(Seen(row, zone, rules.kind_of(row.place), minutes_of(row), planned))
    return tuple(found)


def minutes_of(row: Record) -> int:
    """How long the meeting is agreed to be; without an end as long as the playbook says."""
    long = playbook().content.meetings.length
    if row.starts_at is not None and row.ends_at is not None:
        long = row.ends_at - row.starts_at
    return max(int(long / timedelta(minutes=1)), 1)


def _by_day(meetings: tuple[Seen, ...]) -> list[tuple[datetime | None, list[Seen]]]:
    """Meetings under the days they are on, by the viewer's clock; those without a time under none."""

    def day(one: Seen) -> date | None:
        return local(one.row.starts_at).date() if one.row.starts_at else None

    groups = [list(group) for _day, group in groupby(meetings, key=day)]
    return [(group[0].row.starts_at, group) for group in groups]


def _about(tx: Tx, row: Record) -> dict[str, Any]:
    plan = plan_questions()
    answers = reports.answered(tx, [row.prospect_id], plan)
    (one,) = seen([row], answers)
    return {
        "meeting": one,
        "f": row,
        "words": KINDS,
        "plan": [(key, key in answers[row.prospect_id]) for key in plan],
        "marks": _open_marks(row, tx.now) if row.state == "booked" else (),
        "zone": one.zone,
        "onward": after_meeting(tx, row.prospect_id, row.state),
    }


def _open_marks(row: Record, now: datetime) -> tuple[str, ...]:
    """What may be said of a booked meeting, the likeliest first: people also meet before the time in the calendar."""
    begun = row.starts_at is None or row.starts_at <= now
    return ("held", "no_show", "cancelled") if begun else ("cancelled", "held", "no_show")


def _stale(row: Record, sentence: str) -> ResponseReturnValue:
    """Somebody was faster: the meeting as it is now, and what happened."""
    warn(sentence)
    with reading() as tx:
        values = _about(tx, reports.one(tx, viewer(), row.id))
    return page("meeting", here="meetings", what="", effects=None, **values)


def _week(now: datetime) -> datetime:
    """The midnight, by the viewer's clock, that begins the week in the address; without one, this week."""
    day = local(now).date()
    try:
        told = date.fromisoformat(request.args.get("week", ""))
    except ValueError:
        told = day
    if abs(told - day) > timedelta(days=3660):
        told = day
    return _midnight(told - timedelta(days=told.weekday()))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=g.zone).astimezone(UTC)


def _days_on(start: datetime, number: int) -> datetime:
    """The midnight so many days on; days are not all 24 hours long."""
    return _midnight(local(start).date() + timedelta(days=number))


def _way(*, mine: bool, past: bool, week: datetime | None = None, n: int = 0) -> str:
    """The address of the same page with other filters."""
    told = {
        "who": "" if mine else TEAM,
        "show": PAST if past else "",
        "week": f"{local(week):%Y-%m-%d}" if week else "",
        "n": n,
    }
    query = urlencode({name: value for name, value in told.items() if value})
    return f"/meetings?{query}" if query else "/meetings"
