"""The one map from our errors to HTTP, in the words of whoever asked: problem details, plain JSON, or a page.

Tells the sentence of an error that has one and nothing of what lies behind it. What we did not expect is logged once,
under the id that its answer carries.
"""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from flask import Response, current_app, g, request
from markupsafe import escape
from werkzeug.exceptions import HTTPException

from web.i18n import later
from workflow import ids
from workflow.errors import BadInput, Conflict, Forbidden, NotFound, OnwardError, PlaybookError, Unavailable
from workflow.records.db import CommitUnknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask

PAGE: Final = "onward_error_page"
"""Under this name in `app.extensions` the panel may put `page(status, sentence) -> str`, its own page for an error."""
RETRY_AFTER_S: Final = 30
_LOG = logging.getLogger(__name__)
_STATUS: Final[Mapping[type[OnwardError], int]] = {
    BadInput: 422,
    PlaybookError: 422,
    NotFound: 404,
    Conflict: 409,
    Forbidden: 403,
    Unavailable: 503,
    CommitUnknown: 503,
}
_OURS: Final = "Something went wrong on our side; the log tells more under this id: {id}"
_SENTENCES: Final[Mapping[int, str]] = {
    400: later("The request cannot be understood."),
    401: later("Sign in first, or send a valid key."),
    404: later("There is nothing at this address."),
    405: later("This address does not take that method."),
    408: later("The request took too long to arrive."),
    413: later("The request is too large."),
    415: later("Send JSON, with the content type application/json."),
    429: later("Too many requests: wait a little."),
    503: later("Nothing could be stored just now: try again in half a minute."),
}


def register(app: Flask) -> None:
    """Answer every error of `app` by this map."""
    app.register_error_handler(OnwardError, answer_to)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def request_id() -> str:
    """The id of the request at hand, made when it is first asked for."""
    if "request_id" not in g:
        g.request_id = ids.new_id()
    told: str = g.request_id
    return told


def problem(status: int, detail: str, **more: Any) -> Response:  # noqa: ANN401 - JSON
    """An answer after RFC 9457: what kind of problem by its status, and in `detail` one sentence."""
    told = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return Response(json.dumps(told, ensure_ascii=False), status, mimetype="application/problem+json")


def status_of(error: OnwardError) -> int:
    """The status that an error of ours becomes; 500 for one that is nobody's fault but ours."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)


def answer_to(error: OnwardError) -> Response:
    """The answer that an error of ours becomes, in the words of whoever asked."""
    status = status_of(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unexpected(error)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        # Its cause names tables and hosts: that is for the log.
        _LOG.warning("unavailable: %s, request %s", type(error.__cause__ or error).__name__, request_id())
        return _answer(status, _SENTENCES[status])
    field = getattr(error, "field", "")
    more: dict[str, Any] = {"errors": [{"field": field, "detail": error.message}]} if field else {}
    if isinstance(error, PlaybookError):
        more["findings"] = [finding._asdict() for finding in error.findings]
    return _answer(status, error.message, **more)


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.SERVICE_UNAVAILABLE:
        return _unexpected(error)
    if status < HTTPStatus.BAD_REQUEST:
        # A redirect that routing asks for.
        return Response(status=status, headers=error.get_headers())
    # A sentence that we gave ourselves stands; those of the library are written for developers.
    own = error.description if error.description != type(error).description else None
    told = _answer(status, own or _SENTENCES.get(status) or HTTPStatus(status).phrase)
    for name, value in error.get_headers():
        if name in ("Allow", "WWW-Authenticate", "Retry-After"):
            told.headers[name] = value
    return told


def _unexpected(error: Exception) -> Response:
    _LOG.error("unexpected error, request %s: %s %s", request_id(), request.method, request.path, exc_info=error)
    if request.path.startswith("/webhooks/"):
        # Whatever it was, the transaction was undone: the sender must bring it again.
        return _answer(503, _SENTENCES[503])
    return _answer(500, _OURS.format(id=request_id()), request_id=request_id())


def _answer(status: int, sentence: str, **more: Any) -> Response:  # noqa: ANN401 - JSON
    if request.path.startswith("/webhooks/"):
        told = Response(json.dumps({"error": sentence}, ensure_ascii=False), status, mimetype="application/json")
    elif request.path.startswith("/api/"):
        told = problem(status, sentence, **more)
    else:
        page: Callable[[int, str], str] = current_app.extensions.get(PAGE, _plain_page)
        told = Response(page(status, sentence), status, mimetype="text/html")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        told.headers["Retry-After"] = str(RETRY_AFTER_S)
    return told


def _plain_page(status: int, sentence: str) -> str:
    title = HTTPStatus(status).phrase
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><h1>{title}</h1><p>{escape(sentence)}</p><p><a href='/'>Onward</a></p></html>"
    )
