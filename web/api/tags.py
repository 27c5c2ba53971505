"""ETags of single records: what If-Match and If-None-Match are compared with.

A tag is a digest of the record as it was told, in the language it was told in.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from workflow.errors import OnwardError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from werkzeug.datastructures import ETags

_DIGITS = 32


class Changed(OnwardError):
    """The record is no longer the one that was read: read it again and decide anew."""

    def __init__(self) -> None:
        super().__init__("The record is no longer the one in “If-Match”: read it again and decide anew.")


def of(told: BaseModel) -> str:
    """The tag of a record."""
    return hashlib.sha256(told.model_dump_json(by_alias=True).encode()).hexdigest()[:_DIGITS]


def check(wanted: ETags, now: BaseModel) -> None:
    """Raises Changed when `now` is none of the records that are `wanted`."""
    if not wanted.contains(of(now)):
        raise Changed
