"""Working fakes of HubSpot's and Pipedrive's API: a small account in memory behind a real HTTP server of this host.

They hold to what the vendors document of paths, pages, limits and errors, as far as `hubspot` and `pipedrive` use it.
For tests and for trying things out; nothing of the product runs on them.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Protocol, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TOKEN: Final = "pat-eu1-a-token-of-the-fake"  # noqa: S105 - of the fake
_NONE_LEFT: Final = 429
_HISTORY: Final = ("dealstage", "hs_lead_status", "lifecyclestage")
_CHANGED: Final = {"deals": "hs_lastmodifieddate", "contacts": "lastmodifieddate", "companies": "hs_lastmodifieddate"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that came."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    token: str


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: a status, what is in it, and headers."""

    code: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Account(Protocol):
    """What stands behind a fake server."""

    def answer(self, asked: Asked) -> Told:
        """The answer to a call with a good token."""


@dataclass(slots=True)
class FakeServer:
    """An account over HTTP on this host. `faults` are answered first, one to each call; `asked` keeps what came.

    With `limit` so many calls are answered and the next one is told to wait; then so many again.
    """

    account: Account
    faults: list[Told] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    limit: int = 0
    retry_after_s: int = 1
    token: str = TOKEN
    _left: int = 0
    _server: ThreadingHTTPServer | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Where it is."""
        assert self._server is not None  # noqa: S101 - started
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Start it."""
        self._left = self.limit
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.take))
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def take(self, asked: Asked) -> Told:
        """Answer a call."""
        with self._turn:
            self.asked.append(asked)
            if asked.token != self.token:
                return Told(401, {"message": f"The token {asked.token} is not good."})
            if self.faults:
                return self.faults.pop(0)
            if self.limit and self._left == 0:
                self._left = self.limit
                return Told(_NONE_LEFT, {"message": "limit"}, {"Retry-After": str(self.retry_after_s)})
            self._left -= 1
            return self.account.answer(asked)


