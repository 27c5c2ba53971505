"""Why an email or task is as it is: what was planned, asked, held, moved and done with it, in order of time.

Reads a touch with its trail, its enrollment and the history that ended it, and makes notes of them; `telling` has
the sentences. Why something does not exist is the matter of `missing`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from workflow import ids
from workflow.engine import calendar, leaving, reasons, trail
from workflow.engine import signals as kinds
from workflow.engine.reasons import Reason
from workflow.engine.telling import Clocks, Fact, Note, Part, Words, part, sentences
from workflow.errors import NotFound, OnwardError
from workflow.playbook.schema import Delay
from workflow.records.models import Enrollment, History, Mailbox, Message, Prospect, Rep, Touch
from workflow.reports import replay, touches
from workflow.reports.replay import Versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from zoneinfo import ZoneInfo

    from workflow.engine.trail import Line
    from workflow.playbook.schema import Playbook, Sequence, Step
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

# What leaves this much later than planned was held by its mailbox, of which no row of its own tells.
_AT_ONCE: Final = timedelta(minutes=1)
# Kinds of lines after which the state of the touch needs no more words.
_LAST: Final = frozenset({"sent", "failed", "skipped", "late", "done", "uncertain", "cancelled", "resolved"})


@dataclass(frozen=True, slots=True)
class Explained:
    """One sequence, or one step of it, explained. `line` is where the playbook has it; `state` is that of a touch."""

    sequence: str
    title: Words
    notes: tuple[Note, ...]
    step: str = ""
    line: int = 0
    version: tuple[int, str] | None = None
    playbook: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a person asked about, and by whose clocks it is told. `touch_id` is empty for a whole prospect."""

    prospect_id: str
    clocks: Clocks
    items: tuple[Explained, ...]
    touch_id: str = ""

    def as_json(self, language: str) -> dict[str, Any]:
        """For programs: sentences in `language`, times in UTC and on the clocks of prospect and viewer."""
        return {
            "prospect": self.prospect_id,
            **({"touch": self.touch_id} if self.touch_id else {}),
            "zones": {"viewer": self.clocks.viewer.key, "prospect": self.clocks.prospect.key},
            "items": [
                {
                    "sequence": each.sequence,
                    "step": each.step or None,
                    "title": each.title.told(language),
                    "state": each.state or None,
                    "line": each.line or None,
                    "playbook": _version(each.version) | {"name": each.playbook} if each.version else None,
                    "notes": [self._note(note, language) for note in each.notes],
                }
                for each in self.items
            ],
        }

    def _note(self, note: Note, language: str) -> dict[str, Any]:
        local = note.at.astimezone(self.clocks.prospect).isoformat() if note.at else None
        here = note.at.astimezone(self.clocks.viewer).isoformat() if note.at else None
        return {
            "at": trail.written(note.at) if note.at else None,
            "at_prospect": local,
            "at_viewer": here,
            "code": note.code,
            "text": sentences(note, language, self.clocks),
            "inputs": {name: _plain(value) for name, value in note.given.items()},
            "result": {name: _plain(value) for name, value in note.gave.items()},
            "playbook": _version(note.version) if note.version else None,
        }


def is_touch(tx: Tx, told: str) -> bool:
    """Whether `told` is the id of an email or task."""
    return ids.is_id(told) and tx.conn.execute(select(Touch.id).where(Touch.id == told)).first() is not None


def of_touch(ws: Workspace, tx: Tx, touch_id: str, viewer_zone: ZoneInfo | None = None) -> Explanation:
    """Why this touch is as it is. Raises NotFound."""
    row = tx.conn.execute(_TOUCH.where(Touch.id == touch_id)).one_or_none() if ids.is_id(touch_id) else None
    if row is None:
        raise NotFound("There is no such touch: check the id.")
    told = _Touch(ws, tx, row)
    clocks = clocks_of(ws, row, viewer_zone)
    return Explanation(row.prospect_id, clocks, (told.explained(),), row.id)


def notes_of(ws: Workspace, tx: Tx, touch_id: str) -> tuple[Note, ...]:
    """All that is told of a touch that exists."""
    return _Touch(ws, tx, tx.conn.execute(_TOUCH.where(Touch.id == touch_id)).one()).explained().notes


