"""Whether the parts of a loaded playbook fit together: names that exist, ways that lead on, sequences that can run.

One function per rule, all in the table `RULES`. Each tells the line; none changes anything, and none reads a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from workflow.playbook import references
from workflow.playbook.findings import Finding, nearest
from workflow.playbook.schema import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from workflow.playbook.schema import Playbook, Step

# The ISO 3166 codes whose public holidays the library of `workflow.engine.calendar` knows; a test holds them equal.
COUNTRIES: Final = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
    TN TO TR TT TV TW TZ UA UG UK UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
    """.split()  # noqa: SIM905 - a literal of 250 strings is no clearer
)


def check(playbook: Playbook, templates: frozenset[str]) -> tuple[Finding, ...]:
    """All that is wrong with `playbook` where the emails in `templates` exist, in the order of lines."""
    return tuple(sorted(finding for rule in RULES for finding in rule(playbook, templates)))


def unknown_zone(playbook: Playbook, _: frozenset[str]) -> Iterator[Finding]:
    """The time zone is not an IANA one."""
    try:
        ZoneInfo(playbook.time_zone)
    except (ValueError, OSError, LookupError):
        yield Finding(
            playbook.line("time_zone"),
            "unknown_zone",
            f"`{playbook.time_zone}` is no time zone: write its IANA name, for example Europe/Sofia.",
        )


def unknown_country(playbook: Playbook, _: frozenset[str]) -> Iterator[Finding]:
    """Holidays of a country that nobody knows."""
    for number, code in enumerate(playbook.calendar.holidays):
        if code not in COUNTRIES:
            yield Finding(
                playbook.line(f"calendar.holidays.{number}"),
                "unknown_country",
                f"`{code}` is no country with known holidays: write its ISO code in capitals, for example BG.",
            )


def unknown_stage(playbook: Playbook, _: frozenset[str]) -> Iterator[Finding]:
    """A transition or a start names a stage that is not there."""
    for path, name in _stage_names(playbook):
        if name and name not in playbook.stages:
            yield Finding(
                playbook.line(path), "unknown_stage", f"There is no stage `{name}`: {nearest(name, playbook.stages)}"
            )


def unknown_trigger(playbook: Playbook, _: frozenset[str]) -> Iterator[Finding]:
    """A signal asks for a trigger that no transition has."""
    triggers = {way.trigger for way in playbook.transitions}
    for number, rule in enumerate(playbook.signals):
        if rule.do not in triggers:
            yield Finding(
                playbook.line(f"signals.{number}.do"),
                "unknown_trigger",
                f"No transition has the trigger `{rule.do}`: {nearest(rule.do, triggers)}",
            )


def unknown_template(playbook: Playbook, templates: frozenset[str]) -> Iterator[Finding]:
    """A step sends an email that does not exist."""
    for path, step in _steps(playbook):
        named = {f"{path}.variants.{variant.key}.email": variant.email for variant in step.variants}
        for where, email in (named or {f"{path}.email": step.email or ""}).items():
            if email and email not in templates:
                yield Finding(
                    playbook.line(where),
                    "unknown_template",
                    f"There is no email template `{email[:40]}`: {nearest(email, templates)}",
                )


def ambiguous_transition(playbook: Playbook, _: frozenset[str]) -> Iterator[Finding]:
    """One trigger leads two ways from one stage."""
    first: dict[tuple[str, str], int] = {}
    for number, way in enumerate(playbook.transitions):
        for source in way.sources:
            if (way.trigger, source) in first:
                yield Finding(
                    playbook.line(f"transitions.{number}"),
                    "ambiguous_transition",
                    f"`{way.trigger}` already leads from `{source}` elsewhere (line {first[way.trigger, source]}): "
                    "keep one way, or give the other a trigger of its own.",
                )
            else:
                first[way.trigger, source] = playbook.line(f"transitions.{number}")


def unreachable_stage(playbook: Playbook, _: frozenset[str]) -> Iterator[Finding]:
    """No way leads from the first stage to this one."""
    reached = _reach({playbook.first_stage}, _ways(playbook))
    for key in playbook.stages:
        if key not in reached:
            yield Finding(
                playbook.line(f"stages.{key}"),
                "unreachable_stage",
                f"No way leads to the stage `{key}` from the first stage: add a transition to it, or remove it.",
            )


def no_way_to_final(playbook: Playbook, _: frozenset[str]) -> Iterator[Finding]:
    """A prospect who stands here can never be finished."""
    finals = {key for key, stage in playbook.stages.items() if stage.final}
    if not finals:
        yield Finding(
            playbook.line("stages"),
            "no_final_stage",
            "No stage is final: write `final: true` at the one where a prospect's way ends.",
        )
        return
    back: dict[str, set[str]] = {}
    for source, targets in _ways(playbook).items():
        for target in targets:
            back.setdefault(target, set()).add(source)
    ending = _reach(finals, back)
    for key in playbook.stages:
        if key not in ending:
            yield Finding(
                playbook.line(f"stages.{key}"),
                "no_way_to_final",
                f"No way leads from the stage `{key}` to a final one: add a transition that does.",
            )


def no_stop_words(playbook: Playbook, _: frozenset[str]) -> Iterator[Finding]:
    """A sequence that nothing stops."""
    for key, sequence in playbook.sequences.items():
        if not sequence.stop:
            yield Finding(
                playbook.line(f"sequences.{key}"),
                "no_stop_words",
                f"Nothing stops the sequence `{key}`: add `stop`, at least [reply, bounce, complaint, unsubscribe].",
            )


