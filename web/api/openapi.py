"""The OpenAPI 3.1 document, written from the routes and models that also serve: it cannot say anything else."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import models_json_schema

from web.api.examples import example
from web.api.models import Nothing, Problem
from web.api.route import WORDS, Route
from workflow import rights

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel


_REF: Final = "#/components/schemas/{model}"
# What any route may answer: a request that is no request, no key, a wrong body, too many calls, and trouble of ours.
_ALWAYS: Final = (400, 401, 422, 429, 500, 503)
_WORDS: Final[Mapping[int, str]] = {
    200: "Done.",
    201: "Made.",
    304: "It is still the one in `If-None-Match`.",
    400: "The request cannot be read.",
    401: "There is no valid key.",
    403: "The role or the scopes of the key do not allow this.",
    404: "There is nothing with this id, or it belongs to somebody else.",
    409: "The state or the version is another by now, or a call with this Idempotency-Key is being worked on.",
    412: "The record is no longer the one in `If-Match`.",
    413: "The body is larger than a megabyte.",
    415: "The body is not JSON.",
    422: "A field is wrong or unknown, or the playbook refuses the move and says why.",
    429: "Too many calls with this key; Retry-After says when to go on.",
    500: "Something went wrong on our side; `request_id` finds it in the log.",
    503: "Nothing could be stored; Retry-After says when to try again.",
}
_AREAS: Final[Mapping[str, str]] = {
    "prospects": "Who is on the way, what was learnt of them, and their calls.",
    "outreach": "Sequences, their emails and tasks, and the mailboxes they leave by.",
    "meetings": "What was booked, moved, held and missed.",
    "playbook": "The rules, their versions, and what they would do.",
    "webhooks": "What other systems tell, and what they are told.",
    "people": "Reps and the keys of programs, for administrators.",
    "audit": "Who did what.",
    rights.OTHERS: "The installation, and this key.",
}
_PARAMETERS: Final[Mapping[str, dict[str, Any]]] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "1 to 200 signs without blanks. For a day the same key with the same body gets the same answer.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[\\x21-\\x7e]+$"},
    },
    "Language": {
        "name": "Accept-Language",
        "in": "header",
        "required": False,
        "description": "`en` or `bg`, for the sentences in `reason` and `detail`.",
        "schema": {"type": "string", "default": "en"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": "The `ETag` of the record you decided on, or `*`; 412 when it is another by now.",
        "schema": {"type": "string"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "An `ETag` that you have; 304 when the record is still that one.",
        "schema": {"type": "string"},
    },
}
_HEADERS: Final[Mapping[str, dict[str, Any]]] = {
    "ETag": {"description": "Names the record as it is now, for If-Match.", "schema": {"type": "string"}},
    "Location": {"description": "The address of what was made.", "schema": {"type": "string"}},
    "RateLimit": {"description": "`r` calls are left, and all of them again in `t` s.", "schema": {"type": "string"}},
    "RateLimitPolicy": {"description": "`q` calls in `w` seconds for each key.", "schema": {"type": "string"}},
    "RetryAfter": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
}


def document(routes: Iterable[Route], prefix: str) -> dict[str, Any]:
    """The document for `routes`, which lie below `prefix`."""
    routes = tuple(routes)
    used: list[type[BaseModel]] = [Problem]
    used += [route.answer for route in routes]
    used += [route.body for route in routes if route.body is not Nothing]
    _, found = models_json_schema(
        [(model, "validation" if _is_sent(model, routes) else "serialization") for model in dict.fromkeys(used)],
        ref_template=_REF,
    )
    schemas: dict[str, Any] = found["$defs"]
    for schema in schemas.values():
        if "enum" not in schema:
            schema["examples"] = [example(schema, schemas)]
    records = {route.word: route for route in routes if route.reads_one}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(_path(prefix, route), {})[route.method.lower()] = _operation(route, records.get(route.word))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Onward",
            "version": "1",
            "summary": "Prospects, what they are sent, and why.",
            "description": _ABOUT,
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [{"name": area, "description": words} for area, words in _AREAS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": _KEYS}},
        },
    }


_ABOUT: Final = (
    "JSON in and out. Lists answer `items` and `next_cursor`; give that back as `cursor`. Errors are RFC 9457 problem "
    "details. What belongs to somebody else is 404."
)
_KEYS: Final = (
    "A key: `onward key add NAME`, or Settings > Keys. Its role says what it may do at most, its scopes may allow "
    f"less: {', '.join(rights.SCOPES)}. An operation lists the scope that it needs."
)


def _is_sent(model: type[BaseModel], routes: tuple[Route, ...]) -> bool:
    return any(route.body is model for route in routes)


def _path(prefix: str, route: Route) -> str:
    return prefix + re.sub(r"<(\w+)>", r"{\1}", route.path)


def _operation(route: Route, record: Route | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": re.sub("[<> ]", "", f"{route.method.lower()} {route.path}").replace("/", "_"),
        "tags": [route.area],
        "summary": route.summary,
        "description": (route.act.__doc__ or route.summary).strip(),
        "parameters": _parameters(route, record),
        "responses": _responses(route, record),
    }
    if route.needs_scope:
        told["security"] = [{"key": [f"{route.area}:{'write' if route.writes else 'read'}"]}]
    if route.body is not Nothing:
        schema = {"$ref": _REF.format(model=route.body.__name__)}
        told["requestBody"] = {
            "required": not issubclass(route.body, Nothing),
            "content": {"application/json": {"schema": schema}},
        }
    return told


# A list that is kept by key has it in its addresses; all else goes by id.
_UUID: Final = {"type": "string", "format": "uuid"}
_ADDRESS: Final = {"type": "string", "minLength": 1}


def _parameters(route: Route, record: Route | None) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _ADDRESS if name in WORDS else _UUID}
        for name in re.findall(r"<(\w+)>", route.path)
    ]
    properties = route.query.model_json_schema().get("properties", {})
    for name, schema in properties.items():
        description = schema.pop("description", "")
        told.append({"name": name, "in": "query", "required": False, "description": description, "schema": schema})
    named = ["Language"]
    if route.method == "POST":
        named.append("IdempotencyKey")
    if _judged(route, record):
        named.append("IfMatch")
    if route.reads_one:
        named.append("IfNoneMatch")
    return [*told, *({"$ref": f"#/components/parameters/{name}"} for name in named)]


def _judged(route: Route, record: Route | None) -> bool:
    """Whether If-Match is asked about."""
    return record is not None and route.writes and "<id>" in route.path


def _responses(route: Route, record: Route | None) -> dict[str, Any]:
    refusals = {*_ALWAYS, 403, *route.refusals}
    if route.writes:
        refusals |= {413, 415}
    if route.method == "POST":
        refusals.add(409)
    if _judged(route, record):
        refusals.add(412)
    if "<id>" in route.path:
        refusals.add(404)
    if not route.needs_scope and route.right is None:
        refusals.discard(403)
    told = {str(route.status): _response(route.status, route.answer.__name__, "application/json")}
    headers = told[str(route.status)]["headers"]
    if route.status == HTTPStatus.CREATED:
        headers["Location"] = {"$ref": "#/components/headers/Location"}
    if record is not None and record.answer is route.answer:
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    if route.reads_one:
        told["304"] = {"description": _WORDS[304]}
    return told | {
        str(status): _response(status, Problem.__name__, "application/problem+json") for status in sorted(refusals)
    }


def _response(status: int, model: str, kind: str) -> dict[str, Any]:
    headers = {}
    if status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED):
        headers["RateLimit"] = {"$ref": "#/components/headers/RateLimit"}
        headers["RateLimit-Policy"] = {"$ref": "#/components/headers/RateLimitPolicy"}
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    schema = {"$ref": _REF.format(model=model)}
    return {"description": _WORDS[status], "headers": headers, "content": {kind: {"schema": schema}}}
