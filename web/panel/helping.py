"""Help: the pages of the manual inside the panel, readable without any network but ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from web.manual import contents, text
from web.panel.frame import page
from workflow.errors import NotFound

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue


def add_routes(routes: Blueprint) -> None:
    """Add what this module answers."""
    routes.add_url_rule("/help", view_func=whole, methods=["GET"])
    routes.add_url_rule("/help/<path:name>", view_func=one, methods=["GET"])


def whole() -> ResponseReturnValue:
    """The pages of the manual."""
    return page("help", here="help", contents=contents())


def one(name: str) -> ResponseReturnValue:
    """One page of the manual."""
    found = text(name)
    if found is None:
        raise NotFound
    return page("help_page", here="help", text=found)