def stage_never_entered(playbook: Playbook, _: frozenset[str]) -> Iterator[Finding]:
    """A sequence waits for a stage that no prospect ever enters."""
    entered = {playbook.first_stage, *(way.to for way in playbook.transitions)}
    for key, sequence in playbook.sequences.items():
        stage = sequence.start.stage
        if stage in playbook.stages and stage not in entered:
            yield Finding(
                playbook.line(f"sequences.{key}.start.stage"),
                "stage_never_entered",
                f"The sequence `{key}` never starts, because no transition leads to `{stage}`.",
            )


def unknown_outcome(playbook: Playbook, _: frozenset[str]) -> Iterator[Finding]:
    """An outcome that the product does not know, so that no sequence and no report would see it."""
    for path, outcome in _outcomes(playbook):
        if outcome not in OUTCOMES:
            yield Finding(
                playbook.line(path),
                "unknown_outcome",
                f"`{outcome[:40]}` is no outcome: {nearest(outcome, OUTCOMES)}",
            )


def outcome_of_open_stage(playbook: Playbook, _: frozenset[str]) -> Iterator[Finding]:
    """A start asks for an outcome where a prospect has none yet."""
    for key, sequence in playbook.sequences.items():
        start = sequence.start
        stage = playbook.stages.get(start.stage or "")
        if start.outcome and stage is not None and not stage.final:
            yield Finding(
                playbook.line(f"sequences.{key}.start.outcome"),
                "outcome_of_open_stage",
                f"The stage `{stage.key}` is not final, so a prospect there has no outcome: remove `outcome`.",
            )
    for number, way in enumerate(playbook.transitions):
        if way.outcomes and way.to in playbook.stages and not playbook.is_final(way.to):
            yield Finding(
                playbook.line(f"transitions.{number}.outcomes"),
                "outcome_of_open_stage",
                f"The stage `{way.to}` is not final, so a prospect there has no outcome: remove `outcomes`.",
            )


def before_no_meeting(playbook: Playbook, _: frozenset[str]) -> Iterator[Finding]:
    """A step counts back from a meeting that its sequence does not know, or that is over when the sequence starts."""
    for path, step in _steps(playbook):
        key = path.split(".")[1]
        if step.before_meeting and playbook.sequences[key].start.when != "meeting.booked":
            yield Finding(
                playbook.line(f"{path}.before"),
                "before_no_meeting",
                f"The sequence `{key}` does not start with a meeting to come: use `before: meeting` only where it "
                "starts with `when: meeting.booked`.",
            )


def thread_without_email(playbook: Playbook, _: frozenset[str]) -> Iterator[Finding]:
    """The first email of a sequence has no thread to continue."""
    for key, sequence in playbook.sequences.items():
        first = next((step for step in sequence.steps if step.email is not None), None)
        if first is not None and first.same_thread:
            yield Finding(
                playbook.line(f"sequences.{key}.steps.{first.position}.thread"),
                "thread_without_email",
                f"`{first.key}` is the first email of its sequence and has no thread to continue: remove `thread`.",
            )


RULES: Final[tuple[Callable[[Playbook, frozenset[str]], Iterator[Finding]], ...]] = (
    unknown_zone,
    unknown_country,
    unknown_stage,
    unknown_trigger,
    unknown_template,
    ambiguous_transition,
    unreachable_stage,
    no_way_to_final,
    no_stop_words,
    stage_never_entered,
    unknown_outcome,
    outcome_of_open_stage,
    before_no_meeting,
    thread_without_email,
    *references.RULES,
)


def _stage_names(playbook: Playbook) -> Iterator[tuple[str, str]]:
    """Every place that names a stage, with the name."""
    for number, way in enumerate(playbook.transitions):
        for row, source in enumerate(way.sources):
            yield f"transitions.{number}.from.{row}", source
        yield f"transitions.{number}.to", way.to
    for key, sequence in playbook.sequences.items():
        yield f"sequences.{key}.start.stage", sequence.start.stage or ""


def _outcomes(playbook: Playbook) -> Iterator[tuple[str, str]]:
    """Every place that names an outcome, with the outcome."""
    for number, way in enumerate(playbook.transitions):
        if "outcome" in way.sets:
            yield f"transitions.{number}.sets.outcome", way.sets["outcome"]
    for number, rule in enumerate(playbook.signals):
        if "outcome" in rule.sets:
            yield f"signals.{number}.sets.outcome", rule.sets["outcome"]
    for key, sequence in playbook.sequences.items():
        if sequence.start.outcome:
            yield f"sequences.{key}.start.outcome", sequence.start.outcome


def _steps(playbook: Playbook) -> Iterator[tuple[str, Step]]:
    for key, sequence in playbook.sequences.items():
        for step in sequence.steps:
            yield f"sequences.{key}.steps.{step.position}", step


def _ways(playbook: Playbook) -> dict[str, set[str]]:
    """For each stage the stages that one transition leads to."""
    ways: dict[str, set[str]] = {}
    for way in playbook.transitions:
        for source in way.sources:
            ways.setdefault(source, set()).add(way.to)
    return ways


def _reach(starts: Iterable[str], ways: Mapping[str, Iterable[str]]) -> set[str]:
    """The `starts` and everything that `ways` lead to from there."""
    reached = set(starts)
    todo = list(reached)
    while todo:
        for target in ways.get(todo.pop(), ()):
            if target not in reached:
                reached.add(target)
                todo.append(target)
    return reached