def clocks_of(ws: Workspace, row: Record, viewer_zone: ZoneInfo | None) -> Clocks:
    """The viewer's clock, else the playbook's, and that of the prospect of `row`."""
    usual = calendar.zone_of(ws.playbooks.current.time_zone)
    return Clocks(viewer_zone or usual, calendar.zone_of(row.time_zone, row.rep_zone, usual.key))


@dataclass(slots=True)
class People:
    """Actors by the names that people have for them."""

    tx: Tx
    _names: dict[str, str] = field(default_factory=dict)

    def called(self, actor: str) -> Words:
        """Whose doing something was."""
        kind, _colon, name = actor.partition(":")
        if kind == "rep":
            known = self._name(name)
            return Words(known, known) if known else Words.of("somebody")
        if not name or kind == "touch":
            return Words.of("onward") if kind in ("system", "touch", "") else Words.of(kind)
        return Words(name, name)

    def named(self, stored: str | Reason | None) -> Reason | None:
        """A reason, with the person in it by name."""
        reason = reasons.unpack(stored) if isinstance(stored, str) else stored
        if reason is None or "by" not in reason.facts:
            return reason
        who = self.called(reason.facts["by"])
        return Reason(reason.code, {**reason.facts, "by.en": who.en, "by.bg": who.bg})

    def _name(self, rep_id: str) -> str:
        if rep_id not in self._names:
            found = self.tx.conn.execute(select(Rep.name, Rep.email).where(Rep.id == rep_id)).one_or_none()
            self._names[rep_id] = (found.name or found.email) if found else ""
        return self._names[rep_id]


def title_of(playbook: Playbook | None, sequence: Sequence | None, key: str) -> Words:
    """What a sequence is called, in both languages; its key where it has no title."""
    if playbook is None or sequence is None:
        return Words(key, key)
    return Words(playbook.words(sequence.title, "en") or key, playbook.words(sequence.title, "bg") or key)


def event_at(tx: Tx, people: People, prospect_id: str, version: int | None) -> dict[str, Fact] | None:
    """What stands in one row of history: the event and its actor, as facts of a sentence."""
    if version is None:
        return None
    found = select(History.kind, History.actor).where(History.prospect_id == prospect_id, History.version == version)
    row = tx.conn.execute(found).one_or_none()
    return {"event": Words.of(row.kind), "actor": people.called(row.actor)} if row else None


_TOUCH: Final = (
    select(
        Touch.id, Touch.prospect_id, Touch.enrollment_id, Touch.mailbox_id, Touch.sequence, Touch.step, Touch.position,
        Touch.kind, Touch.state, Touch.due_at, Touch.not_after, Touch.next_attempt_at, Touch.forced, Touch.reason,
        Touch.asks_since, Touch.trail, Touch.created_at, Touch.committed_at, Touch.ended_at, Touch.sent_at,
        Enrollment.playbook_digest, Enrollment.state.label("enrollment_state"), Enrollment.reason.label("ended_for"),
        Enrollment.ended_at.label("sequence_ended_at"), Enrollment.ended_version, Prospect.time_zone,
        Rep.time_zone.label("rep_zone"), Touch.variant, Message.template, Message.template_version,
        Message.own_version, Message.language, Message.created_at.label("written_at"),
    )
    .join(Enrollment, Enrollment.id == Touch.enrollment_id)
    .join(Prospect, Prospect.id == Touch.prospect_id)
    .outerjoin(Rep, Rep.id == Prospect.owner_id)
    .outerjoin(Message, Message.touch_id == Touch.id)
)  # fmt: skip


