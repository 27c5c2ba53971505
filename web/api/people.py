"""The API's routes about people and keys: list, add, change, shut out. A secret is told once, where it is made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, SecretStr

from web.api import listing
from web.api.listing import List, Sorted
from web.api.models import Id, Nothing, Reply, Request, Text
from web.api.route import Call, Route
from workflow import rights
from workflow.actions import people
from workflow.errors import BadInput, Conflict, Forbidden
from workflow.reports import people as reports

if TYPE_CHECKING:
    from workflow.records.db import Record

Role = Literal["rep", "manager", "admin"]
_Name = Annotated[str, Field(max_length=80)]
_Email = Annotated[str, Field(min_length=3, max_length=320)]
Scope = Literal[rights.SCOPES]  # type: ignore[valid-type]


class WantedReps(Sorted):
    """Which people to list."""

    role: Literal["", "rep", "manager", "admin"] = ""
    sort: Literal["email", "-email", "name", "-name", "created_at", "-created_at"] = "email"


class WantedKeys(Sorted):
    """How to list keys."""

    sort: Literal["name", "-name", "created_at", "-created_at"] = "name"


class RepNew(Request):
    """A person to be let in. Without a password the answer has a link that signs in once."""

    email: _Email
    role: Role = "rep"
    name: _Name = ""
    password: Annotated[SecretStr | None, Field(max_length=1024, description="Write-only.")] = None


class RepChange(Request):
    """A change of a person; `disabled` shuts them out for good, and every session ends at once."""

    name: Annotated[str | None, Field(min_length=1, max_length=80)] = None
    role: Role | None = None
    language: Literal["en", "bg", ""] | None = None
    time_zone: Text | None = None
    disabled: Literal[True] | None = None


class Rep(Reply):
    """A person who works here."""

    id: Id
    email: str
    name: str
    role: Role
    language: str | None
    time_zone: str | None
    has_password: bool
    away_since: datetime | None
    disabled_at: datetime | None
    created_at: datetime


class RepMade(Rep):
    """A person who was let in; `sign_in_url` is told only here, works once and for half an hour."""

    sign_in_url: str | None


class RepList(List):
    """A page of people."""

    items: tuple[Rep, ...]


class KeyNew(Request):
    """A key to be made. Without `scopes` it may do all that its role allows; with `rep` it has that rep's role."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    role: Role = "rep"
    scopes: Annotated[tuple[Scope, ...], Field(max_length=20, strict=False)] = ()
    rep: Annotated[str | None, Field(max_length=320, description="The email address of a rep.")] = None
    days: Annotated[int | None, Field(ge=1, le=3660, description="How long it is valid; null: without end.")] = None


class ApiKey(Reply):
    """A key of the API, without its secret; `prefix` is how it begins, behind `ak_`."""

    id: Id
    name: str
    prefix: str
    role: Role
    scopes: tuple[str, ...]
    rep: str | None
    created_at: datetime
    used_at: Annotated[datetime | None, Field(description="When it was last used, to a minute.")]
    expires_at: datetime | None
    revoked_at: datetime | None


class ApiKeyMade(ApiKey):
    """A key that was made; `key` is told only here."""

    key: str | None


class ApiKeyList(List):
    """A page of keys."""

    items: tuple[ApiKey, ...]


def reps(call: Call) -> RepList:
    """People, also those who were shut out."""
    asked = call.query(WantedReps)
    with call.ws.database.read() as tx:
        page = reports.reps(tx, listing.place(asked), asked.role)
    items = tuple(Rep.model_validate(row) for row in page.rows)
    return RepList(items=items, next_cursor=listing.behind(asked, page))


def rep(call: Call) -> Rep:
    """One person."""
    return Rep.model_validate(_rep(call, call.id))


def rep_added(call: Call) -> RepMade:
    """Let a person in."""
    sent = call.body(RepNew)
    _only_whole(call)
    password = sent.password.get_secret_value() if sent.password is not None else None
    made = people.add_rep(call.ws, sent.email, sent.role, password=password, name=sent.name or None)
    url = people.sign_in_address(call.ws, made) if password is None else None
    return RepMade(**Rep.model_validate(_rep(call, made)).model_dump(), sign_in_url=url)


