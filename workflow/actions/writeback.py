"""Writes stages back: a prospect that moved here sets the stage of its deal at the vendor, through the outbox.

Whoever was later wins: a deal that somebody changed there since is left alone, and what comes from there is not written
back. What we write is noted before and after, so that it is recognised when it comes back by webhook or by a poll.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from workflow.actions import crm_links, crm_words, sources
from workflow.actions.outbox import Answer
from workflow.crm.port import CrmError, Word
from workflow.records.crm import CrmLink
from workflow.records.models import ExternalRef, Prospect, Source

if TYPE_CHECKING:
    from datetime import datetime

    from workflow.actions.outbox import Parcel
    from workflow.crm.port import Crm, Deal
    from workflow.crm.vendors import Vendors
    from workflow.probe import Probe
    from workflow.records.db import Tx
    from workflow.workspace import Workspace

# The outbox tries again by itself; here each call has one go, so that an attempt ends well within its lease.
TRIES: Final = 1


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be written: for which source, of which prospect as its source knows it, and since when."""

    source_id: str
    kind: str
    token: str
    value: str
    refs: tuple[str, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class WritebackCourier:
    """Delivers to CRMs. An answer without a code says why nothing had to be written."""

    ws: Workspace
    vendors: Vendors
    probe: Probe

    def deliver(self, parcel: Parcel) -> Answer:
        """Try once: look at the deal, and set its stage unless it is set or somebody was later."""
        with self.ws.database.read() as tx:
            task = self._task(tx, parcel)
        if isinstance(task, Answer):
            return task
        try:
            crm = self.vendors.opened(task.kind, task.token)
            answer = self._write(crm, task, parcel)
        except CrmError as error:
            if error.passes:
                crm_links.failed(self.ws, task.source_id, error)
            return Answer("again" if error.passes else "never", error.code, error.message, error.wait_s)
        return answer

    def _task(self, tx: Tx, parcel: Parcel) -> _Task | Answer:
        """What to write, or why nothing is to be written."""
        found = select(CrmLink.source_id, CrmLink.writes, Source.name, Source.kind).join(
            Source, Source.id == CrmLink.source_id
        )
        link = tx.conn.execute(found.where(CrmLink.target_id == parcel.target_id)).one_or_none()
        told = json.loads(parcel.payload)
        stage = told["data"].get("to")
        value = link.writes.get(stage) if link is not None else None
        if link is None or not value:
            return Answer("done", None, f"no stage there is named for {stage}")
        if told["actor"] == f"source:{link.name}":
            return Answer("done", None, "it came from there")
        whose = select(Prospect.stage, Prospect.merged_into).where(Prospect.id == parcel.prospect_id)
        prospect = tx.conn.execute(whose).one_or_none()
        if prospect is None or prospect.merged_into is not None or prospect.stage != stage:
            return Answer("done", None, "the prospect has moved on since")
        known = select(ExternalRef.ref).where(
            ExternalRef.source_id == link.source_id,
            ExternalRef.object == "prospect",
            ExternalRef.prospect_id == parcel.prospect_id,
        )
        refs = tuple(tx.conn.execute(known.order_by(ExternalRef.ref)).scalars())
        if not refs:
            return Answer("done", None, "the prospect is not known there")
        token = sources.token(self.ws, tx, link.source_id)
        if token is None:
            return Answer("again", None, "the source has no API token, or is paused: give it one, or resume it")
        return _Task(link.source_id, link.kind, token, value, refs, parcel.created_at)

    def _write(self, crm: Crm, task: _Task, parcel: Parcel) -> Answer:
        kind = crm.kind_of(task.value)
        deal = crm.deal(task.refs)
        if deal is None:
            return Answer("done", None, "it has no deal there")
        there = deal.word(kind)
        if there is not None and there.value == task.value:
            return self._is_there(task, parcel, there)
        if self._is_later(task, deal):
            return Answer("done", None, "somebody changed it there since")

        def intend(tx: Tx) -> None:
            crm_words.note(tx, task.source_id, Word(f"deal:{deal.id}", kind, task.value, tx.now), parcel.id, ours=True)

        # Its echo may be faster than the answer, and this process may die before it can write the answer down.
        self.ws.database.transact(intend)
        self.probe.at("writeback.intended")
        try:
            word = crm.write(deal.id, task.value)
        except CrmError as error:
            if not error.passes:
                self.ws.database.transact(lambda tx: crm_words.take_back(tx, parcel.id))
            raise
        self.probe.at("writeback.written")

        def done(tx: Tx) -> None:
            crm_words.note(tx, task.source_id, word, parcel.id, ours=True)
            crm_links.went_well(tx, task.source_id, written_at=tx.now)

        self.ws.database.transact(done)
        return Answer("done", 200, f"deal {deal.id} is in {task.value}")

    def _is_there(self, task: _Task, parcel: Parcel, there: Word) -> Answer:
        """The deal stands where it should: by an attempt of ours whose answer was lost, or by somebody there."""

        def mend(tx: Tx) -> None:
            if crm_words.is_noted(tx, parcel.id):
                crm_words.note(tx, task.source_id, there, parcel.id, ours=True)

        self.ws.database.transact(mend)
        return Answer("done", None, f"it is in {task.value} there already")

    def _is_later(self, task: _Task, deal: Deal) -> bool:
        """Whether somebody there changed the deal after the prospect moved here."""
        with self.ws.database.read() as tx:
            return any(word.at > task.since and not crm_words.is_ours(tx, task.source_id, word) for word in deal.words)
