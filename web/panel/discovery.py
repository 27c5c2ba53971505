"""What the page of a prospect shows of its discovery: which questions stand open on it, which behind a link.

Reads and chooses; saving is the matter of `web.panel.answers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import request

from web.pages import workspace
from web.panel.frame import viewer
from workflow import text
from workflow.actions import facts
from workflow.playbook.needs import SPIN
from workflow.reports import checklist

if TYPE_CHECKING:
    from web.forms import Form
    from workflow.records.db import Record, Tx
    from workflow.reports.checklist import Asked, Discovery

PARTS: Final = ("", "plan", *SPIN, "all")
"""What the list of questions can be narrowed to; the first is what is worth asking next."""
ANSWER: Final = "a."
"""What the names of fields that hold answers begin with."""
_FIELDS: Final = 6
_LONGEST_ASK: Final = 2000


@dataclass(frozen=True, slots=True)
class Sheet:
    """The questions as they are shown: some with a field, more behind a link each, and those that are answered.

    `then` is the move that was refused for want of answers and is still wanted.
    """

    part: str
    ask: str
    fields: tuple[Asked, ...]
    more: tuple[Asked, ...]
    done: tuple[Asked, ...]
    then: str = ""


def discovery(tx: Tx, row: Record) -> Discovery:
    """The discovery of the prospect of `row`, as the viewer may go on with it."""
    known = facts.standing(tx, row, viewer().role)
    return checklist.discovery(workspace(), tx, row.id, row.stage, known)


def sheet(found: Discovery, typed: Form | None) -> Sheet:
    """The questions that the address asks for, and those for which something was typed that is not saved yet."""
    part = text.line(request.values.get("part", ""), 40)
    part = part if part in PARTS else ""
    ask = text.line(request.values.get("ask", ""), _LONGEST_ASK)
    named = [key for key in ask.split(",") if key in found.questions]
    unsaved = [name.removeprefix(ANSWER) for name, value in (typed.values if typed else {}).items() if value]
    wanted = [key for key in (*unsaved, *named) if key in found.questions]
    if not named:
        wanted += _of_part(found, part)
    wanted = sorted(dict.fromkeys(wanted), key=lambda key: not found.questions[key].fits)
    # What was asked for by name may be answered anew; a list shows its open ones only.
    fields = [found.questions[key] for key in wanted if key in named + unsaved or found.questions[key].said is None]
    done = sorted((each for each in found.questions.values() if each.said), key=_newest)
    if part:
        done = [each for each in done if _belongs(each, part)]
    shown = max(_FIELDS, len(unsaved))
    open_ones, more = fields[:shown], fields[shown:] if part or named else []
    return Sheet(part, ask if named else "", tuple(open_ones), tuple(more), tuple(done), _wished(found))


def _wished(found: Discovery) -> str:
    then = request.values.get("then", "")
    return next((each.way.trigger for each in found.ways if each.way.trigger == then and each.missing.gaps), "")


def _of_part(found: Discovery, part: str) -> list[str]:
    if not part:
        return list(found.wanted)
    return [key for key, each in found.questions.items() if each.fits and _belongs(each, part)]


def _belongs(asked: Asked, part: str) -> bool:
    return part == "all" or (asked.question.of_rep if part == "plan" else asked.question.spin == part)


def _newest(asked: Asked) -> float:
    return -asked.said.at.timestamp() if asked.said else 0.0