def rep_changed(call: Call) -> Rep:
    """Change a person. The last administrator stays one."""
    sent = call.body(RepChange)
    _only_whole(call)
    _rep(call, call.id)
    choices = sent.model_dump(include={"name", "language", "time_zone"}, exclude_none=True)
    people.change(call.ws, call.id, sent.role, choices)
    if sent.disabled:
        people.disable(call.ws, call.id)
    return rep(call)


def keys(call: Call) -> ApiKeyList:
    """Keys, also those that were revoked."""
    asked = call.query(WantedKeys)
    with call.ws.database.read() as tx:
        page = reports.keys(tx, listing.place(asked))
    items = tuple(_key(row) for row in page.rows)
    return ApiKeyList(items=items, next_cursor=listing.behind(asked, page))


def key(call: Call) -> ApiKey:
    """One key."""
    with call.ws.database.read() as tx:
        return _key(reports.key(tx, call.id))


def key_added(call: Call) -> ApiKeyMade:
    """Make a key. It can do no more than the key that makes it."""
    sent = call.body(KeyNew)
    _only_whole(call)
    valid = timedelta(days=sent.days) if sent.days is not None else None
    with call.ws.database.read() as tx:
        owner = people.rep_id(tx, sent.rep) if sent.rep else None
    if sent.rep and owner is None:
        raise BadInput("“rep” must be the email address of somebody who works here.", field="rep")
    token = people.add_key(call.ws, sent.name, sent.role, scopes=sent.scopes, rep=owner, valid=valid)
    with call.ws.database.read() as tx:
        row = reports.key_of_prefix(tx, token.split("_")[1])
    return ApiKeyMade(**_key(row).model_dump(), key=token)


def key_revoked(call: Call) -> ApiKey:
    """Shut a key out for good. A key cannot revoke itself."""
    if call.id == call.key.id:
        raise Conflict("A key cannot revoke itself: use another one, or the panel.")
    people.revoke_key_by_id(call.ws, call.id)
    return key(call)


def _only_whole(call: Call) -> None:
    """Refuse keys with scopes: whoever makes people and keys could give away more than it has."""
    if call.key.scopes:
        raise Forbidden("A key with scopes cannot let others in: use one that may do all its role allows.")


def _rep(call: Call, rep_id: str) -> Record:
    with call.ws.database.read() as tx:
        return reports.rep(tx, rep_id)


def _key(row: Record) -> ApiKey:
    told = {name: getattr(row, name) for name in ApiKey.model_fields}
    return ApiKey(**told | {"scopes": tuple((row.scopes or "").split())})


_OWN: Final = (404, 409)
ROUTES: Final = (
    Route("GET", "/reps", "List people", reps, RepList, query=WantedReps, right="see_everyone"),
    Route(
        "POST", "/reps", "Let a person in", rep_added, RepMade, RepNew, right="people", status=201, refusals=(409,),
        secrets=("sign_in_url",),
    ),
    Route("GET", "/reps/<id>", "Read a person", rep, Rep, right="see_everyone", refusals=(404,)),
    Route("PATCH", "/reps/<id>", "Change a person", rep_changed, Rep, RepChange, right="people", refusals=_OWN),
    Route("GET", "/keys", "List keys", keys, ApiKeyList, query=WantedKeys, right="people"),
    Route(
        "POST", "/keys", "Make a key", key_added, ApiKeyMade, KeyNew, right="people", status=201, refusals=(404, 409),
        secrets=("key",),
    ),
    Route("GET", "/keys/<id>", "Read a key", key, ApiKey, right="people", refusals=(404,)),
    Route("POST", "/keys/<id>/revoke", "Revoke a key", key_revoked, ApiKey, Nothing, right="people", refusals=_OWN),
)  # fmt: skip
