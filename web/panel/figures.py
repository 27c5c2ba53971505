"""The sections of Analytics as figures: a finding in one sentence, a drawing, and a table for the page and for a file.

Counts nothing itself: numbers come from `workflow.reports`, and their definitions stand in docs/analytics.md.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from web.formats import date, local, number, percent
from web.i18n import gettext as _
from web.i18n import language, later
from web.i18n import ngettext as _n
from web.pages import playbook
from web.panel.wording import actor as say_actor
from web.panel.wording import outcome as say_outcome
from web.panel.wording import phrase as say_phrase
from web.panel.wording import sequence as say_sequence
from web.panel.wording import stage as say_stage
from web.panel.wording import step as say_step
from workflow.reports import answered, endings, funnel, pace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workflow.reports.answered import Step
    from workflow.reports.endings import Ended, Rival
    from workflow.reports.funnel import Fared, Funnel
    from workflow.reports.pace import Stayed, Velocity


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole, between 0 and 1; None where there is nothing to take a part of."""

    part: float | None


Cell: TypeAlias = "str | int | float | datetime | Share | None"

TITLES: Final = {
    "funnel": later("Funnel"),
    "times": later("Time in stage"),
    "velocity": later("Velocity"),
    "sequences": later("Sequences"),
    "sources": later("Sources"),
    "competitors": later("Competitors"),
    "reasons": later("Reasons"),
    "reps": later("Per rep"),
}
_DAY: Final = 24
_TWO_DAYS: Final = 48
_TEN_DAYS: Final = 240
_LABEL: Final = 16
_BARS: Final = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a drawing: `long` and `short` are parts of the widest, `limit` marks one, `says` stands beside it."""

    label: str
    long: float
    short: float
    says: str
    limit: float | None = None

    @property
    def clipped(self) -> str:
        """The label as far as it fits; the table has the whole."""
        return self.label if len(self.label) <= _LABEL else f"{self.label[: _LABEL - 1]}…"


@dataclass(frozen=True, slots=True)
class Figure:
    """One section. `legend` names the dark and the light part of its bars; `upright` bars stand, one for each week."""

    key: str
    finding: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    bars: tuple[Bar, ...] = ()
    legend: tuple[str, ...] = ()
    upright: bool = False

    @property
    def title(self) -> str:
        """What the section is called."""
        return _(TITLES[self.key])

    @property
    def told(self) -> str:
        """The drawing in words."""
        return "; ".join(f"{bar.label}: {bar.says}" for bar in self.bars)

    def texts(self) -> list[tuple[str, ...]]:
        """The rows as a page writes them."""
        return [tuple(_written(cell) for cell in row) for row in self.rows]

    def plain(self) -> list[tuple[str, ...]]:
        """The rows as a spreadsheet reads them: bare numbers, shares of 1, days as 2026-11-23; empty for nothing."""
        return [tuple(_plain(cell) for cell in row) for row in self.rows]


def of_funnel(found: Funnel) -> Figure:
    """How far the prospects of the period came."""
    leak = found.leak
    if leak is None:
        finding = _("Too few yet to say where prospects stop: no stage was reached by 20 of them.")
    elif leak.stayed + leak.ended == 0:
        finding = _("Nobody stopped on the way yet.")
    else:
        finding = _(
            "The narrowest place is the stage “%(stage)s”: %(percent)s of %(came)s went on. Still there: %(stayed)s; "
            "closed without a deal: %(ended)s."
        ) % {
            "stage": say_stage(leak.stage.key), "percent": percent(leak.share), "came": number(leak.came),
            "stayed": number(leak.stayed), "ended": number(leak.ended),
        }  # fmt: skip
    header = (_("Stage"), _("Came here"), _("Went further"), _("Still here"), _("Closed, not won"), _("Won from here"))
    rows = tuple(
        (say_stage(each.stage.key), each.came, each.further, each.stayed, each.ended, each.won) for each in found.stages
    )
    return Figure("funnel", finding, header, rows)


def of_times(found: Sequence[Stayed]) -> Figure:
    """How long stages take."""
    slow = pace.slowest(found)
    if slow is None or slow.median is None or slow.p90 is None:
        finding = _("Too few yet: no stage was left 10 times in this period.")
    else:
        told = {"stage": say_stage(slow.stage.key), "median": span(slow.median), "p90": span(slow.p90)}
        # With one stage known there is nothing that it could take longer than.
        if sum(each.median is not None for each in found) > 1:
            finding = _("“%(stage)s” takes longest: half leave it within %(median)s, nine of ten within %(p90)s.")
        else:
            finding = _(
                "Half leave “%(stage)s” within %(median)s, nine of ten within %(p90)s; other stages: too few yet."
            )
        finding = finding % told
        limit = _limit(slow)
        if limit is not None and slow.median > limit:
            finding += " " + _("That is longer than your limit of %(limit)s.") % {"limit": span(limit)}
    most = max((max(each.p90 or 0, _limit(each) or 0) for each in found if each.p90 is not None), default=1) or 1
    bars = tuple(
        Bar(
            say_stage(each.stage.key), each.p90 / most, each.median / most,
            span(each.median),
            limit / most if (limit := _limit(each)) is not None else None,
        )
        for each in found
        if each.median is not None and each.p90 is not None
    )  # fmt: skip
    header = (_("Stage"), _("Times left"), _("Days, median"), _("Days, nine of ten"), _("Limit, days"))
    rows = tuple(
        (say_stage(each.stage.key), each.count, _days(each.median), _days(each.p90), _days(_limit(each)))
        for each in found
    )
    return Figure("times", finding, header, rows, bars, (_("half are faster"), _("9 in 10 are faster")))


def of_velocity(found: Velocity) -> Figure:
    """Deals by week."""
    told = {"num": number(found.won), "before": number(found.won_before), "rate": number(round(found.a_week, 1))}
    finding = _n(
        "%(num)s deal was won, %(rate)s a week; %(before)s in the period before.",
        "%(num)s deals were won, %(rate)s a week; %(before)s in the period before.",
        found.won,
    )
    finding = finding % told + " "
    if found.median is None or found.p90 is None:
        finding += _("Too few yet to say how long a deal takes: fewer than 10 were won.")
    else:
        both = {"median": span(found.median), "p90": span(found.p90)}
        finding += _("Half took %(median)s from entering, nine of ten at most %(p90)s.") % both
        if found.median_before is not None:
            finding += " " + _("Half took %(median)s in the period before.") % {"median": span(found.median_before)}
    most = max((max(week.won, week.ended) for week in found.weeks), default=0) or 1
    bars = tuple(Bar(date(week.begins), week.ended / most, week.won / most, number(week.won)) for week in found.weeks)
    rows = tuple((week.begins, week.won, week.ended) for week in reversed(found.weeks))
    header = (_("Seven days from"), _("Won"), _("Closed, not won"))
    return Figure("velocity", finding, header, rows, bars, (_("won"), _("closed, not won")), upright=True)


def of_sequences(found: Sequence[Step]) -> Figure:
    """What came of emails."""
    enough = [each for each in found if each.sent >= answered.FEWEST]
    best = max(enough, key=lambda each: each.share, default=None)
    if best is None:
        finding = _("Too few yet: no step has sent 30 emails in this period.")
    elif not best.replied:
        finding = _("Nobody has answered an email of this period yet.")
    else:
        told = {"step": _step(best), "sequence": say_sequence(best.sequence), "sent": number(best.sent)}
        finding = _("Answered most often is “%(step)s” of “%(sequence)s”: %(percent)s of %(sent)s emails.") % {
            **told, "percent": percent(best.share),
        }  # fmt: skip
    most = max((each.share for each in enough), default=0) or 1
    bars = tuple(Bar(_step(each), 0, each.share / most, percent(each.share)) for each in enough)
    header = (
        _("Sequence"), _("Step"), _("Variant"), _("Sent"), _("Answered"), _("Meetings"), _("Unsubscribed"),
        _("Came back"),
    )  # fmt: skip
    rows = tuple(
        (
            say_sequence(each.sequence), _step(each, variant=False), each.variant or "–", each.sent, each.replied,
            each.met, each.unsubscribed, each.bounced,
        )
        for each in found
    )  # fmt: skip
    return Figure("sequences", finding, header, rows, bars, (_("answered"),))


def of_sources(found: Sequence[Fared]) -> Figure:
    """How those fared whom each source brought."""
    enough = [each for each in found if each.entered >= funnel.FEWEST and each.share is not None]
    best = max(enough, key=lambda each: each.share or 0, default=None)
    if best is None:
        finding = _("Too few yet: no source brought 20 prospects of whom some were closed.")
    else:
        finding = _("Won most often are those from “%(source)s”: %(won)s of %(closed)s closed.") % {
            "source": origin(best.key), "won": number(best.won), "closed": number(best.won + best.ended),
        }  # fmt: skip
    return _of_fared("sources", finding, _("Source"), [(origin(each.key), each) for each in found])


def of_reps(found: Sequence[Fared]) -> Figure:
    """How the prospects of each rep fared."""
    best = max((each for each in found if each.key), key=lambda each: each.won, default=None)
    if best is None or best.entered < funnel.FEWEST or not best.won:
        finding = _("Too few yet: nobody who has 20 prospects of this period has won one.")
    else:
        finding = _("Most deals: %(who)s, %(won)s of %(closed)s closed.") % {
            "who": owner(best.key), "won": number(best.won), "closed": number(best.won + best.ended),
        }  # fmt: skip
    return _of_fared("reps", finding, _("Owner"), [(owner(each.key), each) for each in found])


def of_competitors(found: Sequence[Rival]) -> Figure:
    """How those fared who named a competitor."""
    first = next((each for each in found if each.won + each.ended >= endings.FEWEST_NAMED), None)
    if first is None:
        finding = _("Too few yet: no competitor was named by 5 prospects who were closed.")
    else:
        finding = _("Named most often is %(name)s: of %(closed)s closed, %(ended)s were not won.") % {
            "name": first.name, "closed": number(first.won + first.ended), "ended": number(first.ended),
        }  # fmt: skip
    most = max((each.named for each in found), default=0) or 1
    bars = tuple(Bar(each.name, each.named / most, each.ended / most, number(each.named)) for each in found[:_BARS])
    header = (_("Name"), _("Named by"), _("Open"), _("Won"), _("Closed, not won"))
    rows = tuple((each.name, each.named, each.open, each.won, each.ended) for each in found)
    return Figure("competitors", finding, header, rows, bars, (_("closed, not won"), _("all who named it")))


def of_reasons(found: Sequence[Ended]) -> Figure:
    """Why prospects were closed without a deal."""
    counts: Counter[str] = Counter()
    for each in found:
        counts[said(each.reason)] += each.count
    total = counts.total()
    first = next((each for each in counts.most_common() if each[0] not in (said(""), "…")), None)
    if total < endings.FEWEST or first is None:
        finding = _("Too few yet: fewer than 10 were closed without a deal, or nobody said why.")
    else:
        finding = _("The most frequent reason is “%(reason)s”: %(count)s of %(total)s closed without a deal.") % {
            "reason": first[0], "count": number(first[1]), "total": number(total),
        }  # fmt: skip
    most = max(counts.values(), default=0) or 1
    bars = tuple(Bar(reason, 0, count / most, number(count)) for reason, count in counts.most_common(_BARS))
    rows = tuple((say_outcome(each.outcome), said(each.reason), each.count) for each in found)
    return Figure("reasons", finding, (_("Outcome"), _("Reason"), _("Prospects")), rows, bars)


def span(hours: int) -> str:
    """5 hours, 3.5 days, 31 days."""
    if hours < _TWO_DAYS:
        return _n("%(num)s hour", "%(num)s hours", hours) % {"num": number(hours)}
    days = round(hours / _DAY, 1) if hours < _TEN_DAYS else round(hours / _DAY)
    # A part of a day takes the form of many, in both languages.
    return _n("%(num)s day", "%(num)s days", 2) % {"num": number(int(days) if days == int(days) else days)}


def origin(key: str) -> str:
    """Who brought a prospect."""
    kind, _colon, name = key.partition(":")
    if kind in ("source", "api"):
        return name if kind == "source" else _("API: %(name)s") % {"name": name}
    known = {"rep": _("Added by hand"), "import": _("Imported"), "command": _("The command line"), "": _("Unknown")}
    return known.get(kind) or say_phrase(kind)


def owner(key: str) -> str:
    """Whose prospects they are."""
    known = {"": _("Nobody’s"), funnel.REST: _("All others")}
    return known.get(key) or say_actor(f"rep:{key}")


def said(reason: str) -> str:
    """Why one was closed, in the words of the playbook where it has some."""
    if not reason:
        return _("Nobody said why")
    book = playbook()
    for way in book.transitions:
        if reason in way.reasons:
            return book.words(way.reasons[reason], language())
    return reason


def _of_fared(key: str, finding: str, first: str, found: Sequence[tuple[str, Fared]]) -> Figure:
    most = max((each.entered for _name, each in found), default=0) or 1
    bars = tuple(
        Bar(name, each.entered / most, each.won / most, f"{number(each.won)} / {number(each.entered)}")
        for name, each in found[:_BARS]
    )
    header = (
        first, _("Entered"), _("Answered"), _("Meetings"), _("Open"), _("Won"), _("Closed, not won"),
        _("Won of closed"),
    )  # fmt: skip
    rows = tuple(
        (name, each.entered, each.replied, each.met, each.open, each.won, each.ended, Share(each.share))
        for name, each in found
    )
    return Figure(key, finding, header, rows, bars, (_("won"), _("entered")))


def _step(of: Step, *, variant: bool = True) -> str:
    known = playbook().sequences.get(of.sequence)
    made_from = next((one for one in known.steps if one.key == of.step), None) if known else None
    told = say_step(made_from, of.step)
    return f"{told} · {of.variant}" if variant and of.variant else told


def _limit(of: Stayed) -> int | None:
    allowed = of.stage.stalled_after
    return int(allowed.total_seconds() // 3600) if allowed is not None else None


def _days(hours: int | None) -> float | None:
    return None if hours is None else round(hours / _DAY, 1)


def _written(cell: Cell) -> str:
    match cell:
        case None:
            return "–"
        case str():
            return cell
        case datetime():
            return date(cell)
        case Share(part):
            return percent(part)
    return number(cell)


def _plain(cell: Cell) -> str:
    match cell:
        case None | Share(None):
            return ""
        case datetime():
            return local(cell).date().isoformat()
        case Share(float(part)):
            return str(round(part, 3))
    return str(cell)
