"""Today: the one next thing, what else needs the person who looks, their day by the hour and their week.

Putting off and taking back is the matter of `web.panel.snoozing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

from flask import request
from sqlalchemy import select

from web.auth import person
from web.formats import local, zone
from web.forms import Form
from web.i18n import gettext as _
from web.pages import is_swap, playbook, workspace
from web.panel.discovery import discovery
from web.panel.frame import end_of_day, page, reading, viewer
from workflow.actions.day import start_of
from workflow.actions.outreach.spool import touches_on_disk
from workflow.records.models import Call
from workflow.reports import checklist, endpoints, goals, today
from workflow.reports.today import Day

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from web.panel.frame import Toast
    from workflow.playbook.schema import Playbook
    from workflow.records.db import Record, Tx
    from workflow.reports.board import Card
    from workflow.reports.checklist import Discovery
    from workflow.reports.letters import Letter
    from workflow.reports.today import Item, Today

# A reply waits for nobody, but not before a call whose hour has come.
_SOON: Final = timedelta(minutes=15)
GOALS_KEY: Final = "goals"
"""How the page names its goals where it says what has the focus."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What to open with, in the language of the prospect; `is_question` when it comes from the bank."""

    words: str
    language: str
    is_question: bool


@dataclass(frozen=True, slots=True)
class First:
    """The one next thing, with what helps to begin it."""

    kind: Literal["task", "letter", "stalled"]
    key: str
    prospect_id: str
    task: Item | None = None
    letter: Letter | None = None
    card: Card | None = None
    opening: Opening | None = None
    known: Discovery | None = None
    row: Record | None = None


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/", view_func=first_page, methods=["GET"])


def first_page() -> ResponseReturnValue:
    """The first page."""
    return show_today()


def show_today(
    *, toast: Toast | None = None, form: Form | None = None, status: int = HTTPStatus.OK
) -> ResponseReturnValue:
    """The day of whoever looks. `form` has the goals as they were typed, where they are not well."""
    ws = workspace()
    with reading() as tx:
        day = _day(tx.now)
        found = today.today(ws, tx, viewer(), day, spooled=touches_on_disk(ws.settings.data_dir))
        done = today.done(tx, viewer(), person().actor, day.begin)
        week = goals.goals(ws, tx, viewer().rep_id, _week(day))
        off = endpoints.switched_off(tx) if viewer().sees_everyone else ()
        first = _first(tx, found)
    keys = list(_keys(found, first))
    return page(
        "today", here="today", status=status, toast=toast, found=found, done=done, off=off, first=first, week=week,
        typed=form or Form({each.what: str(each.wanted or "") for each in week}), bad=_bad(form),
        hours=_hours, behind=_behind(keys), at="" if form else _focus(keys),
        focus="data-focus" if is_swap() else "autofocus",
    )  # fmt: skip


def key_of(what: str, about: str, version: int = 0) -> str:
    """How the page names the row of a thing."""
    return f"{what}-{about}-{version}" if what == "answer" else f"{what}-{about}"


def _day(now: datetime) -> Day:
    midnight = local(now).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return Day(midnight, end_of_day(now), zone())


def _hours(span: timedelta) -> str:
    """45 min, 2 h, 2 h 30 min."""
    hours, minutes = divmod(span // timedelta(minutes=1), 60)
    told = [_("%(count)s h") % {"count": hours}] if hours else []
    return " ".join([*told, *([_("%(count)s min") % {"count": minutes}] if minutes or not hours else [])])


def _week(day: Day) -> datetime:
    """When the week of this day began: Monday by the viewer's clock."""
    date = day.begin.date()
    return start_of(date - timedelta(days=date.weekday()), day.zone)


# --- the one next thing


def _first(tx: Tx, found: Today) -> First | None:
    """A task whose hour has come, else what came by mail, else the next task of the day, else who is stalled."""
    chosen: First | None = None
    due = [each for each in found.tasks[:1] if each.at <= tx.now + _SOON]
    for task in due or (found.tasks[:1] if not found.letters else ()):
        chosen = First("task", key_of("task", task.id), task.prospect_id, task=task)
    if chosen is None and found.letters:
        mail = found.letters[0]
        chosen = First("letter", _of_letter(mail), mail.prospect_id, letter=mail)
    if chosen is None and found.stalled:
        card = found.stalled[0]
        chosen = First("stalled", key_of("prospect", card.id), card.id, card=card)
    return None if chosen is None else _known(tx, chosen)


def _known(tx: Tx, first: First) -> First:
    row = checklist.whole(tx, first.prospect_id)
    known = discovery(tx, row)
    called = select(Call.id).where(Call.prospect_id == row.id).limit(1)
    opening = _opening(playbook(), row.language, known, called=tx.conn.execute(called).first() is not None)
    return First(first.kind, first.key, first.prospect_id, first.task, first.letter, first.card, opening, known, row)


def _opening(book: Playbook, language: str, known: Discovery, *, called: bool) -> Opening | None:
    """The first line of the script for a first call; afterwards the question that is worth asking next."""
    spoken = language if language in book.languages else book.languages[0]
    script = next(iter(book.content.scripts.values()), None)
    lines = script.steps[0].lines if script and script.steps and not called else ()
    if lines:
        return Opening(book.words(lines[0], spoken), spoken, is_question=False)
    bank = [known.questions[key].question for key in known.wanted if not known.questions[key].question.of_rep]
    best = next((each for each in bank if each.open), next(iter(bank), None))
    return Opening(book.words(best.text, spoken), spoken, is_question=True) if best else None


# --- where the focus goes


def _of_letter(mail: Letter) -> str:
    return key_of("answer" if mail.is_answer else "email", mail.about, mail.version)


def _keys(found: Today, first: First | None) -> Iterator[str]:
    """The rows of the page in their order, the next thing first."""
    if first is not None:
        yield first.key
    rows = [key_of("task", each.id) for each in found.tasks]
    rows += [_of_letter(each) for each in found.letters]
    rows += [key_of("prospect", each.id) for each in found.stalled]
    yield from (key for key in rows if first is None or key != first.key)


def _behind(keys: list[str]) -> dict[str, str]:
    """For each row the one that is looked at once it is gone: the next, or for the last the one before."""
    return dict(zip(keys, (*keys[1:], *keys[-2:-1], ""), strict=False))


def _focus(keys: list[str]) -> str:
    """The row that asks for the focus, or the goals; empty where none does, `top` where no row is left."""
    wanted = request.values.get("after", "")[:120]
    if request.method == "GET" and not wanted:
        return ""
    if wanted in (*keys, GOALS_KEY):
        return wanted
    return keys[0] if keys else "top"


def _bad(form: Form | None) -> str:
    """The first goal that is not well as it was typed: it has the focus, and not the row of an act."""
    return next(iter(form.errors), "") if form else ""
