"""Carries replays on beside the requests: in one thread of this process, which ends when nothing is left to do.

The vendors' formats are read here and nowhere else, so that no worker could do it. A replay whose process ended is
taken up by the next one that starts.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from web.webhooks.kinds import read_again
from workflow.actions import replays
from workflow.errors import OnwardError, Unavailable
from workflow.records.db import CommitUnknown

if TYPE_CHECKING:
    from workflow.actions.replays import Progress
    from workflow.wanted import Wanted
    from workflow.workspace import Workspace

AT_ONCE_S: Final = 1.0
"""How long whoever asked waits for the end: most replays are of a few deliveries."""
_TURN_S: Final = 1.0
_AWAY_S: Final = 2.0
_LOG: Final = logging.getLogger(__name__)


def begin(ws: Workspace, which: Wanted, actor: str) -> Progress:
    """Begin a replay and carry it on for a moment; what is left then goes on in the background."""
    begun = replays.begin(ws, which, actor)
    progress = replays.carry_on(ws, begun.id, read_again, budget_s=AT_ONCE_S)
    if not progress.is_over:
        go_on(ws, progress.id)
    return progress


def resume(ws: Workspace) -> None:
    """Take up what a process that ended left behind; waits until it surely has."""
    name = "replays left behind"
    threading.Thread(target=_take_up, args=(ws,), name=name, daemon=True).start()


def go_on(ws: Workspace, replay_id: str) -> threading.Thread:
    """Carry a replay on in the background, to its end."""
    thread = threading.Thread(target=_carry_on, args=(ws, replay_id), name=f"replay {replay_id}", daemon=True)
    thread.start()
    return thread


def _take_up(ws: Workspace) -> None:
    threading.Event().wait(replays.FORSAKEN.total_seconds() + _AWAY_S)
    try:
        left = replays.forsaken(ws)
    except OnwardError:
        return
    for replay_id in left:
        _carry_on(ws, replay_id)


def _carry_on(ws: Workspace, replay_id: str) -> None:
    pause = threading.Event()
    while True:
        try:
            if replays.carry_on(ws, replay_id, read_again, budget_s=_TURN_S).is_over:
                return
        except (Unavailable, CommitUnknown):
            pause.wait(_AWAY_S)
        except OnwardError as error:
            _LOG.warning("a replay ended early: %s", error.message)
            return
        # Requests come first.
        pause.wait(0.01)
