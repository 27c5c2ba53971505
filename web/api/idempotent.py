"""`Idempotency-Key`: a POST that is sent again gets the answer it had, and does nothing a second time.

The key is stored before anything is done. What failed on our side is forgotten, so that it may be tried again.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from flask import Response
from sqlalchemy import delete, select, update
from werkzeug.exceptions import BadRequest

from web.errors import answer_to
from workflow.errors import BadInput, Conflict, OnwardError
from workflow.records import upserts
from workflow.records.models import IdempotentAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement

    from workflow.records.db import Tx
    from workflow.workspace import Workspace

KEPT_FOR: Final = timedelta(hours=24)
# A call takes a second or two. What has no answer after a minute has lost its process.
_GIVEN_UP: Final = timedelta(minutes=1)
_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")
_SERVER_ERROR: Final = 500
_CLIENT_ERROR: Final = 400


@dataclass(frozen=True, slots=True)
class Once:
    """One call that must happen once: whose key, which `Idempotency-Key`, and a digest of what was sent."""

    ws: Workspace
    api_key_id: str
    key: str
    fingerprint: str
    secrets: tuple[str, ...] = ()
    """Fields of the answer that are told once and never kept: they are null when it is told again."""

    def answer(self, run: Callable[[], Response]) -> Response:
        """What `run` answers, or what it answered the first time. Raises BadInput and Conflict."""
        if not _KEY.fullmatch(self.key):
            raise BadRequest("“Idempotency-Key” must be 1 to 200 signs of ASCII without blanks.")
        begun = self.ws.database.transact(self._begin)
        if isinstance(begun, Response):
            return begun
        answer: Response | None = None
        try:
            answer = _complete(run)
        finally:
            self._end(begun, answer)
        return answer

    def _begin(self, tx: Tx) -> datetime | Response:
        """The time under which this call is noted, or the answer that there is already."""
        row = {"api_key_id": self.api_key_id, "key": self.key, "request_hash": self.fingerprint, "at": tx.now}
        if upserts.insert_new(tx, IdempotentAnswer, row):
            return tx.now
        known = tx.conn.execute(
            select(
                IdempotentAnswer.request_hash, IdempotentAnswer.status, IdempotentAnswer.body, IdempotentAnswer.at
            ).where(*self._mine())
        ).one_or_none()
        if known is None:
            raise Conflict("A call with this “Idempotency-Key” has just failed: send it again.")
        age = tx.now - known.at
        if age > KEPT_FOR or (known.status is None and age > _GIVEN_UP):
            anew = {"request_hash": self.fingerprint, "status": None, "body": None, "at": tx.now}
            taken = update(IdempotentAnswer).where(*self._mine(), IdempotentAnswer.at == known.at)
            if tx.conn.execute(taken.values(**anew)).rowcount == 1:
                return tx.now
        if known.request_hash != self.fingerprint:
            raise BadInput("This “Idempotency-Key” was used for another call: take a new one.", field="Idempotency-Key")
        if known.status is None:
            raise Conflict("A call with this “Idempotency-Key” is still being worked on: ask again in a moment.")
        return _again(known.status, known.body or "")

    def _end(self, begun: datetime, answer: Response | None) -> None:
        mine = (*self._mine(), IdempotentAnswer.at == begun)
        if answer is None or answer.status_code >= _SERVER_ERROR:
            self.ws.database.transact(lambda tx: tx.conn.execute(delete(IdempotentAnswer).where(*mine)))
            return
        values = {"status": answer.status_code, "body": self._kept(answer)}
        self.ws.database.transact(lambda tx: tx.conn.execute(update(IdempotentAnswer).where(*mine).values(**values)))

    def _kept(self, answer: Response) -> str:
        body = answer.get_data(as_text=True)
        if not self.secrets or answer.status_code >= _CLIENT_ERROR:
            return body
        return json.dumps({**json.loads(body), **dict.fromkeys(self.secrets)}, ensure_ascii=False)

    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        return (IdempotentAnswer.api_key_id == self.api_key_id, IdempotentAnswer.key == self.key)


def _complete(run: Callable[[], Response]) -> Response:
    try:
        return run()
    except OnwardError as error:
        # A refusal is an answer as well, and the same one the next time.
        return answer_to(error)


def _again(status: int, body: str) -> Response:
    kind = "application/problem+json" if status >= _CLIENT_ERROR else "application/json"
    return Response(body, status, {"Idempotent-Replayed": "true"}, mimetype=kind)
