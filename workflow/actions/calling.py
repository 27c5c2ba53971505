"""A call while it is led: begins its sheet, keeps every field as it is typed, and writes all of it down at the end.

What a call taught goes through the one door of the prospect, in one transaction. Fields have versions, so that two
windows notice each other and a repeated save changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, select, update

from workflow import ids, text
from workflow.actions import facts, prospects
from workflow.engine import signals as kinds
from workflow.engine.gaps import BUYER
from workflow.engine.signals import Signal
from workflow.errors import BadInput, Conflict, NotFound
from workflow.playbook.content import END
from workflow.records import upserts
from workflow.records.calls import CallField, CallSheet
from workflow.records.models import Call, Prospect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from workflow.actions.prospects import Who
    from workflow.playbook.schema import Playbook
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

ANSWER: Final = "a."
"""What the names of fields that hold answers begin with; the rest is the key of the question."""
NOTES: Final = "notes"
MARKS: Final = ("asked", "objections", "path", "clock", "talk")
"""Fields about the course of the call: sets of keys, the steps with the second each began, clock and talking."""
MOST_MINUTES: Final = 24 * 60
MINUTES: Final = "planned_minutes"
"""The question of the plan that tells how many minutes were agreed on."""
SCRIPT_USED: Final = "script_used"
"""The question that the path through the script answers by itself, where a playbook has it."""
_LONGEST: Final = 20_000
_MOST_FIELDS: Final = 400
_NAME: Final = re.compile(r"a\.[A-Za-z0-9_.-]{1,100}|" + "|".join((NOTES, *BUYER, *MARKS)))
_MINUTE_S: Final = 60
_CLOCK: Final = re.compile(r"(\d{1,6}) (\d{1,6}|-)")
_VISIT: Final = re.compile(r"([A-Za-z0-9_-]{1,64})@(\d{1,6})")


@dataclass(frozen=True, slots=True)
class Typed:
    """The text of a field, and the version that it has, or that its author saw; 0 where there was none."""

    text: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of fields: the version each has now, and those that somebody else had changed, as they stand."""

    versions: Mapping[str, int]
    conflicts: Mapping[str, Typed]
    ended: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """A call as its sheet has it. Open until `ended_at`; without a `call_id` it was thrown away then."""

    id: str
    prospect_id: str
    rep_id: str
    script: str
    planned_minutes: int
    started_at: datetime
    ended_at: datetime | None
    call_id: str | None
    fields: Mapping[str, Typed] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The text of a field; empty where nothing was typed."""
        found = self.fields.get(name)
        return found.text if found else ""

    @property
    def answers(self) -> dict[str, str]:
        """What was typed as answers, by the keys of their questions."""
        told = {name.removeprefix(ANSWER): each.text.strip() for name, each in self.fields.items() if _answers(name)}
        return {key: value for key, value in told.items() if value}

    @property
    def path(self) -> tuple[tuple[str, int], ...]:
        """The steps of the script that were taken, each with the second of the call at which it began."""
        return visits(self.text("path"))

    def seconds(self, now: datetime) -> int:
        """How long the call has lasted, without its pauses."""
        wall = max(int(((self.ended_at or now) - self.started_at).total_seconds()), 0)
        told = _CLOCK.fullmatch(self.text("clock"))
        if told is None:
            return wall
        stopped = wall if told[2] == "-" else min(int(told[2]), wall)
        return max(stopped - int(told[1]), 0)


def visits(path: str) -> tuple[tuple[str, int], ...]:
    """The steps within the text of the field `path`, each with its second."""
    return tuple((key, int(second)) for key, second in _VISIT.findall(path))


def sheet(tx: Tx, sheet_id: str) -> Sheet:
    """A sheet by its id, or by that of the call that came of it. Raises NotFound."""
    found = select(*CallSheet.__table__.columns).where((CallSheet.id == sheet_id) | (CallSheet.call_id == sheet_id))
    row = tx.conn.execute(found).one_or_none() if ids.is_id(sheet_id) else None
    if row is None:
        raise NotFound("There is no such call: it may have been removed, or belong to somebody else.")
    return _whole(tx, row)


def open_sheet(tx: Tx, prospect_id: str, rep_id: str) -> Sheet | None:
    """The call with this prospect that the rep has begun and not ended."""
    found = select(*CallSheet.__table__.columns).where(
        CallSheet.prospect_id == prospect_id, CallSheet.rep_id == rep_id, CallSheet.ended_at.is_(None)
    )
    row = tx.conn.execute(found.order_by(CallSheet.started_at.desc()).limit(1)).one_or_none()
    return _whole(tx, row) if row else None


def begin(ws: Workspace, prospect_id: str, rep_id: str, script: str, minutes: int) -> str:
    """Begin a call and give the id of its sheet; one that the rep has open with this prospect goes on instead.

    Raises NotFound, and BadInput for a script that the playbook does not have or odd minutes.
    """
    if not 0 < minutes <= MOST_MINUTES:
        raise BadInput("A call is planned for 1 to 1440 minutes: write a whole number.", field="minutes")

    def work(tx: Tx) -> str:
        prospects.lock(tx, prospect_id)
        if tx.conn.execute(select(Prospect.id).where(Prospect.id == prospect_id)).first() is None:
            raise NotFound("There is no such prospect: check the id.")
        scripts = ws.playbooks.in_force(tx).content.scripts
        if script and script not in scripts:
            raise BadInput("The playbook has no such script: choose one of its own.", field="script")
        going = open_sheet(tx, prospect_id, rep_id)
        if going is not None:
            return going.id
        row = {
            "id": ids.new_id(),
            "prospect_id": prospect_id,
            "rep_id": rep_id,
            "script": script,
            "planned_minutes": minutes,
            "started_at": tx.now,
        }
        tx.conn.execute(insert(CallSheet), row)
        return str(row["id"])

    return ws.database.transact(work)


def save(ws: Workspace, sheet_id: str, told: Mapping[str, Typed]) -> Saved:
    """Keep what was typed; of a field that changed since its author saw it, nothing is overwritten.

    The text that stands already is no change, so that a save may be repeated. Raises NotFound, and BadInput for a
    field that no sheet has.
    """
    odd = next((name for name in told if not _NAME.fullmatch(name)), None)
    if odd is not None or len(told) > _MOST_FIELDS:
        raise BadInput("The sheet of a call has no such field: load the page again.", field="name")

    def work(tx: Tx) -> Saved:
        known = _locked(tx, sheet_id)
        versions, conflicts = {}, {}
        for name, typed in told.items():
            said = text.block(typed.text, _LONGEST)
            stands = known.fields.get(name, Typed(""))
            if said == stands.text:
                versions[name] = stands.version
            elif typed.version != stands.version:
                conflicts[name] = stands
            else:
                versions[name] = stands.version + 1
                row = {"sheet_id": known.id, "name": name, "text": said, "version": versions[name], "at": tx.now}
                upserts.upsert(tx, CallField, row, keys=("sheet_id", "name"))
        return Saved(versions, conflicts, ended=known.ended_at is not None)

    return ws.database.transact(work)


def end(ws: Workspace, sheet_id: str, minutes: int, who: Who) -> Sheet:
    """Write the call down: kind of buyer, answers, then the call itself. Of a call that has ended, nothing again.

    Raises NotFound, BadInput for odd minutes, and Conflict for a call that was thrown away.
    """
    if not 0 <= minutes <= MOST_MINUTES:
        raise BadInput("Write the minutes as a whole number, such as 25.", field="minutes")

    def work(tx: Tx) -> Sheet:
        # The prospect's row comes first in the one order of locks.
        prospects.lock(tx, sheet(tx, sheet_id).prospect_id)
        known = _locked(tx, sheet_id)
        if known.ended_at is not None:
            if known.call_id is None:
                raise Conflict("This call was thrown away: begin a new one.")
            return known
        for kind, data, custom in told_at_end(ws.playbooks.in_force(tx), known, minutes):
            signal = Signal(kind, tx.now, who.actor, who.cause, data=data, custom=custom)
            prospects.submit(ws, tx, known.prospect_id, signal)
        newest = select(Call.id).where(Call.prospect_id == known.prospect_id, Call.ended_at == tx.now)
        # Ids grow with time: of two calls of one moment the last one is ours.
        call_id = tx.conn.execute(newest.order_by(Call.id.desc()).limit(1)).scalar_one()
        _close(tx, known.id, call_id)
        return sheet(tx, known.id)

    return ws.database.transact(work)


def drop(ws: Workspace, sheet_id: str) -> None:
    """Throw a call away that did not take place. Its sheet stays, the prospect's record knows nothing of it.

    Raises NotFound, and Conflict for a call that was written down.
    """

    def work(tx: Tx) -> None:
        known = _locked(tx, sheet_id)
        if known.call_id is not None:
            raise Conflict("This call was written down already: it cannot be thrown away.")
        if known.ended_at is None:
            _close(tx, known.id, None)

    ws.database.transact(work)


def told_at_end(
    playbook: Playbook, known: Sheet, minutes: int
) -> tuple[tuple[str, Mapping[str, Any], Mapping[str, str]], ...]:
    """What the end of a call tells of its prospect, in order: kind of signal, its data, and custom fields."""
    buyer = {name: known.text(name) for name in BUYER if known.text(name)}
    answers = known.answers
    used = account(playbook, known)
    if used and SCRIPT_USED in playbook.content.questions:
        answers[SCRIPT_USED] = used
    found: list[tuple[str, Mapping[str, Any], Mapping[str, str]]] = []
    if buyer:
        found.append((kinds.UPSERTED, {}, buyer))
    if answers:
        found.append((kinds.ANSWERS, {"answers": answers}, {}))
    # Last, so that what begins with the end of a call knows what was said in it.
    found.append((kinds.CALL_ENDED, {"minutes": minutes, "notes": known.text(NOTES)}, {}))
    return tuple(found)


def account(playbook: Playbook, known: Sheet) -> str:
    """The script and the steps that were taken, in the playbook's first language; empty without a script."""
    script = playbook.content.scripts.get(known.script)
    if script is None:
        return ""
    titles = {step.key: playbook.words(step.title, playbook.languages[0]) for step in script.steps}
    steps = [titles[key] for key, _second in known.path if key in titles]
    title = playbook.words(script.title, playbook.languages[0])
    return f"{title}: {' › '.join(steps)}" if steps else title


