"""A move that the engine refused, on its way out: a value of the engine, which only HTTP treats as an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflow.errors import OnwardError

if TYPE_CHECKING:
    from workflow.engine.decide import Decision


class Refusal(OnwardError):
    """The playbook does not allow this move."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.reasons[0].words("en") if decision.reasons else "")
        self.decision = decision
