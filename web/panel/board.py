"""The board: prospects by stage, as a page, as one longer column, and as the parts that a move changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

from web.forms import number as read_number
from web.pages import is_swap, playbook, workspace
from web.panel.frame import Notice, Part, fragment, page, reading, swap, viewer
from workflow.engine import machine
from workflow.reports import board

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.playbook.schema import Transition
    from workflow.records.db import Tx


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/board", view_func=whole_board, methods=["GET"])
    routes.add_url_rule("/board/<stage>", view_func=show_column, methods=["GET"])


def whole_board() -> ResponseReturnValue:
    """The whole board."""
    return show_board()


def show_column(stage: str) -> ResponseReturnValue:
    """One longer column, for "Show more"; without htmx the board with that column longer."""
    limit = read_number("limit", board.CARDS, board.MOST)
    if stage not in playbook().stages or not is_swap():
        return show_board(more={stage: limit})
    with reading() as tx:
        return swap(column_part(tx, stage, limit=limit))


def mine() -> bool:
    """Whether only the viewer's own prospects are wanted, as the address says, or the form that came from it."""
    return (request.form.get("mine") or request.args.get("mine")) == "1"


def show_board(
    *,
    more: Mapping[str, int] | None = None,
    notice: Notice | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    """The board as a whole; `more` asks for longer columns, `notice` says at a card why it did not move."""
    ws = workspace()
    with reading() as tx:
        columns = board.columns(ws, tx, viewer(), mine=mine(), more=more)
    shown = request.args.get("stage", "")
    if shown not in playbook().stages:
        shown = next((column.stage.key for column in columns if column.count), columns[0].stage.key)
    return page(
        "board", here="board", status=status, columns=columns, mine=mine(), shown=shown, notice=notice,
        ways={key: ways_from(key) for key in playbook().stages},
    )  # fmt: skip


def column_part(tx: Tx, stage: str, *, limit: int = board.CARDS, notice: Notice | None = None) -> Part:
    """One column, to put in the place of the one that the browser has."""
    ws = workspace()
    column = board.column(ws, tx, viewer(), playbook().stages[stage], mine=mine(), limit=limit)
    markup = fragment("board", "column", column=column, mine=mine(), shown="", notice=notice)
    return Part(f"#col-{stage}", markup)


def ways_from(stage: str) -> tuple[Transition, ...]:
    """The moves that lead out of a stage."""
    return machine.ways_out(playbook(), stage)
