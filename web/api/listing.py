"""What the lists of the API share: how to ask for a page, and how to answer with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import Field

from web.api import cursor
from web.api.models import Listed, Moment, Reply
from workflow.reports.records import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from web.api.route import Call
    from workflow.reports.paging import Asked, Page

T = TypeVar("T")
_ID_OR_NOTHING = "^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$"
Key = Annotated[str, Field(max_length=100)]


class Sorted(Listed):
    """A list with an order; each list narrows `sort` to the columns it may go by."""

    sort: str = ""


class OfProspects(Sorted):
    """A list over many prospects, or of one."""

    prospect: Annotated[str, Field(pattern=_ID_OR_NOTHING, description="The id of a prospect.")] = ""
    since: Moment | None = None
    until: Moment | None = None


class List(Reply):
    """A page of a list."""

    next_cursor: Annotated[str | None, Field(description="Where the next page begins; null on the last.")]


def short(call: Call, items: Iterable[T]) -> tuple[tuple[T, ...], str | None]:
    """The page that is asked for of a list that is read whole, and where the next one begins. Raises BadInput."""
    asked, whole = call.query(Listed), tuple(items)
    begin = cursor.number(asked.cursor)
    end = begin + asked.limit
    return whole[begin:end], cursor.wrap(end) if end < len(whole) else None


def place(asked: Sorted) -> Asked:
    """The page that is asked for. Raises BadInput."""
    return cursor.asked(asked.cursor, asked.sort, asked.limit)


def wanted(asked: OfProspects, **more: str) -> Wanted:
    """Which rows are asked for."""
    return Wanted(prospect=asked.prospect, since=asked.since, until=asked.until, **more)


def behind(asked: Sorted, page: Page) -> str | None:
    """Where the next page begins."""
    return cursor.wrap_sorted(asked.sort, page.next)
