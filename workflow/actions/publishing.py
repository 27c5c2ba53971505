"""Brings another playbook into force: in one transaction, and then moves or stops those in flight, a batch at a time.

Whoever is killed in between leaves the old one or the new one in force, never half of each; a clock finishes what is
left. What a publication would change is told by `effect`.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from sqlalchemy import func, select, update

from workflow import places, playbooks
from workflow.actions import apply, flights, prospects
from workflow.actions.prospects import Who
from workflow.engine import replan
from workflow.engine.decide import Change, Decision, Stop
from workflow.engine.reasons import because
from workflow.engine.signals import ProspectView, Signal
from workflow.errors import BadInput, Conflict, NotFound, OnwardError, PlaybookError
from workflow.mail.templates import Templates
from workflow.playbook import loader
from workflow.playbook.check import check
from workflow.playbook.findings import nearest
from workflow.probe import SILENT
from workflow.records.models import Enrollment, PlaybookVersion, Prospect, Publication

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workflow.engine.replan import InFlight
    from workflow.errors import Finding
    from workflow.playbook.emails import Emails
    from workflow.playbook.schema import Playbook
    from workflow.probe import Probe
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

_LOG = logging.getLogger(__name__)
_BATCH: Final = 50
_LOOK_AGAIN_S: Final = 0.2
Choice = Literal["keep", "move", "stop"]
CHOICES: Final[tuple[Choice, ...]] = ("keep", "move", "stop")


@dataclass(frozen=True, slots=True)
class Draft:
    """A playbook that somebody wants to publish, and all that is wrong with it; with findings it may be missing."""

    source: str
    playbook: Playbook | None
    findings: tuple[Finding, ...]

    def sound(self) -> Playbook:
        """The playbook. Raises PlaybookError while anything is wrong with it."""
        if self.playbook is None or self.findings:
            raise PlaybookError(file="playbook", findings=self.findings)
        return self.playbook


@dataclass(frozen=True, slots=True)
class Choices:
    """What becomes of those in flight: by sequence, and of all others."""

    others: Choice = "keep"
    groups: Mapping[str, Choice] = field(default_factory=dict)

    def of(self, sequence: str) -> Choice:
        """What becomes of those on `sequence`."""
        return self.groups.get(sequence, self.others)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a publication has come: of `total` enrollments that move or stop, what became of those done so far."""

    id: str
    total: int
    moved: int
    stopped: int
    stayed: int
    is_done: bool


def draft(content: str | bytes, file: str = "playbook", *, emails: Emails | None = None) -> Draft:
    """Read and check a playbook as it is written, with the `emails` of an installation, else with the shipped ones."""
    try:
        playbook = loader.load(content, file)
    except PlaybookError as error:
        return Draft("", None, error.findings)
    source = content if isinstance(content, str) else content.decode()
    known = emails if emails is not None else Templates(places.templates_dir() / "email").catalogue()
    return Draft(source, playbook, check(playbook, known))


def foresee(ws: Workspace, draft: Draft, choices: Choices, mapping: Mapping[str, str]) -> None:
    """Raise now what `publish` would raise, before anybody is asked to agree."""
    playbook = draft.sound()
    with ws.database.read() as tx:
        _refuse_a_second(tx, playbook)
        before = ws.playbooks.in_force(tx)
        _check_mapping(before, playbook, mapping, playbooks.stranded(tx, playbook))
        _check_groups(tx, choices, before, playbook)


def publish(
    ws: Workspace,
    draft: Draft,
    who: Who,
    *,
    choices: Choices | None = None,
    mapping: Mapping[str, str] | None = None,
    counts: Mapping[str, Any] | None = None,
    probe: Probe = SILENT,
) -> str:
    """Put a draft in force and move the prospects of removed stages as `mapping` says; gives the publication's id.

    Those in flight are left for `advance`. `counts` is what was shown of the effect, for the record. Raises
    PlaybookError for a draft with findings, BadInput for a stage that is missing in `mapping` or an unknown name, and
    Conflict when it is in force already or another publication is still under way.
    """
    playbook = draft.sound()
    chosen, maps = choices or Choices(), dict(mapping or {})

    def work(tx: Tx) -> str:
        _refuse_a_second(tx, playbook)
        before = ws.playbooks.in_force(tx)
        _check_mapping(before, playbook, maps, playbooks.stranded(tx, playbook))
        _check_groups(tx, chosen, before, playbook)
        playbooks.keep_version(tx, playbook, draft.source)
        playbooks.begin_with(tx, before)
        total = _in_flight(tx, playbook, chosen)
        publication = playbooks.put_in_force(
            tx,
            playbook,
            actor=who.actor,
            state="moving" if total else "done",
            mapping=maps,
            choices={"others": chosen.others, "groups": dict(chosen.groups)},
            counts={**(counts or {}), "total": total, "moved": 0, "stopped": 0, "stayed": 0},
        )
        probe.at("publish.switched")
        _move_prospects(ws, tx, maps, Who(who.actor, f"publication:{publication}"))
        probe.at("publish.mapped")
        return publication

    # Alone, so that nobody decides by the old playbook what is written down under the new one.
    publication = ws.database.transact(work, alone=True)
    probe.at("publish.committed")
    return publication