class _Touch:
    """One touch in the course of being explained."""

    def __init__(self, ws: Workspace, tx: Tx, row: Record) -> None:
        self.ws = ws
        self.tx = tx
        self.row = row
        self.versions = Versions(ws, tx)
        self.people = People(tx)
        self.lines = trail.read(row.trail)
        self.playbook = self._playbook(row.playbook_digest)

    def explained(self) -> Explained:
        row, playbook = self.row, self.playbook
        sequence = playbook.sequences.get(row.sequence) if playbook else None
        step = self._step(playbook)
        return Explained(
            sequence=row.sequence,
            title=title_of(playbook, sequence, row.sequence),
            notes=tuple(self._notes()),
            step=row.step,
            line=step.line if step else 0,
            version=self.versions.number(row.playbook_digest),
            playbook=playbook.name if playbook else "",
            state=row.state,
        )

    def _notes(self) -> Iterator[Note]:
        if not self.lines or self.lines[0].kind not in ("planned", "joined", "again"):
            reason = self.people.named(self.row.reason)
            yield Note(self.row.created_at, (part("not_kept"),), gave={"due": self.row.due_at})
            if not self.lines and reason is not None:
                yield Note(self.row.ended_at, (part("because", reason=reason),))
        expected: datetime | None = None
        begun = [line for line in self.lines if line.kind == "begun"][-1:]
        for line in self.lines:
            if line.kind == "begun" and line.at and expected and not line.given.get("forced"):
                yield from self._lag(expected, line.at)
            yield self._of_line(line)
            if line in begun:
                yield from self._written()
            expected = line.gave.get("next") or line.gave.get("due") or expected
        yield from self._stands()

    def _written(self) -> Iterator[Note]:
        """From which text the email was written that left last, and which variant of its step that was."""
        row = self.row
        if row.template is None:
            return
        facts: dict[str, Fact] = {"template": row.template, "language": Words.of(f"in.{row.language}")}
        gave = {"template": row.template, "language": row.language, "template_version": row.template_version}
        if row.own_version is not None:
            told, gave = Part("written.own", {**facts, "number": row.own_version}), {**gave, "own": row.own_version}
        elif row.template_version:
            told = Part("written.version", {**facts, "number": row.template_version})
        else:
            told = Part("written.shipped", facts)
        chosen = (part("written.variant", variant=row.variant),) if row.variant else ()
        yield Note(row.written_at, (told, *chosen), gave=gave | ({"variant": row.variant} if row.variant else {}))

    def _of_line(self, line: Line) -> Note:
        if line.kind == trail.UNREADABLE:
            return Note(None, (part("unreadable"),))
        playbook = self._playbook(line.version) if line.version else self.playbook
        step = self._step(playbook)
        version = self.versions.number(line.version)
        if playbook is None or (step is None and line.version):
            number, digest = version or (0, line.version)
            parts: tuple[Part, ...] = (part("lost_step", number=number, digest=digest),)
        else:
            by = self._playbook(line.by) if line.by else playbook
            parts = tuple(self._parts(line, playbook, step, by or playbook))
        differs = replay.replayed(self.versions, self.row, line)
        if differs is not None:
            parts = (*parts, part("differs", what=differs))
        return Note(line.at, parts, version, line.given, line.gave)

    def _parts(self, line: Line, playbook: Playbook, step: Step | None, by: Playbook) -> Iterator[Part]:
        if step is not None and line.kind in ("planned", "released", "anchored"):
            yield from _timing(line, step, by)
        elif step is not None and line.kind in ("begun", "held"):
            yield from _turn(line, playbook, step)
        elif line.kind == "late":
            yield part(_LATE.get(line.gave.get("then", "skip"), "late"), until=line.gave.get("until"))
        elif line.kind in ("waits", "retried"):
            reason = self.people.named(line.reason)
            told = reason is not None and reason.code != "due"
            yield part("waits" if told else "put_back", reason=reason, next=line.gave.get("next"))
        elif line.kind in ("followed", "joined"):
            yield part(line.kind, number=line.gave.get("version"), due=line.gave.get("due"))
        elif line.kind == "sent":
            code = line.gave.get("code")
            yield part("sent.code", code=code) if code else part("sent")
        else:
            yield part("because", reason=self.people.named(line.reason))

    def _lag(self, due: datetime, left: datetime) -> Iterator[Note]:
        """Why an email that was due was taken up only later: its mailbox was full, or something else was before it."""
        late = left - due
        if late <= _AT_ONCE:
            return
        limits = self.ws.playbooks.current.limits.mailbox
        facts: Mapping[str, Fact] = {"due": due, "span": late}
        hour, day = (self._used(due, each) for each in (timedelta(hours=1), timedelta(days=1)))
        if hour >= limits.per_hour:
            told = Part("limit.hour", {**facts, "count": hour, "limit": limits.per_hour})
        elif day >= limits.per_day:
            told = Part("limit.day", {**facts, "count": day, "limit": limits.per_day})
        elif (full := self._all_were_full(due)) is not None:
            told = Part("limit.all", {**facts, **full})
        elif limits.min_gap and self._used(left, limits.min_gap + _AT_ONCE):
            told = Part("limit.gap", {**facts, "gap": limits.min_gap})
        else:
            told = Part("limit.other", facts)
        yield Note(due, (told,), given={"due": due, "sent_in_hour": hour, "sent_in_day": day}, gave={"left": left})

    def _all_were_full(self, at: datetime) -> Mapping[str, Fact] | None:
        """The limit of all mailboxes that was used up, where one was."""
        overall = self.ws.playbooks.current.limits.overall
        for most, span in ((overall.per_hour, timedelta(hours=1)), (overall.per_day, timedelta(days=1))):
            if most is not None and (count := self._used(at, span, of_all=True)) >= most:
                return {"count": count, "limit": most, "window": span}
        return None

    def _used(self, at: datetime, span: timedelta, *, of_all: bool = False) -> int:
        marked = select(func.count()).where(
            Touch.committed_at > at - span, Touch.committed_at <= at, Touch.id != self.row.id
        )
        # Mailbox by mailbox, as the index has it.
        boxes = select(Mailbox.id)
        marked = marked.where(Touch.mailbox_id.in_(boxes) if of_all else Touch.mailbox_id == self.row.mailbox_id)
        found: int = self.tx.conn.execute(marked).scalar_one()
        return found

    def _stands(self) -> Iterator[Note]:
        row = self.row
        if row.state in leaving.OPEN:
            yield from self._open()
            return
        if self.lines and self.lines[-1].kind in _LAST:
            return
        reason = self.people.named(row.reason)
        if row.enrollment_state in ("stopped", "failed") and row.ended_at == row.sequence_ended_at:
            yield stop_note(
                self.tx, self.people, row.prospect_id, row.sequence_ended_at, row.ended_for, row.ended_version
            )
        state = Words.of(row.state)
        told = part("stands.ended", state=state, reason=reason) if reason else part("stands", state=state)
        yield Note(row.ended_at, (told,))

    def _open(self) -> Iterator[Note]:
        row, now = self.row, self.tx.now
        if row.state != "scheduled":
            if row.state != "uncertain":
                yield Note(now, (part("stands", state=Words.of(row.state)),))
            return
        if row.asks_since is not None:
            yield Note(now, (part("stands.asks", since=row.asks_since),))
            return
        if row.next_attempt_at is None:
            before = self._before()
            if before is not None:
                facts: Mapping[str, Fact] = {"before": before.step, "state": Words.of(before.state)}
                yield Note(now, (Part("stands.waits", facts), part("stands.due", due=row.due_at)))
            return
        if row.next_attempt_at <= now and row.kind == "email":
            held = touches.holds(self.tx, [row.mailbox_id], self.ws.playbooks.current.limits)
            hold = held.get(row.mailbox_id)
            if hold is not None and (hold.always or not row.forced):
                words = Words(hold.words("en"), hold.words("bg"))
                yield Note(now, (part("stands.held", reason=words),))
                return
        yield Note(now, (part("stands.due", due=row.next_attempt_at),))

    def _before(self) -> Record | None:
        """The touch that this one waits for: the nearest before it that is open, else the nearest."""
        reason = reasons.unpack(self.row.reason)
        named = reason.facts.get("step") if reason else None
        rows = self.tx.conn.execute(
            select(Touch.step, Touch.state, Touch.position)
            .where(Touch.enrollment_id == self.row.enrollment_id, Touch.position < self.row.position)
            .order_by(Touch.position.desc(), Touch.generation.desc())
        ).all()
        return next((row for row in rows if row.state in leaving.OPEN), None) or next(
            (row for row in rows if row.step == named), None
        )

    def _playbook(self, digits: str) -> Playbook | None:
        try:
            return self.versions(digits)
        except (KeyError, OnwardError):
            return None

    def _step(self, playbook: Playbook | None) -> Step | None:
        sequence = playbook.sequences.get(self.row.sequence) if playbook else None
        return next((step for step in sequence.steps if step.key == self.row.step), None) if sequence else None


