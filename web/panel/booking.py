"""Booking a meeting, and moving one: times that suit both sides with their reasons, or any other, before it is saved.

Every choice stands in the address; only saving changes anything, and it shows first which emails go for it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from flask import g, request
from sqlalchemy import select

from web.forms import Form
from web.forms import line as read_line
from web.forms import version as read_version
from web.i18n import gettext as _
from web.pages import playbook, workspace
from web.panel.frame import Toast, done, page, reading, viewer, who
from web.panel.meetings import answer, minutes_of
from web.panel.prospects import newest_change
from web.panel.wording import said
from workflow import ids, text
from workflow.actions import prospects
from workflow.engine import calendar, slots
from workflow.engine import signals as kinds
from workflow.engine.slots import Sides
from workflow.errors import Conflict
from workflow.records.models import Prospect, Rep
from workflow.reports import followups, scope
from workflow.reports import meetings as reports
from workflow.reports.finding import found_by
from workflow.reports.scope import unerased

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.playbook.content import MeetingRules
    from workflow.records.db import Record, Tx

_YEARS: Final = range(2000, 2100)
_MOST_MINUTES: Final = 24 * 60
_PEOPLE: Final = 12
_NUMBER: Final = re.compile(r"\d{1,4}")
_PROSPECT: Final = select(
    Prospect.id, Prospect.name, Prospect.company, Prospect.email, Prospect.title, Prospect.stage, Prospect.version,
    Prospect.time_zone, Prospect.country, Prospect.owner_id, Rep.time_zone.label("owner_zone"),
    Rep.name.label("owner"),
).outerjoin(Rep, Rep.id == Prospect.owner_id)  # fmt: skip


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/meetings/new", view_func=choose_prospect, methods=["GET"])
    for name, address in (("book", "/prospects/<prospect_id>/meetings/new"), ("move", "/meetings/<meeting_id>/move")):
        show, save = (show_booking, save_booking) if name == "book" else (show_move, save_move)
        routes.add_url_rule(address, view_func=show, methods=["GET"])
        routes.add_url_rule(address, view_func=save, methods=["POST"])


def choose_prospect() -> ResponseReturnValue:
    """Whom to meet: the prospects that fit what was typed, or the newest."""
    wanted = text.line(request.args.get("q", ""), 100)
    with reading() as tx:
        conditions = found_by(tx, wanted) if wanted else ()
        seen = (viewer().sees(), *unerased(tx), *conditions)
        found = _PROSPECT.where(*seen).order_by(Prospect.created_at.desc(), Prospect.id.desc())
        open_ones = [key for key, stage in playbook().stages.items() if not stage.final]
        people = tx.conn.execute(found.where(Prospect.stage.in_(open_ones)).limit(_PEOPLE)).all()
    return page("meeting_who", here="meetings", people=people, wanted=wanted)


def show_booking(prospect_id: str) -> ResponseReturnValue:
    """Times to meet this prospect."""
    return _show(prospect_id, None)


def show_move(meeting_id: str) -> ResponseReturnValue:
    """Other times for this meeting."""
    row = _movable(meeting_id)
    return _show(row.prospect_id, row)


def save_booking(prospect_id: str) -> ResponseReturnValue:
    """Write down a meeting that was agreed."""
    return _save(prospect_id, None)


def save_move(meeting_id: str) -> ResponseReturnValue:
    """Write down the new time of a meeting; one that was called off is booked anew."""
    row = _movable(meeting_id)
    return _save(row.prospect_id, row)


def _movable(meeting_id: str) -> Record:
    with reading() as tx:
        row = reports.one(tx, viewer(), meeting_id)
    if row.state in ("held", "no_show"):
        raise Conflict(_("This meeting is over: book another one, or take back what was said of it."))
    return row


def _save(prospect_id: str, meeting: Record | None) -> ResponseReturnValue:
    form = Form({name: read_line(name) for name in ("at", "day", "time", "minutes", "place")})
    starts, minutes = _chosen(form), _minutes(form)
    if starts is None or minutes is None:
        form.errors.setdefault("day", _("Choose one of the times, or give a day and a time of your own."))
        return _show(prospect_id, meeting, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
    told: dict[str, Any] = {"starts_at": starts, "ends_at": starts + timedelta(minutes=minutes), "place": form["place"]}
    told["uid"] = meeting.uid if meeting else f"{ids.new_id()}@onward"
    kind = _kind(meeting)
    try:
        result = prospects.tell(workspace(), known, kind, told, who(), version=read_version())
    except Conflict:
        with reading() as tx:
            form.errors["version"] = newest_change(tx, known)
        return _show(known, meeting, form=form, status=HTTPStatus.CONFLICT)
    if result.decision.verdict != "applied":
        form.errors["day"] = " ".join(said(reason) for reason in result.decision.reasons)
        return _show(known, meeting, form=form, status=HTTPStatus.CONFLICT)
    return _saved(result.prospect_id, result.version, meeting)


def _saved(known: str, version: int, before: Record | None) -> ResponseReturnValue:
    """On to the meeting, from where its file goes into a calendar; a move can be taken back."""
    with reading() as tx:
        row = reports.one(tx, viewer(), before.id) if before else reports.of_prospect(tx, known)
    if row is None or before is None or before.state != "booked" or before.starts_at is None:
        toast = Toast(_("The meeting was written down"))
        return answer(row.id, toast) if row else done(f"/prospects/{known}", toast)
    fields = {
        "at": before.starts_at.isoformat(),
        "minutes": str(minutes_of(before)),
        "place": before.place,
        "version": str(version),
    }
    return answer(row.id, Toast(_("The meeting was moved"), f"/meetings/{before.id}/move", tuple(fields.items())))


def _show(
    prospect_id: str, meeting: Record | None, *, form: Form | None = None, status: int = HTTPStatus.OK
) -> ResponseReturnValue:
    any_day, whole = request.values.get("days") == "all", request.values.get("times") == "all"
    typed = form or _asked(meeting)
    starts, minutes = _chosen(typed), _minutes(typed)
    rules = playbook().content.meetings
    if minutes is not None:
        rules = replace(rules, length=timedelta(minutes=minutes))
    with reading() as tx:
        row = tx.conn.execute(_PROSPECT.where(Prospect.id == scope.prospect_id(tx, viewer(), prospect_id))).one()
        sides = _sides(tx, row, rules, meeting)
        found = slots.offered(rules, playbook().calendar, sides, tx.now, any_day=any_day)
        reasons = slots.against(rules, playbook().calendar, sides, starts, tx.now) if starts else ()
        effects = _effects(tx, row.id, meeting, starts) if starts else None
    best = slots.recommended(found, 1 + rules.alternates)
    chosen = next((each for each in found if each.starts_at == starts), None)
    return page(
        "meeting_book", here="meetings", status=status, f=row, meeting=meeting, form=typed, best=best,
        whole=whole, any_day=any_day, days=_by_day(found) if whole else (), starts=starts, chosen=chosen,
        ends=starts + rules.length if starts else None, against=reasons, effects=effects, zone=sides.zone,
        rules=rules, minutes=minutes or int(rules.length / timedelta(minutes=1)), rep_zone=sides.rep_zone,
        base=f"/meetings/{meeting.id}/move" if meeting else f"/prospects/{row.id}/meetings/new",
    )  # fmt: skip


def _sides(tx: Tx, row: Record, rules: MeetingRules, meeting: Record | None) -> Sides:
    """The clocks of both, and when whoever looks after the prospect meets others."""
    rep_id = row.owner_id or viewer().rep_id
    mine = rep_id == viewer().rep_id
    rep_zone = g.zone if mine else calendar.zone_of(row.owner_zone, g.zone.key)
    until = tx.now + max(rules.horizon, timedelta(days=370))
    taken = reports.busy(tx, rep_id, tx.now - timedelta(days=1), until, rules.length, but=meeting.id if meeting else "")
    return Sides(calendar.zone_of(row.time_zone, rep_zone.key), row.country or None, rep_zone, taken)


def _effects(tx: Tx, prospect_id: str, meeting: Record | None, starts: datetime) -> followups.Effects | None:
    """What goes for this time; nothing is foretold for one that is no time of a meeting any more."""
    if starts <= tx.now:
        return None
    told = {"uid": meeting.uid if meeting else "new", "starts_at": starts}
    return followups.effects(workspace(), tx, prospect_id, _kind(meeting), told)


def _kind(meeting: Record | None) -> str:
    return kinds.RESCHEDULED if meeting is not None and meeting.state == "booked" else kinds.BOOKED


def _by_day(found: tuple[slots.Slot, ...]) -> list[tuple[slots.Slot, list[slots.Slot]]]:
    """All times by their day, in the order of the clock; the first of a day stands for it."""
    by_day: dict[object, list[slots.Slot]] = {}
    for each in sorted(found, key=lambda slot: slot.starts_at):
        by_day.setdefault(each.day, []).append(each)
    return [(times[0], times) for times in by_day.values()]


def _asked(meeting: Record | None) -> Form:
    """What the address says was chosen so far; a meeting that moves keeps its length and place."""
    form = Form(
        {name: text.line(request.args.get(name, ""), 200) for name in ("at", "day", "time", "minutes", "place")}
    )
    if meeting is not None:
        form.values["minutes"] = form["minutes"] or str(minutes_of(meeting))
        form.values["place"] = form["place"] if "place" in request.args else meeting.place
    return form


def _chosen(form: Form) -> datetime | None:
    """The time in the form: one of those offered, or a day and a time by the viewer's clock; None where it is none."""
    if form["day"] or form["time"]:
        try:
            told = datetime.fromisoformat(f"{form['day']}T{form['time']}")
        except ValueError:
            told = None
        if told is None or told.tzinfo is not None or told.year not in _YEARS:
            form.errors["day"] = _("Give the day and the time of the meeting.")
            return None
        return told.replace(tzinfo=g.zone).astimezone(UTC)
    try:
        at = datetime.fromisoformat(form["at"])
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo is not None and at.year in _YEARS else None


def _minutes(form: Form) -> int | None:
    told = form["minutes"]
    if not told:
        return int(playbook().content.meetings.length / timedelta(minutes=1))
    if not _NUMBER.fullmatch(told) or not told.isascii() or not 1 <= int(told) <= _MOST_MINUTES:
        form.errors["minutes"] = _("Write the minutes as a whole number, such as 45.")
        return None
    return int(told)
