"""A move that was refused and is still wanted: made by itself as soon as nothing it needs is missing.

The wish travels with the page, as `then` in its address and forms. Whether the move may be made is asked of the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from flask import request

from web.i18n import gettext as _
from web.pages import playbook, workspace
from web.panel.board import ways_from
from web.panel.frame import Toast, reading, viewer, who
from web.panel.wording import stage as stage_title
from workflow import text
from workflow.actions import facts, prospects
from workflow.engine.signals import FIELDS
from workflow.errors import Conflict
from workflow.playbook.needs import Met, walk
from workflow.reports import checklist

if TYPE_CHECKING:
    from workflow.actions.prospects import Result
    from workflow.playbook.schema import Transition
    from workflow.records.db import Tx

_LONGEST: Final = 80


def wished() -> str:
    """The move that this page or form was asked with; empty without one."""
    return text.line(request.values.get("then", ""), _LONGEST)


def with_wish(address: str) -> str:
    """The address of a page, with the move that is still wished for."""
    then = wished()
    return f"{address}?{urlencode({'then': then})}" if then else address


def go_on(known: str, toast: Toast) -> Toast:
    """Make the move that is wished for, if nothing is missing any more; what to say of it, else `toast` as it is."""
    trigger = wished()
    if not trigger:
        return toast
    with reading() as tx:
        row = checklist.whole(tx, known)
        wanted = next((way for way in _open(tx, known) if way.trigger == trigger), None)
    if wanted is None:
        return toast
    try:
        result = prospects.move(workspace(), known, trigger, {}, who(), version=row.version)
    except Conflict:
        return toast
    if result.decision.verdict != "applied":
        return toast
    called = row.name or row.company or row.email
    words = _("%(name)s moved to %(stage)s") % {"name": called, "stage": stage_title(result.decision.stage)}
    # One way back for both would have to guess which of them was wrong: it is the move's, like after every move.
    return Toast(f"{toast.text}. {words}", *way_back(result, row.stage, "prospect"))


def way_back(result: Result, before: str, view: str, *more: tuple[str, str]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The address and fields of the move that leads straight back, where the playbook has one that asks for nothing."""
    back = next((way for way in ways_from(result.decision.stage) if way.to == before and not way.needs), None)
    if back is None:
        return "", ()
    fields = (("trigger", back.trigger), ("version", str(result.version)), ("view", view))
    return f"/prospects/{result.prospect_id}/moves", (*fields, *more)


def after_meeting(tx: Tx, known: str, state: str) -> tuple[Transition, ...]:
    """The moves that need a meeting in this state, `booked` or `held`, and that are open now."""
    return tuple(way for way in _open(tx, known) if Met(state) in walk(way.needs))


def _open(tx: Tx, known: str) -> tuple[Transition, ...]:
    """The moves that the viewer may make at once: nothing is missing, and nothing has to be said with them."""
    row = checklist.whole(tx, known)
    standing = facts.standing(tx, row, viewer().role)
    ways = (way for way in ways_from(row.stage) if not any(name not in FIELDS for name in way.asked_fields))
    return tuple(way for way in ways if checklist.way_of(playbook(), way, standing).open)
