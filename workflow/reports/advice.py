"""What had best be done next for a prospect: gathers how they stand from the page and asks `engine.advice`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from workflow.engine.advice import Ahead, Standing, Waiting, next_action
from workflow.engine.signals import REPLIED
from workflow.records.models import History, Touch

if TYPE_CHECKING:
    from datetime import datetime

    from workflow.engine.advice import Advice
    from workflow.playbook.schema import Playbook
    from workflow.records.db import Tx
    from workflow.reports.checklist import Discovery, Way
    from workflow.reports.prospect import Page

_WENT_ON: Final = ("call.ended", "moved", "meeting.booked", "meeting.rescheduled", "touch.done", "answers.recorded")
"""What shows that somebody has taken up a reply."""


def of_page(tx: Tx, playbook: Playbook, page: Page, found: Discovery) -> Advice:
    """The next best action for the prospect of a page, with the discovery as its viewer may go on with it."""
    facts, now = page.facts, tx.now
    stage = playbook.stages.get(facts.stage)
    usual = stage.stalled_after if stage else None
    held = facts.mail_hold_until
    ahead = _ahead(playbook, facts.stage, found)
    booked = [each for each in page.meetings if each.state == "booked" and each.starts_at is not None]
    standing = Standing(
        now=now,
        final=playbook.is_final(facts.stage),
        stalled=usual is not None and now - facts.entered_stage_at > usual,
        barred=page.suppressed is not None,
        held_until=held if held is not None and held > now else None,
        replied_at=_replied_at(tx, facts.id),
        meetings=tuple((each.id, each.starts_at) for each in booked),
        waiting=tuple(
            Waiting(
                line.id, "task" if line.kind == "task" else "email", line.at, line.state == "uncertain", line.asks
            )
            for line in page.waiting
        ),
        ahead=Ahead(ahead.way.trigger, ahead.open, ahead.missing) if ahead else None,
    )  # fmt: skip
    return next_action(standing)


def _ahead(playbook: Playbook, stage: str, found: Discovery) -> Way | None:
    """The next move on; to close is nobody's next step by itself."""
    here = playbook.stages.get(stage)
    if here is None:
        return None
    ways = (
        each
        for each in found.ways
        if each.way.to in playbook.stages
        and playbook.stages[each.way.to].position > here.position
        and not playbook.stages[each.way.to].final
    )
    return min(ways, key=lambda each: playbook.stages[each.way.to].position, default=None)


def _replied_at(tx: Tx, known: str) -> datetime | None:
    """When the prospect replied last, unless somebody has gone on since, or an email has."""
    mine = History.prospect_id == known
    newest = func.max(History.version)
    replied = tx.conn.execute(
        select(History.version, History.at)
        .where(mine, History.version == select(newest).where(mine, History.kind == REPLIED).scalar_subquery())
    ).one_or_none()  # fmt: skip
    if replied is None:
        return None
    taken_up = select(newest).where(mine, History.version > replied.version, History.kind.in_(_WENT_ON))
    sent = select(Touch.id).where(Touch.prospect_id == known, Touch.sent_at > replied.at).limit(1)
    if tx.conn.execute(taken_up).scalar_one() is not None or tx.conn.execute(sent).first() is not None:
        return None
    at: datetime = replied.at
    return at
