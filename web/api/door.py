"""The door of the API: every call passes the same checks, in the same order, before its route is asked.

Key, rate, right and scope, address, whose record, query, body, If-Match. What does not pass never reaches a route.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from math import ceil
from typing import TYPE_CHECKING, Final

from flask import Response, g, request
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, TooManyRequests, Unauthorized, UnsupportedMediaType

from web.api import tags
from web.api.idempotent import Once
from web.api.models import Nothing
from web.api.refusal import Refusal
from web.api.route import WORDS, Call, Route
from web.errors import problem, request_id
from web.security import is_local, raw_body
from web.strict import Unreadable, loads
from workflow import ids, rights
from workflow.actions import people
from workflow.actions.prospects import Who
from workflow.errors import Forbidden, NotFound
from workflow.reports import scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from web.api.limits import Buckets
    from workflow.actions.people import Key
    from workflow.workspace import Workspace

_BEARER: Final = re.compile(r"bearer +(\S+)", re.IGNORECASE)
_KEY_NAMES: Final = frozenset({"key", "api_key", "apikey", "api-key", "token", "access_token"})
_JSON: Final = re.compile(r"application/(?:[a-z.-]+\+)?json")
_MOST_ERRORS: Final = 20
_LANGUAGES: Final = ("en", "bg")
_WORDS: Final[Mapping[str, str]] = {"extra_forbidden": "is unknown here", "missing": "is missing"}


@dataclass(frozen=True, slots=True)
class Door:
    """The checks before one route."""

    ws: Workspace
    route: Route
    buckets: Buckets
    record: Route | None = None
    """The route that reads the single record at this address, by which If-Match is judged."""

    def __call__(self, **params: str) -> Response:
        """Let a call in, or answer why not."""
        key = self._key()
        self._check_right(key)
        if not all(ids.is_id(value) for name, value in params.items() if name not in WORDS):
            raise NotFound
        if "id" in params:
            with self.ws.database.read() as tx:
                scope.check(tx, scope.Viewer(key.rep_id or "", key.role), self.route.word, params["id"])
        raw = raw_body(request) if self.route.method != "GET" else b""
        try:
            asked = self.route.query.model_validate(request.args.to_dict())
            sent = _body(raw, self.route.body)
        except ValidationError as error:
            return _wrong(error)
        language = _language()
        who = Who(f"api:{key.name}", f"request:{request_id()}")
        call = Call(self.ws.acting(who.actor), key, who, language, params, sent, asked)
        name = request.headers.get("Idempotency-Key")
        if name is None or self.route.method != "POST":
            return self._run(call)
        once = Once(self.ws, key.id, name, _fingerprint(raw), self.route.secrets)
        return _located(once.answer(lambda: self._run(call)))

    def _check_right(self, key: Key) -> None:
        route = self.route
        if route.right is not None and not rights.may(key.role, route.right):
            raise Forbidden(f"A key with the role “{key.role}” may not do this.")
        if route.needs_scope and not rights.covers(key.scopes, route.area, write=route.writes):
            wanted = f"{route.area}:{'write' if route.writes else 'read'}"
            raise Forbidden(f"This key is not for that: it needs the scope “{wanted}”.")

    def _key(self) -> Key:
        if any(name.lower() in _KEY_NAMES or value.startswith("ak_") for name, value in request.args.items()):
            raise BadRequest(
                "A key in an address ends up in logs: send it as “Authorization: Bearer …”; change this one."
            )
        given = _BEARER.fullmatch(request.headers.get("Authorization", "").strip())
        key = people.key_of(self.ws, given[1]) if given else None
        if key is None:
            sentence = "Send a valid key as “Authorization: Bearer ak_…”."
            raise Unauthorized(sentence, www_authenticate=WWWAuthenticate("bearer"))
        wait = 0.0 if is_local(request) else self.buckets.take(key.id)
        g.rate_limit = self.buckets.told(key.id)
        if wait:
            raise TooManyRequests("Too many calls with this key: wait a little.", retry_after=ceil(wait))
        return key

    def _run(self, call: Call) -> Response:
        try:
            told = self.route.act(self._unchanged(call))
        except Refusal as refusal:
            return _refused(refusal, call.language)
        except tags.Changed as changed:
            return problem(412, changed.message)
        body = told.model_dump_json(by_alias=True)
        answer = Response(body, self.route.status, mimetype="application/json")
        answer.vary.add("Accept-Language")
        if self.record is not None and self.record.answer is type(told):
            answer.set_etag(tags.of(told))
            if self.route is self.record:
                answer.make_conditional(request.environ)
        return _located(answer)

    def _unchanged(self, call: Call) -> Call:
        """The call, once the record is as If-Match says, and held to that until it has written.

        A record that counts versions is held to its version; any other is read once more when nobody else writes.
        Raises tags.Changed, then as now.
        """
        if self.record is None or not self.route.writes or "If-Match" not in request.headers or "id" not in call.params:
            return call
        record, asked = self.record, replace(call, sent=Nothing(), asked=self.record.query())
        wanted = request.if_match
        now = record.act(asked)
        tags.check(wanted, now)
        version = getattr(now, "version", None)
        if version is None or "version" not in type(call.sent).model_fields:
            held = call.ws.database.held_to(lambda: tags.check(wanted, record.act(asked)))
            return replace(call, ws=replace(call.ws, database=held))
        if getattr(call.sent, "version", None) is not None:
            return call
        return replace(call, sent=call.sent.model_copy(update={"version": version}))


def _located(answer: Response) -> Response:
    """Say where a new record is, also when the answer is told once more."""
    if answer.status_code == HTTPStatus.CREATED:
        answer.headers["Location"] = f"{request.path}/{json.loads(answer.get_data()).get('id', '')}"
    return answer


def _language() -> str:
    """The language of sentences: the first we have of those the caller accepts; bg-BG is bg."""
    wanted = (name.partition("-")[0].lower() for name in request.accept_languages.values())
    return next((name for name in wanted if name in _LANGUAGES), _LANGUAGES[0])


def _body(raw: bytes, model: type[BaseModel]) -> BaseModel:
    if not raw.strip() and issubclass(model, Nothing):
        return model()
    if raw and not (_JSON.fullmatch(request.mimetype) and request.headers.get("Content-Encoding") is None):
        raise UnsupportedMediaType("Send JSON as it is, with the content type application/json.")
    try:
        told = loads(raw)
    except Unreadable as error:
        raise BadRequest(error.message) from error
    return model.model_validate(told)


def _wrong(error: ValidationError) -> Response:
    """Every field that is wrong, by name; what it held is not repeated."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    errors = [
        {"field": ".".join(str(part) for part in each["loc"]), "detail": _WORDS.get(each["type"], each["msg"])}
        for each in found[:_MOST_ERRORS]
    ]
    told = "; ".join(f"“{each['field']}” {each['detail']}" if each["field"] else each["detail"] for each in errors)
    return problem(422, f"{told}.", errors=errors)


def _refused(refusal: Refusal, language: str) -> Response:
    decision = refusal.decision
    reasons = [{"code": each.code, "en": each.words("en"), "bg": each.words("bg")} for each in decision.reasons]
    status = 409 if decision.verdict == "stale" else 422
    detail = " ".join(each.words(language) for each in decision.reasons) or refusal.message
    return problem(status, detail, outcome=decision.verdict, stage=decision.stage, reasons=reasons)


def _fingerprint(raw: bytes) -> str:
    return hashlib.sha256(f"{request.method} {request.path}\n".encode() + raw).hexdigest()
