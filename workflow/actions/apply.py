"""Writes a decision down: the prospect, its history, enrollments, touches, meetings, all in the caller's transaction.

Decides nothing. Every change of a prospect in the whole product passes through `carry_out`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, exists, insert, select, update
from sqlalchemy.orm import aliased

from workflow import ids, text
from workflow.actions import barred, enrolling, news, progress, reviving, together
from workflow.engine import basis, meetings
from workflow.engine import signals as kinds
from workflow.mail.address import key_of
from workflow.records import upserts
from workflow.records.chain import digest, plain
from workflow.records.models import Answer, Call, Decided, Event, History, Meeting, Prospect
from workflow.records.prepared import Prepared
from workflow.search import searchable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workflow.engine.decide import Change, Decision, MeetingFact
    from workflow.engine.signals import ProspectView, Signal
    from workflow.playbook.schema import Playbook
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace

_NEW: Final[Mapping[str, Any]] = {
    **dict.fromkeys(kinds.FIELDS, ""),
    "email_key": None,
    "custom": {},
    "outcome": None,
    "outcome_reason": None,
    "owner_id": None,
    "mail_hold_until": None,
    "mail_hold_why": None,
    "declined": None,
}
_SEARCHED: Final = frozenset({"name", "company", "email", "phone"})
_NOTHING: Final = (None, None, None, None)
_MAKE: Final = Prepared(insert(Prospect))
_CHANGE: Final = Prepared(update(Prospect).where(Prospect.id == bindparam("which")))
_REMEMBER: Final = Prepared(insert(History))
_KEEP: Final = Prepared(insert(Decided))
_WAKE: Final = Prepared(update(Event).where(Event.outcome == "parked", Event.waits_email == bindparam("email_key")))


def carry_out(
    ws: Workspace,
    tx: Tx,
    view: ProspectView,
    signal: Signal,
    decision: Decision,
    chain: str,
    *,
    row: Record | None = None,
) -> int:
    """Write `decision` on the prospect of `view`, whose row the caller has locked; gives its new version.

    `chain` is the digest of its newest history row, empty for a prospect that is about to be made. `row` is what the
    caller read when it locked, which saves reading it again.
    """
    if not decision.history:
        return view.version
    version = _write_history(tx, view, signal, decision.history, chain, row)
    if not _is_alone(decision):
        together.settle(tx)
    if decision.meeting is not None:
        _write_meeting(tx, view.id, decision.meeting)
    for stop in decision.stop:
        enrolling.stop(tx, stop.enrollment_id, stop.reason, skipped=stop.suppressed, version=version)
    reviving.go_on(ws, tx, view.id, decision)
    for moved in decision.reanchor:
        enrolling.reanchor(ws, tx, moved)
    news.tell_decision(tx, view.id, signal, decision)
    _enroll(ws, tx, view, signal, decision, version)
    if decision.suppress is not None:
        _suppress(tx, view, signal, decision.suppress.code)
    _write_answers(tx, view.id, decision.answers)
    if decision.call is not None:
        _write_call(tx, view.id, signal, decision.call)
    return version


def remember(tx: Tx, playbook: Playbook, view: ProspectView, signal: Signal, decision: Decision, version: int) -> None:
    """Keep what the engine was asked and answered, so that it can be told and asked again; little matters so much."""
    if not decision.history or not basis.matters(decision):
        return
    row = {
        "prospect_id": view.id,
        "version": version,
        "at": tx.now,
        "playbook_digest": playbook.digest,
        "basis": basis.pack(playbook, view, signal, tx.now),
        "answer": basis.answer(decision),
    }
    _KEEP.run(tx, row)


def _is_alone(decision: Decision) -> bool:
    """Whether nothing but its history follows from a decision: no row that leans on the prospect's."""
    of_rows = (decision.enroll, decision.stop, decision.reanchor, decision.withheld, decision.answers)
    of_one = (decision.meeting, decision.suppress, decision.call, decision.revive)
    return not any(of_rows) and of_one == _NOTHING and not (decision.resume or decision.take_back)


def _write_history(
    tx: Tx, view: ProspectView, signal: Signal, history: tuple[Change, ...], chain: str, known: Record | None
) -> int:
    rows: list[dict[str, Any]] = []
    folded: dict[str, Any] = {}
    version = view.version
    for change in history:
        version += 1
        folded |= change.changes
        row = {
            "prospect_id": view.id,
            "version": version,
            "at": tx.now,
            "occurred_at": change.occurred_at,
            "kind": change.kind,
            "actor": signal.actor,
            "cause": signal.cause,
            "from_stage": change.from_stage,
            "to_stage": change.to_stage,
            "reason": change.reason,
            "changes": {name: plain(value) for name, value in change.changes.items()},
            "detail": {name: plain(value) for name, value in change.detail.items()},
        }
        chain = row["digest"] = digest(chain, row)
        rows.append(row)
    _write_prospect(tx, view, folded | progress.columns(tx, view, signal, history, known), version, chain)
    _write(tx, _REMEMBER, rows, is_new=view.version == 0)
    if "email" in folded or view.version == 0:
        _wake_parked(tx, key_of(folded.get("email", "")), is_new=view.version == 0)
    return version


