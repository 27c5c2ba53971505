"""The one door through which the panel moves a prospect, whether by menu, drag or button.

A move that the playbook refuses is answered where the prospect stands, with what is missing and a field to give it.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import request
from sqlalchemy import select

from web.forms import version as read_version
from web.i18n import gettext as _
from web.pages import is_swap, playbook, workspace
from web.panel.board import asked, column_part, show_board, ways_from
from web.panel.filters import filter_query
from web.panel.frame import Notice, Toast, done, reading, swap, viewer, who
from web.panel.prospects import newest_change, show_prospect
from web.panel.wishes import way_back
from web.panel.wording import said
from web.panel.wording import stage as stage_title
from workflow import text
from workflow.actions import facts, prospects
from workflow.engine import gaps, machine
from workflow.errors import Conflict
from workflow.playbook.schema import OUTCOMES
from workflow.progress import COMPETITOR
from workflow.records.models import Prospect
from workflow.reports import checklist, scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.actions.prospects import Result
    from workflow.engine.gaps import Missing
    from workflow.engine.reasons import Reason
    from workflow.playbook.schema import Transition

# Fields of the form that are about the form itself, not about the move.
_OURS: Final = frozenset({"csrf_token", "trigger", "to", "version", "view", "mine", "from", "filter"})
# The outcome was there, and is not for this move.
_OUTCOME: Final = ("bad_outcome", "wrong_outcome")
_FACTS: Final = select(Prospect.stage, Prospect.version, Prospect.name, Prospect.company, Prospect.email)


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/prospects/<prospect_id>/moves", view_func=move, methods=["POST"])


def move(prospect_id: str) -> ResponseReturnValue:
    """Take a prospect to another stage, or say at its card why not."""
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
        row = tx.conn.execute(_FACTS.where(Prospect.id == known)).one()
    named = row.name or row.company or row.email
    version = read_version()
    trigger = text.line(request.form.get("trigger", ""), 80)
    if not trigger:
        ways = tuple(way for way in ways_from(row.stage) if way.to == request.form.get("to"))
        if len(ways) != 1:
            return _undecided(known, row.stage, ways, row.version, named)
        trigger = ways[0].trigger
    given = _given()
    try:
        # Who else was in the running is learnt with a closing, and the playbook does not ask for it.
        learnt = {name: given[name] for name in (COMPETITOR,) if name in given}
        result = prospects.move(workspace(), known, trigger, given, who(), custom=learnt, version=version)
    except Conflict:
        return _answer(_overtaken(known, named), HTTPStatus.CONFLICT)
    if result.decision.verdict != "applied":
        notice = _refusal(known, named, trigger, given, result)
        return _answer(notice, HTTPStatus.UNPROCESSABLE_ENTITY)
    return _moved(result, row.stage, named)


def _given() -> dict[str, str]:
    return {
        name: text.block(value, 2000).strip() for name, value in request.form.items() if name not in _OURS and value
    }


def _moved(result: Result, before: str, named: str) -> ResponseReturnValue:
    after = result.decision.stage
    said = _("%(name)s moved to %(stage)s") % {"name": named, "stage": stage_title(after)}
    view = "prospect" if _from_prospect() else "board"
    toast = Toast(said, *way_back(result, before, view, ("filter", filter_query(asked()))))
    if not is_swap():
        return done(_address(result.prospect_id), toast)
    if _from_prospect():
        return show_prospect(result.prospect_id, toast=toast)
    with reading() as tx:
        parts = [column_part(tx, stage) for stage in _columns(before, after)]
    return swap(*parts, toast=toast)


def _undecided(known: str, stage: str, ways: tuple[Transition, ...], version: int, named: str) -> ResponseReturnValue:
    """A card dropped on a stage to which no way leads, or several."""
    to = stage_title(request.form.get("to"))
    if ways:
        title = _("Which move is it?")
        notice = Notice(known, title, (), choices=ways, version=version, name=named)
    else:
        here = stage_title(stage)
        sentence = _("No move of the playbook leads from %(here)s to %(to)s.") % {"here": here, "to": to}
        notice = Notice(known, _("Not yet"), (sentence,), choices=ways_from(stage), version=version, name=named)
    return _answer(notice, HTTPStatus.UNPROCESSABLE_ENTITY)


def _refusal(known: str, named: str, trigger: str, given: Mapping[str, str], result: Result) -> Notice:
    reasons, stage = result.decision.reasons, result.decision.stage
    way = next(iter(machine.ways_for(playbook(), stage, trigger)), None)
    missing = None
    if way and result.decision.verdict == "blocked" and not any(reason.code in _OUTCOME for reason in reasons):
        missing = _missing(known, way, given)
    if missing is not None and not missing.gaps:
        missing = None
    return Notice(
        known,
        _("Not yet"),
        () if missing else tuple(said(reason) for reason in reasons),
        trigger=trigger,
        fields=_asked(reasons, missing),
        typed=given if COMPETITOR in given else {**given, COMPETITOR: _competitor(known)},
        version=result.version,
        name=named,
        outcomes=_outcomes(stage, way),
        missing=missing,
        reasons=tuple(way.reasons.values()) if way else (),
    )


def _competitor(known: str) -> str:
    with reading() as tx:
        row = tx.conn.execute(select(Prospect.custom).where(Prospect.id == known)).one()
    return str((row.custom or {}).get(COMPETITOR) or "")


def _missing(known: str, way: Transition, given: Mapping[str, str]) -> Missing:
    """What the way needs and the prospect lacks, with what came with the move."""
    with reading() as tx:
        standing = facts.standing(tx, checklist.whole(tx, known))
    told = replace(standing, fields={**standing.fields, **given})
    return gaps.missing(playbook(), way.needs, told)


def _asked(reasons: tuple[Reason, ...], missing: Missing | None) -> tuple[str, ...]:
    """The fields that the refusal can be answered with, where they are all that is missing."""
    if any(reason.code in _OUTCOME for reason in reasons):
        return ("outcome",)
    if missing is None or any(gap.place != "move" for gap in missing.gaps):
        return ()
    fields = [key for gap in missing.gaps for key in gap.keys]
    if "outcome" in fields and "reason" not in fields:
        # Never required by the playbook, and always worth knowing later.
        fields.append("reason")
    if "outcome" in fields and COMPETITOR not in fields:
        fields.append(COMPETITOR)
    return tuple(fields)


def _outcomes(stage: str, way: Transition | None) -> tuple[str, ...]:
    """What an outcome may be: what the way lists, else all but those that another move of this stage sets by itself."""
    elsewhere = {other.sets.get("outcome") for other in ways_from(stage)}
    return (way.outcomes if way else ()) or tuple(each for each in OUTCOMES if each not in elsewhere)


def _overtaken(known: str, named: str) -> Notice:
    """Somebody was faster: who changed the prospect last, and what."""
    with reading() as tx:
        said = newest_change(tx, known)
    return Notice(known, _("Changed in the meantime"), (said,), name=named)


def _answer(notice: Notice, status: int) -> ResponseReturnValue:
    """Show why a card stays, where it is: in its column, or on the prospect's page."""
    if _from_prospect():
        return show_prospect(notice.prospect_id, notice=notice, status=status)
    with reading() as tx:
        fresh = tx.conn.execute(select(Prospect.stage).where(Prospect.id == notice.prospect_id)).scalar_one()
        notice = replace(notice, stage=fresh)
        if not is_swap():
            return show_board(notice=notice, status=status)
        parts = [column_part(tx, stage, notice=notice) for stage in _columns(fresh)]
    return swap(*parts, status=status)


def _columns(*stages: str) -> tuple[str, ...]:
    """The columns that a move touches, with the one in which the browser still shows the card."""
    known = playbook().stages
    return tuple(stage for stage in dict.fromkeys((request.form.get("from", ""), *stages)) if stage in known)


def _from_prospect() -> bool:
    return request.form.get("view") == "prospect"


def _address(known: str) -> str:
    if _from_prospect():
        return f"/prospects/{known}"
    rest = filter_query(asked())
    return f"/board?{rest}" if rest else "/board"
