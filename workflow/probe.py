"""Named points on the way of an email, where a test may stop, slow or kill the process.

The product passes `SILENT`; there is no switch in the environment. Tests start processes through entry modules
of their own and hand in a probe that acts.
"""

from __future__ import annotations

from typing import Protocol


class Probe(Protocol):
    """Told the name of each point as it is passed."""

    def at(self, point: str) -> None:
        """Called at `point`; may not return."""


class Silent:
    """The probe of the product: passes every point without a trace."""

    __slots__ = ()

    def at(self, point: str) -> None:
        """Do nothing."""


SILENT: Probe = Silent()
