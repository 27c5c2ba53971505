"""The API's routes about prospects: list, make, read, change and move one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from web.api import cursor
from web.api.listing import Sorted
from web.api.models import (
    Change,
    ChangeList,
    Move,
    Prospect,
    ProspectChange,
    ProspectFields,
    ProspectList,
    ProspectNew,
    WantedProspects,
)
from web.api.refusal import Refusal
from web.api.route import Call, Route
from web.facts import block, fact, line
from web.strict import tidy
from workflow import rights
from workflow.actions import people
from workflow.actions import prospects as actions
from workflow.engine.signals import FIELDS
from workflow.errors import BadInput, Forbidden
from workflow.reports import prospects as reports

if TYPE_CHECKING:
    from workflow.reports.prospects import ProspectFacts

_MOST_CUSTOM: Final = 200
_LONGEST_REASON: Final = 2000


class WantedHistory(Sorted):
    """How to list the history of a prospect."""

    sort: Literal["version", "-version"] = "version"


def listed(call: Call) -> ProspectList:
    """Prospects that fit and that this key may see, by default the newest first."""
    asked = call.query(WantedProspects)
    wanted = reports.Wanted(**asked.model_dump(exclude={"cursor", "limit", "sort"}))
    with call.ws.database.read() as tx:
        found, behind = reports.page(tx, wanted, call.viewer, cursor.asked(asked.cursor, asked.sort, asked.limit))
    more = cursor.wrap_sorted(asked.sort, behind)
    return ProspectList(items=tuple(_told(each) for each in found), next_cursor=more)


def made(call: Call) -> Prospect:
    """Make a prospect."""
    sent = call.body(ProspectNew)
    fields = {name: value for name, value in _fields(sent).items() if value}
    if not fields.keys() & {"email", "name", "company"}:
        raise BadInput("Give at least “email”, “name” or “company”.", field="email")
    owner_id = _owner(call, sent)
    result = actions.create(call.ws, fields, _custom(sent), call.who, owner_id=owner_id)
    return told_of(call, result.prospect_id)


def read(call: Call) -> Prospect:
    """One prospect."""
    return told_of(call, call.id)


def changed(call: Call) -> Prospect:
    """Change facts about a prospect."""
    sent = call.body(ProspectChange)
    owner_id = _owner(call, sent)
    actions.edit(call.ws, call.id, _fields(sent), _custom(sent), call.who, owner_id=owner_id, version=sent.version)
    return told_of(call, call.id)


def moved(call: Call) -> Prospect:
    """Move a prospect by a trigger. A refusal is 422 and says why; a stale version is 409."""
    sent = call.body(Move)
    data: dict[str, Any] = {
        name: (block if name == "reason" else line)(value, name, _LONGEST_REASON)
        for name, value in (sent.__pydantic_extra__ or {}).items()
    }
    result = actions.move(call.ws, call.id, line(sent.trigger, "trigger"), data, call.who, version=sent.version)
    if result.decision.verdict != "applied":
        raise Refusal(result.decision)
    return told_of(call, call.id)


def history(call: Call) -> ChangeList:
    """What happened to a prospect, by default the oldest first."""
    asked = call.query(WantedHistory)
    after, falls = cursor.number(asked.cursor), asked.sort == "-version"
    with call.ws.database.read() as tx:
        found = reports.history(tx, call.id, after=after, limit=asked.limit + 1, newest_first=falls)
    items = found[: asked.limit]
    more = cursor.wrap(items[-1].version) if len(found) > asked.limit else None
    return ChangeList(items=tuple(Change.model_validate(each) for each in items), next_cursor=more)


def told_of(call: Call, prospect_id: str) -> Prospect:
    """A prospect as the API answers with it. Raises NotFound."""
    with call.ws.database.read() as tx:
        return _told(reports.one(tx, prospect_id))


ROUTES: Final = (
    Route("GET", "/prospects", "List prospects", listed, ProspectList, query=WantedProspects),
    Route("POST", "/prospects", "Make a prospect", made, Prospect, ProspectNew, status=201, refusals=(403, 409)),
    Route("GET", "/prospects/<id>", "Read a prospect", read, Prospect, refusals=(404,)),
    Route(
        "PATCH",
        "/prospects/<id>",
        "Change facts about a prospect",
        changed,
        Prospect,
        ProspectChange,
        refusals=(403, 404, 409),
    ),
    Route("POST", "/prospects/<id>/moves", "Move a prospect", moved, Prospect, Move, refusals=(404, 409)),
    Route(
        "GET",
        "/prospects/<id>/history",
        "Read its history",
        history,
        ChangeList,
        query=WantedHistory,
        refusals=(404,),
    ),
)


def _told(facts: ProspectFacts) -> Prospect:
    told = {name: getattr(facts, name) for name in facts.__slots__}
    return Prospect(**told, ref=facts.refs[0] if facts.refs else None)


def _fields(sent: ProspectFields) -> dict[str, str]:
    named = sent.model_fields_set & set(FIELDS)
    return {name: fact(name, getattr(sent, name) or "") for name in FIELDS if name in named}


def _custom(sent: ProspectFields) -> dict[str, Any]:
    custom: dict[str, Any] = tidy(sent.custom or {}, "custom")
    if len(custom) > _MOST_CUSTOM:
        raise BadInput(f"“custom” has more than {_MOST_CUSTOM} keys.", field="custom")
    return custom


def _owner(call: Call, sent: ProspectFields) -> str | None:
    if "owner" not in sent.model_fields_set:
        return None
    with call.ws.database.read() as tx:
        owner_id = people.rep_id(tx, sent.owner or "")
    if owner_id is None:
        raise BadInput("“owner” must be the email address of somebody who works here.", field="owner")
    if owner_id != call.key.rep_id and not rights.may(call.key.role, "assign"):
        raise Forbidden("A key with the role “rep” may not hand prospects over: use one of a manager.")
    return owner_id
