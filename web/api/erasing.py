"""The API's route that erases a person for good. There is none that brings them back."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - read by pydantic
from typing import Annotated, Final

from pydantic import Field

from web.api.models import Id, Nothing, Reply
from web.api.route import Call, Route
from workflow.actions import erasing


class Erasure(Reply):
    """A person who was erased. Their own records are blank now; bodies of webhooks and files may still be searched."""

    prospect: Id
    erased_at: datetime
    search_is_over: Annotated[bool, Field(description="Whether nothing is left to be searched for their address.")]


def erased(call: Call) -> Erasure:
    """Erase a prospect: names, addresses, emails, notes, answers. What is counted stays. This cannot be undone."""
    done = erasing.erase(call.ws, call.id, call.who)
    return Erasure(prospect=done.prospect_id, erased_at=done.at, search_is_over=done.is_done)


ROUTES: Final = (
    Route(
        "DELETE", "/prospects/<id>", "Erase a prospect", erased, Erasure, Nothing, right="erase", refusals=(404, 409)
    ),
)
