"""Asks vendors by their APIs, one source after the other: looks up what events named by ids, and closes gaps.

What is learned goes the way of every delivery, through `inbox`, in normal form, so that it is listed, counted once and
can be replayed. One process asks a source at a time, by a lease; no transaction is open while a vendor is asked.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from workflow import ids
from workflow.actions import crm_links, crm_words, inbox, lookups, prospects, sources
from workflow.actions.parcels import ORIGIN, Incoming, Parcel, written
from workflow.crm.port import CrmError
from workflow.engine import signals as kinds
from workflow.errors import BadInput, Unavailable
from workflow.mail.address import key_of
from workflow.records.models import Event, ExternalRef, Prospect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from workflow.actions.sources import OpenSource
    from workflow.crm.port import Card, Crm, Page
    from workflow.crm.vendors import Vendors
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

_LOG: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 25
_CHUNK: Final = 100
_MOST_EVENTS: Final = 100


@dataclass(frozen=True, slots=True)
class Done:
    """What an asking brought: objects looked up, events told, and whether all changes were read."""

    looked_up: int = 0
    told: int = 0
    polled: bool = False


@dataclass(frozen=True, slots=True)
class Asker:
    """One process that asks. `stopped` is asked between two calls."""

    ws: Workspace
    vendors: Vendors
    stopped: Callable[[], bool] = lambda: False
    holder: str = field(default_factory=ids.new_id)

    def work(self, source_id: str, *, poll: bool = False, since: datetime | None = None) -> Done | None:
        """Ask what is due of one source; None when somebody else does so already.

        With `poll` its changes are read now, back to `since` if that is given. Raises CrmError after writing it down,
        NotFound for a source without a token, BadInput for one that is paused, Unavailable.
        """
        source, crm, at = self._opened(source_id)
        if not crm_links.hold(self.ws, source_id, self.holder):
            return None
        try:
            looked_up = self._look_up(source, crm)
            done = Done(looked_up)
            if poll or self._is_due(at):
                told = self._poll(source, crm, since or at.cursor_at - crm_links.OVERLAP)
                done = replace(done, told=told, polled=True)
        except CrmError as error:
            crm_links.failed(self.ws, source_id, error)
            raise
        finally:
            crm_links.let_go(self.ws, source_id, self.holder)
        return done

    def work_all(self) -> None:
        """Ask what is due of every source. What is wrong with one is written down, and holds up none of the others."""
        for source_id in crm_links.due(self.ws):
            if self.stopped():
                return
            try:
                self.work(source_id)
            except Unavailable:
                raise
            except CrmError as error:
                _LOG.warning("a vendor could not be asked: %s", error.message)
            except BadInput as error:
                _LOG.info("a source is not asked: %s", error.message)

    def _opened(self, source_id: str) -> tuple[OpenSource, Crm, crm_links.Link]:
        with self.ws.database.read() as tx:
            at = crm_links.link(tx, source_id)
            token = sources.token(self.ws, tx, source_id)
            source = sources.open_source(self.ws, tx, at.name)
        if token is None or source is None:
            message = f"The source {at.name} is paused, or has no API token: resume it, or give it one."
            raise BadInput(message)
        return source, self.vendors.opened(at.kind, token), at

    def _is_due(self, at: crm_links.Link) -> bool:
        with self.ws.database.read() as tx:
            return at.next_poll_at <= tx.now

    def _look_up(self, source: OpenSource, crm: Crm) -> int:
        number = 0
        while refs := lookups.waiting(self.ws, source.id, limit=_AT_ONCE):
            for ref in refs:
                if self.stopped() or not crm_links.hold(self.ws, source.id, self.holder):
                    return number
                self._look_up_one(source, crm, ref)
                number += 1
        return number

    def _look_up_one(self, source: OpenSource, crm: Crm, ref: str) -> None:
        try:
            card = crm.look_up(ref)
        except CrmError as error:
            problem = error
            if error.kind not in ("token", "limit"):
                # What holds for every object is no failure of this one.
                self.ws.database.transact(lambda tx: lookups.failed(tx, source, ref, problem))
            if error.passes:
                raise
            return

        def work(tx: Tx) -> None:
            crm_links.went_well(tx, source.id, looked_up_at=tx.now)
            if card is None:
                lookups.gone(tx, source, ref)
                return
            lookups.settled(tx, source.id, ref)
            name = f"lookup:{ref}:{_stamp(card.at)}"
            at = lookups.asked_for(tx, source.id, ref) or card.at
            one = Incoming(name, kinds.UPSERTED, at, ref, card.fields, card.custom, introduces=True)
            inbox.receive_in(self.ws, tx, source, _parcel("lookup", [one]))
            self._join(tx, source, card, ref)

        self.ws.database.transact(work)

    def _join(self, tx: Tx, source: OpenSource, card: Card, ref: str) -> None:
        """Let the other objects that a card speaks for lead to the same prospect, unless they lead somewhere."""
        whose = tx.conn.execute(
            select(ExternalRef.prospect_id).where(
                ExternalRef.source_id == source.id, ExternalRef.object == "prospect", ExternalRef.ref == ref
            )
        ).scalar_one_or_none()
        if whose is not None:
            for other in card.also:
                prospects.remember_ref(tx, source.id, other, whose)

    def _poll(self, source: OpenSource, crm: Crm, since: datetime) -> int:
        with self.ws.database.read() as tx:
            begun = tx.now
        told = 0
        for page in crm.changed(since):
            if self.stopped() or not crm_links.hold(self.ws, source.id, self.holder):
                return told
            told += self._take(source, page, since)

        def work(tx: Tx) -> None:
            minutes = crm_links.link(tx, source.id).poll_minutes
            next_at = tx.now + timedelta(minutes=minutes)
            crm_links.went_well(tx, source.id, cursor_at=begun, polled_at=tx.now, poll_found=told, next_poll_at=next_at)

        self.ws.database.transact(work)
        return told

    def _take(self, source: OpenSource, page: Page, since: datetime) -> int:
        """Tell what a page holds that is news, as a delivery; how many events that was."""
        with self.ws.database.read() as tx:
            found = _Gap(tx, source, since).events(page.cards)
        for start in range(0, len(found), _MOST_EVENTS):
            some = found[start : start + _MOST_EVENTS]

            def work(tx: Tx, some: Sequence[Incoming] = some) -> None:
                for one in some:
                    if one.introduces and one.ref:
                        lookups.settled(tx, source.id, one.ref)
                inbox.receive_in(self.ws, tx, source, _parcel("poll", some))
                for card in page.cards:
                    self._join(tx, source, card, card.ref)

            self.ws.database.transact(work)
        return len(found)


class _Gap:
    """What a poll found and no webhook told.

    Of what is known, only what is empty here is filled in: a card does not say when each of its facts changed, and a
    rep may have corrected one since.
    """

    def __init__(self, tx: Tx, source: OpenSource, since: datetime) -> None:
        self.tx = tx
        self.source = source
        self.since = since

    def events(self, cards: Sequence[Card]) -> list[Incoming]:
        known = self._known([card.ref for card in cards])
        found: list[Incoming] = []
        for card in cards:
            found += self._of(card, known)
            # Of two deals of one person the second finds them known.
            if found and found[-1].ref == card.ref:
                known.setdefault(card.ref, {})
        told = self._told([one.event_id for one in found])
        return [one for one in found if one.event_id not in told]

    def _of(self, card: Card, known: dict[str, dict[str, str]]) -> list[Incoming]:
        news = [
            word for word in card.words if word.at >= self.since and not crm_words.heard(self.tx, self.source.id, word)
        ]
        here = known.get(card.ref)
        made = card.made_at is not None and card.made_at >= self.since
        if here is None and not news and not (made and _introduces(card)):
            return []
        found = []
        fields = {name: value for name, value in card.fields.items() if not (here or {}).get(name)}
        if here is None or (here and fields):
            name = f"poll:{card.ref}:{_stamp(card.at)}"
            introduces = here is None
            custom = card.custom if introduces else {}
            # Before what is told along with it, and no earlier: sequences count from here.
            at = min([word.at for word in news] or [card.made_at or card.at]) if introduces else card.at
            found.append(Incoming(name, kinds.UPSERTED, at, card.ref, fields, custom, introduces=introduces))
        for word in news:
            name = f"poll:{word.about}:{word.kind}:{word.value}:{_stamp(word.at)}"[:200]
            data = {"value": word.value}
            found.append(Incoming(name, word.kind, word.at, card.ref, data=data, about=word.about))
        if card.opted_out and here is not None:
            name = f"poll:{card.ref}:opted-out"
            found.append(Incoming(name, kinds.UNSUBSCRIBED, card.at, card.ref, data={"detail": "opted out"}))
        return found

    def _known(self, refs: Sequence[str]) -> dict[str, dict[str, str]]:
        """What is known of the prospects behind these refs."""
        found: dict[str, dict[str, str]] = {}
        columns = [getattr(Prospect, name) for name in kinds.FIELDS]
        rows = select(ExternalRef.ref, *columns).join(Prospect, Prospect.id == ExternalRef.prospect_id)
        mine = (ExternalRef.source_id == self.source.id) & (ExternalRef.object == "prospect")
        for row in self.tx.conn.execute(rows.where(mine, ExternalRef.ref.in_(refs))):
            found[row.ref] = {name: getattr(row, name) for name in kinds.FIELDS}
        own = [ref for ref in refs if ids.is_id(ref)]
        for row in self.tx.conn.execute(select(Prospect.id, *columns).where(Prospect.id.in_(own))) if own else ():
            found[row.id] = {name: getattr(row, name) for name in kinds.FIELDS}
        return found

    def _told(self, names: Sequence[str]) -> set[str]:
        """Those of these events that were told by an earlier poll."""
        found: set[str] = set()
        for start in range(0, len(names), _CHUNK):
            some = names[start : start + _CHUNK]
            keys = select(Event.event_key).where(Event.source_id == self.source.id, Event.event_key.in_(some))
            found.update(self.tx.conn.execute(keys).scalars())
        return found


def _introduces(card: Card) -> bool:
    """Whether a new object makes somebody known: a deal does, a person of Pipedrive too, a mere contact does not."""
    return not card.ref.startswith("contact:") and bool(card.words or key_of(card.fields.get("email", "")))


def _parcel(origin: str, events: Sequence[Incoming]) -> Parcel:
    body = written(events)
    return Parcel(f"{origin}:{hashlib.sha256(body).hexdigest()}", {ORIGIN: origin}, body, events)


def _stamp(at: datetime) -> int:
    return int(at.timestamp() * 1000)
