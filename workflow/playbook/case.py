"""A playbook under examination: with the emails that it may send, and every way through it, worked out once.

Judges nothing; the rules of `check` do. What an email asks for is found out by `workflow.mail.templates`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final

from workflow.playbook.cubes import Alternatives
from workflow.playbook.paths import FOREVER, NORMALLY, Explorer, Paths, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from workflow.playbook.cubes import Fact
    from workflow.playbook.emails import Emails
    from workflow.playbook.schema import Playbook, Step

# The values of an email that are fields of the prospect.
FIELDS: Final = {"name": "name", "first_name": "name", "company": "company", "title": "title"}


class Case:
    """A playbook and what follows from it. Of `emails` known by their names alone nothing more is asked."""

    def __init__(self, playbook: Playbook, emails: Emails | Collection[str]) -> None:
        self.playbook = playbook
        self.names = frozenset(emails)
        # Only what is sent is looked into: reading an email costs more than all the rest.
        used = {name for _, step in self.steps() for name in step.emails if name in self.names}
        self.emails: Emails = {name: emails[name] for name in sorted(used)} if isinstance(emails, Mapping) else {}
        self.alternatives = Alternatives(playbook)

    @cached_property
    def explorer(self) -> Explorer:
        """Who walks."""
        return Explorer(self.playbook, self.alternatives, self._wanted())

    @cached_property
    def paths(self) -> Paths:
        """Where a prospect can come whatever people do: only what nobody can undo is in the way."""
        return self.explorer.walk(FOREVER)

    @cached_property
    def plain(self) -> Paths:
        """Where a prospect can come while nobody clears a field, an answer or a meeting that was held."""
        return self.explorer.walk(NORMALLY)

    def way_to(self, stage: str, *more: tuple[str, str]) -> str:
        """The shortest way to a stage that is reached, in plain text."""
        return shown(self.playbook, self.paths, self.paths.at[stage][0], *more)

    def steps(self) -> Iterator[tuple[str, Step]]:
        """Every step of every sequence, with its path."""
        for key, sequence in self.playbook.sequences.items():
            for step in sequence.steps:
                yield f"sequences.{key}.steps.{step.position}", step

    def _wanted(self) -> frozenset[Fact]:
        """The facts that an email would like to be certain."""
        named = {value for each in self.emails.values() for need in each.needs for value in need}
        return frozenset(fact for fact in map(fact_of, named) if fact is not None)


def fact_of(value: str) -> Fact | None:
    """The fact that makes a value of an email certain; None where no need of a playbook can."""
    if value.startswith("answers."):
        return "answer", value.removeprefix("answers.")
    return ("field", FIELDS[value]) if value in FIELDS else None
