"""How long the parts of outreach wait for one another: one frozen value, handed in by the composition root.

These are no settings: they hold together (a lease outlasts the timeouts under it), and only tests pass shorter ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from workflow.engine.leaving import UNCERTAIN_FOR
from workflow.mail.smtp import Timeouts


@dataclass(frozen=True, slots=True)
class Timings:
    """Durations of the send protocol. `dead_after` without a heartbeat a process counts as dead."""

    smtp: Timeouts = field(default_factory=Timeouts)
    sending_lease: timedelta = timedelta(seconds=300)
    committing_lease: timedelta = timedelta(seconds=700)
    beat_every: timedelta = timedelta(seconds=5)
    dead_after: timedelta = timedelta(seconds=20)
    hint_again: timedelta = timedelta(seconds=5)
    drain_for: timedelta = timedelta(seconds=30)
    uncertain_counts_as_sent: timedelta = UNCERTAIN_FOR
