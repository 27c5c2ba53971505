"""The board: prospects by stage, as a page, as one longer column, as the parts that a move changes, and kept fresh."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from flask import Response, jsonify, request

from web.forms import number as read_number
from web.pages import is_swap, playbook, workspace
from web.panel.filters import filter_choices, filter_query, filters_of_form, wanted_filters
from web.panel.frame import Notice, Part, fragment, page, reading, swap, viewer
from web.panel.wording import said
from workflow.actions import facts
from workflow.engine import machine
from workflow.reports import board, checklist, news_of_board, scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.playbook.schema import Transition
    from workflow.records.db import Tx
    from workflow.reports.filters import Wanted

_MOST_STAGES: Final = 30


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/board", view_func=whole_board, methods=["GET"])
    routes.add_url_rule("/board/news", view_func=board_news, methods=["GET"])
    routes.add_url_rule("/board/<stage>", view_func=show_column, methods=["GET"])
    routes.add_url_rule("/prospects/<prospect_id>/moves", view_func=open_moves, methods=["GET"])


def whole_board() -> ResponseReturnValue:
    """The whole board; with `part` what a live filter or a change elsewhere brings, to be merged into what is shown."""
    if not (is_swap() and "part" in request.args):
        return show_board(more=_longer())
    values = _values(_longer())
    how = "innerMorph" if request.args.get("part") == "fresh" else "innerHTML"
    return swap(*(Part(f"#{name}", fragment("board", name, **values), how) for name in ("head", "stages")))


def board_news() -> ResponseReturnValue:
    """Whether anything has changed since the mark that the browser has: 304 and no page, or the new mark alone."""
    me = viewer()
    with workspace().database.read() as tx:
        told = news_of_board.mark(tx)
    answer = Response(status=204)
    answer.set_etag(hashlib.sha256(f"{told} {me.rep_id}".encode()).hexdigest()[:20], weak=True)
    answer.cache_control.no_cache = True
    return answer.make_conditional(request)


def open_moves(prospect_id: str) -> ResponseReturnValue:
    """Which moves of a prospect are barred, and by what is missing, for the menu that is about to open."""
    with reading() as tx:
        row = checklist.whole(tx, scope.prospect_id(tx, viewer(), prospect_id))
        standing = facts.standing(tx, row, viewer().role)
    barred = {}
    for taken in ways_from(row.stage):
        way = checklist.way_of(playbook(), taken, standing)
        if not way.open:
            barred[taken.trigger] = " ".join(said(gap.reason) for gap in way.missing.gaps)
    return jsonify(barred)


def show_column(stage: str) -> ResponseReturnValue:
    """One longer column, for "Show more"; without htmx the board with that column longer."""
    limit = read_number("limit", board.CARDS, board.MOST)
    if stage not in playbook().stages or not is_swap():
        return show_board(more={stage: limit})
    with reading() as tx:
        return swap(column_part(tx, stage, limit=limit))


def asked() -> Wanted:
    """The filters of the address, or of the page that a form came from; every stage has its column in any case."""
    return replace(filters_of_form() if request.method == "POST" else wanted_filters(request.args), stage="")


def show_board(
    *,
    more: Mapping[str, int] | None = None,
    notice: Notice | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    """The board as a whole; `more` asks for longer columns, `notice` says at a card why it did not move."""
    return page("board", here="board", status=status, **_values(more, notice))


def _values(more: Mapping[str, int] | None, notice: Notice | None = None) -> dict[str, Any]:
    ws, wanted = workspace(), asked()
    with reading() as tx:
        columns = board.columns(ws, tx, viewer(), wanted, more=more)
        choices = filter_choices(tx)
    shown = request.args.get("stage", "")
    if shown not in playbook().stages:
        shown = next((column.stage.key for column in columns if column.count), columns[0].stage.key)
    return {
        "columns": columns, "wanted": wanted, "choices": choices, "most": board.SEARCHED, "shown": shown,
        "notice": notice,
        "rest": filter_query(wanted), "ways": {key: ways_from(key) for key in playbook().stages},
    }  # fmt: skip


def column_part(tx: Tx, stage: str, *, limit: int = board.CARDS, notice: Notice | None = None) -> Part:
    """One column, to put in the place of the one that the browser has."""
    ws, wanted = workspace(), asked()
    column = board.column(ws, tx, viewer(), playbook().stages[stage], wanted, limit=limit)
    rest = filter_query(wanted)
    markup = fragment("board", "column", column=column, rest=rest, shown="", notice=notice)
    return Part(f"#col-{stage}", markup)


def _longer() -> dict[str, int]:
    """The columns that somebody has made longer: `stage:number` each."""
    told = (each.rpartition(":") for each in request.args.getlist("more")[:_MOST_STAGES])
    return {
        stage: int(number)
        for stage, _colon, number in told
        if stage in playbook().stages and number.isascii() and number.isdigit() and len(number) <= len(str(board.MOST))
    }


def ways_from(stage: str) -> tuple[Transition, ...]:
    """The moves that lead out of a stage."""
    return machine.ways_out(playbook(), stage)
