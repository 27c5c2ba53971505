"""What came of emails: how many were sent and how many answered, by text and by variant, and what may be said of it.

Only answers count. There is no tracking of openings or clicks, so no scanner that follows links can vote.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from math import sqrt
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import Integer, cast, exists, func, select
from sqlalchemy.orm import aliased

from workflow.engine.signals import BOOKED, REPLIED
from workflow.records.models import History, Message, Touch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

    from workflow.records.db import Tx

LOOKED_BACK: Final = timedelta(days=180)
FEWEST_SENT: Final = 30
"""Emails that each variant must have sent before anything is said of it."""
FEWEST_REPLIES: Final = 5
"""Answers that all variants of a step must have had together."""
_CERTAIN: Final = 1.96
"""Standard errors between two shares that chance makes in one of twenty cases (two-sided, 95 %)."""

Verdict = Literal["", "few", "even", "ahead"]


@dataclass(frozen=True, slots=True)
class Result:
    """One variant of one step. `verdict` is of the step: too few yet, no difference shown, or this one is ahead."""

    sequence: str
    step: str
    variant: str
    template: str
    sent: int
    replied: int
    verdict: Verdict = ""

    @property
    def share(self) -> float:
        """Of those it was sent to, the part that answered."""
        return self.replied / self.sent if self.sent else 0.0


def by_variant(tx: Tx) -> tuple[Result, ...]:
    """Every step that chose among variants within the last half year, each with its verdict."""
    columns = (Touch.sequence, Touch.step, Touch.variant, Message.template)
    rows = _counted(tx, columns, Touch.variant.is_not(None))
    found: list[Result] = []
    for _, group in groupby(rows, key=lambda row: row[:2]):
        variants = [Result(*row) for row in group]
        found += judged(variants)
    return tuple(found)


def by_template(tx: Tx) -> dict[str, tuple[int, int]]:
    """Of each text by name: emails sent within the last half year, and those that were answered."""
    rows = _counted(tx, (Message.template,), Message.template.is_not(None))
    return {str(name): (sent, replied) for name, sent, replied in rows}


def by_step(tx: Tx) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Of each step by sequence and key: emails sent within the last half year, those answered, those before a meeting.

    A meeting counts, as an answer does, for the last email before it was booked.
    """
    rows = _counted(tx, (Touch.sequence, Touch.step), Touch.kind == "email", (REPLIED, BOOKED))
    return {(sequence, step): (sent, replied, met) for sequence, step, sent, replied, met in rows}


def judged(variants: Sequence[Result]) -> list[Result]:
    """The variants of one step with the verdict.

    The best is ahead when its share of answers is above that of each other by 1.96 standard errors of the difference,
    with the shares pooled: the test of two proportions, as a textbook has it. With fewer than 30 emails of a variant,
    or fewer than 5 answers in all, it says too few.
    """
    few = any(each.sent < FEWEST_SENT for each in variants) or sum(each.replied for each in variants) < FEWEST_REPLIES
    if few or len(variants) == 1:
        return [_with(each, "few") for each in variants]
    best = max(variants, key=lambda each: each.share)
    ahead = all(_apart(best, other) for other in variants if other is not best)
    return [_with(each, "ahead" if ahead and each is best else "" if ahead else "even") for each in variants]


def _apart(best: Result, other: Result) -> bool:
    pooled = (best.replied + other.replied) / (best.sent + other.sent)
    error = sqrt(pooled * (1 - pooled) * (1 / best.sent + 1 / other.sent))
    return error > 0 and (best.share - other.share) / error >= _CERTAIN


def _with(result: Result, verdict: Verdict) -> Result:
    return Result(result.sequence, result.step, result.variant, result.template, result.sent, result.replied, verdict)


def _counted(
    tx: Tx, columns: Sequence[Any], where: ColumnElement[bool], kinds: Sequence[str] = (REPLIED,)
) -> Sequence[tuple[Any, ...]]:
    """Sent, and followed by each of `kinds`, for each combination of `columns`, in their order."""
    found = (
        select(*columns, func.count(), *(func.coalesce(func.sum(cast(_followed(kind), Integer)), 0) for kind in kinds))
        .select_from(Touch)
        .join(Message, Message.touch_id == Touch.id)
        .where(Touch.state.in_(_LEFT), Touch.committed_at > tx.now - LOOKED_BACK, where)
        .group_by(*columns)
        .order_by(*columns)
    )
    return [tuple(row) for row in tx.conn.execute(found)]


def _followed(kind: str) -> ColumnElement[bool]:
    """Whether a row of history of this kind came after a touch, and before a later email to the prospect.

    An answer counts for the last email before it: one that came after a later email answers that one.
    """
    later = aliased(Touch)
    overtaken = exists().where(
        later.prospect_id == Touch.prospect_id,
        later.id != Touch.id,
        later.state.in_(_LEFT),
        later.committed_at > Touch.committed_at,
        later.committed_at <= History.occurred_at,
    )
    # Named, because the library looks for the tables of a condition one level up and not two.
    overtaken = overtaken.correlate(Touch, History)
    followed = exists().where(
        History.prospect_id == Touch.prospect_id,
        History.kind == kind,
        History.occurred_at >= Touch.committed_at,
        ~overtaken,
    )
    return followed.correlate(Touch)


_LEFT: Final = ("sent", "uncertain")
