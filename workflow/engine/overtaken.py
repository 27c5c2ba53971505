"""What news that come late may still change: nothing that later news, known already, would have undone. Pure.

Events arrive in any order. A sequence does not begin for something that happened before its prospect answered, and a
fact does not return over a newer one, so that every order of arrival ends in the same place with no mail beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from workflow.engine import signals as kinds
from workflow.engine.reasons import Reason, because

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from workflow.engine.signals import Signal
    from workflow.playbook.schema import Playbook, Sequence

_WORDS: Final = {
    kinds.REPLIED: "reply",
    kinds.BOUNCED: "bounce",
    kinds.COMPLAINED: "complaint",
    kinds.UNSUBSCRIBED: "unsubscribe",
    kinds.BOOKED: "meeting",
    kinds.AUTO_REPLIED: kinds.AWAY,
}
_FACTS: Final = frozenset({"created", "edited"})


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a prospect's history, as far as it matters here."""

    kind: str
    occurred_at: datetime
    changes: Mapping[str, Any] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)
    from_stage: str | None = None
    to_stage: str | None = None


def words(playbook: Playbook, history: Iterable[Line], at: datetime) -> frozenset[str]:
    """The stop words that were said after `at`; and AWAY, where a mailbox spoke for somebody who is away."""
    found = {_word(playbook, line) for line in history if line.occurred_at > at}
    return frozenset(word for word in found if word)


def withheld(sequence: Sequence, later: frozenset[str]) -> Reason | None:
    """Why a sequence does not begin any more, though what it begins with did happen."""
    word = next((word for word in sequence.stop if word in later), None)
    return because(f"stop.{word}") if word else None


def left_of(signal: Signal, history: Iterable[Line]) -> Signal:
    """The signal without the facts and answers of which something newer is known."""
    said: dict[str, datetime] = {}
    custom: Mapping[str, Any] = {}
    for line in history:
        if line.kind == "answers.recorded":
            said |= dict.fromkeys((f"answer {key}" for key in line.detail.get("answers", ())), line.occurred_at)
        if line.kind in _FACTS:
            said |= dict.fromkeys(line.changes, line.occurred_at)
            now = line.changes.get("custom", custom)
            said |= dict.fromkeys(
                (f"custom {key}" for key in now if key not in custom or custom[key] != now[key]), line.occurred_at
            )
            custom = now

    def stands(name: str) -> bool:
        return name not in said or said[name] <= signal.occurred_at

    data = dict(signal.data)
    if isinstance(data.get("answers"), dict):
        data["answers"] = {key: each for key, each in data["answers"].items() if stands(f"answer {key}")}
    return replace(
        signal,
        data=data,
        fields={name: value for name, value in signal.fields.items() if stands(name)},
        custom={name: value for name, value in signal.custom.items() if stands(f"custom {name}")},
    )


def _word(playbook: Playbook, line: Line) -> str | None:
    if line.kind == "moved":
        was, now = (playbook.is_final(stage) if stage else False for stage in (line.from_stage, line.to_stage))
        return "close" if now else "reopen" if was else None
    if line.kind == kinds.BOUNCED and line.detail.get("permanent") is False:
        return None
    if line.kind == kinds.REPLIED and line.detail.get("colleague") is True:
        return "colleague_reply"
    if line.kind == kinds.AUTO_REPLIED and line.detail.get("about", kinds.AWAY) != kinds.AWAY:
        return "left" if line.detail["about"] == "left" else None
    return _WORDS.get(line.kind)
