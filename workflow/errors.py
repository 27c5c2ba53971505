"""The one error tree of the product, drawn whole.

Each docstring is the default message: one sentence that says what is wrong and what to do.
The map to exit codes is in `workflow.cli`, the map to HTTP in `web.errors`.
"""

from __future__ import annotations

from typing import NamedTuple


class OnwardError(Exception):
    """Something went wrong that Onward can name."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])

    @property
    def message(self) -> str:
        """The sentence for the person who asked."""
        return str(self.args[0])


class StartError(OnwardError):
    """Onward cannot start: check the ONWARD_… settings and the data folder."""


class BadInput(OnwardError):
    """What was sent cannot be used: correct the named field and send it again."""

    def __init__(self, message: str = "", *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NotFound(OnwardError):
    """There is nothing at this address: it may have been removed, or never was."""


class Conflict(OnwardError):
    """Someone was faster: load the newer state and decide again."""


class Forbidden(OnwardError):
    """Your role does not allow this: ask an administrator."""


class Unavailable(OnwardError):
    """Nothing could be stored just now: try again in half a minute."""


class Finding(NamedTuple):
    """One thing wrong with a playbook: the line (from 1, 0 = the whole file), a stable code and one sentence."""

    line: int
    code: str
    sentence: str


class PlaybookError(OnwardError):
    """The playbook has findings: run `onward playbook check FILE` to see each with its line."""

    def __init__(self, message: str = "", *, file: str = "", findings: tuple[Finding, ...] = ()) -> None:
        if findings and not message:
            first, others = findings[0], len(findings) - 1
            more = f" ({others} more finding{'s' if others > 1 else ''})" if others else ""
            place = f"{file}:{first.line}" if first.line else file
            message = f"{place}: {first.sentence}{more}"
        super().__init__(message)
        self.file = file
        self.findings = findings
