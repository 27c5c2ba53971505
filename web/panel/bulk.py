"""One act for the chosen rows of the list: move, assign, begin or end a sequence, export; told row by row.

Every row goes through the one door by itself, so that one refusal holds up no other. Whoever names a row that is not
theirs to see gets nothing done at all. What can be taken back truthfully can be taken back from the page that follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from flask import redirect, request
from sqlalchemy import select

from web.forms import line as read_line
from web.i18n import gettext as _
from web.i18n import later, ngettext
from web.pages import playbook, workspace
from web.panel.board import ways_from
from web.panel.filters import query_of_form
from web.panel.frame import page, reading, viewer, who, worded
from web.panel.wording import said, stage
from workflow import ids, rights
from workflow.actions import by_hand, prospects
from workflow.errors import BadInput, Conflict, Forbidden, NotFound, OnwardError, Unavailable
from workflow.records.models import Enrollment, Prospect, Rep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.records.db import Record

MOST: Final = 200
SAID: Final = (
    later("Choose at least one prospect."),
    later("Choose what to do with the chosen prospects."),
    later("At most 200 prospects at once."),
    later("This end can be taken back no more, because something has happened since: begin the sequence anew."),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row: how it is called, whether it was done, in words, and what takes it back (if anything)."""

    prospect_id: str
    name: str
    is_done: bool
    told: str
    undo: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A chosen row: the prospect as it stands, the version that the list showed, and on the way back what to undo."""

    fact: Record
    version: int
    more: str = ""


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/prospects/bulk", view_func=do_to_many, methods=["POST"])
    routes.add_url_rule("/prospects/bulk/undo", view_func=undo_many, methods=["POST"])


def do_to_many() -> ResponseReturnValue:
    """Do to each chosen row what was asked, and tell of each."""
    rows = _rows(request.form.getlist("row"))
    act = read_line("act", 20)
    if act == "export":
        told = [("format", "csv"), *(("id", row.fact.id) for row in rows)]
        return redirect(f"/prospects/export?{urlencode(told)}", 303)
    if act not in _ACTS:
        raise BadInput("Choose what to do with the chosen prospects.", field="act")
    value = read_line({"start": "sequence", "stop": "sequence"}.get(act, act), 80)
    do = _ACTS[act](value)
    return _told(act, [_one(row, do) for row in rows])


def undo_many() -> ResponseReturnValue:
    """Take back what can be taken back; who was changed meanwhile stays as they are."""
    act = read_line("act", 20)
    if act not in _BACK:
        raise BadInput("Choose what to do with the chosen prospects.", field="act")
    rows = _rows(request.form.getlist("row"))
    return _told("undo", [_one(row, _BACK[act]) for row in rows])


def _told(act: str, outcomes: list[Outcome]) -> ResponseReturnValue:
    number = sum(each.is_done for each in outcomes)
    heading = ngettext("Done for %(num)d prospect", "Done for %(num)d prospects", number) % {"num": number}
    rest = query_of_form()
    return page("prospects_bulk", here="prospects", heading=heading, act=act, outcomes=outcomes, rest=rest)


def _one(row: Row, do: Callable[[Row], tuple[str, str]]) -> Outcome:
    named = row.fact.name or row.fact.company or row.fact.email
    try:
        told, undo = do(row)
    except Unavailable:
        raise
    except _Refused as refused:
        return Outcome(row.fact.id, named, is_done=False, told=refused.message)
    except Conflict as error:
        words = worded(error) if "version" not in error.message else _("Changed in the meantime: load the list again.")
        return Outcome(row.fact.id, named, is_done=False, told=words)
    except OnwardError as error:
        return Outcome(row.fact.id, named, is_done=False, told=worded(error))
    return Outcome(row.fact.id, named, is_done=True, told=told, undo=undo)


class _Refused(OnwardError):
    """The row stays as it is, for a reason that is in the viewer's language already."""


def _rows(told: list[str]) -> list[Row]:
    """The chosen rows, all of which the viewer may see. Raises BadInput, and NotFound for any that may not be seen."""
    asked = {known: (version, more) for known, version, more in (_split(each) for each in told)}
    if not asked:
        raise BadInput("Choose at least one prospect.", field="row")
    if len(asked) > MOST:
        raise BadInput("At most 200 prospects at once.", field="row")
    columns = (Prospect.name, Prospect.company, Prospect.email, Prospect.stage, Prospect.owner_id, Prospect.version)
    with reading() as tx:
        found = select(Prospect.id, *columns).where(Prospect.id.in_(asked), viewer().sees())
        seen = {row.id: row for row in tx.conn.execute(found)}
    if len(seen) < len(asked):
        raise NotFound("There is no such prospect: it may have been removed, or belong to somebody else.")
    return [Row(seen[known], version, more) for known, (version, more) in asked.items()]


