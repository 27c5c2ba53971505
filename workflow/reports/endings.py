"""Why deals end: the reasons of those closed without a deal, and the competitors that prospects name.

Reasons are those of closings within the period, competitors those of the prospects who entered within it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from workflow.records.models import Prospect
from workflow.reports.asked import later_than, of_prospects

if TYPE_CHECKING:
    from workflow.playbook.schema import Playbook
    from workflow.records.db import Tx
    from workflow.reports.asked import Asked
    from workflow.reports.scope import Viewer
    from workflow.workspace import Workspace

FEWEST: Final = 10
"""Closings with a reason that there must be before one is called the most frequent."""
FEWEST_NAMED: Final = 5
"""Closed prospects that must have named a competitor before anything is said of it."""
_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Ended:
    """So many were closed with this outcome and for this reason: a key of the playbook, a person's words, or none."""

    outcome: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Rival:
    """A competitor, and how the prospects who named it fared."""

    name: str
    named: int
    open: int
    won: int
    ended: int


def reasons(ws: Workspace, tx: Tx, viewer: Viewer, asked: Asked) -> tuple[Ended, ...]:
    """Why prospects were closed without a deal, the most frequent first; rare words together as `…`.

    A CRM or a file may say a reason in the words of the playbook, in either language: it counts with its key.
    """
    keys = _keys(ws.playbooks.in_force(tx))
    found = (
        select(Prospect.outcome, Prospect.outcome_reason, func.count())
        .where(Prospect.outcome.in_(("lost", "no_decision", "disqualified")))
        .where(Prospect.entered_stage_at > asked.since(tx), *of_prospects(viewer, asked))
        .group_by(Prospect.outcome, Prospect.outcome_reason)
    )
    counts: Counter[tuple[str, str]] = Counter()
    for outcome, said, count in tx.conn.execute(found):
        words = " ".join((said or "").split())
        counts[str(outcome), keys.get(words.casefold(), words)] += count
    counted = [Ended(outcome, said, count) for (outcome, said), count in counts.items()]
    counted.sort(key=lambda each: (-each.count, each.outcome, each.reason))
    rest: Counter[str] = Counter()
    for each in counted[_MOST:]:
        rest[each.outcome] += each.count
    return (*counted[:_MOST], *(Ended(outcome, "…", count) for outcome, count in sorted(rest.items())))


def _keys(book: Playbook) -> dict[str, str]:
    """By what is said of a reason, in small letters, its key. A key is itself, whatever another one is called."""
    told = [(key, words) for way in book.transitions for key, words in way.reasons.items()]
    labels = {" ".join(label.split()).casefold(): key for key, words in reversed(told) for label in words.values()}
    return {**labels, **{key.casefold(): key for key, _words in told}}


def competitors(ws: Workspace, tx: Tx, viewer: Viewer, asked: Asked) -> tuple[Rival, ...]:
    """Who is named, the most frequent first. Capitals make no difference, and the usual spelling is told."""
    book = ws.playbooks.in_force(tx)
    alike = (Prospect.competitor, Prospect.outcome, Prospect.stage)
    found = (
        select(*alike, func.count())
        .where(Prospect.competitor != "", later_than(Prospect.created_at, asked.since(tx)))
        .where(*of_prospects(viewer, asked))
        .group_by(*alike)
    )
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    fates: dict[str, Counter[str]] = defaultdict(Counter)
    for names, outcome, stage, count in tx.conn.execute(found):
        fate = "open" if not book.is_final(stage) else "won" if outcome == "won" else "ended"
        for name in {each.casefold(): each for each in names.split("; ")}.values():
            spelled[name.casefold()][name] += count
            fates[name.casefold()][fate] += count
    rows = (
        Rival(spelled[key].most_common(1)[0][0], fate.total(), fate["open"], fate["won"], fate["ended"])
        for key, fate in fates.items()
    )
    return tuple(sorted(rows, key=lambda row: (-row.named, row.name)))[:_MOST]