class FakeHubSpot:
    """An account at HubSpot. `now` tells the time at which things change there."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.objects: dict[str, dict[str, dict[str, Any]]] = {"deals": {}, "contacts": {}, "companies": {}}
        self.near: dict[str, list[str]] = {}
        self.stages = {"appointmentscheduled", "qualifiedtobuy", "contractsent", "closedwon", "closedlost"}

    def put(self, kind: str, about: str, *, near: Iterable[str] = (), **told: str) -> None:
        """Make an object or change it; `near` names what it belongs to, such as `contacts:55`."""
        at = self.now()
        row = self.objects[kind].setdefault(about, {"made": at, "properties": {}, "history": {}})
        row["properties"] |= {**told, _CHANGED[kind]: _iso(at)}
        row["properties"].setdefault("createdate", _iso(row["made"]))
        for name in set(told) & set(_HISTORY):
            row["history"].setdefault(name, []).insert(0, {"value": told[name], "timestamp": _iso(at)})
        for other in near:
            self.near.setdefault(f"{kind}:{about}", []).append(other)
            self.near.setdefault(other, []).append(f"{kind}:{about}")

    def answer(self, asked: Asked) -> Told:
        """The answer to a call."""
        match asked.method, asked.path.strip("/").split("/"):
            case "GET", ["crm", "v3", "objects", kind, about]:
                return self._read(kind, about, asked.query)
            case "PATCH", ["crm", "v3", "objects", kind, about]:
                return self._write(kind, about, asked.body["properties"])
            case "POST", ["crm", "v3", "objects", kind, "batch", "read"]:
                return self._batch(kind, asked.body)
            case "POST", ["crm", "v3", "objects", kind, "search"]:
                return self._search(kind, asked.body)
            case "POST", ["crm", "v4", "associations", kind, other, "batch", "read"]:
                return Told(200, {"results": self._associated(kind, other, asked.body)})
            case "GET", ["crm", "v3", "pipelines", "deals"]:
                stages = [{"id": each, "label": each} for each in sorted(self.stages)]
                return Told(200, {"results": [{"id": "default", "label": "Sales", "stages": stages}]})
        return Told(404, {"message": "no such address"})

    def _read(self, kind: str, about: str, query: Mapping[str, str]) -> Told:
        if about not in self.objects[kind]:
            return Told(404, {"message": "resource not found"})
        row = self._row(kind, about, query.get("properties", "").split(","))
        for other in filter(None, query.get("associations", "").split(",")):
            found = [{"id": each} for each in self._others(kind, about, other)]
            row.setdefault("associations", {})[other] = {"results": found}
        return Told(200, row)

    def _write(self, kind: str, about: str, told: Mapping[str, str]) -> Told:
        if about not in self.objects[kind]:
            return Told(404, {"message": "resource not found"})
        if told.get("dealstage", "closedwon") not in self.stages:
            return Told(400, {"message": f"{told['dealstage']} was not one of the allowed options"})
        self.put(kind, about, **told)
        return Told(200, self._row(kind, about, list(told)))

    def _batch(self, kind: str, body: Mapping[str, Any]) -> Told:
        rows = []
        for about in (each["id"] for each in body["inputs"]):
            if about in self.objects[kind]:
                row = self._row(kind, about, body["properties"])
                history = self.objects[kind][about]["history"]
                row["propertiesWithHistory"] = {
                    name: history.get(name, []) for name in body.get("propertiesWithHistory", ())
                }
                rows.append(row)
        return Told(200 if len(rows) == len(body["inputs"]) else 207, {"results": rows})

    def _search(self, kind: str, body: Mapping[str, Any]) -> Told:
        (asked,) = body["filterGroups"][0]["filters"]
        since, name = datetime.fromtimestamp(int(asked["value"]) / 1000, UTC), asked["propertyName"]
        rows = [
            (row["properties"][name], about)
            for about, row in self.objects[kind].items()
            if datetime.fromisoformat(row["properties"][name]) >= since
        ]
        start, limit = int(body.get("after", "0")), body["limit"]
        some = [self._row(kind, about, body["properties"]) for _, about in sorted(rows)[start : start + limit]]
        more = {"paging": {"next": {"after": str(start + limit)}}} if start + limit < len(rows) else {}
        return Told(200, {"total": len(rows), "results": some, **more})

    def _associated(self, kind: str, other: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            {"from": {"id": each["id"]}, "to": [{"toObjectId": int(about)} for about in found]}
            for each in body["inputs"]
            if (found := self._others(kind, each["id"], other))
        ]

    def _others(self, kind: str, about: str, other: str) -> list[str]:
        near = self.near.get(f"{kind}:{about}", [])
        return [each.partition(":")[2] for each in near if each.startswith(f"{other}:")]

    def _row(self, kind: str, about: str, names: Iterable[str]) -> dict[str, Any]:
        row = self.objects[kind][about]
        told = {name: row["properties"].get(name) for name in (*names, "createdate", _CHANGED[kind])}
        return {"id": about, "properties": told, "updatedAt": row["properties"][_CHANGED[kind]]}


class FakePipedrive:
    """An account at Pipedrive. Times are told there to the second."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.objects: dict[str, dict[int, dict[str, Any]]] = {"deals": {}, "persons": {}, "organizations": {}}
        self.stages = {1: "Qualified", 2: "Contact made", 3: "Proposal"}

    def put(self, kind: str, about: int, **told: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Make an object or change it."""
        at = _iso(self.now().replace(microsecond=0))
        row = self.objects[kind].setdefault(about, {"id": about, "add_time": at})
        if "stage_id" in told and row.get("stage_id") not in (None, told["stage_id"]):
            row["stage_change_time"] = at
        if told.get("status") in ("won", "lost") and row.get("status") != told["status"]:
            row[f"{told['status']}_time"] = at
        row |= {**told, "update_time": at}
        return row

    def answer(self, asked: Asked) -> Told:
        """The answer to a call."""
        match asked.method, asked.path.strip("/").split("/"):
            case "GET", ["api", "v2", "stages"]:
                rows = [{"id": each, "name": name, "pipeline_id": 1} for each, name in self.stages.items()]
                return Told(200, {"success": True, "data": rows})
            case "GET", ["api", "v2", "pipelines"]:
                return Told(200, {"success": True, "data": [{"id": 1, "name": "Sales"}]})
            case "GET", ["api", "v2", kind]:
                return self._list(kind, asked.query)
            case "GET", ["api", "v2", kind, about] if int(about) in self.objects[kind]:
                return Told(200, {"success": True, "data": self.objects[kind][int(about)]})
            case "PATCH", ["api", "v2", "deals", about] if int(about) in self.objects["deals"]:
                if asked.body.get("stage_id", 1) not in self.stages:
                    return Told(400, {"success": False, "error": "Validation failed: stage_id"})
                return Told(200, {"success": True, "data": self.put("deals", int(about), **asked.body)})
        return Told(404, {"success": False, "error": "not found"})

    def _list(self, kind: str, query: Mapping[str, str]) -> Told:
        rows = list(self.objects[kind].values())
        if "ids" in query:
            rows = [row for row in rows if str(row["id"]) in query["ids"].split(",")]
        for name in ("person_id", "org_id", "status"):
            if name in query:
                rows = [row for row in rows if str(row.get(name)) == query[name]]
        if "updated_since" in query:
            since = datetime.fromisoformat(query["updated_since"])
            rows = [row for row in rows if datetime.fromisoformat(row["update_time"]) >= since]
        rows.sort(key=lambda row: row["update_time"], reverse=query.get("sort_direction") == "desc")
        start, limit = int(query.get("cursor", "0")), int(query.get("limit", "100"))
        more = str(start + limit) if start + limit < len(rows) else None
        return Told(
            200, {"success": True, "data": rows[start : start + limit], "additional_data": {"next_cursor": more}}
        )


def _handler(take: Callable[[Asked], Told]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def do_PATCH(self) -> None:
            self._answer("PATCH")

        def _answer(self, method: str) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
            told = take(Asked(method, parts.path, query, body, bearer or self.headers.get("x-api-token", "")))
            sent = json.dumps(told.body).encode() if told.body is not None else b""
            self.send_response(told.code)
            for name, value in {**told.headers, "Content-Length": str(len(sent))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
            """Say nothing."""

    return Handler


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