def _split(told: str) -> tuple[str, int, str]:
    known, _colon, rest = told.partition(":")
    version, _colon, more = rest.partition(":")
    if not ids.is_id(known) or not version.isascii() or not version.isdigit() or len(version) > len("123456789"):
        raise BadInput("Choose at least one prospect.", field="row")
    return known, int(version), more[:80]


# --- what can be done


def _move(trigger: str) -> Callable[[Row], tuple[str, str]]:
    if trigger not in {way.trigger for way in playbook().transitions}:
        raise BadInput("Choose what to do with the chosen prospects.", field="move")

    def do(row: Row) -> tuple[str, str]:
        result = prospects.move(workspace(), row.fact.id, trigger, {}, who(), version=row.version)
        decision = result.decision
        if decision.verdict != "applied":
            raise _Refused(" ".join(said(reason) for reason in decision.reasons))
        ways = (way for way in ways_from(decision.stage) if way.to == row.fact.stage and not way.needs)
        back = next(ways, None)
        undo = f"{row.fact.id}:{result.version}:{back.trigger}" if back else ""
        return _("Now in %(stage)s") % {"stage": stage(decision.stage)}, undo

    return do


def _assign(owner: str) -> Callable[[Row], tuple[str, str]]:
    if owner != viewer().rep_id and not rights.may(viewer().role, "assign"):
        raise Forbidden
    with reading() as tx:
        known: Mapping[str, str] = {
            row.id: row.name for row in tx.conn.execute(select(Rep.id, Rep.name).where(Rep.disabled_at.is_(None)))
        }
    if owner not in known:
        raise BadInput("Choose what to do with the chosen prospects.", field="assign")

    def do(row: Row) -> tuple[str, str]:
        if row.fact.owner_id == owner:
            return _("Was theirs already"), ""
        result = prospects.edit(workspace(), row.fact.id, {}, {}, who(), owner_id=owner, version=row.version)
        # What belonged to nobody cannot be given back to nobody.
        undo = f"{row.fact.id}:{result.version}:{row.fact.owner_id}" if row.fact.owner_id else ""
        return _("Belongs to %(name)s now") % {"name": known[owner]}, undo

    return do


def _start(sequence: str) -> Callable[[Row], tuple[str, str]]:
    if sequence not in playbook().sequences:
        raise BadInput("Choose what to do with the chosen prospects.", field="sequence")

    def do(row: Row) -> tuple[str, str]:
        begun = by_hand.start(workspace(), row.fact.id, sequence, who(), version=row.version)
        return _("The sequence has begun"), f"{row.fact.id}:0:{begun}"

    return do


def _stop(sequence: str) -> Callable[[Row], tuple[str, str]]:
    def do(row: Row) -> tuple[str, str]:
        with reading() as tx:
            running = select(Enrollment.id).where(
                Enrollment.prospect_id == row.fact.id, Enrollment.sequence == sequence, Enrollment.state == "active"
            )
            found = tx.conn.execute(running).scalar_one_or_none()
        if found is None:
            raise _Refused(_("Was not on this sequence"))
        ended = by_hand.stop(workspace(), found, who(), version=row.version)
        return _("The sequence has ended"), f"{row.fact.id}:{ended}:{found}"

    return do


def _end_begun(row: Row) -> tuple[str, str]:
    by_hand.stop(workspace(), _mine(row), who())
    return _("The sequence has ended"), ""


def _take_up(row: Row) -> tuple[str, str]:
    by_hand.resume(workspace(), _mine(row), who(), ended=row.version)
    return _("The sequence goes on"), ""


def _mine(row: Row) -> str:
    """The enrollment that the row names; one of somebody else is refused as if it were not there."""
    with reading() as tx:
        mine = select(Enrollment.id).where(Enrollment.prospect_id == row.fact.id, Enrollment.id == row.more)
        found = tx.conn.execute(mine).scalar_one_or_none()
    if found is None:
        raise NotFound
    return str(found)


_ACTS: Final = {"move": _move, "assign": _assign, "start": _start, "stop": _stop}
_BACK: Final[Mapping[str, Callable[[Row], tuple[str, str]]]] = {
    "move": lambda row: (_move(row.more)(row)[0], ""),
    "assign": lambda row: (_assign(row.more)(row)[0], ""),
    "start": _end_begun,
    "stop": _take_up,
}