def advance(ws: Workspace, probe: Probe = SILENT) -> Progress | None:
    """Take the next batch of the oldest publication under way; None when there is none, or another is at it."""
    with ws.database.read() as tx:
        if not _is_under_way(tx):
            return None
    progress = ws.database.transact(partial(_batch, ws, probe=probe))
    probe.at("publish.advanced")
    return progress


def finish(ws: Workspace, told: Callable[[Progress], None] | None = None, probe: Probe = SILENT) -> None:
    """Advance until no publication is under way, or wait for whoever is at it."""
    while True:
        at = advance(ws, probe)
        if at is not None and told is not None:
            told(at)
        if at is None:
            with ws.database.read() as tx:
                if not _is_under_way(tx):
                    return
            time.sleep(_LOOK_AGAIN_S)


def progress(tx: Tx, publication_id: str) -> Progress:
    """How far a publication has come. Raises NotFound."""
    row = tx.conn.execute(select(*Publication.__table__.columns).where(Publication.id == publication_id)).one_or_none()
    if row is None:
        message = "There is no such publication: check the id."
        raise NotFound(message)
    return _progress(row, row.counts, is_done=row.state == "done")


def _batch(ws: Workspace, tx: Tx, *, probe: Probe) -> Progress | None:
    found = select(*Publication.__table__.columns).where(Publication.state == "moving").order_by(Publication.at)
    # Two clocks, or a clock and a command, take turns; whoever finds it taken leaves it alone.
    row = tx.conn.execute((found.with_for_update(skip_locked=True) if tx.locks_rows else found).limit(1)).one_or_none()
    if row is None:
        return None
    chosen = Choices(row.choices["others"], row.choices["groups"])
    only = None if chosen.others != "keep" else [key for key, choice in chosen.groups.items() if choice != "keep"]
    cursor = cast("flights.Cursor", tuple(row.cursor.split("|", 1))) if row.cursor else flights.START
    which = flights.after(tx, cursor, limit=_BATCH, sequences=only)
    mine = update(Publication).where(Publication.id == row.id)
    if not which:
        tx.conn.execute(mine.values(state="done", ended_at=tx.now))
        return _progress(row, row.counts, is_done=True)
    for prospect_id in dict.fromkeys(prospect_id for prospect_id, _ in which):
        prospects.lock(tx, prospect_id)
    mover = _Mover(ws, tx, row)
    counts = dict(row.counts)
    for flight in flights.read(tx, which):
        fate = mover.take(flight, chosen.of(flight.sequence))
        if fate is not None:
            counts[fate] += 1
        probe.at("publish.taken")
    tx.conn.execute(mine.values(cursor="|".join(which[-1]), counts=counts))
    probe.at("publish.batch")
    return _progress(row, counts, is_done=False)


class _Mover:
    """Moves and stops enrollments for one publication."""

    def __init__(self, ws: Workspace, tx: Tx, publication: Record) -> None:
        self.ws = ws
        self.tx = tx
        self.who = Who(publication.actor, f"publication:{publication.id}")
        self.since = publication.at
        self.playbook = ws.playbooks.version(tx, publication.to_digest)
        number = select(PlaybookVersion.number).where(PlaybookVersion.digest == publication.to_digest)
        self.version = str(tx.conn.execute(number).scalar_one())

    def take(self, flight: InFlight, choice: Choice) -> str | None:
        """Do with an enrollment as was chosen; what became of it, None for one that this is not about."""
        if flight.digest == self.playbook.digest or choice == "keep":
            return None
        try:
            with self.tx.attempt():
                return self._take(flight, choice)
        except (OnwardError, ArithmeticError, LookupError, ValueError):
            # One that cannot be planned anew stays as it is, and the others must not wait for it.
            _LOG.exception("an enrollment could not be moved: %s", flight.id)
            return "stayed"

    def _take(self, flight: InFlight, choice: Choice) -> str:
        if choice == "stop" or flight.sequence not in self.playbook.sequences:
            self._stop(flight, "published.stopped" if choice == "stop" else "published.gone")
            return "stopped"
        return "moved" if self._move(flight) else "stayed"

    def _move(self, flight: InFlight) -> bool:
        own = self.ws.playbooks.version(self.tx, flight.digest)
        key = flight.sequence
        old, new = (own, own.sequences[key]), (self.playbook, self.playbook.sequences[key])
        planned = replan.replan(old, new, flight, self.tx.now)
        if planned.stays:
            return False
        flights.follow(self.ws, self.tx, flight, self.playbook, planned, self.version)
        if planned.over or any(change.fate != "unaffected" for change in planned.changes):
            change = Change("sequence.moved", self.tx.now, detail={"sequence": key, "version": self.version})
            prospects.note(self.ws, self.tx, flight.prospect_id, change, self.who)
        return True

    def _stop(self, flight: InFlight, code: str) -> None:
        loaded = prospects.load(self.ws, self.tx, flight.prospect_id)
        detail = {"sequence": flight.sequence, "version": self.version}
        stop = Stop(flight.id, flight.sequence, because(code, version=self.version), suppressed=False)
        change = Change("sequence.stopped", self.tx.now, detail=detail)
        decision = Decision("applied", loaded.view.stage, history=(change,), stop=(stop,))
        signal = Signal(change.kind, self.tx.now, self.who.actor, self.who.cause)
        apply.carry_out(self.ws, self.tx, loaded.view, signal, decision, loaded.chain)


