"""Whether the emails of a playbook can be written where they are sent: the rules of templates.

One function per rule, all in the table `RULES`, which `check` runs beside its own. What a template says is known from
`emails.Email`; nothing is rendered here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workflow.playbook.case import fact_of
from workflow.playbook.findings import Finding, nearest
from workflow.playbook.paths import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workflow.playbook.case import Case
    from workflow.playbook.emails import Email
    from workflow.playbook.schema import Sequence

ALWAYS: Final = frozenset({"email", "language", "sender_name", "stage_title", "unsubscribe_url"})
OF_MEETING: Final = frozenset({"meeting_starts", "meeting_zone", "meeting_place"})


def unknown_template(case: Case) -> Iterator[Finding]:
    """A step sends an email that does not exist."""
    for line, _, name in _sent(case):
        if name and name not in case.names:
            yield Finding(
                line, "unknown_template", f"There is no email template `{name[:40]}`: {nearest(name, case.names)}"
            )


def unusable_template(case: Case) -> Iterator[Finding]:
    """An email that cannot be sent to anybody."""
    for line, _, name, email in _known(case):
        if email.problems:
            yield Finding(line, "unusable_template", f"`{name}` cannot be sent: {email.problems[0]}")


def missing_translation(case: Case) -> Iterator[Finding]:
    """An email that is not there in a language of the playbook."""
    for line, _, name, email in _known(case):
        for language in case.playbook.languages:
            if language not in email.languages:
                yield Finding(
                    line,
                    "missing_translation",
                    f"The email `{name}` is not there in `{language}`, a language of this playbook: translate it, or "
                    "remove the language.",
                )


def value_not_guaranteed(case: Case) -> Iterator[Finding]:
    """An email names, without other words for its absence, what may not be there when it is sent."""
    for line, sequence, name, email in _known(case):
        open_needs = [
            need
            for need in sorted(email.needs, key=sorted)
            if not any(_is_certain(case, sequence, each) for each in need)
        ]
        if open_needs:
            said = ", ".join(" or ".join(f"`{value}`" for value in sorted(need)) for need in open_needs)
            yield Finding(
                line,
                "value_not_guaranteed",
                f"The email `{name}` names {said} without a fall-back, and nothing makes sure of it when it is "
                "sent: give it a fall-back in the template, or ask for it on each way there: "
                f"{_witness(case, sequence, open_needs[0])}",
            )


RULES: Final[tuple[Callable[[Case], Iterator[Finding]], ...]] = (
    unknown_template,
    unusable_template,
    missing_translation,
    value_not_guaranteed,
)


def _sent(case: Case) -> Iterator[tuple[int, Sequence, str]]:
    """Every place that names an email: its line, its sequence and the name."""
    for path, step in case.steps():
        sequence = case.playbook.sequences[path.split(".")[1]]
        named = {f"{path}.variants.{variant.key}.email": variant.email for variant in step.variants}
        for where, name in (named or {f"{path}.email": step.email or ""}).items():
            yield case.playbook.line(where), sequence, name


def _known(case: Case) -> Iterator[tuple[int, Sequence, str, Email]]:
    for line, sequence, name in _sent(case):
        email = case.emails.get(name)
        if email is not None:
            yield line, sequence, name, email


def _is_certain(case: Case, sequence: Sequence, value: str) -> bool:
    """Whether a value is there for everybody with whom the sequence begins."""
    if value in ALWAYS or (value in OF_MEETING and sequence.start.when.startswith("meeting.")):
        return True
    fact = fact_of(value)
    if fact is None:
        return False
    stage = sequence.start.stage
    if stage is not None and not case.plain.reaches(stage):
        return True  # it never begins, which is told elsewhere
    for each in [stage] if stage is not None else case.plain.at:
        certain = case.plain.certain(each)
        if certain is not None and fact not in certain[0]:
            kind, key = fact
            whole = any(len(counted) == least and key in counted for counted, least in certain[1])
            if kind != "answer" or not whole:
                return False
    return True


def _witness(case: Case, sequence: Sequence, need: frozenset[str]) -> str:
    """The shortest way to the start of the sequence on which nothing brings the values."""
    facts = {fact for value in need if (fact := fact_of(value))}
    stage, paths = sequence.start.stage, case.plain
    if stage is not None:
        for number in paths.at[stage]:
            if facts.isdisjoint(paths.states[number].kept.yes):
                return f"{shown(case.playbook, paths, number)}, {sequence.key}"
    return f"{stage or case.playbook.first_stage}, {sequence.start.when}, {sequence.key}"
