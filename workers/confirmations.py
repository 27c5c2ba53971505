"""Takes up subscriptions that Amazon SNS offered, in a thread of the clock, so that a slow host holds up no mail.

Calls nobody itself: which hosts may be called, and how often, is the matter of `actions.subscriptions`.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from workflow.actions import subscriptions
from workflow.errors import OnwardError

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflow.workspace import Workspace

_LOG: Final = logging.getLogger(__name__)


class Confirmations:
    """The offers of one installation; `look` begins with those that wait, unless it is still at it."""

    def __init__(self, ws: Workspace, fetch: Callable[[str], bytes] = subscriptions.fetch) -> None:
        self._ws = ws
        self._fetch = fetch
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Begin in the background, if there is anything to take up."""
        if self._thread is not None and self._thread.is_alive():
            return
        names = subscriptions.offered(self._ws)
        if names:
            self._thread = threading.Thread(target=self._take_up, args=(names,), name="confirmations", daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until what was begun has ended, for so long at most."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _take_up(self, names: tuple[str, ...]) -> None:
        try:
            for name in names:
                subscriptions.take_up(self._ws, name, self._fetch)
        except OnwardError as error:
            _LOG.warning("subscriptions are taken up later: %s", error.message)
