"""The link that ends every email: for whom it is, and by which enrollment they got the email it stands in.

Links of the releases before name the prospect alone and hold for ever. Knows no page and no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from workflow.ids import is_id
from workflow.mail import tokens

SELF_TEST: Final = "self-test"
"""Stands for nobody: the link by which the product tests that looking changes nothing."""
_PURPOSE: Final = "unsubscribe"


@dataclass(frozen=True, slots=True)
class Link:
    """Whom a link is for; `prospect_id` is SELF_TEST for the product's own."""

    prospect_id: str
    enrollment_id: str | None = None


def sign(link: Link, key: str) -> str:
    """The token of a link, the same every time."""
    return tokens.sign(_PURPOSE, ".".join(filter(None, (link.prospect_id, link.enrollment_id))), key)


def read(token: str, key: str) -> Link | None:
    """The link of a token that was signed with `key`; None for everything else."""
    payload = tokens.read(_PURPOSE, token, key)
    prospect_id, _dot, enrollment_id = (payload or "").partition(".")
    if prospect_id == SELF_TEST:
        return Link(SELF_TEST)
    if not is_id(prospect_id) or (enrollment_id and not is_id(enrollment_id)):
        return None
    return Link(prospect_id, enrollment_id or None)
