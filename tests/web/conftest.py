"""The fixtures of the web's tests."""

from tests.web.fixtures import api, app, client, crm, ws

__all__ = ["api", "app", "client", "crm", "ws"]
