"""The list of addresses and domains that nobody writes to: add, remove, and take in many at once.

What is added holds before the call returns, for every email that has not passed its commit mark. Sequences of whoever
is barred end with the reason; for a huge domain the clock goes on where whoever barred it could not wait.
"""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, exists, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from workflow import auditing, text
from workflow.actions import barred, prospects
from workflow.actions.prospects import Who
from workflow.engine import signals as kinds
from workflow.engine.signals import Signal
from workflow.errors import BadInput, Conflict, NotFound
from workflow.mail.address import parse_address
from workflow.records import upserts
from workflow.records.base import Moment
from workflow.records.models import Enrollment, Prospect, Suppression
from workflow.records.suppressions import BY_DOMAIN, OF_DOMAIN, BarredDomain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy import ColumnElement

    from workflow.records.db import Tx
    from workflow.workspace import Workspace

_BATCH: Final = 100
_WRONG_TOLD: Final = 20
_LONGEST_NOTE: Final = 400
_LONGEST_LINE: Final = 2000


@dataclass(frozen=True, slots=True)
class Added:
    """What was added: the key it has on the list, whether it was not there yet, how many prospects it stopped."""

    key: str
    is_new: bool
    stopped: int


@dataclass(frozen=True, slots=True)
class Wrong:
    """A line that names no address: its number from 1, what stands there, and what is wrong with it."""

    line: int
    told: str
    sentence: str


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of many lines. `wrong` tells the first twenty of those that were left out, `left_out` counts all."""

    added: int
    known: int
    left_out: int
    wrong: tuple[Wrong, ...]


def key_for(wanted: str) -> str:
    """How the list names an address, or a domain written as `@example.com`. Raises BadInput."""
    wanted = wanted.strip()
    if not wanted.startswith("@"):
        return parse_address(wanted).key
    try:
        return f"@{parse_address(f'x{wanted}').domain}"
    except BadInput as error:
        message = f"{text.line(wanted, 60)} is no domain: write it as @example.com."
        raise BadInput(message, field="key") from error


def add(ws: Workspace, wanted: str, note: str, who: Who, source: str, *, seconds: float | None = None) -> Added:
    """Bar an address, or a domain with all its subdomains. Raises BadInput for what is neither, or without a reason.

    With `seconds` the sequences of a domain's prospects are ended for that long; the clock sees to the rest.
    """
    key, note = key_for(wanted), _reason(note)
    if not key.startswith("@"):
        new, stopped = ws.database.transact(lambda tx: _bar(ws, tx, [key], note, who, source))
        return Added(key, bool(new), stopped)
    domain = key[1:]
    is_new = ws.database.transact(lambda tx: _bar_domain(tx, domain, note, who, source), alone=True)
    return Added(key, is_new, _end_of(ws, domain, seconds))


def remove(ws: Workspace, wanted: str, note: str, who: Who) -> str:
    """Let an address or a domain get mail again, which the log keeps for ever; gives its key.

    Raises BadInput without a reason, NotFound for what is not on the list, and Conflict for an address whose domain
    is. Whoever may ask for this is the caller's matter.
    """
    key, note = key_for(wanted), _reason(note)
    if key.startswith("@"):
        ws.database.transact(lambda tx: _allow_domain(tx, key[1:], note, who), alone=True)
    else:
        ws.database.transact(lambda tx: _allow(ws, tx, key, note, who))
    return key


def take_in(ws: Workspace, lines: Iterable[str], note: str, who: Who, source: str) -> TakenIn:
    """Bar what stands in these lines, one address or @domain in each, or the first cell with an @ of a table's row.

    Lines without one are left out and told, but for the first, which may be a heading. Raises BadInput without a
    reason.
    """
    note = _reason(note)
    wrong: list[Wrong] = []
    added = known = left_out = 0
    keys = _keys(lines)
    while batch := list(islice(keys, _BATCH)):
        good = sorted({each for each in batch if isinstance(each, str)})
        bad = [each for each in batch if isinstance(each, Wrong)]
        wrong += bad[: _WRONG_TOLD - len(wrong)]
        left_out += len(bad)
        domains = [key for key in good if key.startswith("@")]
        addresses = [key for key in good if not key.startswith("@")]
        new = sum(add(ws, key, note, who, source).is_new for key in domains)
        if addresses:
            new += ws.database.transact(lambda tx, some=addresses: _bar(ws, tx, some, note, who, source))[0]  # type: ignore[misc]
        added += new
        known += len(good) - new
    return TakenIn(added, known, left_out, tuple(wrong))


def _bar(ws: Workspace, tx: Tx, keys: list[str], note: str, who: Who, source: str) -> tuple[int, int]:
    """Bar addresses and end the sequences of whoever has one; how many were new, and how many prospects have one."""
    found = select(Prospect.id, Prospect.email_key).where(Prospect.email_key.in_(keys)).order_by(Prospect.id)
    owners = {row.email_key: row.id for row in tx.conn.execute(found).all()}
    for prospect_id in owners.values():
        prospects.lock(tx, prospect_id)
    new = [key for key in keys if barred.bar(tx, key, barred.LISTED, actor=who.actor, note=note, source=source)]
    told = [key for key in new if key in owners]
    for key in told:
        prospects.submit(ws, tx, owners[key], _told(tx, kinds.BARRED, key, note, who))
    return len(new), len(told)


def _told(tx: Tx, kind: str, key: str, note: str, who: Who) -> Signal:
    """What the timeline of whoever has the address tells."""
    return Signal(kind, tx.now, who.actor, who.cause, data={"address": key, "detail": note})


def _bar_domain(tx: Tx, domain: str, note: str, who: Who, source: str) -> bool:
    """Bar a domain and every address of it that is known. Nobody else writes meanwhile."""
    row = {"domain": domain, "note": note, "source": source, "actor": who.actor, "at": tx.now}
    if not upserts.insert_new(tx, BarredDomain, {**row, "ends_after": ""}):
        tx.conn.execute(update(BarredDomain).where(BarredDomain.domain == domain).values(ends_after=""))
        return False
    barred.forget_domains(tx)
    told = {"cause": OF_DOMAIN, "actor": who.actor, "note": note, "source": source}
    barred.log(tx, "added", f"@{domain}", told)
    _spread(tx, domain, note, who.actor)
    return True


def _spread(tx: Tx, domain: str, note: str, actor: str) -> None:
    """A row for each known address of the domain that has none."""
    values: Mapping[str, Any] = {
        "email_key": Prospect.email_key,
        "cause": literal(OF_DOMAIN),
        "actor": literal(actor),
        "at": literal(tx.now, Moment()),
        "note": literal(note),
        "source": literal(f"{BY_DOMAIN}{domain}"),
    }
    insert = (postgresql.insert if tx.locks_rows else sqlite.insert)(Suppression)
    chosen = select(*values.values()).where(_belongs(domain))
    tx.conn.execute(insert.from_select(list(values), chosen).on_conflict_do_nothing())


def _belongs(domain: str) -> ColumnElement[bool]:
    return or_(*(Prospect.email_key.endswith(f"{before}{domain}", autoescape=True) for before in ("@", ".")))


def end_sequences(ws: Workspace, *, seconds: float) -> int:
    """Go on, for some seconds, to end the sequences of domains that were barred; how many prospects that stopped.

    For the clock: a domain may have more prospects than whoever barred it could wait for, and processes die.
    """
    with ws.database.read() as tx:
        left = select(BarredDomain.domain).where(BarredDomain.ends_after.is_not(None)).order_by(BarredDomain.at)
        domains = tx.conn.execute(left).scalars().all()
    until = time.monotonic() + seconds
    return sum(_end_of(ws, domain, max(until - time.monotonic(), 0)) for domain in domains)


def _end_of(ws: Workspace, domain: str, seconds: float | None) -> int:
    """End sequences of a domain's prospects, some at a time, each under the prospect's own lock."""
    begun, stopped = time.monotonic(), 0
    while seconds is None or time.monotonic() - begun < seconds:
        some = ws.database.transact(lambda tx: _end_some(ws, tx, domain))
        stopped += some or 0
        if some is None:
            break
    return stopped


def _end_some(ws: Workspace, tx: Tx, domain: str) -> int | None:
    """One batch, together with how far it has come; None when nobody is left, or the domain was allowed again."""
    mine = select(BarredDomain.ends_after, BarredDomain.note, BarredDomain.actor).where(BarredDomain.domain == domain)
    row = tx.conn.execute(mine).one_or_none()
    if row is None or row.ends_after is None:
        return None
    active = exists().where(Enrollment.prospect_id == Prospect.id, Enrollment.state == "active")
    by_this = Suppression.source == f"{BY_DOMAIN}{domain}"
    found = select(Prospect.id).join(Suppression, Suppression.email_key == Prospect.email_key).where(by_this, active)
    some = found.where(Prospect.id > row.ends_after).order_by(Prospect.id).limit(_BATCH)
    people = tx.conn.execute(some).scalars().all()
    who = Who(row.actor, f"suppression:@{domain}")
    for prospect_id in people:
        prospects.submit(ws, tx, prospect_id, _told(tx, kinds.BARRED, f"@{domain}", row.note, who))
    # Last, because prospects come before everything else in the one order of locks.
    after = people[-1] if len(people) == _BATCH else None
    tx.conn.execute(update(BarredDomain).where(BarredDomain.domain == domain).values(ends_after=after))
    return len(people) if people else None


def _note(tx: Tx, key: str, why: str, note: str, who: Who) -> None:
    auditing.note(tx, who.actor, "suppression.removed", key, {"cause": why}, {"reason": note})


def _allow(ws: Workspace, tx: Tx, key: str, note: str, who: Who) -> None:
    prospect_id = prospects.by_email(tx, key)
    if prospect_id is not None:
        prospects.lock(tx, prospect_id)
    domain = barred.domain_of(tx, key)
    if domain is not None:
        message = f"The whole domain of this address is barred: remove @{domain.domain} from the list."
        raise Conflict(message)
    row = tx.conn.execute(delete(Suppression).where(Suppression.email_key == key).returning(Suppression.cause)).first()
    was_erased = barred.allow_erased(tx, key)
    if row is None and not was_erased:
        raise NotFound(_NOT_THERE)
    cause = row.cause if row else barred.ERASED
    told = {"cause": cause, "actor": who.actor, "note": note, "source": who.cause}
    barred.log(tx, "removed", key, told)
    _note(tx, key, cause, note, who)
    if prospect_id is not None:
        prospects.submit(ws, tx, prospect_id, _told(tx, kinds.ALLOWED, key, note, who))


_NOT_THERE: Final = "This is not on the list: look for it with `onward suppress list`, or on the page Suppression."


def _allow_domain(tx: Tx, domain: str, note: str, who: Who) -> None:
    """Take a domain from the list; who is barred for more than that stays barred. Nobody else writes meanwhile."""
    if tx.conn.execute(delete(BarredDomain).where(BarredDomain.domain == domain)).rowcount != 1:
        raise NotFound(_NOT_THERE)
    barred.forget_domains(tx)
    tx.conn.execute(delete(Suppression).where(Suppression.source == f"{BY_DOMAIN}{domain}"))
    told = {"cause": OF_DOMAIN, "actor": who.actor, "note": note, "source": who.cause}
    barred.log(tx, "removed", f"@{domain}", told)
    _note(tx, f"@{domain}", OF_DOMAIN, note, who)
    others = select(BarredDomain.domain, BarredDomain.note, BarredDomain.actor)
    for row in tx.conn.execute(others).all():
        # Its addresses may have been there for the one that went.
        if row.domain.endswith(f".{domain}") or domain.endswith(f".{row.domain}"):
            _spread(tx, row.domain, row.note, row.actor)


def _keys(lines: Iterable[str]) -> Iterator[str | Wrong]:
    for number, line in enumerate(lines, start=1):
        bare = line.strip().lstrip("\ufeff")[:_LONGEST_LINE]
        if not bare or bare.startswith("#"):
            continue
        cell = next((cell for cell in _cells(bare) if "@" in cell), "")
        if not cell and number == 1:
            continue
        try:
            yield key_for(cell or bare)
        except BadInput as error:
            yield Wrong(number, text.line(bare, 60), error.message)


def _cells(line: str) -> list[str]:
    sign = next((sign for sign in "\t;," if sign in line), ",")
    try:
        return next(csv.reader([line], delimiter=sign), [])
    except csv.Error:
        return [line]


def _reason(note: str) -> str:
    clean = text.line(note, _LONGEST_NOTE)
    if not clean:
        message = "Say why: the reason is kept for ever."
        raise BadInput(message, field="reason")
    return clean
