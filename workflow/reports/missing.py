"""Why an expected email or task does not exist: how its sequence begins, what came of that, and what is still missing.

Reads the history of a prospect, the decisions behind it and the enrollments they made. Why a touch that exists is as
it is tells `explain`.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import select

from workflow import ids
from workflow.engine import guards, leaving, machine, reasons, starts
from workflow.engine.reasons import Reason
from workflow.engine.signals import FIELDS, EnrollmentView
from workflow.engine.telling import Fact, Note, Part, Words, part
from workflow.errors import BadInput, NotFound, OnwardError
from workflow.mail.address import key_of
from workflow.playbook.findings import nearest
from workflow.records.models import (
    Decided,
    Enrollment,
    Event,
    ExternalRef,
    History,
    PlaybookVersion,
    Prospect,
    Rep,
    Source,
    Touch,
)
from workflow.reports.explain import Explained, Explanation, People, clocks_of, notes_of, stop_note, title_of
from workflow.reports.replay import Versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from workflow.playbook.schema import Playbook, Sequence, Start
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

Know: TypeAlias = "Callable[[Tx, str, Mapping[str, str | None], frozenset[guards.Kind]], guards.Facts]"
"""Reads what guards ask about: `workflow.actions.facts.facts`, which reports do not import."""

_MOST_STARTS: Final = 5
_MOST_REFUSED: Final = 3
_ENROLLED: Final = select(
    Enrollment.id, Enrollment.sequence, Enrollment.playbook_digest, Enrollment.state, Enrollment.reason,
    Enrollment.started_at, Enrollment.ended_at, Enrollment.started_version, Enrollment.ended_version,
    Enrollment.meeting_id,
)  # fmt: skip
_TOUCHED: Final = select(
    Touch.id, Touch.enrollment_id, Touch.step, Touch.position, Touch.state, Touch.reason, Touch.due_at, Touch.ended_at,
    Touch.next_attempt_at, Touch.created_at,
).order_by(Touch.position, Touch.generation)  # fmt: skip


def find(tx: Tx, told: str) -> str:
    """The prospect that a person names: by id, by address, or as `source:ref`. Raises NotFound."""
    found = select(Prospect.id)
    source, colon, ref = told.partition(":")
    if ids.is_id(told):
        found = found.where(Prospect.id == told)
    elif colon:
        found = (
            select(ExternalRef.prospect_id)
            .join(Source, Source.id == ExternalRef.source_id)
            .where(Source.name == source, ExternalRef.object == "prospect", ExternalRef.ref == ref)
        )
    else:
        found = found.where(Prospect.email_key == key_of(told))
    known: str | None = tx.conn.execute(found).scalar_one_or_none() if colon or told else None
    if known is None:
        message = f"There is no prospect “{told}”: give an id, an email address, or a source and its id, as crm:42."
        raise NotFound(message)
    return known


def of_prospect(
    ws: Workspace,
    tx: Tx,
    prospect_id: str,
    know: Know,
    *,
    sequence: str = "",
    step: str = "",
    viewer_zone: ZoneInfo | None = None,
) -> Explanation:
    """Why sequences of a prospect did or did not begin: all of them, or one, or one step of one.

    Raises NotFound for the prospect, and BadInput for a sequence or a step that no version here knows.
    """
    row = tx.conn.execute(_PERSON.where(Prospect.id == prospect_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such prospect: check the id.")
    asked = _Asked(ws, tx, row, know)
    keys = [sequence] if sequence else [*ws.playbooks.current.sequences]
    items = tuple(asked.of_sequence(key, step, whole=bool(sequence)) for key in keys)
    return Explanation(prospect_id, clocks_of(ws, row, viewer_zone), items)


_PERSON: Final = (
    select(
        Prospect.id, Prospect.stage, Prospect.outcome, Prospect.custom, Prospect.entered_stage_at, Prospect.declined,
        *(getattr(Prospect, name) for name in FIELDS), Rep.time_zone.label("rep_zone"),
    )
    .outerjoin(Rep, Rep.id == Prospect.owner_id)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Came:
    """Something that begins a sequence, as history tells it; `last` is the newest row that the same signal wrote."""

    at: datetime
    kind: str
    last: int
    stage: str | None
    outcome: str | None

    def begins(self, start: Start) -> bool:
        """Whether `start` waits for this, whatever its outcome."""
        if start.when == "stage.entered":
            return self.stage is not None and self.stage == start.stage
        return self.kind == start.when


class _Asked:
    """One prospect in the course of being asked about."""

    def __init__(self, ws: Workspace, tx: Tx, person: Record, know: Know) -> None:
        self.ws = ws
        self.tx = tx
        self.person = person
        self.know = know
        self.versions = Versions(ws, tx)
        self.people = People(tx)
        of = Enrollment.prospect_id == person.id
        self.enrolled = tx.conn.execute(_ENROLLED.where(of).order_by(Enrollment.started_at)).all()
        self.touched = tx.conn.execute(_TOUCHED.where(Touch.prospect_id == person.id)).all()
        kept = select(Decided.version, Decided.playbook_digest, Decided.answer).where(Decided.prospect_id == person.id)
        self.decisions = {row.version: row for row in tx.conn.execute(kept)}
        ends = {*self.decisions, *(row.started_version for row in self.enrolled)}
        self.came = tuple(_came(tx, person.id, ends))

    def of_sequence(self, key: str, step: str, *, whole: bool) -> Explained:
        playbook = self.ws.playbooks.current
        sequence = playbook.sequences.get(key)
        enrolled = [row for row in self.enrolled if row.sequence == key]
        if sequence is None and not enrolled:
            raise BadInput(
                f"The playbook has no sequence “{key}”: {nearest(key, playbook.sequences)}", field="sequence"
            )
        self._check_step(sequence, enrolled, step)
        notes = [note for row in enrolled for note in self._enrollment(row, step, whole=whole)]
        if not any(row.state == "active" for row in enrolled):
            notes += self._not_begun(key, sequence, enrolled)
        # What ended the sequence is told of each of its steps as well.
        notes = [note for number, note in enumerate(notes) if note not in notes[:number]]
        notes.sort(key=lambda note: (note.at is None, note.at or self.tx.now))
        known = self.ws.playbooks.current if sequence else self._playbook(enrolled[0].playbook_digest)
        shown = sequence or (known.sequences.get(key) if known else None)
        last = max((row.started_at, row.id) for row in enrolled)[1] if enrolled else ""
        states = [row.state for row in self.touched if step and row.step == step and row.enrollment_id == last]
        at_step = next((each for each in shown.steps if each.key == step), None) if shown and step else None
        return Explained(
            sequence=key,
            title=title_of(known, shown, key),
            notes=tuple(notes),
            step=step,
            line=at_step.line if at_step else shown.line if shown else 0,
            version=self.versions.number(known.digest) if known else None,
            playbook=known.name if known else "",
            state=states[-1] if states else "",
        )

    # --- a sequence that began

    def _enrollment(self, row: Record, step: str, *, whole: bool) -> Iterator[Note]:
        version = self.versions.number(row.playbook_digest)
        number, digest = version or (0, row.playbook_digest[:12])
        facts: dict[str, Fact] = {"number": number, "digest": digest}
        cause = self._event(row.started_version)
        began = Part("began.by", {**facts, **cause}) if cause else Part("began", facts)
        yield Note(row.started_at, (began,), version)
        if whole:
            yield from self._steps(row, step)
        if row.state == "active":
            yield Note(None, (part("running"),))
        elif row.state == "completed":
            yield Note(row.ended_at, (part("completed"),))
        elif row.state == "failed":
            yield Note(row.ended_at, (part("failed", reason=self.people.named(row.reason)),))
        else:
            yield stop_note(self.tx, self.people, self.person.id, row.ended_at, row.reason, row.ended_version)

    def _steps(self, enrolled: Record, step: str) -> Iterator[Note]:
        """How each of its steps stands; of one that was asked about all that its own explanation tells."""
        rows = [row for row in self.touched if row.enrollment_id == enrolled.id]
        shown = [row for row in rows if not step or row.step == step]
        for row in shown:
            if step:
                yield from notes_of(self.ws, self.tx, row.id)
            else:
                yield self._step(row, rows)
        if step and not shown:
            now = self.ws.playbooks.current.sequences.get(enrolled.sequence)
            newer = next((each for each in now.steps if each.key == step), None) if now else None
            version = self.versions.number(enrolled.playbook_digest)
            told = part("no_step.newer", step=step, line=newer.line) if newer else part("no_step", step=step)
            yield Note(enrolled.started_at, (told,), version)

    def _step(self, row: Record, rows: list[Record]) -> Note:
        state = Words.of(row.state)
        if row.state not in leaving.OPEN:
            reason = self.people.named(row.reason)
            return Note(row.ended_at, (part("step_stands", step=row.step, state=state, reason=reason),))
        if row.state == "scheduled" and row.next_attempt_at is None:
            stored = reasons.unpack(row.reason)
            named = stored.facts.get("step") if stored else None
            earlier = [each for each in rows if each.position < row.position]
            before = next((each for each in reversed(earlier) if each.state in leaving.OPEN), None)
            before = before or next((each for each in earlier if each.step == named), None)
            if before is not None:
                other = Words.of(before.state)
                return Note(None, (part("step_waits", step=row.step, before=before.step, state=other),))
        return Note(None, (part("step_due", step=row.step, state=state, due=row.next_attempt_at or row.due_at),))

    # --- a sequence that did not begin

    def _not_begun(self, key: str, sequence: Sequence | None, enrolled: list[Record]) -> Iterator[Note]:
        if sequence is None:
            yield Note(None, (part("not_now"),))
            return
        version = self.versions.number(self.ws.playbooks.current.digest)
        yield Note(None, (self._rule(sequence),), version)
        came = [each for each in self.came if each.begins(sequence.start)]
        unmet = [each for each in came if not any(_begun_by(row, each) for row in enrolled)]
        for each in unmet[-_MOST_STARTS:]:
            yield self._unanswered(key, sequence, each, enrolled)
        if not came:
            yield from self._nothing_came(sequence)
        yield self._if_now(sequence)

    def _rule(self, sequence: Sequence) -> Part:
        """How the sequence begins, and where the playbook says so."""
        start, line = sequence.start, self.ws.playbooks.current.line(f"sequences.{sequence.key}.start") or sequence.line
        if start.when != "stage.entered":
            return part("starts.event", event=Words.of(start.when), line=line)
        stage = self._stage(start.stage)
        if start.outcome:
            return part("starts.stage.outcome", stage=stage, outcome=start.outcome, line=line)
        return part("starts.stage", stage=stage, line=line)

    def _unanswered(self, key: str, sequence: Sequence, came: _Came, enrolled: list[Record]) -> Note:
        """Why a start that came began nothing."""
        event: Fact = Words.of("stage.entered" if came.stage else came.kind)
        decided = self.decisions.get(came.last)
        version = self.versions.number(decided.playbook_digest) if decided else None
        reason = _withheld(decided, key)
        if reason is not None:
            return Note(came.at, (part("withheld", event=event, reason=reason),), version)
        if sequence.start.outcome and came.outcome != sequence.start.outcome:
            return Note(came.at, (part("other_outcome", outcome=came.outcome),), version)
        if any(row.started_at <= came.at and (row.ended_at is None or came.at <= row.ended_at) for row in enrolled):
            return Note(came.at, (part("was_active", event=event),), version)
        then = self._in_force(came, decided)
        if then is not None and then.digest != self.ws.playbooks.current.digest:
            known = then.sequences.get(key)
            if known is None or known.start != sequence.start:
                number, digest = self.versions.number(then.digest) or (0, then.digest[:12])
                told = part("other_version", event=event, number=number, digest=digest)
                return Note(came.at, (told,), (number, digest))
        return Note(came.at, (part("start_not_kept", event=event),), version)

    def _in_force(self, came: _Came, decided: Record | None) -> Playbook | None:
        """The playbook by which a start was decided: as it is kept, else the newest that was published before."""
        if decided is not None:
            return self._playbook(decided.playbook_digest)
        newest = select(PlaybookVersion.digest).where(PlaybookVersion.published_at <= came.at)
        digest = self.tx.conn.execute(newest.order_by(PlaybookVersion.number.desc()).limit(1)).scalar_one_or_none()
        return self._playbook(digest) if digest else None

    def _nothing_came(self, sequence: Sequence) -> Iterator[Note]:
        start = sequence.start
        if start.when != "stage.entered" or start.stage is None:
            yield Note(None, (part("no_start"),))
        else:
            here = self._stage(self.person.stage)
            told = part("no_start.stage", here=here, since=self.person.entered_stage_at)
            yield Note(None, (told, *self._way(start.stage)))
        yield from self._refused()

    def _way(self, to: str) -> Iterator[Part]:
        """The shortest way to a stage, and what the first move of it lacks."""
        playbook, here = self.ws.playbooks.current, self.person.stage
        taken = _shortest(playbook, here, to)
        if not taken:
            yield part("way.none", here=self._stage(here))
            return
        yield part("way", way=" → ".join(taken))
        ways = machine.ways_for(playbook, here, taken[0])
        fields = {name: getattr(self.person, name) for name in FIELDS}
        fields |= {
            name: str(value) for name, value in self.person.custom.items() if isinstance(value, str | int | float)
        }
        wanted = guards.wants(playbook, [need for way in ways for need in way.needs])
        facts = self.know(self.tx, self.person.id, {**fields, "outcome": self.person.outcome}, wanted)
        missing = min((guards.unmet(playbook, way.needs, facts) for way in ways), key=len)
        if missing:
            yield part("way.missing", trigger=taken[0], reason=missing)
        else:
            yield part("way.ready", trigger=taken[0])

    def _refused(self) -> Iterator[Note]:
        """The newest events of the prospect that did nothing, because one of them may be what is missed."""
        rows = self.tx.conn.execute(
            select(Event.type, Event.occurred_at, Event.reason)
            .where(Event.prospect_id == self.person.id, Event.outcome.in_(("blocked", "stale", "ignored")))
            .order_by(Event.id.desc())
            .limit(_MOST_REFUSED)
        )
        for row in rows:
            reason = self.people.named(row.reason)
            if reason is not None:
                yield Note(row.occurred_at, (part("refused", event=Words.of(row.type), reason=reason),))

    def _if_now(self, sequence: Sequence) -> Note:
        """Whether the rules of re-entry and priority would let it begin now."""
        playbook = self.ws.playbooks.current
        active = [
            EnrollmentView(row.id, known, row.meeting_id, row.playbook_digest)
            for row in self.enrolled
            if row.state == "active" and (known := self._sequence(row)) is not None
        ]
        begun = {row.sequence: row.started_at for row in self.enrolled}
        declined = frozenset((self.person.declined or "").split())
        choice = starts.choose(playbook, [sequence], active, begun, self.tx.now, declined)
        version = self.versions.number(playbook.digest)
        if choice.withheld:
            return Note(None, (part("would_be_withheld", reason=choice.withheld[0].reason),), version)
        return Note(None, (part("may_begin"),), version)

    # --- names and versions

    def _check_step(self, sequence: Sequence | None, enrolled: list[Record], step: str) -> None:
        if not step:
            return
        known = [sequence, *(self._sequence(row) for row in enrolled)]
        keys = list(dict.fromkeys(each.key for one in known if one for each in one.steps))
        if step not in keys:
            raise BadInput(f"The sequence has no step “{step}”: {nearest(step, keys)}", field="step")

    def _event(self, version: int | None) -> Mapping[str, Fact] | None:
        if version is None:
            return None
        found = select(History.kind, History.actor).where(
            History.prospect_id == self.person.id, History.version == version
        )
        row = self.tx.conn.execute(found).one_or_none()
        return {"event": Words.of(row.kind), "actor": self.people.called(row.actor)} if row else None

    def _stage(self, key: str | None) -> Words:
        playbook = self.ws.playbooks.current
        known = playbook.stages.get(key or "")
        if known is None:
            return Words(key or "", key or "")
        return Words(playbook.words(known.title, "en"), playbook.words(known.title, "bg"))

    def _sequence(self, row: Record) -> Sequence | None:
        playbook = self._playbook(row.playbook_digest)
        return playbook.sequences.get(row.sequence) if playbook else None

    def _playbook(self, digest: str) -> Playbook | None:
        try:
            return self.versions(digest)
        except (KeyError, OnwardError):
            return None


def _came(tx: Tx, prospect_id: str, ends: AbstractSet[int | None]) -> Iterator[_Came]:
    """Everything in a prospect's history that may begin a sequence, the oldest first.

    `ends` are rows with which a signal is known to end.
    """
    rows = tx.conn.execute(
        select(History.version, History.at, History.cause, History.kind, History.to_stage, History.detail)
        .where(History.prospect_id == prospect_id)
        .order_by(History.version.desc())
    ).all()
    found: list[_Came] = []
    last, signal = 0, None
    for row in rows:
        # What one signal wrote stands together, under one cause and one time.
        if signal != (row.at, row.cause) or row.version in ends:
            last, signal = row.version, (row.at, row.cause)
        found.append(_Came(row.at, row.kind, last, row.to_stage, row.detail.get("outcome")))
    return reversed(found)


def _begun_by(enrolled: Record, came: _Came) -> bool:
    if enrolled.started_version is not None:
        return bool(enrolled.started_version == came.last)
    return bool(enrolled.started_at == came.at)


def _withheld(decided: Record | None, key: str) -> Reason | None:
    """Why the decision withheld the sequence, if it did."""
    if decided is None:
        return None
    try:
        told: Any = json.loads(decided.answer).get("withheld", [])
        return next((Reason(code, facts) for sequence, code, facts in told if sequence == key), None)
    except (ValueError, TypeError, AttributeError):
        # A damaged row: `doctor` names it; here it tells nothing.
        return None


def _shortest(playbook: Playbook, here: str, to: str) -> tuple[str, ...]:
    """The triggers of the shortest way from `here` into the stage `to`; none where there is no way."""
    waiting: deque[tuple[str, tuple[str, ...]]] = deque([(here, ())])
    seen: set[str] = set()
    while waiting:
        stage, taken = waiting.popleft()
        for way in machine.ways_out(playbook, stage):
            if way.to == to:
                return (*taken, way.trigger)
            if way.to not in seen:
                seen.add(way.to)
                waiting.append((way.to, (*taken, way.trigger)))
    return ()
