"""The plan of a call, before it: goal, must-learn, research, agenda, minutes; and the sheet of paper made of it.

The plan is the answers to the questions that reps answer for themselves, so that it ticks the checklist by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import Response, g, request

from web.forms import Form
from web.forms import block as read_block
from web.forms import line as read_line
from web.forms import version as read_version
from web.i18n import gettext as _
from web.i18n import language
from web.pages import is_swap, playbook, workspace
from web.panel.discovery import ANSWER, discovery
from web.panel.frame import Toast, done, page, reading, viewer, who
from web.panel.prospects import newest_change
from workflow.actions import calling, facts, prospects
from workflow.engine import calendar
from workflow.engine import signals as kinds
from workflow.errors import Conflict
from workflow.reports import checklist, scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.playbook.content import Question
    from workflow.playbook.schema import Playbook
    from workflow.reports.checklist import Discovery

MUST_LEARN: Final = "must_learn"
RESEARCH: Final = "research"
_LONGEST: Final = 20_000
_OFFERED: Final = 8
_LINK: Final = re.compile(r"https?://[^\s<>\"]{3,400}")


@dataclass(frozen=True, slots=True)
class Chance:
    """A question that may be put on the list of what to learn, and whether it is there."""

    key: str
    words: str
    chosen: bool


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/prospects/<prospect_id>/call", view_func=show_plan, methods=["GET"])
    routes.add_url_rule("/prospects/<prospect_id>/call/sheet", view_func=show_paper, methods=["GET"])
    routes.add_url_rule("/prospects/<prospect_id>/call/plan", view_func=save_plan, methods=["POST"])


def show_plan(prospect_id: str) -> ResponseReturnValue:
    """The plan as it stands, with what the discovery still lacks."""
    return _plan(prospect_id)


def show_paper(prospect_id: str) -> ResponseReturnValue:
    """The plan and the script on paper: what to have in hand when there is no screen."""
    with reading() as tx:
        row = checklist.whole(tx, scope.prospect_id(tx, viewer(), prospect_id))
        known = discovery(tx, row)
    book = playbook()
    script = _script(book, read_script())
    wanted = [known.questions[key] for key in known.wanted if not known.questions[key].question.of_rep]
    fitting = {each.question.key for each in known.questions.values() if each.fits}
    return page(
        "call_paper", here="prospects", f=row, plan=_plan_questions(book), said=known.said, script=script,
        wanted=wanted[:_OFFERED], fitting=fitting, ratings=known.ratings,
    )  # fmt: skip


def save_plan(prospect_id: str) -> ResponseReturnValue:
    """Keep the plan, and begin the call where that is asked for."""
    with reading() as tx:
        known = scope.prospect_id(tx, viewer(), prospect_id)
        now = facts.answers(tx, known)
    book = playbook()
    form = Form({ANSWER + key: read_block(ANSWER + key, _LONGEST) for key in _plan_questions(book)})
    form.values["script"] = read_script()
    _gather(book, form)
    minutes = form[ANSWER + calling.MINUTES]
    if minutes and not re.search(r"\d", minutes):
        form.errors[ANSWER + calling.MINUTES] = _("Write the minutes as a whole number, such as 25.")
        return _plan(known, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    told = {key: form[ANSWER + key] for key in _plan_questions(book)}
    changed = {key: value for key, value in told.items() if value != now.get(key, "")}
    if changed:
        try:
            prospects.tell(workspace(), known, kinds.ANSWERS, {"answers": changed}, who(), version=read_version())
        except Conflict:
            with reading() as tx:
                form.errors["version"] = newest_change(tx, known)
            return _plan(known, form=form, status=HTTPStatus.CONFLICT)
    if read_line("then") == "start":
        return _start(known, form["script"])
    toast = Toast(_("The plan was saved") if changed else _("Nothing was changed"))
    return _plan(known, toast=toast) if is_swap() else done(f"/prospects/{known}/call", toast)


def read_script() -> str:
    """The script that was chosen, where the playbook has it; else its first one."""
    told, scripts = request.values.get("script", ""), playbook().content.scripts
    return told if told in scripts else next(iter(scripts), "")


def links(text: str) -> tuple[str, ...]:
    """The addresses of pages within a text, each once."""
    return tuple(dict.fromkeys(each.rstrip(".,;:!?)»”“") for each in _LINK.findall(text)))


def _start(known: str, script: str) -> ResponseReturnValue:
    ws = workspace()
    with reading() as tx:
        minutes = calling.planned(tx, playbook(), known, script)
    address = f"/calls/{calling.begin(ws, known, viewer().rep_id, script, minutes)}"
    if is_swap():
        response = Response()
        response.headers["HX-Redirect"] = address
        return response
    response = Response(status=HTTPStatus.SEE_OTHER)
    response.headers["Location"] = address
    return response


def _plan(
    prospect_id: str, *, form: Form | None = None, toast: Toast | None = None, status: int = HTTPStatus.OK
) -> ResponseReturnValue:
    with reading() as tx:
        row = checklist.whole(tx, scope.prospect_id(tx, viewer(), prospect_id))
        known = discovery(tx, row)
        going = calling.open_sheet(tx, row.id, viewer().rep_id)
        made_at = calling.planned(tx, playbook(), row.id, read_script())
    book = playbook()
    typed = form or Form({ANSWER + key: each.text for key, each in known.said.items()})
    text = typed[ANSWER + MUST_LEARN]
    chances = _chances(book, known, text) if MUST_LEARN in book.content.questions else ()
    return page(
        "call_plan", here="prospects", status=status, toast=toast, f=row, disc=known, typed=typed, going=going,
        plan=_plan_questions(book), chances=chances, rest=_rest(book, text), links=links(typed[ANSWER + RESEARCH]),
        script=_script(book, typed["script"] or read_script()), minutes=made_at, gaps=_gaps(known),
        zone=calendar.zone_of(row.time_zone, g.zone.key),
    )  # fmt: skip


def _plan_questions(book: Playbook) -> dict[str, Question]:
    """What reps answer before a call; how it went is written down by the call itself."""
    return {key: each for key, each in book.content.questions.items() if each.of_rep and key != calling.SCRIPT_USED}


def _script(book: Playbook, key: str) -> object:
    return book.content.scripts.get(key)


def _gaps(known: Discovery) -> tuple[checklist.Item, ...]:
    """The items of the checklist that a call can tick."""
    return tuple(each for each in known.items if not each.ticked and "during" in each.item.phases)


def _lines(text: str) -> list[str]:
    return [line for line in (each.strip() for each in text.splitlines()) if line]


def _by_words(book: Playbook) -> Mapping[str, str]:
    """Questions by their words in any language: on the list they stand as they are asked."""
    return {words: key for key, each in book.content.questions.items() for words in each.text.values()}


def _chances(book: Playbook, known: Discovery, text: str) -> Sequence[Chance]:
    by_words = _by_words(book)
    chosen = list(dict.fromkeys(by_words[line] for line in _lines(text) if line in by_words))
    wanted = [key for key in known.wanted if key not in chosen and not known.questions[key].question.of_rep]
    return [
        Chance(key, book.words(book.content.questions[key].text, language()), key in chosen)
        for key in (*chosen, *wanted[:_OFFERED])
    ]


def _rest(book: Playbook, text: str) -> str:
    by_words = _by_words(book)
    return "\n".join(line for line in _lines(text) if line not in by_words)


def _gather(book: Playbook, form: Form) -> None:
    """Put the questions that were chosen before what was written by hand."""
    name = ANSWER + MUST_LEARN
    if name not in form.values:
        return
    asked = [book.content.questions.get(key) for key in request.form.getlist("learn")[:100]]
    chosen = [book.words(each.text, language()) for each in asked if each is not None]
    form.values[name] = "\n".join((*dict.fromkeys(chosen), *_lines(form[name])))
