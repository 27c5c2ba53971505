"""A call while it is led, and its end: the live page, saving of its fields, what ending would do, and what it did.

Nothing typed is lost: fields are saved one by one by their versions, and a conflict shows both sides.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from flask import g, jsonify, redirect, request
from sqlalchemy import select

from web.forms import line as read_line
from web.i18n import gettext as _
from web.pages import file, playbook, workspace
from web.panel.discovery import discovery
from web.panel.frame import Toast, done, page, reading, viewer, warn, who
from web.panel.planning import links
from workflow import ids
from workflow.actions import calling, facts
from workflow.actions.calling import ANSWER, Typed
from workflow.engine import calendar
from workflow.errors import BadInput, Conflict, Forbidden, NotFound
from workflow.playbook.needs import SPIN
from workflow.records.models import Call
from workflow.reports import checklist, followups, scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.actions.calling import Sheet
    from workflow.records.db import Record, Tx
    from workflow.reports.checklist import Asked, Discovery

_DIGITS: Final = re.compile(r"\d{1,6}")
_MINUTE_S: Final = 60
_DAY_S: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class Visit:
    """A step of the script as it was taken: its title, how long it took, and how long it was planned."""

    title: str
    seconds: int
    planned: int


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/calls/worker.js", view_func=give_worker, methods=["GET"])
    routes.add_url_rule("/calls/<sheet_id>", view_func=show_call, methods=["GET"])
    routes.add_url_rule("/calls/<sheet_id>", view_func=keep_fields, methods=["PUT"])
    routes.add_url_rule("/calls/<sheet_id>", view_func=save_all, methods=["POST"])
    routes.add_url_rule("/calls/<sheet_id>/end", view_func=show_end, methods=["GET"])
    routes.add_url_rule("/calls/<sheet_id>/end", view_func=end_call, methods=["POST"])
    routes.add_url_rule("/calls/<sheet_id>/drop", view_func=drop_call, methods=["POST"])


def show_call(sheet_id: str) -> ResponseReturnValue:
    """The call: live while it lasts, the account of it afterwards."""
    with reading() as tx:
        known = _sheet(tx, sheet_id)
        if known is None:
            return redirect(f"/prospects/{_logged(tx, sheet_id)}#tl", HTTPStatus.SEE_OTHER)
        live = known.ended_at is None and known.rep_id == viewer().rep_id
        values = _live(tx, known) if live else _account(tx, known)
    answer = page("call" if live else "call_done", here="prospects", **values)
    if live:
        # For the page's own worker, which keeps a call in progress on the device and nothing else.
        answer.headers["X-Call"] = "live"
    return answer


def give_worker() -> ResponseReturnValue:
    """The script that opens a call in progress without a network; its address bounds what it may touch."""
    return file("call-worker.js")


def keep_fields(sheet_id: str) -> ResponseReturnValue:
    """Keep what was typed since the last time. Answers with versions, and with both sides of a conflict."""
    with reading() as tx:
        known = _mine(tx, sheet_id)
    names, texts, versions = (request.form.getlist(name) for name in ("name", "text", "version"))
    if not len(names) == len(texts) == len(versions):
        raise BadInput(_("The sheet of a call has no such field: load the page again."))
    told = {name: Typed(typed, _whole(version)) for name, typed, version in zip(names, texts, versions, strict=True)}
    saved = calling.save(workspace(), known.id, told)
    return jsonify(
        saved=dict(saved.versions),
        conflicts={name: {"text": each.text, "version": each.version} for name, each in saved.conflicts.items()},
        ended=saved.ended,
    )


def save_all(sheet_id: str) -> ResponseReturnValue:
    """Keep the whole form, for a browser without scripts, and go on to the end of the call."""
    with reading() as tx:
        known = _mine(tx, sheet_id)
    seen = _seen(read_line("seen", 20_000))
    told = {
        name: Typed(value, seen.get(name, 0))
        for name, value in request.form.items()
        if name.startswith(ANSWER) or name in (calling.NOTES, *calling.MARKS, "persona", "journey")
    }
    saved = calling.save(workspace(), known.id, told)
    if not saved.conflicts:
        return redirect(f"/calls/{known.id}/end", HTTPStatus.SEE_OTHER)
    warn(_("Another window changed this call. Both texts stand below: keep what is right and end it again."))
    with reading() as tx:
        values = _live(tx, calling.sheet(tx, known.id))
    values["clashes"] = {name: told[name].text for name in saved.conflicts}
    return page("call", here="prospects", **values)


def show_end(sheet_id: str) -> ResponseReturnValue:
    """What ending would write down, and which follow-ups would go when."""
    with reading() as tx:
        known = _mine(tx, sheet_id)
        if known.ended_at is not None:
            return redirect(f"/calls/{known.id}", HTTPStatus.SEE_OTHER)
        seconds = _whole(request.args.get("seconds", "")) or known.seconds(tx.now)
        minutes = max(round(min(seconds, _DAY_S) / _MINUTE_S), 1)
    return _end(known, str(minutes))


def end_call(sheet_id: str) -> ResponseReturnValue:
    """Write the call down, once."""
    with reading() as tx:
        known = _mine(tx, sheet_id)
    told = read_line("minutes", 8)
    if not _DIGITS.fullmatch(told) or int(told) > calling.MOST_MINUTES:
        wrong = _("Write the minutes as a whole number, such as 25.")
        return _end(known, told, wrong=wrong, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        calling.end(workspace(), known.id, int(told), who())
    except Conflict:
        return done(f"/calls/{known.id}", Toast(_("The call was thrown away")))
    return done(f"/calls/{known.id}", Toast(_("The call was written down")))


def drop_call(sheet_id: str) -> ResponseReturnValue:
    """Throw the call away: it did not take place."""
    with reading() as tx:
        known = _mine(tx, sheet_id)
    toast = Toast(_("The call was thrown away"))
    try:
        calling.drop(workspace(), known.id)
    except Conflict:
        toast = Toast(_("The call was written down"))
    return done(f"/prospects/{known.prospect_id}", toast)


# --- whose call it is


def _sheet(tx: Tx, sheet_id: str) -> Sheet | None:
    """The sheet, whose prospect the viewer may see; None where there is no sheet. Raises NotFound."""
    try:
        known = calling.sheet(tx, sheet_id)
    except NotFound:
        return None
    scope.prospect_id(tx, viewer(), known.prospect_id)
    return known


def _mine(tx: Tx, sheet_id: str) -> Sheet:
    known = calling.sheet(tx, sheet_id)
    scope.prospect_id(tx, viewer(), known.prospect_id)
    if known.rep_id != viewer().rep_id:
        raise Forbidden(_("Somebody else leads this call: only they write on its sheet."))
    return known


def _logged(tx: Tx, call_id: str) -> str:
    """The prospect of a call that was written down without a sheet. Raises NotFound."""
    found = select(Call.prospect_id).where(Call.id == call_id)
    prospect = tx.conn.execute(found).scalar_one_or_none() if ids.is_id(call_id) else None
    if prospect is None:
        raise NotFound(_("There is no such call: it may have been removed, or belong to somebody else."))
    return scope.prospect_id(tx, viewer(), prospect)


# --- what the pages show


def _live(tx: Tx, known: Sheet) -> dict[str, Any]:
    row = checklist.whole(tx, known.prospect_id)
    disc = discovery(tx, row)
    book = playbook()
    buyer = {
        name: known.text(name) if name in known.fields else str(row.custom.get(name, ""))
        for name in ("persona", "journey")
    }
    return {
        "sheet": known,
        "clashes": {},
        "f": row,
        "script": book.content.scripts.get(known.script),
        "behind": calling.followers(book, known.script),
        "bank": _bank(disc),
        "said": disc.said,
        "buyer": buyer,
        "asked": known.text("asked").split(),
        "met": known.text("objections").split(),
        "seconds": known.seconds(tx.now),
        "wall": max(int((tx.now - known.started_at).total_seconds()), 0),
        "seen": json.dumps({name: each.version for name, each in known.fields.items()}),
        "zone": calendar.zone_of(row.time_zone, g.zone.key),
        "links": links(disc.said["research"].text) if "research" in disc.said else (),
    }


def _bank(disc: Discovery) -> list[tuple[str, list[Asked]]]:
    """The questions for the buyer by their part of SPIN, the rest last; those of this very buyer first."""
    all_of_them = [each for each in disc.questions.values() if not each.question.of_rep]
    parts: list[tuple[str, list[Asked]]] = []
    for part in (*SPIN, ""):
        fitting = [each for each in all_of_them if (each.question.spin or "") == part]
        parts.append((part, sorted(fitting, key=lambda each: (each.said is not None, not each.fits))))
    return [(part, each) for part, each in parts if each]


def _end(known: Sheet, minutes: str, *, wrong: str = "", status: int = HTTPStatus.OK) -> ResponseReturnValue:
    book = playbook()
    told = calling.told_at_end(book, known, int(minutes) if _DIGITS.fullmatch(minutes) else 0)
    with reading() as tx:
        values = _both(tx, known, told)
        values["now_said"] = facts.answers(tx, known.prospect_id)
    return page("call_end", here="prospects", status=status, minutes=minutes, wrong=wrong, **values)


def _account(tx: Tx, known: Sheet) -> dict[str, Any]:
    values = _both(tx, known, ())
    call: Record | None = None
    if known.call_id:
        call = tx.conn.execute(select(Call.minutes, Call.notes).where(Call.id == known.call_id)).one_or_none()
    return {**values, "call": call, "disc": discovery(tx, values["f"])}


def _both(tx: Tx, known: Sheet, told: tuple[tuple[str, Mapping[str, Any], Mapping[str, str]], ...]) -> dict[str, Any]:
    """What a call's end and the account of it both show; the follow-ups are those after `told`."""
    row = checklist.whole(tx, known.prospect_id)
    return {
        "f": row,
        "sheet": known,
        "follow": followups.follow_ups(workspace(), tx, known.prospect_id, told),
        "visits": _visits(known, known.seconds(tx.now)),
        "script": playbook().content.scripts.get(known.script),
        "zone": calendar.zone_of(row.time_zone, g.zone.key),
        "talk": _talk(known),
    }


