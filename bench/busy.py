"""What a full installation has beside its histories: replies, bounces, calls, meetings, what was put off, open work.

Rows for `bench.full`, which puts them in. Without them Today and its numbers would be measured empty.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from workflow import ids
from workflow.engine.signals import BOUNCED, REPLIED

_REPLIES: Final = 0.2
_ANSWERED: Final = 0.95
_BOUNCES: Final = 0.005
_CALLS: Final = 0.2
_MEETINGS: Final = 0.05
_PUT_OFF: Final = 40
_UNMATCHED: Final = 150


def told_last(dice: random.Random, reps: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Kind and actor of the last rows of a history: for some a reply, mostly one that a rep went on from."""
    chance = dice.random()
    if chance < _BOUNCES:
        return ((BOUNCED, "mailbox"),)
    if chance > _REPLIES:
        return ()
    answered = dice.random() < _ANSWERED
    return ((REPLIED, "mailbox"), ("edited", f"rep:{dice.choice(reps)}")) if answered else ((REPLIED, "mailbox"),)


def barred(told: dict[str, Any], at: datetime) -> dict[str, Any]:
    """The row that bars an address whose mail came back."""
    return {
        "email_key": told["email_key"], "cause": "stop.bounce", "actor": "mailbox", "at": at, "source": "bounce",
    }  # fmt: skip


def calls(dice: random.Random, made: Sequence[dict[str, Any]], reps: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Calls that took place at some time since the prospect came."""
    for told in made:
        if dice.random() < _CALLS:
            at = told["created_at"] + (told["updated_at"] - told["created_at"]) * dice.random()
            yield {
                "id": ids.new_id(), "prospect_id": told["id"], "ended_at": at, "minutes": dice.randrange(2, 50),
                "notes": "Говорихме за бюджета.", "actor": f"rep:{told['owner_id'] or dice.choice(reps)}",
            }  # fmt: skip


def meetings(dice: random.Random, made: Sequence[dict[str, Any]], now: datetime) -> Iterator[dict[str, Any]]:
    """Meetings of the last two months and of the next two weeks."""
    for told in made:
        if dice.random() < _MEETINGS:
            begin = now + timedelta(minutes=dice.randrange(-60 * 24 * 60, 14 * 24 * 60))
            yield {
                "id": ids.new_id(), "prospect_id": told["id"], "uid": f"meeting-{told['id']}",
                "state": dice.choice(("held", "no_show", "cancelled")) if begin < now else "booked",
                "starts_at": begin, "ends_at": begin + timedelta(minutes=30), "place": "https://meet.example.com/1",
                "reason": "", "sequence": 0, "changed_at": begin - timedelta(days=9),
                "created_at": begin - timedelta(days=15),
            }  # fmt: skip


def put_off(
    dice: random.Random, waiting: Sequence[dict[str, Any]], reps: Sequence[str], now: datetime
) -> Iterator[dict[str, Any]]:
    """Tasks that each rep does not want on the list before another day."""
    for rep in reps:
        for touch in dice.sample(waiting, min(_PUT_OFF, len(waiting))):
            yield {
                "id": ids.new_id(), "rep_id": rep, "what": "task", "about": touch["id"], "version": 0,
                "prospect_id": touch["prospect_id"], "until": now + timedelta(hours=dice.randrange(1, 200)),
                "made_at": now - timedelta(days=1),
            }  # fmt: skip


def unmatched(dice: random.Random, mailbox_id: str, now: datetime) -> Iterator[dict[str, Any]]:
    """Mail of which nobody knows whose it is."""
    for number in range(_UNMATCHED):
        at = now - timedelta(hours=dice.randrange(1, 700))
        yield {
            "id": ids.new_id(), "mailbox_id": mailbox_id, "sha256": f"{number:064x}", "received_at": at,
            "occurred_at": at, "sender": f"unknown{number}@elsewhere.example.com", "subject": "Re: оферта",
            "kind": "reply", "outcome": "unmatched", "facts": {}, "match": {}, "visible": "Кога да се чуем?",
            "quoted": "", "content": b"", "whole": True,
        }  # fmt: skip


def touches(
    dice: random.Random, enrolled: dict[str, Any], steps: Sequence[Any], mailbox_id: str, now: datetime
) -> Iterator[dict[str, Any]]:
    """A sequence at one of its steps: those before are over, those behind wait; some need a person."""
    here = dice.randrange(len(steps))
    for position, step in enumerate(steps):
        task, over = step.task is not None, position < here
        # Tasks may be overdue; an email that is due would be leaving now.
        due = now + timedelta(minutes=dice.randrange(-2_000 if task else 1, 40_000))
        due = enrolled["started_at"] if over else due
        state, chance = ("done" if task else "sent") if over else "scheduled", dice.random()
        if position == here and not task:
            state = "failed" if chance < 0.004 else "uncertain" if chance < 0.006 else state
        open_ = state == "scheduled"
        asks = open_ and position == here and not task and chance > 0.996
        gone = state in ("sent", "uncertain")
        yield {
            "id": ids.new_id(), "enrollment_id": enrolled["id"], "prospect_id": enrolled["prospect_id"],
            "mailbox_id": None if task else mailbox_id, "sequence": enrolled["sequence"], "step": step.key,
            "position": position, "generation": 0, "kind": "task" if task else "email", "state": state,
            "due_at": due, "not_after": due + timedelta(days=1), "attempts": 0, "begin_errors": 0, "forced": False,
            "next_attempt_at": due if open_ and position == here else None, "priority": 0,
            "asks_since": now - timedelta(hours=dice.randrange(1, 90)) if asks else None,
            "committed_at": min(due, now) if gone and not task else None,
            "sent_at": due if state == "sent" else None,
            "ended_at": None if open_ or gone else min(due, now - timedelta(hours=dice.randrange(1, 900))),
            "created_at": enrolled["started_at"],
        }  # fmt: skip
