"""Put a thing on Today off, be done with an answer, take either back; and set the goals of the week."""

from __future__ import annotations

import re
from datetime import date, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from flask import request

from web.formats import local, weekday, zone
from web.forms import Form
from web.forms import line as read_line
from web.i18n import gettext as _
from web.i18n import later
from web.pages import is_swap, workspace
from web.panel.frame import Part, Toast, done, fragment, page, reading, swap, viewer, worded
from web.panel.today import key_of, show_today
from workflow.actions import day
from workflow.errors import BadInput, NotFound
from workflow.ids import is_id
from workflow.records.day import GOALS, Thing
from workflow.reports import checklist, snoozes

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.records.db import Record

_MONDAY: Final = 7
_NUMBER: Final = 4
_DIGITS: Final = 9
_KEY: Final = re.compile("[a-z0-9-]{1,120}")
# What the actions say where they refuse; they know no language but English.
SAID: Final = (
    later("Choose a day after today: until then it is off your list."),
    later("Choose a day within a year: what should never come back is better closed."),
    later("Say until when: only a reply or a bounce can be put aside for good."),
    later("There is no such reply: load the page again."),
)


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/snooze", view_func=ask_until, methods=["GET"])
    routes.add_url_rule("/snooze", view_func=snooze, methods=["POST"])
    routes.add_url_rule("/snoozes/<snooze_id>/undo", view_func=bring_back, methods=["POST"])
    routes.add_url_rule("/goals", view_func=keep_goals, methods=["POST"])


def ask_until() -> ResponseReturnValue:
    """Until when: in the row itself, or on a page of its own without scripts."""
    return _asked(_thing())


def snooze() -> ResponseReturnValue:
    """Put it off, or be done with it."""
    thing, ws = _thing(), workspace()
    told = read_line("for", 10)
    form = Form({"day": read_line("day", 10)})
    chosen = None if told == "done" else _day(told, form)
    if not form.is_good:
        return _asked(thing, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    whose = _who(thing).id
    try:
        made = day.put_off(ws, viewer().rep_id, thing, whose, chosen, zone())
    except BadInput as error:
        form.errors["day"] = worded(error)
        return _asked(thing, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    with reading() as tx:
        row = snoozes.one(tx, viewer(), made)
    who = row.name or row.company or row.email or _("No name")
    if row.until is None:
        said = _("Put aside: %(who)s") % {"who": who}
    else:
        said = _("Snoozed until %(day)s: %(who)s") % {"day": weekday(row.until), "who": who}
    toast = Toast(said, f"/snoozes/{made}/undo", (("after", key_of(thing.what, thing.about, thing.version)),))
    return _shown(toast)


def bring_back(snooze_id: str) -> ResponseReturnValue:
    """Put it back on the list."""
    if not is_id(snooze_id):
        raise NotFound
    day.take_back(workspace(), viewer().rep_id, snooze_id)
    return _shown(Toast(_("It is back on your list")))


def keep_goals() -> ResponseReturnValue:
    """Set the goals of the week; an empty field takes one away."""
    form = Form({what: read_line(what, 10) for what in GOALS})
    numbers = {}
    for what in GOALS:
        told = form[what]
        if not told or (told.isascii() and told.isdigit() and len(told) < _NUMBER):
            numbers[what] = int(told or 0)
        else:
            form.errors[what] = _("Write a whole number from 0 to %(most)s.") % {"most": day.MOST}
    if not form.is_good:
        return show_today(form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    day.set_goals(workspace(), viewer().rep_id, numbers)
    return _shown(Toast(_("The goals were saved")))


def _shown(toast: Toast) -> ResponseReturnValue:
    """Today as it is now; a browser without scripts comes to the row that follows."""
    if is_swap():
        return show_today(toast=toast)
    after = read_line("after", 120)
    return done(f"/?after={after}#{after}" if _KEY.fullmatch(after) else "/", toast)


def _thing() -> Thing:
    """What is asked about. Raises NotFound for what is none."""
    told, version = request.values, request.values.get("version", "0")
    about = told.get("about", "")
    if not is_id(about) or not version.isascii() or not version.isdigit() or len(version) > _DIGITS:
        raise NotFound(_("There is no such row on your list: load the page again."))
    return Thing(told.get("what", "")[:10], about, int(version))


def _day(told: str, form: Form) -> date | None:
    """The day that was chosen, by the viewer's clock."""
    found = {key: chosen for key, chosen in _offered().items() if key == told}
    if found:
        return found[told]
    try:
        return date.fromisoformat(form["day"])
    except ValueError:
        form.errors["day"] = _("Choose a day, such as %(day)s.") % {"day": _offered()["3"].isoformat()}
        return None


def _offered() -> dict[str, date]:
    with reading() as tx:
        today = local(tx.now).date()
    return {
        "1": today + timedelta(days=1),
        "3": today + timedelta(days=3),
        "monday": today + timedelta(days=_MONDAY - today.weekday()),
    }


def _asked(thing: Thing, *, form: Form | None = None, status: int = HTTPStatus.OK) -> ResponseReturnValue:
    row = _who(thing)
    offered = _offered()
    values: dict[str, Any] = {
        "thing": thing, "who": row, "after": request.values.get("after", "")[:120], "form": form or Form(),
        "key": key_of(thing.what, thing.about, thing.version), "swaps": is_swap(),
        "offered": {key: day.start_of(chosen, zone()) for key, chosen in offered.items()}, "first_day": offered["1"],
    }  # fmt: skip
    if is_swap():
        return swap(Part(f"#snz-{values['key']}", fragment("snooze", "form", **values), "innerHTML"), status=status)
    return page("snooze", here="today", status=status, **values)


def _who(thing: Thing) -> Record:
    """The prospect that a thing is about, where the viewer may see it. Raises NotFound."""
    with reading() as tx:
        return checklist.whole(tx, snoozes.whose(tx, viewer(), thing))
