"""The web: HTTP in, words out. Puts the application together and owns no route itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

from web.api.mount import register as register_api
from web.errors import register as register_errors
from web.health import register as register_health
from web.panel import register as register_panel
from web.public import register as register_public
from web.security import register as register_security
from web.webhooks.receive import host_time
from web.webhooks.receive import register as register_webhooks

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from workflow.workspace import Workspace


def create_app(ws: Workspace, *, clock: Callable[[], datetime] = host_time) -> Flask:
    """The whole web of an opened installation. `clock` is the time by which signatures of webhooks are judged."""
    app = Flask("web", static_folder=None)
    # A redirect would cost a sender its delivery: an address is right or it is not there.
    app.url_map.merge_slashes = False
    register_errors(app)
    register_security(app, ws.settings)
    register_webhooks(app, ws, clock)
    register_api(app, ws)
    register_health(app, ws)
    register_public(app, ws)
    register_panel(app, ws)
    return app
