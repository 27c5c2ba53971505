"""Whether more has left than the limits of today allow: every rolling window, as far back as they were in force.

Reads only. Of a mailbox, a company and all together the limits are those in force; of a prospect those that the
sequence of the email follows.
"""

from __future__ import annotations

from collections import defaultdict, deque
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from workflow.errors import PlaybookError
from workflow.records.base import Moment
from workflow.records.models import Enrollment, PlaybookVersion, Publication, Touch
from workflow.reports.touches import COUNTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from workflow.playbook.schema import Limits, Playbook
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)

Told = tuple[str, str]
"""A code and a sentence."""


def overdrawn(ws: Workspace, tx: Tx) -> Iterator[Told]:
    """The first overdrawn window of each limit, of each mailbox, company and prospect, within the last days."""
    playbook = ws.playbooks.in_force(tx)
    begun, done = _in_force_since(tx, playbook)
    back = _WEEK + _DAY if playbook.limits.prospect.per_week else 2 * _DAY
    columns = (
        Touch.id, Touch.mailbox_id, Touch.domain, Touch.prospect_id, Touch.committed_at, Touch.forced, Touch.sequence,
        Touch.step, Enrollment.playbook_digest,
    )  # fmt: skip
    marked = select(*columns).join(Enrollment, Enrollment.id == Touch.enrollment_id)
    marked = marked.where(Touch.committed_at >= max(begun, tx.now - back), Touch.state.in_(COUNTED))
    rows = tx.conn.execute(marked.order_by(Touch.committed_at, Touch.id)).all()
    yield from _shared(playbook.limits, [row for row in rows if row.committed_at >= tx.now - 2 * _DAY])
    late = [row for row in rows if row.committed_at >= done]
    for prospect_id, mails in _by(late, lambda row: row.prospect_id).items():
        yield from _of_prospect(playbook, prospect_id, mails)


def _in_force_since(tx: Tx, playbook: Playbook) -> tuple[datetime, datetime]:
    """Since when the limits of today hold, and since when every sequence that was to follow them does."""
    put = select(func.max(Publication.at, type_=Moment())).where(Publication.to_digest == playbook.digest)
    at: datetime | None = tx.conn.execute(put).scalar_one()
    if at is None:
        kept = select(PlaybookVersion.published_at).where(PlaybookVersion.digest == playbook.digest)
        first = tx.conn.execute(kept).scalar_one_or_none() or datetime.min.replace(tzinfo=tx.now.tzinfo)
        return first, first
    ended = select(Publication.ended_at).where(Publication.to_digest == playbook.digest, Publication.at == at)
    return at, tx.conn.execute(ended.limit(1)).scalar_one_or_none() or tx.now


def _shared(limits: Limits, rows: Sequence[Record]) -> Iterator[Told]:
    mailbox, domain, overall = limits.mailbox, limits.domain, limits.overall
    for mailbox_id, mails in _by(rows, lambda row: row.mailbox_id).items():
        who = f"Mailbox {mailbox_id}"
        yield from _windows("mailbox", f"{who} sent", mails, ((_HOUR, mailbox.per_hour), (_DAY, mailbox.per_day)))
        yield from _gap("mailbox", f"{who} sent", mails, mailbox.min_gap)
    for company, mails in _by(rows, lambda row: row.domain).items():
        yield from _windows("domain", f"The company {company} got", mails, ((_DAY, domain.per_day),))
        yield from _gap("domain", f"The company {company} got mail", mails, domain.min_gap)
    yield from _windows("all", "All mailboxes sent", rows, ((_HOUR, overall.per_hour), (_DAY, overall.per_day)))


def _of_prospect(playbook: Playbook, prospect_id: str, mails: Sequence[Record]) -> Iterator[Told]:
    """What leaves at any hour counts, and is itself held by no limit of the prospect."""
    bound = {mail.id for mail in mails if mail.playbook_digest == playbook.digest and _is_bound(playbook, mail)}
    limits = playbook.limits.prospect
    spans = ((_DAY, limits.per_day), (_WEEK, limits.per_week))
    yield from _windows("prospect", f"Prospect {prospect_id} got", mails, spans, bound)


def _is_bound(playbook: Playbook, mail: Record) -> bool:
    try:
        return not playbook.sequences[mail.sequence].step(mail.step).any_hour
    except (KeyError, PlaybookError):
        return False


def _windows(
    kind: str,
    who: str,
    mails: Sequence[Record],
    limits: Sequence[tuple[timedelta, int | None]],
    bound: set[str] | None = None,
) -> Iterator[Told]:
    """Each limit that a window does not keep; `bound` are the emails that it holds, all of them without it."""
    for span, most in limits:
        window: deque[datetime] = deque()
        for mail in mails if most is not None else ():
            window.append(mail.committed_at)
            while window[0] <= mail.committed_at - span:
                window.popleft()
            if len(window) > (most or 0) and (bound is None or mail.id in bound):
                at = mail.committed_at.isoformat()
                yield f"{kind}.limit", f"{who} more than {most} in the {_NAMES[span]} before {at}."
                break


def _gap(kind: str, who: str, mails: Sequence[Record], gap: timedelta) -> Iterator[Told]:
    for before, mail in pairwise(mails):
        if not mail.forced and mail.committed_at - before.committed_at < gap:
            yield f"{kind}.gap", f"{who} at {mail.committed_at.isoformat()} without the gap before it."
            break


def _by(rows: Sequence[Record], key: Callable[[Record], str | None]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for row in rows:
        name = key(row)
        if name is not None:
            found[name].append(row)
    return found


_NAMES: Final = {_HOUR: "hour", _DAY: "day", _WEEK: "week"}