def stop_note(
    tx: Tx, people: People, prospect_id: str, at: datetime, ended_for: str | None, version: int | None
) -> Note:
    """That a sequence was stopped, why, and who told so."""
    told: list[Part] = [part("stopped", reason=people.named(ended_for))]
    event = event_at(tx, people, prospect_id, version)
    if event is not None:
        told.append(Part("stopped.by", event))
    return Note(at, tuple(told))


def _timing(line: Line, step: Step, by: Playbook) -> Iterator[Part]:
    """What a due time was counted from, and what the calendar made of it."""
    if line.kind == "planned" and line.gave.get("state") == "skipped":
        yield part("planned.skipped", reason=line.reason)
        return
    yield _counted(line, step)
    yield from _calendar(line, step, by)
    if step.email is not None:
        yield part("until", until=line.gave.get("until"))


def _counted(line: Line, step: Step) -> Part:
    given, due = line.given, line.gave.get("due")
    if step.before_meeting:
        code = "planned.meeting" if line.kind == "planned" else "anchored"
        return part(code, lead=step.lead, meeting=given.get("meeting"), due=due)
    if line.kind == "released":
        return part("released", since=given.get("since"), delay=step.after, due=due)
    if line.reason is not None and line.reason.code == "after":
        return part("planned.after", delay=step.after, before=line.reason.facts.get("step", ""), due=due)
    if step.after == Delay():
        return part("planned.at_once", due=due)
    return part("planned.first", delay=step.after, since=line.gave.get("since"), due=due)