def followers(playbook: Playbook, script_key: str) -> dict[str, str]:
    """The step behind each step of a script when nobody chooses: its first branch, else the next one, or the end."""
    script = playbook.content.scripts.get(script_key)
    if script is None:
        return {}
    behind = [step.key for step in script.steps[1:]] + [END]
    return {
        step.key: step.branches[0].to if step.branches else after
        for step, after in zip(script.steps, behind, strict=True)
    }


def planned(tx: Tx, playbook: Playbook, prospect_id: str, script_key: str) -> int:
    """The minutes that were agreed on with the prospect, else those of the script, else half an hour."""
    told = facts.answers(tx, prospect_id).get(MINUTES, "")
    digits = re.search(r"\d{1,4}", told)
    if digits and 0 < int(digits[0]) <= MOST_MINUTES:
        return int(digits[0])
    script = playbook.content.scripts.get(script_key)
    return script.minutes if script else 30


def _answers(name: str) -> bool:
    return name.startswith(ANSWER)


def _locked(tx: Tx, sheet_id: str) -> Sheet:
    if ids.is_id(sheet_id):
        tx.conn.execute(select(CallSheet.id).where(CallSheet.id == sheet_id).with_for_update())
    return sheet(tx, sheet_id)


def _whole(tx: Tx, row: Record) -> Sheet:
    typed = select(CallField.name, CallField.text, CallField.version).where(CallField.sheet_id == row.id)
    fields = {each.name: Typed(each.text, each.version) for each in tx.conn.execute(typed)}
    return Sheet(
        row.id, row.prospect_id, row.rep_id, row.script, row.planned_minutes, row.started_at, row.ended_at,
        row.call_id, fields,
    )  # fmt: skip


def _close(tx: Tx, sheet_id: str, call_id: str | None) -> None:
    ended = update(CallSheet).where(CallSheet.id == sheet_id).values(ended_at=tx.now, call_id=call_id)
    tx.conn.execute(ended)
