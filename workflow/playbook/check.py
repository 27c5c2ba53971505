"""Whether the parts of a loaded playbook fit together: the one question behind `onward playbook check` and publishing.

One function per rule, all in the table `RULES`: here those of names, the others in the modules beside this one. Each
tells the line; none changes anything, and none reads a file.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from workflow.playbook import (
    references,
    verify_emails,
    verify_needs,
    verify_sequences,
    verify_signals,
    verify_stages,
    verify_times,
)
from workflow.playbook.case import Case
from workflow.playbook.findings import MOST, Finding, nearest
from workflow.playbook.schema import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from workflow.playbook.emails import Emails
    from workflow.playbook.schema import Playbook

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


def check(playbook: Playbook, emails: Emails | Collection[str]) -> tuple[Finding, ...]:
    """All that is wrong with `playbook` where these emails exist, in the order of lines.

    Of emails given by their names alone it is not asked what they say.
    """
    case = Case(playbook, emails)
    found = (finding for rule in RULES for finding in rule(case))
    return tuple(sorted(set(islice(found, MOST))))


def unknown_zone(case: Case) -> Iterator[Finding]:
    """The time zone is not an IANA one."""
    playbook = case.playbook
    try:
        ZoneInfo(playbook.time_zone)
    except (ValueError, OSError, LookupError):
        yield Finding(
            playbook.line("time_zone"),
            "unknown_zone",
            f"`{playbook.time_zone}` is no time zone: write its IANA name, for example Europe/Sofia.",
        )


def unknown_country(case: Case) -> Iterator[Finding]:
    """Holidays of a country that nobody knows."""
    playbook = case.playbook
    for number, code in enumerate(playbook.calendar.holidays):
        if code not in COUNTRIES:
            yield Finding(
                playbook.line(f"calendar.holidays.{number}"),
                "unknown_country",
                f"`{code}` is no country with known holidays: write its ISO code in capitals, for example BG.",
            )


def unknown_stage(case: Case) -> Iterator[Finding]:
    """A transition or a start names a stage that is not there."""
    playbook = case.playbook
    for path, name in _stage_names(playbook):
        if name and name not in playbook.stages:
            yield Finding(
                playbook.line(path), "unknown_stage", f"There is no stage `{name}`: {nearest(name, playbook.stages)}"
            )


def unknown_trigger(case: Case) -> Iterator[Finding]:
    """A signal asks for a trigger that no transition has."""
    playbook = case.playbook
    triggers = {way.trigger for way in playbook.transitions}
    for number, rule in enumerate(playbook.signals):
        if rule.do not in triggers:
            yield Finding(
                playbook.line(f"signals.{number}.do"),
                "unknown_trigger",
                f"No transition has the trigger `{rule.do}`: {nearest(rule.do, triggers)}",
            )


def unknown_outcome(case: Case) -> Iterator[Finding]:
    """An outcome that the product does not know, so that no sequence and no report would see it."""
    playbook = case.playbook
    for path, outcome in _outcomes(playbook):
        if outcome not in OUTCOMES:
            yield Finding(
                playbook.line(path),
                "unknown_outcome",
                f"`{outcome[:40]}` is no outcome: {nearest(outcome, OUTCOMES)}",
            )


def outcome_of_open_stage(case: Case) -> Iterator[Finding]:
    """A start asks for an outcome where a prospect has none yet."""
    playbook = case.playbook
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


RULES: Final[tuple[Callable[[Case], Iterator[Finding]], ...]] = (
    unknown_zone,
    unknown_country,
    unknown_stage,
    unknown_trigger,
    unknown_outcome,
    outcome_of_open_stage,
    *references.RULES,
    *verify_stages.RULES,
    *verify_needs.RULES,
    *verify_signals.RULES,
    *verify_sequences.RULES,
    *verify_times.RULES,
    *verify_emails.RULES,
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