def _calendar(line: Line, step: Step, by: Playbook) -> Iterator[Part]:
    where, since = line.where(), line.gave.get("since") or line.given.get("since")
    if where is None:
        return
    if since is not None and not step.before_meeting:
        raw = calendar.add(step.after, since, by.calendar, where.zone, where.country)
        if raw != line.gave.get("due"):
            yield part("moved_by_window", raw=raw, window=_window(by))
    if step.after.working_days or (step.email and not step.any_hour and by.calendar.window is not None):
        code = "place.country" if where.country else "place"
        yield part(code, zone=where.zone.key, whose=Words.of(where.whose), country=where.country)


def _turn(line: Line, playbook: Playbook, step: Step) -> Iterator[Part]:
    """What was asked when an email's turn came."""
    given, gave = line.given, line.gave
    gap = playbook.limits.prospect.min_gap
    if line.kind == "held":
        code = line.reason.code if line.reason is not None else ""
        if code == "limit.prospect":
            yield part("held.limit", next=gave.get("next"))
        elif code == "gap":
            yield part("held.gap", last=given.get("last"), gap=gap, next=gave.get("next"))
        elif code in _WAITS:
            yield part(_WAITS[code], until=given.get("held"), next=gave.get("next"))
        else:
            yield part("held.window", window=_window(playbook), next=gave.get("next"))
    else:
        yield part("begun")
        if given.get("forced"):
            yield part("begun.forced")
        elif step.any_hour:
            yield part("begun.any_hour")
        elif playbook.calendar.window is not None and not step.before_meeting:
            yield part("begun.window", window=_window(playbook))
        if given.get("last"):
            yield part("begun.gap", last=given["last"], gap=gap)
    where = line.where()
    if where is not None and playbook.calendar.window is not None:
        code = "place.country" if where.country else "place"
        yield part(code, zone=where.zone.key, whose=Words.of(where.whose), country=where.country)


_WAITS: Final = {kinds.AWAY: "held.away", kinds.PAUSE: "held.pause", kinds.BY_HAND: "held.held"}
_LATE: Final = {"ask": "late.ask", "send": "late.send"}


def _window(playbook: Playbook) -> Fact:
    return playbook.calendar.window or Words.of("always")


def _version(version: tuple[int, str]) -> dict[str, Any]:
    return {"number": version[0], "digest": version[1]}


def _plain(value: object) -> object:
    return trail.written(value) if isinstance(value, datetime) else value
