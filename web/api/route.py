"""A route of the API as a value: what it takes, gives and refuses. Server and OpenAPI document read the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import BaseModel

from web.api.models import Nothing, Query
from workflow import rights
from workflow.reports.scope import Viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workflow.actions.people import Key
    from workflow.actions.prospects import Who
    from workflow.rights import Action
    from workflow.workspace import Workspace

WORDS: Final = frozenset({"key", "name", "language"})
"""Parts of an address that are words; all others are ids."""
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call:
    """One call that has passed the door: who calls, and what was sent, checked."""

    ws: Workspace
    key: Key
    who: Who
    language: str
    params: Mapping[str, str]
    sent: BaseModel
    asked: BaseModel

    def body(self, model: type[M]) -> M:
        """The body, which the route declares to be a `model`."""
        return _as(model, self.sent)

    def query(self, model: type[M]) -> M:
        """The query, which the route declares to be a `model`."""
        return _as(model, self.asked)

    @property
    def id(self) -> str:
        """The id in the address; it has the form of one."""
        return self.params["id"]

    @property
    def viewer(self) -> Viewer:
        """Whose eyes the answer is for. The door asked for the id in the address; lists must ask themselves."""
        return Viewer(self.key.rep_id or "", self.key.role)


@dataclass(frozen=True, slots=True)
class Route:
    """One address and method. `refusals` are the statuses it may answer beside those that every route may.

    `secrets` are the fields of the answer that are told once, and null when an Idempotency-Key asks for it again.
    """

    method: str
    path: str
    summary: str
    act: Callable[[Call], BaseModel]
    answer: type[BaseModel]
    body: type[BaseModel] = Nothing
    query: type[BaseModel] = Query
    right: Action | None = None
    status: int = 200
    refusals: tuple[int, ...] = ()
    needs_scope: bool = True
    secrets: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """The first word of the address, which names the kind of record."""
        return self.path.split("/")[1]

    @property
    def area(self) -> str:
        """The area that a key needs a scope for."""
        return rights.area_of(self.path)

    @property
    def writes(self) -> bool:
        """Whether a call changes something."""
        return self.method != "GET"

    @property
    def reads_one(self) -> bool:
        """Whether this gives a single record, which then has an ETag."""
        return not self.writes and self.path == f"/{self.word}/<id>"


def _as(model: type[M], value: BaseModel) -> M:
    if not isinstance(value, model):
        raise TypeError(model)
    return value
