"""The kinds of sources there are, each with its adapter: a new kind is one file and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from web.webhooks.adapter import Adapter, Headers, parcel
from web.webhooks.standard import ADAPTER as STANDARD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.actions.inbox import Parcel

ADAPTERS: Final[Mapping[str, Adapter]] = {"standard": STANDARD}


def read_again(kind: str, body: bytes, headers: Headers) -> Parcel:
    """A kept delivery as its adapter understands it today, for a replay. Raises KeyError for a kind that is gone."""
    return parcel(ADAPTERS[kind], headers, body)
