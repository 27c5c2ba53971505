"""A client of the Onward API in one page: copy it and change it. Needs Python 3.11 and nothing else.

    ONWARD_KEY=ak_… python client.py http://127.0.0.1:8000

Repeats a call that failed on the way, waits when told to, and never does a thing twice: see `call`.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIES = 4


class Prospect(TypedDict):
    """The fields this program reads; the document at /api/docs has all of them."""

    id: str
    email: str
    name: str
    stage: str
    version: int


class Refused(Exception):
    """The API said no: `status` and `problem` (RFC 9457) say why."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status}: {problem.get('detail')}")
        self.status, self.problem = status, problem


@dataclass(frozen=True)
class Onward:
    """One installation, by its address and a key."""

    base: str
    key: str

    def call(self, method: str, path: str, body: object = None, **query: str) -> Any:  # noqa: ANN401 - JSON
        """One call. A POST carries an Idempotency-Key, so that repeating it is safe. Raises Refused."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        address = f"{self.base}/api/v1{path}" + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        for last in (False,) * (TRIES - 1) + (True,):
            try:
                with urlopen(Request(address, data, headers, method=method), timeout=30) as answer:  # noqa: S310 - ours
                    return json.load(answer)
            except HTTPError as error:
                if last or error.code not in (429, 502, 503, 504):
                    raise Refused(error.code, json.load(error)) from error
                time.sleep(float(error.headers.get("Retry-After", 1)))
            except URLError:
                if last:
                    raise
                time.sleep(1)
        raise AssertionError

    def pages(self, path: str, **query: str) -> Iterator[Any]:
        """Every row of a list, page after page."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.call("GET", path, **query, cursor=cursor)
            yield from page["items"]
            cursor = page["next_cursor"]

    def move(self, prospect: Prospect, trigger: str, **needed: str) -> Prospect:
        """Move a prospect. Refused is 409 when somebody was faster, 422 with `reasons` when something is missing."""
        body = {"trigger": trigger, "version": prospect["version"], **needed}
        moved: Prospect = self.call("POST", f"/prospects/{prospect['id']}/moves", body)
        return moved


def main(base: str) -> None:
    """Make a prospect, tell of a call, and print what will be sent."""
    onward = Onward(base, os.environ["ONWARD_KEY"])
    email = f"ana-{uuid.uuid4().hex[:6]}@example.com"
    ana: Prospect = onward.call("POST", "/prospects", {"email": email, "name": "Ana Petrova", "language": "bg"})
    ana = onward.call("POST", f"/prospects/{ana['id']}/calls", {"minutes": 25, "version": ana["version"]})
    print(ana["name"], "is at", ana["stage"])
    for touch in onward.pages(f"/prospects/{ana['id']}/touches"):
        print(touch["due_at"], touch["kind"], touch["step"], touch["reason"])


if __name__ == "__main__":
    main(sys.argv[1])
