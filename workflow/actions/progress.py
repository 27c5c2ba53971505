"""Keeps beside a prospect what analytics count, in the transaction that writes its history. Decides nothing.

What is kept is a matter of `workflow.progress`; only `apply` calls this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, insert, select, update

from workflow import progress
from workflow.records.models import Prospect
from workflow.records.prepared import Prepared
from workflow.records.stays import Stay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workflow.engine.decide import Change
    from workflow.engine.signals import ProspectView, Signal
    from workflow.records.db import Record, Tx

WANTED: Final = (
    Prospect.reached, Prospect.stage, Prospect.entered_stage_at, Prospect.owner_id, Prospect.language, Prospect.origin,
    Prospect.merged_into,
)  # fmt: skip
_KNOWN: Final = Prepared(select(*WANTED).where(Prospect.id == bindparam("which")))
_LEAVE: Final = Prepared(insert(Stay))
_FOLLOW: Final = Prepared(update(Stay).where(Stay.prospect_id == bindparam("which")))
_FORGET: Final = Prepared(delete(Stay).where(Stay.prospect_id == bindparam("which")))
_FOLLOWED: Final = ("owner_id", "language")


def columns(
    tx: Tx, view: ProspectView, signal: Signal, history: Sequence[Change], known: Record | None
) -> dict[str, Any]:
    """What `history` adds to the row of the prospect of `view`; called before that row is written.

    `known` is that row, with the columns of `WANTED`, where the caller has read it locked; else it is read here.
    """
    folded = {name for change in history for name in change.changes}
    told: dict[str, Any] = {}
    if view.version == 0 or "custom" in folded:
        told["competitor"] = progress.competitors(_last(history, "custom") or {})
    rows = [(change.kind, change.to_stage) for change in history]
    if view.version == 0:
        return {
            **told,
            "reached": progress.told(progress.marks(rows)),
            "origin": progress.origin(signal.actor, signal.cause),
        }
    if _counts(history):
        known = known or _KNOWN.first(tx, {"which": view.id})
        now = progress.told(progress.marks(rows, known.reached if known else ""))
        if known is None or now != known.reached:
            told["reached"] = now
        _leave(tx, view, history, known)
    _follow(tx, view.id, history)
    return told


def _last(history: Sequence[Change], name: str) -> Any:  # noqa: ANN401 - whatever the fact holds
    return next((change.changes[name] for change in reversed(history) if name in change.changes), None)


def _counts(history: Sequence[Change]) -> bool:
    return any(change.to_stage or change.kind in progress.COUNTED for change in history)


def _leave(tx: Tx, view: ProspectView, history: Sequence[Change], known: Record | None) -> None:
    """Write down the stays that end with `history`. Those of one that was merged count nowhere."""
    if known is None or known.merged_into is not None:
        return
    stage, entered, version = known.stage, known.entered_stage_at, view.version
    for change in history:
        version += 1
        if not change.to_stage:
            continue
        hours = progress.hours(entered, change.occurred_at)
        if hours is not None:
            row = {"prospect_id": view.id, "version": version, "stage": stage, "hours": hours}
            row |= {"left_at": change.occurred_at, "origin": known.origin}
            _LEAVE.run(tx, {**row, "owner_id": known.owner_id, "language": known.language})
        stage, entered = change.to_stage, change.occurred_at


def _follow(tx: Tx, prospect_id: str, history: Sequence[Change]) -> None:
    """Let the stays go with their prospect: to another owner or language, or away with one that was merged."""
    folded: Mapping[str, Any] = {name: value for change in history for name, value in change.changes.items()}
    if folded.get("merged_into"):
        _FORGET.run(tx, {"which": prospect_id})
        return
    new = {name: folded[name] for name in _FOLLOWED if name in folded}
    if new:
        _FOLLOW.run(tx, {**new, "which": prospect_id})
