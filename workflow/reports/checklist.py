"""How far the discovery of one prospect has come: checklist, score with its ratings, answers and open questions.

Reads what the guards read and says what they would say. Records nothing and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from workflow.engine import checklist, gaps, guards, machine, scoring
from workflow.engine.signals import ANSWERS, FIELDS
from workflow.errors import NotFound
from workflow.records.models import Answer, History, Prospect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from workflow.engine.gaps import Gap, Missing
    from workflow.engine.guards import Facts
    from workflow.playbook.content import ChecklistItem, Criterion, Option, Question
    from workflow.playbook.schema import Playbook, Transition
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

_MOST_TELLINGS: Final = 300


@dataclass(frozen=True, slots=True)
class Telling:
    """One time an answer was written down, by whom."""

    at: datetime
    actor: str
    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """The answer to a question that stands, and those before it, the newest first."""

    text: str
    at: datetime
    actor: str
    older: tuple[Telling, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the bank with its answer; `fits` this buyer, as far as persona and phase are known."""

    question: Question
    said: Said | None
    fits: bool


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the checklist, what is missing before it ticks itself, and an answer that shows what it is about."""

    item: ChecklistItem
    ticked: bool
    missing: tuple[Gap, ...]
    said: Said | None


@dataclass(frozen=True, slots=True)
class Rating:
    """A row of the matrix: what was chosen, and the questions that help to find out."""

    criterion: Criterion
    option: Option | None
    evidence: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """A move out of the stage: what is missing for it, and whether the viewer may make it as things stand.

    What is given with the move itself, such as an outcome, counts as given.
    """

    way: Transition
    missing: Missing
    open: bool


@dataclass(frozen=True, slots=True)
class Discovery:
    """All of it. `said` holds every answer that stands, ratings too, `others` those to no question of this playbook.

    `wanted` are the open questions worth asking next, `score` is 0 to 100.
    """

    items: tuple[Item, ...]
    score: int
    ratings: tuple[Rating, ...]
    questions: Mapping[str, Asked]
    said: Mapping[str, Said]
    others: Mapping[str, Said]
    wanted: tuple[str, ...]
    ways: tuple[Way, ...]

    @property
    def answered(self) -> int:
        """How many questions of the bank are answered."""
        return sum(each.said is not None for each in self.questions.values())

    @property
    def ticked(self) -> int:
        """How many items are ticked."""
        return sum(item.ticked for item in self.items)


def discovery(ws: Workspace, tx: Tx, prospect_id: str, stage: str, known: Facts) -> Discovery:
    """The discovery of a prospect at `stage` of whom all of `known` is on record; its role is the viewer's."""
    playbook = ws.playbooks.in_force(tx)
    said = _said(tx, prospect_id)
    buyer = {name: known.fields.get(name) or "" for name in gaps.BUYER}
    questions = {
        key: Asked(question, said.get(key), _fits(question, buyer))
        for key, question in playbook.content.questions.items()
    }
    items = _items(playbook, known, questions)
    ways = tuple(way_of(playbook, way, known) for way in machine.ways_out(playbook, stage))
    ours = questions.keys() | playbook.content.criteria.keys()
    return Discovery(
        items=items,
        score=scoring.score(playbook, known.answers),
        ratings=tuple(_rating(each, known.answers, questions) for each in playbook.content.criteria.values()),
        questions=questions,
        said=said,
        others={key: each for key, each in said.items() if key not in ours},
        wanted=_wanted(questions, ways, items),
        ways=ways,
    )


def whole(tx: Tx, prospect_id: str) -> Record:
    """The whole row of a prospect. Raises NotFound."""
    found = select(*Prospect.__table__.columns).where(Prospect.id == prospect_id)
    row = tx.conn.execute(found).one_or_none()
    if row is None:
        raise NotFound("There is no such prospect: check the id.")
    return row


def _items(playbook: Playbook, known: Facts, questions: Mapping[str, Asked]) -> tuple[Item, ...]:
    about: dict[str, Said] = {}
    for each in questions.values():
        if each.said and each.question.checklist:
            about.setdefault(each.question.checklist, each.said)
    found = []
    for point in checklist.points(playbook, known):
        left = () if point.ticked else gaps.missing(playbook, point.item.done_when, known).gaps
        found.append(Item(point.item, point.ticked, left, about.get(point.item.key)))
    return tuple(found)


def way_of(playbook: Playbook, way: Transition, known: Facts) -> Way:
    """How a move stands for the viewer of whose role `known` tells."""
    with_move = {name: known.fields.get(name) or "given" for name in way.asked_fields if name not in FIELDS}
    told = replace(known, fields={**known.fields, **with_move})
    return Way(way, gaps.missing(playbook, way.needs, told), open=not guards.unmet(playbook, way.needs, told))


def _rating(criterion: Criterion, answers: Mapping[str, str], questions: Mapping[str, Asked]) -> Rating:
    evidence = tuple(questions[key] for key in criterion.questions if key in questions)
    return Rating(criterion, scoring.rating(criterion, answers), evidence)


def _fits(question: Question, buyer: Mapping[str, str]) -> bool:
    persona, phase = buyer["persona"], buyer["journey"]
    suits = not persona or not question.personas or persona in question.personas
    return suits and (not phase or not question.journey or phase in question.journey)


def _wanted(questions: Mapping[str, Asked], ways: Iterable[Way], items: Iterable[Item]) -> tuple[str, ...]:
    """Open questions that fit: first what the next moves lack, then the checklist, as many as each of them lacks."""
    found: dict[str, None] = {}
    for gap in (*(gap for way in ways for gap in way.missing.gaps), *(gap for item in items for gap in item.missing)):
        for each in (gap, *(inner for way in gap.ways for inner in way)):
            if each.place == "questions":
                fitting = [key for key in each.keys if questions[key].fits] or list(each.keys)
                found |= dict.fromkeys(fitting[: each.short])
    rest = (key for key, each in questions.items() if each.said is None and each.fits)
    return tuple({**found, **dict.fromkeys(rest)})


def _said(tx: Tx, prospect_id: str) -> dict[str, Said]:
    """Every answer that stands, with who gave it: the history knows, the answer itself does not."""
    told: dict[str, list[Telling]] = {}
    rows = tx.conn.execute(
        select(History.at, History.actor, History.detail)
        .where(History.prospect_id == prospect_id, History.kind == ANSWERS)
        .order_by(History.version.desc())
        .limit(_MOST_TELLINGS)
    )
    for row in rows:
        for key, text in row.detail.get("answers", {}).items():
            told.setdefault(key, []).append(Telling(row.at, row.actor, str(text)))
    found = {}
    standing = select(Answer.question, Answer.text, Answer.at).where(Answer.prospect_id == prospect_id)
    for row in tx.conn.execute(standing.order_by(Answer.at, Answer.question)):
        if row.text.strip():
            tellings = told.get(row.question, [])
            by = tellings[0].actor if tellings else ""
            found[row.question] = Said(row.text, row.at, by, tuple(tellings[1:]))
    return found
