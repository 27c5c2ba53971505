"""Logs: one JSON line an event on stderr, the same for every process.

Sets the format and nothing else. What is worth logging is decided where it happens; secrets are kept out there too.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from workflow import masking


class JsonLines(logging.Formatter):
    """One line of JSON for each record; a trace becomes one field of it."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, without the newline."""
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "pid": record.process,
            "logger": record.name,
            "message": masking.text(record.getMessage()),
        }
        if record.exc_info:
            entry["trace"] = masking.text(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False, default=str)


def configure(process: str, *, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send everything logged in this process to `stream` (stderr) as JSON lines. Replaces earlier handlers."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # A full disk under the log must not stop the service: what happened is in the database.
    logging.raiseExceptions = False