def _move_prospects(ws: Workspace, tx: Tx, mapping: Mapping[str, str], who: Who) -> None:
    """Lead prospects out of removed stages. It starts and stops nothing: they stand where they stood, renamed."""
    for stage, to in mapping.items():
        change = Change("moved", tx.now, {"stage": to}, {"publication": who.cause.partition(":")[2]}, stage, to)
        decision = Decision("applied", to, history=(change,))
        signal = Signal(change.kind, tx.now, who.actor, who.cause)
        found = select(Prospect.id, Prospect.version, Prospect.chain).where(Prospect.stage == stage)
        # Nobody else writes: the rows need no lock, and everybody waits, so nothing is read that the move does not ask.
        for row in tx.conn.execute(found.order_by(Prospect.id)).all():
            apply.carry_out(ws, tx, ProspectView(row.id, to, row.version), signal, decision, row.chain)


def _refuse_a_second(tx: Tx, playbook: Playbook) -> None:
    if playbooks.digest_in_force(tx) == playbook.digest:
        message = "This playbook is in force already: there is nothing to publish."
        raise Conflict(message)
    if _is_under_way(tx):
        message = "Another publication is still moving those in flight: wait until it is done, a clock finishes it."
        raise Conflict(message)


def _is_under_way(tx: Tx) -> bool:
    return tx.conn.execute(select(Publication.id).where(Publication.state == "moving").limit(1)).first() is not None


def _check_mapping(before: Playbook, after: Playbook, mapping: Mapping[str, str], stranded: Mapping[str, int]) -> None:
    for stage, to in mapping.items():
        if stage in after.stages:
            raise BadInput(f"The stage “{stage}” is in the new playbook: nobody need be led out of it.", field="map")
        if stage not in before.stages and stage not in stranded:
            known = stranded or [key for key in before.stages if key not in after.stages]
            raise BadInput(f"There is no removed stage “{stage}”: {nearest(stage, known)}", field="map")
        if to not in after.stages:
            raise BadInput(f"The new playbook has no stage “{to}”: {nearest(to, after.stages)}", field="map")
        if stage in before.stages and before.is_final(stage) != after.is_final(to):
            raise BadInput(f"“{stage}” cannot become “{to}”, because only one of the two is final.", field="map")
    missing = {stage: number for stage, number in stranded.items() if stage not in mapping}
    if missing:
        named = ", ".join(f"“{stage}” ({number})" for stage, number in missing.items())
        raise BadInput(
            f"Prospects stand in stages that the new playbook does not have: {named}; say where they go, old=new.",
            field="map",
        )


def _check_groups(tx: Tx, chosen: Choices, before: Playbook, after: Playbook) -> None:
    known = {*before.sequences, *after.sequences}
    for key in chosen.groups:
        if key not in known:
            known |= set(tx.conn.execute(select(Enrollment.sequence).distinct()).scalars())
        if key not in known:
            raise BadInput(f"There is no sequence “{key}”: {nearest(key, known)}", field="group")


def _in_flight(tx: Tx, playbook: Playbook, chosen: Choices) -> int:
    """How many enrollments move or stop."""
    others = (Enrollment.state == "active") & (Enrollment.playbook_digest != playbook.digest)
    rows = tx.conn.execute(select(Enrollment.sequence, func.count()).where(others).group_by(Enrollment.sequence))
    return sum(number for sequence, number in rows if chosen.of(sequence) != "keep")


def _progress(row: Record, counts: Mapping[str, Any], *, is_done: bool) -> Progress:
    number = {name: int(counts.get(name, 0)) for name in ("total", "moved", "stopped", "stayed")}
    return Progress(row.id, **number, is_done=is_done)