def _visits(known: Sheet, seconds: int) -> list[Visit]:
    """The path through the script, with the time that each step took."""
    book = playbook()
    script = book.content.scripts.get(known.script)
    steps = {step.key: step for step in script.steps} if script else {}
    ends = [second for _key, second in known.path[1:]] + [seconds] * bool(known.path)
    return [
        Visit(book.words(steps[key].title, g.language), max(end - second, 0), steps[key].minutes * _MINUTE_S)
        for (key, second), end in zip(known.path, ends, strict=True)
        if key in steps
    ]


def _talk(known: Sheet) -> int | None:
    """How much of the talking was the rep's, in percent, where it was noted."""
    told = re.match(r"(\d{1,6}) (\d{1,6})\b", known.text("talk"))
    spoken = (int(told[1]), int(told[2])) if told else (0, 0)
    return round(100 * spoken[0] / sum(spoken)) if sum(spoken) else None


def _whole(told: str) -> int:
    return int(told) if _DIGITS.fullmatch(told) else 0


def _seen(told: str) -> Mapping[str, int]:
    """The versions that a page without scripts was made of; odd ones are none, and then both sides are shown."""
    try:
        found = json.loads(told)
    except ValueError:
        return {}
    return (
        {str(name): value for name, value in found.items() if isinstance(value, int)} if isinstance(found, dict) else {}
    )