def _write(tx: Tx, statement: Prepared, rows: Sequence[Mapping[str, Any]], *, is_new: bool) -> None:
    """Write rows of a prospect, or hold those of a new one back where many are made together."""
    if is_new and together.may_wait(tx):
        for row in rows:
            together.hold(tx, statement, row)
    else:
        statement.run_all(tx, rows)


def _write_prospect(tx: Tx, view: ProspectView, folded: Mapping[str, Any], version: int, chain: str) -> None:
    row = {**folded, "version": version, "chain": chain, "updated_at": tx.now}
    if "email" in folded:
        row["email_key"] = key_of(folded["email"])
        if row["email_key"]:
            barred.by_domain(tx, row["email_key"])
    if view.version == 0 or not _SEARCHED.isdisjoint(folded):
        facts = {**view.fields, **folded}
        row["search"] = searchable(*(str(facts.get(name) or "") for name in ("name", "company", "email", "phone")))
    if view.version == 0:
        _write(tx, _MAKE, [{**_NEW, **row, "id": view.id, "created_at": tx.now}], is_new=True)
    else:
        _CHANGE.run(tx, {**row, "which": view.id})


def _wake_parked(tx: Tx, email_key: str | None, *, is_new: bool) -> None:
    """Events that wait for this address may be applied now; those that wait for a ref are woken where it is written."""
    if email_key:
        _write(tx, _WAKE, [{"email_key": email_key, "next_attempt_at": tx.now}], is_new=is_new)


def _enroll(ws: Workspace, tx: Tx, view: ProspectView, signal: Signal, decision: Decision, version: int) -> None:
    for change in decision.history:
        if "owner_id" in change.changes:
            view = replace(view, owner_id=change.changes["owner_id"])
    for enroll in decision.enroll:
        meeting_id = _meeting_id(tx, view.id, enroll.meeting_uid) if enroll.meeting_uid else None
        begun = enrolling.start(ws, tx, view, enroll, meeting_id=meeting_id, cause=signal.cause, version=version)
        if begun is not None:
            news.started(tx, view.id, begun, enroll.sequence.key, signal)


def _write_meeting(tx: Tx, prospect_id: str, fact: MeetingFact) -> None:
    row = {
        "id": ids.new_id(),
        "prospect_id": prospect_id,
        "uid": fact.uid,
        "state": fact.state,
        "starts_at": fact.starts_at,
        "ends_at": fact.ends_at,
        "place": fact.place,
        "reason": fact.reason,
        "changed_at": fact.changed_at,
        "created_at": tx.now,
    }
    if fact.replaces:
        # The meeting goes on under its new name, with everything that hangs on it; the old name stays as a mark.
        at = (Meeting.prospect_id == prospect_id) & (Meeting.uid == fact.replaces)
        other = aliased(Meeting)
        taken = exists().where(other.prospect_id == prospect_id, other.uid == fact.uid)
        tx.conn.execute(update(Meeting).where(at, Meeting.state == "booked", ~taken).values(uid=fact.uid))
    mine = (Meeting.prospect_id == prospect_id) & (Meeting.uid == fact.uid)
    tx.conn.execute(update(Meeting).where(mine).values(sequence=Meeting.sequence + 1))
    untold = [name for name in ("starts_at", "ends_at", "place") if not row[name]]
    upserts.upsert(tx, Meeting, row, keys=("prospect_id", "uid"), keep=("id", "created_at", *untold))
    if fact.replaces:
        mark = {**row, "id": ids.new_id(), "uid": fact.replaces, "state": meetings.MOVED, "starts_at": None}
        keep = ("id", "created_at", "starts_at", "ends_at", "place", "reason")
        upserts.upsert(tx, Meeting, mark, keys=("prospect_id", "uid"), keep=keep)


def _meeting_id(tx: Tx, prospect_id: str, uid: str) -> str | None:
    found = select(Meeting.id).where(Meeting.prospect_id == prospect_id, Meeting.uid == uid)
    return tx.conn.execute(found).scalar_one_or_none()


def _suppress(tx: Tx, view: ProspectView, signal: Signal, code: str) -> None:
    for address in {view.fields.get("email", ""), str(signal.data.get("address") or "")}:
        email_key = key_of(address)
        if email_key:
            barred.bar(tx, email_key, code, actor=signal.actor, source=signal.cause)


def _write_answers(tx: Tx, prospect_id: str, answers: Mapping[str, str]) -> None:
    for question, answer in answers.items():
        row = {"prospect_id": prospect_id, "question": question, "text": text.block(answer), "at": tx.now}
        upserts.upsert(tx, Answer, row, keys=("prospect_id", "question"))


def _write_call(tx: Tx, prospect_id: str, signal: Signal, told: Mapping[str, Any]) -> None:
    minutes = told.get("minutes")
    row = {
        "id": ids.new_id(),
        "prospect_id": prospect_id,
        "ended_at": min(signal.occurred_at, tx.now),
        "minutes": float(minutes) if isinstance(minutes, int | float) else None,
        # Blank notes are none, for guards at once and later.
        "notes": text.block(str(told.get("notes") or "")).strip(),
        "actor": signal.actor,
    }
    tx.conn.execute(insert(Call), row)
