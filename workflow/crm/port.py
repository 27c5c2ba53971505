"""What Onward asks of a CRM by its API, and in which values it is answered: cards, words, deals and stages.

Knows no vendor and no database. `hubspot` and `pipedrive` speak for a vendor each, `fake` stands in for both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from workflow import text
from workflow.engine import calendar
from workflow.errors import BadInput, OnwardError
from workflow.mail.address import parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from workflow.engine.reasons import Reason

STAGE: Final = "deal.stage"
STATUS: Final = "deal.status"
ID: Final = re.compile(r"[0-9]{1,20}")
_LANGUAGE: Final = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{2,8})*")
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
_LONGEST: Final = {"email": 320, "phone": 50, "time_zone": 64}


class CrmError(OnwardError):
    """The CRM could not be asked: try again later.

    `kind` says why: the token is refused, a limit is reached, nobody answers, there is no such object, or what was
    asked is refused. Only the first three may pass. `wait_s` is how long the vendor wants to be left alone.
    """

    def __init__(
        self,
        reason: Reason,
        kind: Literal["token", "limit", "away", "missing", "refused"],
        code: int | None = None,
        wait_s: float | None = None,
    ) -> None:
        super().__init__(reason.words("en"))
        self.reason = reason
        self.kind = kind
        self.code = code
        self.wait_s = wait_s

    @property
    def passes(self) -> bool:
        """Whether trying again may help."""
        return self.kind in ("token", "limit", "away")


@dataclass(frozen=True, slots=True)
class Word:
    """That an object (`about`, such as `deal:12`) has had a value of one kind since `at`. Adapters name kinds alike."""

    about: str
    kind: str
    value: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Card:
    """An object of the CRM as it says who a prospect is: under which ref, with which facts, last changed at `at`.

    `also` are the refs of the people whose facts these are.
    """

    ref: str
    fields: Mapping[str, str]
    at: datetime
    made_at: datetime | None = None
    custom: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[Word, ...] = ()
    opted_out: bool = False
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some cards that changed, in the order of their changes, and until when all changes are in by now."""

    cards: tuple[Card, ...]
    through: datetime


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal that can be written to, and what is said of it now."""

    id: str
    words: tuple[Word, ...]

    def word(self, kind: str) -> Word | None:
        """What it says in one kind."""
        return next((each for each in self.words if each.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the vendor: the id that is written, and how people there call it."""

    id: str
    name: str


class Crm(Protocol):
    """One account at a vendor, reached with a token. Everything raises CrmError, and nothing else."""

    def look_up(self, ref: str) -> Card | None:
        """Who an object is about; None when it is gone, or names nobody."""

    def changed(self, since: datetime) -> Iterator[Page]:
        """Everything that changed since then, a page at a time, oldest first; some of it may have come before."""

    def deal(self, refs: Sequence[str]) -> Deal | None:
        """The deal of a prospect known by these refs: of several the open one that changed last."""

    def write(self, deal_id: str, value: str) -> Word:
        """Set the stage of a deal; what the vendor says of it then."""

    def kind_of(self, value: str) -> str:
        """Which kind of word a stage is: Pipedrive tells won and lost in one of its own. Raises CrmError."""

    def stages(self) -> tuple[Stage, ...]:
        """All stages of all pipelines."""


def facts(**told: object) -> dict[str, str]:
    """Facts about a prospect by our names, cleaned; what cannot be one is left out."""
    found = {}
    for name, value in told.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            continue
        clean = _fact(name, text.line(str(value).encode("utf-8", "replace").decode(), _LONGEST.get(name, 200)))
        if clean:
            found[name] = clean
    return found


def _fact(name: str, told: str) -> str:
    if name == "email":
        try:
            return parse_address(told).text if told else ""
        except BadInput:
            return ""
    if name == "language":
        known = _LANGUAGE.fullmatch(told)
        return known[1].lower() if known else ""
    if name == "country":
        return told.upper() if _COUNTRY.fullmatch(told) else ""
    if name == "time_zone":
        return told if told and calendar.zone_of(told).key == told else ""
    return told
