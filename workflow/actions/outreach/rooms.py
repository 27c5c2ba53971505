"""How many emails may be claimed now: what a mailbox, a company and all mailboxes together still have room for.

Counts and locks, claims nothing. Counted are the marks that stand within the window, and what is in flight as if it
left now: whichever email of a window was claimed last, all others of it were counted then, so that no window of any
length is overdrawn. There is no table of quotas that could disagree with what was sent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, func, select

from workflow.engine import leaving
from workflow.records.base import Moment
from workflow.records.models import IN_HANDS, Mailbox, Touch
from workflow.records.prepared import Prepared, one_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from workflow.playbook.schema import DomainLimits, Limits, MailboxLimits, OverallLimits
    from workflow.records.db import Record, Tx

# More than this many claimed rows of one mailbox would only wait in another place.
_MOST_IN_FLIGHT: Final = 5_000
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_IN_FLIGHT: Final = (one_of(Touch.state, ("claimed", "sending")), one_of(Touch.state, IN_HANDS))
_HELD: Final = Prepared(
    select(func.count().label("touches")).where(Touch.mailbox_id == bindparam("mailbox"), *_IN_FLIGHT)
)
# Every mark that stands, in whatever state: an uncertain email that a person gave up may have left all the same.
_USED: Final = Prepared(
    select(func.count().label("touches")).where(
        Touch.mailbox_id == bindparam("mailbox"), Touch.committed_at > bindparam("since", type_=Moment())
    )
)
_HELD_BY_ALL: Final = Prepared(select(func.count().label("touches")).where(*_IN_FLIGHT))
# Mailbox by mailbox: each is a short range of the index that the limits of a mailbox need anyway.
_USED_BY_ALL: Final = Prepared(
    select(
        func.coalesce(
            func.sum(
                select(func.count())
                .where(Touch.mailbox_id == Mailbox.id, Touch.committed_at > bindparam("since", type_=Moment()))
                .scalar_subquery()
            ),
            0,
        ).label("touches")
    ).select_from(Mailbox)
)
_ONE_AT_A_TIME: Final = Prepared(
    select(Mailbox.id).where(Mailbox.id == bindparam("mailbox")).with_for_update(key_share=True)
)


def lock(tx: Tx, limits: Limits, mailbox_id: str) -> None:
    """Let one claim at a time go on where windows span mailboxes, so that no two count the same room.

    `mailbox_id` is that of the installation, whose row every claim locks first. SQLite has one writer at a time anyway.
    """
    if tx.locks_rows and (limits.overall.any or limits.domain.any):
        _ONE_AT_A_TIME.first(tx, {"mailbox": mailbox_id})


def of_mailbox(tx: Tx, mailbox: Record, limits: MailboxLimits, most: int) -> tuple[int, bool]:
    """How many emails, up to `most`, a mailbox may still take on, and whether neither gap nor back-off holds it."""
    now = tx.now
    held: int = _HELD.all(tx, {"mailbox": mailbox.id})[0].touches
    hour, day = (_used(tx, mailbox.id, now - span) for span in (_HOUR, _DAY))
    room = min(limits.per_hour - hour - held, limits.per_day - day - held, _MOST_IN_FLIGHT - held, most)
    at_ease = mailbox.backoff_until is None or mailbox.backoff_until <= now
    if mailbox.backoff_until is not None:
        # After a failure one email goes ahead; the others follow when it got through.
        room = min(room, 1 - held)
    if limits.min_gap and at_ease:
        room = min(room, 1)
        at_ease = held == 0 and _used(tx, mailbox.id, now - limits.min_gap) == 0
    return room, at_ease


def of_all(tx: Tx, limits: OverallLimits, sharing: int) -> int | None:
    """How many of all mailboxes may still leave, for one of so many that share the room; None without a limit."""
    if not limits.any:
        return None
    held: int = _HELD_BY_ALL.all(tx, {})[0].touches
    rooms = [
        most - held - int(_USED_BY_ALL.all(tx, {"since": tx.now - span})[0].touches)
        for most, span in ((limits.per_hour, _HOUR), (limits.per_day, _DAY))
        if most is not None
    ]
    return -(-min(rooms) // sharing)


@dataclass(slots=True)
class Companies:
    """What each company may still get, counted once and carried on through one claim."""

    tx: Tx
    limits: DomainLimits
    _known: set[str] = field(default_factory=set)
    _times: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    _more: Counter[str] = field(default_factory=Counter)

    def count(self, companies: Iterable[str | None]) -> None:
        """Count what went to these companies, and what is on its way to them."""
        wanted = sorted({each for each in companies if each is not None} - self._known)
        if not wanted:
            return
        self._known.update(wanted)
        held = select(Touch.domain, func.count()).where(*_IN_FLIGHT, Touch.domain.in_(wanted)).group_by(Touch.domain)
        for company, count in self.tx.conn.execute(held):
            self._more[company or ""] = count
        since = self.tx.now - max(_DAY, self.limits.min_gap)
        marks = select(Touch.domain, Touch.committed_at).where(Touch.domain.in_(wanted), Touch.committed_at > since)
        for company, at in self.tx.conn.execute(marks.order_by(Touch.committed_at)):
            if at is not None:
                self._times[company or ""].append(at)

    def opens(self, company: str, *, forced: bool) -> datetime | None:
        """When a company that was counted may get its next email; None for now. A person's wish passes its gap."""
        now, times, more = self.tx.now, self._times[company], self._more[company]
        until = leaving.company_opens([at for at in times if at > now - _DAY], more, self.limits, now)
        if until is not None or forced:
            return until
        return leaving.company_at_ease(times[-1] if times else None, more, self.limits, now)

    def take(self, company: str) -> None:
        """One more is on its way to a company."""
        self._more[company] += 1


def _used(tx: Tx, mailbox_id: str, since: datetime) -> int:
    used: int = _USED.all(tx, {"mailbox": mailbox_id, "since": since})[0].touches
    return used
