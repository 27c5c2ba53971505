"""Erases a person for good (GDPR, Art. 17): at once what belongs to them, then whatever else names their address.

The first transaction blanks their rows, bars their address by a mark that cannot be read back, and tells it on. The
search through bodies and files is worked off in bounded batches and goes on after a kill. See docs/erasing.md.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, insert, or_, select, update

from workflow import ids
from workflow.actions import apply, barred, blanking, erasing_search, prospects
from workflow.actions.outreach import spool
from workflow.engine.decide import Change, Decision, Stop
from workflow.engine.reasons import because
from workflow.engine.signals import FIELDS, Signal
from workflow.errors import Conflict
from workflow.mail.address import key_of
from workflow.probe import SILENT
from workflow.records import upserts
from workflow.records.erasing import SALT, ErasedAddress, Erasure
from workflow.records.imports import ImportJob
from workflow.records.models import Enrollment, Fact, History, Prospect, Suppression, Touch
from workflow.records.suppressions import SuppressionLog

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from workflow.actions.prospects import Loaded, Who
    from workflow.playbook.schema import Playbook
    from workflow.probe import Probe
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

OUTCOME: Final = "disqualified"
"""How a deal that was open is closed: nobody goes on with it."""
_IN_FLIGHT: Final = ("claimed", "sending", "committing")


@dataclass(frozen=True, slots=True)
class Erased:
    """One erasure: `is_done` when nothing is left to search, `counts` the rows that the search blanked, by table."""

    id: str
    prospect_id: str
    at: datetime
    is_done: bool
    counts: Mapping[str, int]


def erase(ws: Workspace, prospect_id: str, who: Who, *, probe: Probe = SILENT) -> Erased:
    """Erase a prospect, and those that were merged into it; the search for what else names them is still to be done.

    Raises NotFound, and Conflict while one of their emails is on its way, which says until when, or an import is.
    Erasing the same one again only searches again.
    """

    def work(tx: Tx) -> str:
        loaded = prospects.load(ws, tx, prospect_id)
        erasure_id = _Erasing(ws, tx, loaded, who).carry_out()
        probe.at("erase.blanked")
        return erasure_id

    done = _one(ws, ws.database.transact(work, alone=True))
    probe.at("erase.committed")
    return done


def advance(ws: Workspace, *, seconds: float | None = None, probe: Probe = SILENT) -> bool:
    """Go on with every search that is not over, for some seconds at most; whether nothing is left to do."""
    begun = time.monotonic()
    while True:
        with ws.database.read() as tx:
            running = select(Erasure.id).where(Erasure.state == "running").order_by(Erasure.at).limit(1)
            erasure_id = tx.conn.execute(running).scalar_one_or_none()
        if erasure_id is None:
            return True
        erasing_search.step(ws, erasure_id, probe)
        probe.at("erase.advanced")
        if seconds is not None and time.monotonic() - begun > seconds:
            return False


def newest(tx: Tx, prospect_id: str) -> Erased | None:
    """The newest erasure of this prospect, if it was erased."""
    found = select(*Erasure.__table__.columns).where(Erasure.prospect_id == prospect_id)
    row = tx.conn.execute(found.order_by(Erasure.at.desc()).limit(1)).first()
    return None if row is None else Erased(row.id, row.prospect_id, row.at, row.state == "done", row.counts)


def _one(ws: Workspace, erasure_id: str) -> Erased:
    with ws.database.read() as tx:
        row = tx.conn.execute(select(*Erasure.__table__.columns).where(Erasure.id == erasure_id)).one()
    return Erased(row.id, row.prospect_id, row.at, row.state == "done", row.counts)


class _Erasing:
    """One person, in one transaction in which nobody else writes."""

    def __init__(self, ws: Workspace, tx: Tx, loaded: Loaded, who: Who) -> None:
        self._ws = ws
        self._tx = tx
        self._loaded = loaded
        self._who = who
        marks = select(Prospect.id).where(Prospect.merged_into == loaded.view.id)
        self._people = sorted({loaded.view.id, *tx.conn.execute(marks).scalars()})

    def carry_out(self) -> str:
        tx, view = self._tx, self._loaded.view
        self._refuse()
        words = self._words()
        keys = sorted({key for key in map(key_of, words) if key})
        if tx.locks_rows is False:
            # What is freed is written over; SQLite else leaves it in the file until the room is needed.
            tx.drive("PRAGMA secure_delete=ON")
        reasons = _offered(self._ws.playbooks.in_force(tx))
        stops = self._stops()
        self._bar(keys)
        chain = ""
        for each in self._people:
            link = blanking.history_of(tx, each, reasons)
            blanking.prospect_of(tx, each, link, reasons)
            chain = link if each == view.id else chain
        changes = self._changes()
        change = Change(blanking.ERASED, tx.now, changes, {}, *self._way(changes))
        signal = Signal(blanking.ERASED, tx.now, self._who.actor, self._who.cause)
        apply.carry_out(
            self._ws, tx, view, signal, Decision("applied", view.stage, history=(change,), stop=stops), chain
        )
        blanking.rows_of(tx, self._people, keys)
        return self._search(words)

    def _refuse(self) -> None:
        """An email that is on its way cannot be called back, and what comes of it would be written down again."""
        working = select(ImportJob.id).where(ImportJob.state.in_(("checking", "running"))).limit(1)
        if self._tx.conn.execute(working).first() is not None:
            raise Conflict("An import is being worked off, which may name them: erase them when it is over.")
        mine = (Touch.prospect_id.in_(self._people), Touch.state.in_((*_IN_FLIGHT, "uncertain")))
        held = self._tx.conn.execute(select(Touch.id, Touch.state, Touch.lease_until).where(*mine)).all()
        moving = [row for row in held if row.state in _IN_FLIGHT]
        spooled = spool.touches_on_disk(self._ws.settings.data_dir) if held else frozenset()
        if not moving and not any(row.id in spooled for row in held):
            return
        until = max((row.lease_until for row in moving if row.lease_until), default=None)
        when = f"at {until:%H:%M} UTC at the latest" if until else "in a minute"
        raise Conflict(f"An email to them is on its way just now: erase them {when}.")

    def _words(self) -> list[str]:
        """The addresses that they have, and had."""
        mine = select(Prospect.email).where(Prospect.id.in_(self._people))
        found = set(self._tx.conn.execute(mine).scalars())
        told = select(History.changes).where(History.prospect_id.in_(self._people))
        found |= {str(changes.get("email") or "") for changes in self._tx.conn.execute(told).scalars()}
        wrote = select(Touch.recipient).where(Touch.prospect_id.in_(self._people), Touch.recipient.is_not(None))
        found |= {str(each) for each in self._tx.conn.execute(wrote.distinct()).scalars()}
        return sorted(each for each in found if key_of(each))

    def _stops(self) -> tuple[Stop, ...]:
        active = select(Enrollment.id, Enrollment.sequence).where(
            Enrollment.prospect_id.in_(self._people), Enrollment.state == "active"
        )
        why = because("stop.erased")
        return tuple(Stop(row.id, row.sequence, why, suppressed=True) for row in self._tx.conn.execute(active))

    def _changes(self) -> dict[str, Any]:
        """Blank facts, and an end for what was open."""
        blank: dict[str, Any] = {name: "" for name in FIELDS if name != blanking.KEPT_FIELD}
        blank |= {"custom": {}, "mail_hold_until": None, "mail_hold_why": None}
        book, view = self._ws.playbooks.in_force(self._tx), self._loaded.view
        final = next((stage.key for stage in book.stages.values() if stage.final), None)
        if final is not None and not book.is_final(view.stage):
            blank |= {"stage": final, "outcome": OUTCOME, "outcome_reason": None, "entered_stage_at": self._tx.now}
        return blank

    def _way(self, changes: Mapping[str, Any]) -> tuple[str | None, str | None]:
        return (self._loaded.view.stage, changes["stage"]) if "stage" in changes else (None, None)

    def _bar(self, keys: Collection[str]) -> None:
        """Keep marks of the addresses, and nothing that they could be read from."""
        tx = self._tx
        if not keys:
            return
        upserts.insert_new(tx, Fact, {"name": SALT, "value": secrets.token_hex(32)})
        salt = tx.conn.execute(select(Fact.value).where(Fact.name == SALT)).scalar_one()
        for key in keys:
            mark = barred.mark_of(salt, key)
            upserts.insert_new(tx, ErasedAddress, {"mark": mark, "at": tx.now, "actor": self._who.actor})
            tx.conn.execute(delete(Suppression).where(Suppression.email_key == key))
            log = update(SuppressionLog).where(SuppressionLog.key == key)
            tx.conn.execute(log.values(key=f"{blanking.ERASED}:{mark[:16]}", note=""))
        barred.forget_domains(tx)

    def _search(self, words: list[str]) -> str:
        tx = self._tx
        again = or_(Erasure.prospect_id == self._loaded.view.id, Erasure.prospect_id.in_(self._people))
        tx.conn.execute(update(Erasure).where(again, Erasure.state == "running").values(needles={}, state="done"))
        row = {
            "id": ids.new_id(), "prospect_id": self._loaded.view.id, "actor": self._who.actor, "at": tx.now,
            "state": "running", "phase": erasing_search.FIRST, "cursor": "",
            "needles": {"words": words, "ids": self._people}, "counts": {}, "ended_at": None,
        }  # fmt: skip
        tx.conn.execute(insert(Erasure), row)
        return str(row["id"])


def _offered(book: Playbook) -> frozenset[str]:
    """The reasons that the playbook offers for the end of a deal: no word of a person's own."""
    offered: set[str] = set()
    for each in book.transitions:
        for key, titles in each.reasons.items():
            offered |= {key, *titles.values()}
    return frozenset(offered)
