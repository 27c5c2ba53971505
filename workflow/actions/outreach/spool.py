"""Outcomes that the database could not take yet, kept on disk until a clock brings them in.

Only what the server has answered stands here, one JSON line each, written through to the disk before it counts.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from workflow.ids import new_id
from workflow.mail.transport import Outcome, Phase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Spooled:
    """One outcome with the touch and the fencing token it belongs to."""

    touch_id: str
    token: str
    outcome: Outcome
    file: Path


class Spool:
    """A folder with one file per outcome, so that no two processes ever write one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def append(self, touch_id: str, token: str, outcome: Outcome) -> None:
        """Keep an outcome; once this returns it survives a crash of the machine."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{new_id()}.json"
        unfinished = self._folder / f"{name}.part"
        with unfinished.open("w", encoding="utf-8") as stream:
            json.dump({"touch": touch_id, "token": token, "outcome": asdict(outcome)}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.rename(self._folder / name)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def waiting(self) -> Iterator[Spooled]:
        """What waits, oldest first. A file that was not finished is no outcome and is passed over."""
        for file in sorted(self._folder.glob("*.json")):
            with suppress(OSError, ValueError, KeyError, TypeError):
                kept = json.loads(file.read_text(encoding="utf-8"))
                told = {**kept["outcome"], "phase": Phase(kept["outcome"]["phase"])}
                yield Spooled(kept["touch"], kept["token"], Outcome(**told), file)

    @staticmethod
    def done(spooled: Spooled) -> None:
        """Forget an outcome that is in the database now."""
        spooled.file.unlink(missing_ok=True)


def touches_on_disk(data_dir: Path) -> frozenset[str]:
    """The touches of which an outcome waits on the disk of this host."""
    return frozenset(each.touch_id for each in Spool(data_dir / "spool").waiting())
