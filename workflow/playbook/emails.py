"""What the check of a playbook knows of an email: facts about its template, handed in by whoever can read one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Email:
    """What is known of a template: its languages, what keeps it from being sent, and what it cannot do without.

    Of each set in `needs` one value must be there, such as `company` or `answers.goal`: the text has no other words
    for the case that none is.
    """

    languages: frozenset[str]
    needs: frozenset[frozenset[str]] = frozenset()
    problems: tuple[str, ...] = ()


Emails = Mapping[str, Email]
