"""The OpenAPI 3.1 document, written from the routes and models that also serve: it cannot say anything else."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import models_json_schema

from web.api.models import Nothing, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel

    from web.api.route import Route

_REF: Final = "#/components/schemas/{model}"
# What any route may answer: a request that is no request, no key, a wrong body, too many calls, and trouble of ours.
_ALWAYS: Final = (400, 401, 422, 429, 500, 503)
_WORDS: Final[Mapping[int, str]] = {
    200: "Done.",
    201: "Made.",
    400: "The request cannot be read.",
    401: "There is no valid key.",
    403: "The role of the key does not allow this.",
    404: "There is nothing with this id.",
    409: "The state or the version is another by now, or a call with this Idempotency-Key is being worked on.",
    413: "The body is larger than a megabyte.",
    415: "The body is not JSON.",
    422: "A field is wrong or unknown, or the playbook refuses the move and says why.",
    429: "Too many calls with this key; Retry-After says when to go on.",
    500: "Something went wrong on our side; `request_id` finds it in the log.",
    503: "Nothing could be stored; Retry-After says when to try again.",
}
_IDEMPOTENCY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any 1 to 200 signs. For a day the same key with the same body gets the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}
_LANGUAGE: Final = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "description": "`en` or `bg`, for the sentences in `reason` and `detail`.",
    "schema": {"type": "string"},
}


def document(routes: Iterable[Route], prefix: str) -> dict[str, Any]:
    """The document for `routes`, which lie below `prefix`."""
    routes = tuple(routes)
    used: list[type[BaseModel]] = [Problem]
    used += [model for route in routes for model in (route.answer, route.body) if model is not Nothing]
    _, schemas = models_json_schema(
        [(model, "validation" if _is_sent(model, routes) else "serialization") for model in dict.fromkeys(used)],
        ref_template=_REF,
    )
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(_path(prefix, route), {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Onward", "version": "1", "description": "Prospects, what they are sent, and why."},
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key: `onward key add`."}},
        },
    }


def _is_sent(model: type[BaseModel], routes: tuple[Route, ...]) -> bool:
    return any(route.body is model for route in routes)


def _path(prefix: str, route: Route) -> str:
    return prefix + re.sub(r"<(\w+)>", r"{\1}", route.path)


def _operation(route: Route) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": f"{route.method.lower()} {route.path}".replace("<id>", "id").replace("/", "_").replace(" ", ""),
        "summary": route.summary,
        "description": (route.act.__doc__ or route.summary).strip(),
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.body is not Nothing:
        schema = {"$ref": _REF.format(model=route.body.__name__)}
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return told


def _parameters(route: Route) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        for name in re.findall(r"<(\w+)>", route.path)
    ]
    properties = route.query.model_json_schema().get("properties", {})
    for name, schema in properties.items():
        description = schema.pop("description", "")
        told.append({"name": name, "in": "query", "required": False, "description": description, "schema": schema})
    if route.method == "POST":
        told.append(dict(_IDEMPOTENCY))
    return [*told, dict(_LANGUAGE)]


def _responses(route: Route) -> dict[str, Any]:
    refusals = {*_ALWAYS, *route.refusals}
    if route.method != "GET":
        refusals |= {413, 415}
    if route.method == "POST":
        refusals.add(409)
    if route.right is not None:
        refusals.add(403)
    told = {str(route.status): _response(route.status, route.answer.__name__, "application/json")}
    if route.status == HTTPStatus.CREATED:
        told["201"]["headers"] = {"Location": {"schema": {"type": "string"}}}
    return told | {
        str(status): _response(status, Problem.__name__, "application/problem+json") for status in sorted(refusals)
    }


def _response(status: int, model: str, kind: str) -> dict[str, Any]:
    return {"description": _WORDS[status], "content": {kind: {"schema": {"$ref": _REF.format(model=model)}}}}
