"""The API's routes about what was learnt of a prospect: answers and calls in, the checklist and the score out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from web.api.models import Answers, Checklist, EndedCall, Given, Item, OpenWay, Prospect, Reason
from web.api.prospects import told_of
from web.api.refusal import Refusal
from web.api.route import Call, Route
from web.facts import block, line
from workflow.actions import facts, prospects
from workflow.engine import signals as kinds
from workflow.reports import checklist

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workflow.engine.gaps import Gap

_LONGEST_KEY: Final = 100


def answered(call: Call) -> Prospect:
    """Write down answers and ratings. A stale version is 409."""
    sent = call.body(Answers)
    told = {
        line(key, "answers", _LONGEST_KEY): block(text, f"answers.{key}").strip() for key, text in sent.answers.items()
    }
    return _told(call, kinds.ANSWERS, {"answers": told}, sent.version)


def called(call: Call) -> Prospect:
    """Write down a call that has ended. A stale version is 409."""
    sent = call.body(EndedCall)
    told: dict[str, Any] = {"notes": block(sent.notes, "notes")}
    if sent.minutes is not None:
        told["minutes"] = sent.minutes
    return _told(call, kinds.CALL_ENDED, told, sent.version)


def shown(call: Call) -> Checklist:
    """The checklist, the score, the answers that stand, and what the moves from here lack."""
    with call.ws.database.read() as tx:
        row = checklist.whole(tx, call.id)
        found = checklist.discovery(call.ws, tx, row.id, row.stage, facts.standing(tx, row, call.key.role))
    return Checklist(
        version=row.version,
        score=found.score,
        ticked=found.ticked,
        missing=tuple(each.item.key for each in found.items if not each.ticked),
        items=tuple(_item(each) for each in found.items),
        answers={key: Given(text=each.text, at=each.at, actor=each.actor) for key, each in found.said.items()},
        moves=tuple(
            OpenWay(trigger=each.way.trigger, to=each.way.to, open=each.open, missing=_reasons(each.missing.gaps))
            for each in found.ways
        ),
    )


ROUTES: Final = (
    Route("POST", "/prospects/<id>/answers", "Write down answers", answered, Prospect, Answers, refusals=(404, 409)),
    Route("POST", "/prospects/<id>/calls", "Write down a call", called, Prospect, EndedCall, refusals=(404, 409)),
    Route("GET", "/prospects/<id>/checklist", "Read the checklist", shown, Checklist, refusals=(404,)),
)


def _told(call: Call, kind: str, told: Mapping[str, Any], version: int | None) -> Prospect:
    result = prospects.tell(call.ws, call.id, kind, told, call.who, version=version)
    if result.decision.verdict != "applied":
        raise Refusal(result.decision)
    return told_of(call, call.id)


def _item(each: checklist.Item) -> Item:
    item = each.item
    return Item(
        key=item.key, title=dict(item.title), phases=item.phases, ticked=each.ticked, missing=_reasons(each.missing)
    )


def _reasons(gaps: Iterable[Gap]) -> tuple[Reason, ...]:
    told = (gap.reason for gap in gaps)
    return tuple(Reason(code=each.code, en=each.words("en"), bg=each.words("bg")) for each in told)
