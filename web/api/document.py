"""Where the API describes itself: the OpenAPI document, and a page that shows it. Open to everybody."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from flask import Response

from web.api.openapi import document
from web.pages import register as register_pages
from web.pages import render

if TYPE_CHECKING:
    from flask import Flask

    from web.api.route import Route
    from workflow.workspace import Workspace


def register(app: Flask, ws: Workspace, routes: tuple[Route, ...], prefix: str) -> None:
    """Add the two addresses to `app`."""
    register_pages(app, ws)
    address = f"{prefix}/openapi.json"

    def openapi() -> Response:
        return Response(_written(routes, prefix), mimetype="application/json")

    def docs() -> Response:
        return Response(render("public/api.html", {"document": address}), mimetype="text/html")

    app.add_url_rule(address, "openapi", openapi, methods=["GET"])
    app.add_url_rule("/api/docs", "api docs", docs, methods=["GET"])


@cache
def _written(routes: tuple[Route, ...], prefix: str) -> str:
    return json.dumps(document(routes, prefix), ensure_ascii=False, indent=1)
