"""Which deliveries somebody means: by sender, status, fate, age, the words of a reason, and whom they are about.

The same value narrows the list, the dry run and the replay, so that what was seen is what is replayed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, exists, or_, select

from workflow import ids
from workflow.engine import reasons
from workflow.mail.address import key_of
from workflow.records.models import Delivery, Event, ExternalRef, Prospect, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement

    from workflow.records.db import Tx

GIVEN_UP: Final = and_(Event.outcome == "failed", Event.next_attempt_at.is_(None))
"""Events that nothing tries again by itself."""
_MOST_CODES: Final = 60


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must be so of a delivery; an empty word asks nothing.

    `outcome` is what became of an event in it, `given_up` that of one which nothing tries again. `why` are words of its
    reason. `prospect` is an id of ours, an address, or the sender's own id.
    """

    source: str = ""
    status: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None
    why: str = ""
    prospect: str = ""
    delivery: str = ""

    def told(self) -> dict[str, Any]:
        """As JSON, without what asks nothing."""
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in named.items() if value
        }

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Wanted:
        """The value that was told."""
        times = {name: datetime.fromisoformat(told[name]) for name in ("since", "until") if told.get(name)}
        return cls(**{**told, **times})


def fits(tx: Tx, wanted: Wanted) -> list[ColumnElement[bool]]:
    """The conditions on a delivery joined with its source."""
    found: list[ColumnElement[bool]] = []
    if wanted.delivery:
        found.append(Delivery.id == wanted.delivery)
    if wanted.status:
        found.append(Delivery.status == wanted.status)
    if wanted.source:
        found.append(Source.name == wanted.source)
    if wanted.since is not None:
        found.append(Delivery.received_at >= wanted.since)
    if wanted.until is not None:
        found.append(Delivery.received_at <= wanted.until)
    if wanted.outcome:
        among = GIVEN_UP if wanted.outcome == "given_up" else Event.outcome == wanted.outcome
        found.append(Delivery.id.in_(select(Event.delivery_id).where(among).correlate(None)))
    if wanted.why:
        found.append(or_(_says(Delivery.reason, wanted.why), _has_event(_says(Event.reason, wanted.why))))
    if wanted.prospect:
        found.append(_has_event(_is_about(tx, wanted.prospect)))
    return found


def _has_event(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    # Events of its own, also where the statement around it is about events.
    return exists().where(Event.delivery_id == Delivery.id, condition).correlate(Delivery)


def _says(column: Any, why: str) -> ColumnElement[bool]:  # noqa: ANN401 - a column of text or none
    """A reason is kept as its code and what it names; the rest of the sentence is that of the code."""
    codes = reasons.codes_that_say(why)[:_MOST_CODES]
    escaped = why.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return or_(column.ilike(f"%{escaped}%", escape="\\"), *(column.like(f'["{code}"%') for code in codes))


def _is_about(tx: Tx, prospect: str) -> ColumnElement[bool]:
    email_key = key_of(prospect)
    known = [select(ExternalRef.prospect_id).where(ExternalRef.object == "prospect", ExternalRef.ref == prospect)]
    waits: list[ColumnElement[bool]] = [Event.waits_ref == prospect]
    if email_key:
        known.append(select(Prospect.id).where(Prospect.email_key == email_key))
        waits.append(Event.waits_email == email_key)
    who = {found for each in known for found in tx.conn.execute(each).scalars()}
    if ids.is_id(prospect):
        who.add(prospect)
    return or_(Event.prospect_id.in_(who), *waits) if who else or_(*waits)
