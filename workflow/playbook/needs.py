"""What a transition may ask for, and what ticks an item of the checklist: needs as values, and walks over them.

Whether a need is met is asked by `workflow.engine.guards`. There are no expressions: a need names what must be there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SPIN: Final = ("situation", "problem", "implication", "need_payoff")
ROLES: Final = ("rep", "manager", "admin")
MEETING_WORDS: Final = ("booked", "held")
CALL_WORDS: Final = ("ended", "timed", "noted")


@dataclass(frozen=True, slots=True)
class Filled:
    """That `field` of the prospect, or of the move itself, is filled."""

    field: str

    @property
    def brief(self) -> str:
        """A few words of the file's own language, for diagrams and programs."""
        return self.field


@dataclass(frozen=True, slots=True)
class Answered:
    """That each of these questions or criteria has an answer."""

    keys: tuple[str, ...]

    @property
    def brief(self) -> str:
        """A few words of the file's own language, for diagrams and programs."""
        return f"answers {' '.join(self.keys)}"


@dataclass(frozen=True, slots=True)
class Rated:
    """That a criterion was answered with one of these options."""

    criterion: str
    options: tuple[str, ...]

    @property
    def brief(self) -> str:
        """A few words of the file's own language, for diagrams and programs."""
        return f"{self.criterion} is {' or '.join(self.options)}"


@dataclass(frozen=True, slots=True)
class Ticked:
    """That each of these items of the checklist is ticked."""

    items: tuple[str, ...]

    @property
    def brief(self) -> str:
        """A few words of the file's own language, for diagrams and programs."""
        return f"checklist {' '.join(self.items)}"


@dataclass(frozen=True, slots=True)
class ScoreAtLeast:
    """That the qualification matrix gives at least this score, 0 to 100."""

    score: int

    @property
    def brief(self) -> str:
        """A few words of the file's own language, for diagrams and programs."""
        return f"score at least {self.score}"


@dataclass(frozen=True, slots=True)
class Met:
    """That a meeting stands in the calendar (`booked`) or took place (`held`)."""

    state: str

    @property
    def brief(self) -> str:
        """A few words of the file's own language, for diagrams and programs."""
        return f"meeting {self.state}"


@dataclass(frozen=True, slots=True)
class Called:
    """That a call has `ended`, with its minutes known (`timed`) or with notes (`noted`)."""

    how: str

    @property
    def brief(self) -> str:
        """A few words of the file's own language, for diagrams and programs."""
        return f"call {self.how}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """That at least so many questions of the bank are answered, among those of these parts, items and phases."""

    at_least: int
    spin: tuple[str, ...] = ()
    checklist: tuple[str, ...] = ()
    journey: tuple[str, ...] = ()

    @property
    def brief(self) -> str:
        """A few words of the file's own language, for diagrams and programs."""
        return " ".join((f"evidence at least {self.at_least}", *self.spin, *self.checklist, *self.journey))


@dataclass(frozen=True, slots=True)
class Begun:
    """That this sequence was begun for the prospect, whatever became of it."""

    sequence: str

    @property
    def brief(self) -> str:
        """A few words of the file's own language, for diagrams and programs."""
        return f"sequence {self.sequence}"


@dataclass(frozen=True, slots=True)
class HasRole:
    """That whoever asks for the move has at least this role; a source of webhooks has none."""

    role: str

    @property
    def brief(self) -> str:
        """A few words of the file's own language, for diagrams and programs."""
        return f"role {self.role}"


@dataclass(frozen=True, slots=True)
class AllOf:
    """That all of these are met."""

    needs: tuple[Need, ...]

    @property
    def brief(self) -> str:
        """A few words of the file's own language, for diagrams and programs."""
        return f"all of ({', '.join(each.brief for each in self.needs)})"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """That at least one of these is met."""

    needs: tuple[Need, ...]

    @property
    def brief(self) -> str:
        """A few words of the file's own language, for diagrams and programs."""
        return f"any of ({', '.join(each.brief for each in self.needs)})"


@dataclass(frozen=True, slots=True)
class NotMet:
    """That this one is not met."""

    need: Need

    @property
    def brief(self) -> str:
        """A few words of the file's own language, for diagrams and programs."""
        return f"not ({self.need.brief})"


Need = (
    Filled | Answered | Rated | Ticked | ScoreAtLeast | Met | Called | Evidence | Begun | HasRole
    | AllOf | AnyOf | NotMet
)  # fmt: skip


def walk(needs: Iterable[Need]) -> Iterator[Need]:
    """These needs and all within them."""
    for need in needs:
        yield need
        if isinstance(need, AllOf | AnyOf):
            yield from walk(need.needs)
        elif isinstance(need, NotMet):
            yield from walk((need.need,))


def asked(needs: Iterable[Need]) -> Iterator[str]:
    """The fields that may be filled to meet these needs: what a move may bring with it."""
    for need in needs:
        if isinstance(need, Filled):
            yield need.field
        elif isinstance(need, AllOf | AnyOf):
            yield from asked(need.needs)


def required(needs: Iterable[Need]) -> Iterator[str]:
    """The fields that must be filled, whatever else holds."""
    for need in needs:
        if isinstance(need, Filled):
            yield need.field
        elif isinstance(need, AllOf):
            yield from required(need.needs)
