"""The API's routes about numbers: the sections of Analytics, with the same filters and the same counts as the panel.

Definitions stand in docs/analytics.md. A key of the role “rep” counts its own prospects, or the totals of the team.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the models read it
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from web.api.models import Query, Reply
from web.api.route import Call, Route
from workflow.reports import answered, endings, funnel, pace
from workflow.reports.asked import USUAL, Asked

if TYPE_CHECKING:
    from workflow.reports.funnel import Group

_Hours = Annotated[int | None, Field(description="Null where fewer than 10 say it.")]


class WantedReport(Query):
    """Which prospects to count. `owner` is a rep's id, `me`, `none` or `team`."""

    days: Annotated[int, Field(ge=1, le=366, description="How far back the period reaches.")] = USUAL
    owner: Annotated[str, Field(max_length=40)] = ""
    source: Annotated[str, Field(max_length=100, description="As `source:<name>`, `import` or `rep`.")] = ""
    language: Annotated[str, Field(max_length=35)] = ""


class FunnelStage(Reply):
    """A stage: those who came here are those who went further, stay, were closed or were won from here."""

    stage: str
    came: int
    further: int
    stayed: int
    ended: int
    won: int


class FunnelReport(Reply):
    """How far those came who entered in the period."""

    entered: int
    won: int
    stages: tuple[FunnelStage, ...]


class StageTime(Reply):
    """The stays in a stage that ended in the period."""

    stage: str
    count: int
    median_hours: _Hours
    p90_hours: _Hours


class TimeReport(Reply):
    """Every open stage, in the order of the playbook."""

    items: tuple[StageTime, ...]


class VelocityWeek(Reply):
    """Seven days from `begins`."""

    begins: datetime
    won: int
    ended: int


class VelocityReport(Reply):
    """Deals of the period; hours count from the entry of a prospect. `ended` were closed without being won."""

    won: int
    ended: int
    won_before: Annotated[int, Field(description="In as many days before the period.")]
    won_a_week: float
    median_hours: _Hours
    p90_hours: _Hours
    median_hours_before: _Hours
    weeks: tuple[VelocityWeek, ...]


class StepResult(Reply):
    """The emails of a step in the period, and how many of them a reply, a meeting, and so on came after."""

    sequence: str
    step: str
    variant: str
    sent: int
    replied: int
    met: int
    unsubscribed: int
    bounced: int


class SequencesReport(Reply):
    """Every step that sent something in the period."""

    items: tuple[StepResult, ...]


class FaredRow(Reply):
    """How the prospects of one source or rep fared; `key` is empty where nobody is known."""

    key: str
    entered: int
    replied: int
    met: int
    open: int
    won: int
    ended: int


class FaredReport(Reply):
    """The largest first."""

    items: tuple[FaredRow, ...]


class CompetitorRow(Reply):
    """A competitor, and how those fared who named it."""

    name: str
    named: int
    open: int
    won: int
    ended: int


class CompetitorsReport(Reply):
    """The most frequent first, at most twenty."""

    items: tuple[CompetitorRow, ...]


class ReasonRow(Reply):
    """Closed with this outcome for this reason; empty where nobody said one, `…` for rare ones together."""

    outcome: str
    reason: str
    count: int


class ReasonsReport(Reply):
    """The most frequent first."""

    items: tuple[ReasonRow, ...]


def told_funnel(call: Call) -> FunnelReport:
    """How far those came who entered in the period, lost deals included."""
    with call.ws.database.read() as tx:
        groups = funnel.cohort(call.ws, tx, call.viewer, _asked(call))
        found = funnel.funnel(call.ws.playbooks.in_force(tx), groups)
    stages = tuple(
        FunnelStage(
            stage=each.stage.key, came=each.came, further=each.further, stayed=each.stayed, ended=each.ended,
            won=each.won,
        )
        for each in found.stages
    )  # fmt: skip
    return FunnelReport(entered=found.entered, won=found.won, stages=stages)


def told_times(call: Call) -> TimeReport:
    """How long stages took that were left in the period: median and nine of ten, in hours."""
    with call.ws.database.read() as tx:
        found = pace.time_in_stage(call.ws, tx, call.viewer, _asked(call))
    return TimeReport(
        items=tuple(
            StageTime(stage=each.stage.key, count=each.count, median_hours=each.median, p90_hours=each.p90)
            for each in found
        )
    )


def told_velocity(call: Call) -> VelocityReport:
    """Deals won by week, and how long they took from entry."""
    with call.ws.database.read() as tx:
        found = pace.velocity(tx, call.viewer, _asked(call))
    return VelocityReport(
        won=found.won, ended=found.ended, won_before=found.won_before, won_a_week=round(found.a_week, 2),
        median_hours=found.median, p90_hours=found.p90, median_hours_before=found.median_before,
        weeks=tuple(VelocityWeek.model_validate(week) for week in found.weeks),
    )  # fmt: skip


def told_sequences(call: Call) -> SequencesReport:
    """What came of the emails of the period, by step and variant."""
    with call.ws.database.read() as tx:
        found = answered.results(tx, call.viewer, _asked(call))
    return SequencesReport(items=tuple(StepResult.model_validate(each) for each in found))


def told_sources(call: Call) -> FaredReport:
    """How those fared whom each source brought in the period."""
    return FaredReport(items=tuple(FaredRow.model_validate(each) for each in funnel.by_source(_cohort(call))))


def told_reps(call: Call) -> FaredReport:
    """How those of the period fared by owner; `team` stands for all others where a rep asks for the team."""
    found = funnel.by_rep(_cohort(call), call.viewer, _asked(call))
    return FaredReport(items=tuple(FaredRow.model_validate(each) for each in found))


def told_competitors(call: Call) -> CompetitorsReport:
    """The competitors that those of the period name, and how they fared."""
    with call.ws.database.read() as tx:
        found = endings.competitors(call.ws, tx, call.viewer, _asked(call))
    return CompetitorsReport(items=tuple(CompetitorRow.model_validate(each) for each in found))


def told_reasons(call: Call) -> ReasonsReport:
    """Why prospects were closed without a deal in the period."""
    with call.ws.database.read() as tx:
        found = endings.reasons(call.ws, tx, call.viewer, _asked(call))
    return ReasonsReport(items=tuple(ReasonRow.model_validate(each) for each in found))


def _cohort(call: Call) -> tuple[Group, ...]:
    with call.ws.database.read() as tx:
        return funnel.cohort(call.ws, tx, call.viewer, _asked(call))


def _asked(call: Call) -> Asked:
    told = call.query(WantedReport)
    return Asked(told.days, told.owner, told.source, told.language)


ROUTES: Final = (
    Route("GET", "/reports/funnel", "Report the funnel", told_funnel, FunnelReport, query=WantedReport),
    Route("GET", "/reports/times", "Report the time in stages", told_times, TimeReport, query=WantedReport),
    Route("GET", "/reports/velocity", "Report the velocity", told_velocity, VelocityReport, query=WantedReport),
    Route("GET", "/reports/sequences", "Report on sequences", told_sequences, SequencesReport, query=WantedReport),
    Route("GET", "/reports/sources", "Report on sources", told_sources, FaredReport, query=WantedReport),
    Route(
        "GET", "/reports/competitors", "Report on competitors", told_competitors, CompetitorsReport,
        query=WantedReport,
    ),
    Route("GET", "/reports/reasons", "Report why deals were lost", told_reasons, ReasonsReport, query=WantedReport),
    Route("GET", "/reports/reps", "Report by rep", told_reps, FaredReport, query=WantedReport),
)  # fmt: skip
