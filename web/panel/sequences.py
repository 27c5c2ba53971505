"""Sequences: the list with results, one of them step by step, and the days it would bring to a chosen prospect.

Changes nothing. A draft of them is written in `drafting`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from flask import request
from sqlalchemy import select

from web.auth import person
from web.formats import local
from web.i18n import language
from web.pages import playbook, workspace
from web.panel.frame import Part, fragment, page, reading, swap, viewer
from web.panel.wording import field, step, trigger
from workflow import rights, text
from workflow.actions import drafts
from workflow.errors import NotFound, OnwardError
from workflow.playbook.phrases import Phrases
from workflow.playbook.schema import Step
from workflow.records.models import Prospect
from workflow.reports import course as courses
from workflow.reports import finding, scope
from workflow.reports import sequences as reports

if TYPE_CHECKING:
    from collections.abc import Sequence as Several

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from workflow.playbook.schema import Playbook, Sequence
    from workflow.records.db import Record, Tx
    from workflow.reports.course import Course

_MOST_FOUND = 8


@dataclass(frozen=True, slots=True)
class Listed:
    """A sequence in words: its title, what begins it and what ends it."""

    key: str
    title: str
    begins: str
    ends: str


@dataclass(frozen=True, slots=True)
class Link:
    """One step in the chain that the list draws of a sequence."""

    what: str
    is_task: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """The dated preview of a sequence: for whom, from which day, and what comes; without a course `why` there is none.

    `address` is where it is asked for again.
    """

    address: str
    found: Several[Record]
    chosen: str | None
    day: date
    course: Course | None
    titles: dict[str, str]
    why: str = ""


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/sequences", view_func=all_sequences, methods=["GET"])
    routes.add_url_rule("/sequences/<key>", view_func=one_sequence, methods=["GET"])
    routes.add_url_rule("/sequences/<key>/course", view_func=course, methods=["GET"])


def all_sequences() -> ResponseReturnValue:
    """Every sequence of the playbook in force, with what became of it."""
    book, me = playbook(), person()
    with reading() as tx:
        found = reports.results(tx, book.sequences)
        mine = drafts.of(workspace(), tx, me.id) if rights.may(me.role, "sequences") else None
        others = drafts.all_kept(tx) if rights.may(me.role, "playbook") else ()
    phrases = words(book)
    rows = [
        (listed(book, each), found[each.key], [Link(phrases.step(one), one.task is not None) for one in each.steps])
        for each in book.sequences.values()
    ]
    return page(
        "sequences", here="sequences", rows=rows, mine=mine, others=[each for each in others if each[0] != me.id]
    )


def one_sequence(key: str) -> ResponseReturnValue:
    """One sequence: its steps with what became of each, and the days it would bring."""
    book = playbook()
    told = known(book, key)
    with reading() as tx:
        results = reports.results(tx, [key])[key]
        shown = preview(tx, book, key, f"/sequences/{key}")
    phrases = words(book)
    steps = [
        (each, phrases.waits(each), phrases.step(each), results.steps.get(each.key, reports.Counts()))
        for each in told.steps
    ]
    gone = [name for name in results.steps if all(name != each.key for each in told.steps)]
    return page(
        "sequence", here="sequences", one=listed(book, told), results=results, steps=steps, preview=shown, told=told,
        gone=gone,
    )  # fmt: skip


def course(key: str) -> ResponseReturnValue:
    """The preview alone, on another day or another prospect."""
    book = playbook()
    known(book, key)
    with reading() as tx:
        shown = preview(tx, book, key, f"/sequences/{key}")
    return swap(course_part(shown))


def course_part(shown: Preview) -> Part:
    """The preview as a piece of a page."""
    return Part("#course", fragment("sequence_course", "course", preview=shown), "innerHTML")


def preview(tx: Tx, book: Playbook | None, key: str, address: str) -> Preview:
    """The preview that the request asks for: of a sequence on a day (today) and a prospect (the last changed).

    Of a book that cannot be read, or has no such sequence, there are no dates.
    """
    told = request.values.get("prospect", "")
    chosen = scope.prospect_id(tx, viewer(), told) if told else None
    wanted = text.line(request.values.get("q", ""), 100)
    found = _people(tx, wanted, None if wanted else chosen)
    # Whoever searches wants to see whom they found; where that is nobody, the one they had.
    if chosen is None or (wanted and found and all(row.id != chosen for row in found)):
        chosen = found[0].id if found else None
    elif not found:
        found = _people(tx, "", chosen)
    today = local(tx.now).date()
    day = _day(request.values.get("day", ""), today)
    if book is None or key not in book.sequences:
        return Preview(address, found, chosen, day, None, {})
    phrases = words(book)
    titles = {each.key: phrases.step(each) for each in book.sequences[key].steps}
    try:
        shown = courses.course(workspace(), tx, book, key, chosen, day)
    except (OnwardError, ArithmeticError, LookupError, ValueError) as error:
        # What is being written may be wrong in a way that no date comes of; the page says so and goes on.
        why = error.message if isinstance(error, OnwardError) else str(error)
        return Preview(address, found, chosen, day, None, titles, why)
    return Preview(address, found, chosen, day, shown, titles)


def known(book: Playbook, key: str) -> Sequence:
    """The sequence of this key. Raises NotFound."""
    if key not in book.sequences:
        message = "There is no such sequence."
        raise NotFound(message)
    return book.sequences[key]


def listed(book: Playbook, told: Sequence) -> Listed:
    """A sequence in words."""
    phrases = words(book)
    return Listed(told.key, phrases.sequence(told), phrases.start(told.start), phrases.stops(told))


def words(book: Playbook) -> Phrases:
    """The phrases of a playbook, with the names that the panel uses elsewhere."""
    return Phrases(book, language(), _name)


def _name(kind: str, key: str) -> str:
    named: dict[str, Any] = {"trigger": trigger, "field": field, "email": lambda each: step(Step(each, 0, email=each))}
    return str(named[kind](key)) if kind in named else ""


def _day(told: str, today: date) -> date:
    try:
        day = date.fromisoformat(told)
    except ValueError:
        return today
    return min(max(day, today), today + timedelta(days=730))


def _people(tx: Tx, told: str, chosen: str | None) -> Several[Record]:
    """The prospects that fit, the last changed first; the chosen one is always among them."""
    columns = select(Prospect.id, Prospect.name, Prospect.company, Prospect.email).where(viewer().sees())
    newest = (
        columns.where(*scope.unerased(tx), *finding.found_by(tx, told))
        .order_by(Prospect.updated_at.desc(), Prospect.id)
        .limit(_MOST_FOUND)
    )
    found = list(tx.conn.execute(newest).all())
    if chosen and all(row.id != chosen for row in found):
        found = [*tx.conn.execute(columns.where(Prospect.id == chosen)).all(), *found]
    return found
