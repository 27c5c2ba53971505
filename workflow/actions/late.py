"""News that come late: reads what happened since, so that the engine can leave alone what was overtaken.

Costs nothing while events come in their order. What overtakes what is said by `engine.overtaken`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workflow.engine import overtaken
from workflow.engine.overtaken import Line
from workflow.records import lines

if TYPE_CHECKING:
    from workflow.engine.signals import ProspectView, Signal
    from workflow.playbook.schema import Playbook
    from workflow.records.db import Tx


def seen(tx: Tx, playbook: Playbook, view: ProspectView, signal: Signal) -> tuple[ProspectView, Signal]:
    """The view with what was said after the signal happened, and the signal without what that overtook."""
    history = [Line(*row) for row in lines.HISTORY.all(tx, {"prospect": view.id})]
    later = overtaken.words(playbook, history, signal.occurred_at)
    return (replace(view, later=later) if later else view), overtaken.left_of(signal, history)
