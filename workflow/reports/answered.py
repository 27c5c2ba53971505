"""What came of the emails of a period: how many each step sent, by variant, and how many a news of some kind followed.

News count for the last email before them, as in `reports.variants`. Reads from both ends: the emails along an index of
their steps, and the few news by theirs, each of which finds its one email.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, literal, select
from sqlalchemy.orm import aliased

from workflow.engine.signals import BOOKED, BOUNCED, REPLIED, UNSUBSCRIBED
from workflow.records.models import History, Prospect, Touch
from workflow.records.prepared import one_of
from workflow.reports.asked import later_than, of_prospects

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import InstrumentedAttribute

    from workflow.records.db import Tx
    from workflow.reports.asked import Asked
    from workflow.reports.scope import Viewer

FEWEST: Final = 30
"""Emails that a step must have sent before anything is said of it."""
_LEFT: Final = ("sent", "uncertain")
_NEWS: Final = {REPLIED: "replied", BOOKED: "met", UNSUBSCRIBED: "unsubscribed", BOUNCED: "bounced"}


@dataclass(frozen=True, slots=True)
class Step:
    """The emails of one step of a sequence, of one variant where it has some. The last four count emails, not news."""

    sequence: str
    step: str
    variant: str
    sent: int
    replied: int
    met: int
    unsubscribed: int
    bounced: int

    @property
    def share(self) -> float:
        """Of those sent, the part that was answered."""
        return self.replied / self.sent if self.sent else 0.0


def results(tx: Tx, viewer: Viewer, asked: Asked) -> tuple[Step, ...]:
    """Each step that sent something within the period, by sequence; steps as they follow by their keys."""
    alike = (Touch.sequence, Touch.step, Touch.variant)
    sent = (
        select(*alike, func.count())
        .where(Touch.kind == literal("email", literal_execute=True), Touch.committed_at.is_not(None))
        .where(one_of(Touch.state, _LEFT), later_than(Touch.committed_at, asked.since(tx)))
        .group_by(*alike)
    )
    found = {
        (row[0], row[1], row[2]): int(row[3])
        for row in tx.conn.execute(_of_whom(sent, viewer, asked, Touch.prospect_id))
    }
    followed: dict[tuple[str, str, str | None], Counter[str]] = defaultdict(Counter)
    for sequence, step, variant, kind, count in tx.conn.execute(_followed(tx, viewer, asked)):
        followed[sequence, step, variant][_NEWS[kind]] += count
    rows = []
    for key in sorted(found, key=lambda key: (key[0], key[1], key[2] or "")):
        what = followed[key]
        rows.append(Step(key[0], key[1], key[2] or "", found[key], *(what[name] for name in _NEWS.values())))
    return tuple(rows)


def _followed(tx: Tx, viewer: Viewer, asked: Asked) -> Select[*tuple[Any, ...]]:
    """Emails of the period by what followed, of each kind once."""
    before = aliased(Touch)
    last = (
        select(before.id)
        .where(before.prospect_id == History.prospect_id, one_of(before.state, _LEFT))
        .where(before.committed_at <= History.occurred_at)
        .order_by(before.committed_at.desc(), before.id.desc())
        .limit(1)
        .correlate(History)
        .scalar_subquery()
    )
    since = asked.since(tx)
    # Whose news is asked before each looks for its email: a rep sees few of them.
    all_news = select(History.kind.label("kind"), last.label("touch_id")).where(
        one_of(History.kind, tuple(_NEWS)), History.occurred_at >= since
    )
    news = _of_whom(all_news, viewer, asked, History.prospect_id).distinct().subquery()
    alike = (Touch.sequence, Touch.step, Touch.variant, news.c.kind)
    return (
        select(*alike, func.count())
        .join(news, news.c.touch_id == Touch.id)
        .where(Touch.kind == "email", later_than(Touch.committed_at, since))
        .group_by(*alike)
    )


def _of_whom(
    found: Select[*tuple[Any, ...]], viewer: Viewer, asked: Asked, prospect_id: InstrumentedAttribute[str]
) -> Select[*tuple[Any, ...]]:
    """Asks about the prospect only where a filter does."""
    wanted = of_prospects(viewer, asked)
    if len(wanted) == 1:
        return found
    return found.join(Prospect, Prospect.id == prospect_id).where(*wanted)
