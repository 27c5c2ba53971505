"""A route of the API as a value: what it takes, gives and refuses. Server and OpenAPI document read the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from web.api.models import Nothing, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workflow.actions.people import Key
    from workflow.actions.prospects import Who
    from workflow.rights import Action
    from workflow.workspace import Workspace

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


@dataclass(frozen=True, slots=True)
class Route:
    """One address and method. `refusals` are the statuses it may answer beside those that every route may."""

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


def _as(model: type[M], value: BaseModel) -> M:
    if not isinstance(value, model):
        raise TypeError(model)
    return value
