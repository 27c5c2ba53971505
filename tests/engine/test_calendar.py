"""The calendar by exact examples: gaps and folds of the clock, leap days, year ends, and the holidays of Bulgaria."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from workflow.engine import calendar
from workflow.playbook.check import COUNTRIES
from workflow.playbook.schema import Calendar, Delay, Window

SOFIA = ZoneInfo("Europe/Sofia")
OFFICE = Calendar(Window(time(8, 30), time(17, 30)), holidays=("BG",))
EVERY_DAY = frozenset(range(7))


def sofia(text: str, fold: int = 0) -> datetime:
    """A wall-clock time in Sofia, in UTC because PEP 495 lets no local time of a fold equal any other."""
    return datetime.fromisoformat(text).replace(tzinfo=SOFIA, fold=fold).astimezone(UTC)


def after(delay: Delay, at: datetime, plan: Calendar = OFFICE, country: str | None = None) -> datetime:
    """`at` and the delay, in Sofia."""
    return calendar.add(delay, at, plan, SOFIA, country)


def opens(at: datetime, plan: Calendar = OFFICE, country: str | None = None) -> datetime:
    """The next opening in Sofia."""
    return calendar.opening(at, plan, SOFIA, country)


# --- zones ---


def test_it_takes_the_first_zone_that_exists() -> None:
    """The prospect's, else the rep's, else the playbook's; UTC when nobody knows one."""
    assert calendar.zone_of("Europe/Sofia", "Asia/Tokyo").key == "Europe/Sofia"
    assert calendar.zone_of(None, "", "Asia/Tokyo").key == "Asia/Tokyo"
    assert calendar.zone_of("Europe/Sofa", "Asia/Tokyo").key == "Asia/Tokyo"
    assert calendar.zone_of().key == calendar.zone_of(None).key == "UTC"


@pytest.mark.parametrize(
    "name", ["Europe", "../../etc/passwd", "/etc/localtime", "right/Europe/Sofia", "a\x00b", "София", "x" * 5000, " "]
)
def test_it_passes_over_what_is_no_zone(name: str) -> None:
    """Folders, paths, leap-second tables and nonsense from a CRM."""
    assert calendar.zone_of(name, "Europe/Sofia").key == "Europe/Sofia"


# --- waiting ---


@pytest.mark.parametrize(
    ("delay", "at", "expected"),
    [
        # Absolute time goes through the gap of 29 March and the fold of 25 October; the wall clock shows it.
        (Delay(timedelta(hours=72)), "2026-03-27T10:00", "2026-03-30T11:00"),
        (Delay(timedelta(days=3)), "2026-03-27T10:00", "2026-03-30T11:00"),
        (Delay(timedelta(hours=72)), "2026-10-23T10:00", "2026-10-26T09:00"),
        # Working days keep the wall-clock time.
        (Delay(working_days=1), "2026-03-27T10:00", "2026-03-30T10:00"),
        (Delay(working_days=3), "2026-03-27T10:00", "2026-04-01T10:00"),
        (Delay(working_days=1), "2026-10-23T10:00", "2026-10-26T10:00"),
        # Over a weekend, from within one, and none at all.
        (Delay(working_days=2), "2026-11-19T16:45", "2026-11-23T16:45"),
        (Delay(working_days=1), "2026-11-21T23:59", "2026-11-23T23:59"),
        (Delay(working_days=1), "2026-11-22T00:00", "2026-11-23T00:00"),
        (Delay(), "2026-11-21T12:00", "2026-11-21T12:00"),
        # 29 February 2028 is a Tuesday; 2027 has none. 3 March is a holiday.
        (Delay(working_days=1), "2028-02-28T09:00", "2028-02-29T09:00"),
        (Delay(working_days=2), "2028-02-29T09:00", "2028-03-02T09:00"),
        (Delay(timedelta(days=366)), "2028-02-29T09:00", "2029-03-01T09:00"),
        (Delay(working_days=3), "2027-02-26T09:00", "2027-03-04T09:00"),
        # Christmas Eve, Christmas, its moved day (Saturday 26 to Monday 28 December 2026), New Year.
        (Delay(working_days=1), "2026-12-23T09:00", "2026-12-29T09:00"),
        (Delay(working_days=2), "2026-12-30T09:00", "2027-01-04T09:00"),
        # Good Friday to Easter Monday of the Orthodox calendar.
        (Delay(working_days=1), "2026-04-09T09:00", "2026-04-14T09:00"),
    ],
)
def test_it_waits(delay: Delay, at: str, expected: str) -> None:
    """Three working days and 72 hours differ as they should."""
    assert after(delay, sofia(at)) == sofia(expected)


def test_it_moves_a_skipped_time_on_by_the_gap() -> None:
    """On 29 March 2026 the clock of Sofia goes from 03:00 to 04:00: 03:30 becomes 04:30, which is 01:30 UTC."""
    plan = Calendar(working_days=EVERY_DAY)
    assert after(Delay(working_days=1), sofia("2026-03-28T03:30"), plan) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert after(Delay(working_days=1), sofia("2026-03-28T03:00"), plan) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert after(Delay(working_days=2), sofia("2026-03-28T03:30"), plan) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


def test_it_takes_the_first_of_two_equal_times() -> None:
    """On 25 October 2026 the clock of Sofia shows 03:30 at 00:30 and at 01:30 UTC."""
    plan = Calendar(working_days=EVERY_DAY)
    assert after(Delay(working_days=1), sofia("2026-10-24T03:30"), plan) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    # From within the second showing the next day's only one counts.
    assert after(Delay(working_days=1), sofia("2026-10-25T03:30", 1), plan) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    # A year on from a second showing: the time of the wall clock, and the first of its showings.
    assert after(Delay(working_days=364), sofia("2025-10-26T03:30", 1), plan) == datetime(
        2026, 10, 25, 0, 30, tzinfo=UTC
    )


def test_it_answers_in_utc() -> None:
    """Whatever zone was asked in."""
    for at in (sofia("2026-11-20T10:00"), sofia("2026-11-20T10:00").astimezone(SOFIA)):
        for answer in (after(Delay(timedelta(1)), at), after(Delay(working_days=1), at), opens(at)):
            assert answer.tzinfo is UTC


def test_it_refuses_a_calendar_without_working_days() -> None:
    """The loader refuses it too; here it ends instead of searching for ever."""
    plan = Calendar(Window(time(8), time(9)), working_days=frozenset())
    with pytest.raises(ValueError, match="no working day"):
        after(Delay(working_days=1), sofia("2026-11-20T10:00"), plan)
    with pytest.raises(ValueError, match="no working day"):
        opens(sofia("2026-11-20T10:00"), plan)


# --- the window ---


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-20T08:29:59.999999", "2026-11-20T08:30"),
        ("2026-11-20T08:30", "2026-11-20T08:30"),
        ("2026-11-20T12:34:56", "2026-11-20T12:34:56"),
        ("2026-11-20T17:29:59.999999", "2026-11-20T17:29:59.999999"),
        ("2026-11-20T17:30", "2026-11-23T08:30"),  # Friday evening to Monday morning
        ("2026-11-21T12:00", "2026-11-23T08:30"),
        ("2026-03-02T18:00", "2026-03-04T08:30"),  # over Liberation Day
        ("2026-03-28T12:00", "2026-03-30T08:30"),  # over the night of the gap
        ("2026-10-24T12:00", "2026-10-26T08:30"),  # over the night of the fold
        ("2026-12-23T18:00", "2026-12-29T08:30"),
        ("2026-12-31T18:00", "2027-01-04T08:30"),
        ("2028-02-28T18:00", "2028-02-29T08:30"),
    ],
)
def test_it_opens(at: str, expected: str) -> None:
    """At once inside the window of a working day, else at the next start."""
    assert opens(sofia(at)) == sofia(expected)


def test_it_is_always_open_without_a_window() -> None:
    """`send_window: always` also means weekends and holidays."""
    at = sofia("2026-12-25T03:00")
    assert opens(at, Calendar(holidays=("BG",))) == at


def test_it_opens_later_where_the_clock_skips_the_start() -> None:
    """A window from 03:30 opens at 04:30 on the day of the gap, also for who asks between the two."""
    plan = Calendar(Window(time(3, 30), time(17, 30)), working_days=EVERY_DAY)
    half_past_four = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert opens(sofia("2026-03-29T02:00"), plan) == half_past_four
    assert opens(sofia("2026-03-29T04:10"), plan) == half_past_four
    assert opens(sofia("2026-03-29T04:30"), plan) == half_past_four
    assert opens(sofia("2026-03-30T02:00"), plan) == sofia("2026-03-30T03:30")


def test_it_does_not_open_where_the_clock_skips_the_whole_window() -> None:
    """A window from 03:10 to 03:50 waits for the next day."""
    plan = Calendar(Window(time(3, 10), time(3, 50)), working_days=EVERY_DAY)
    assert opens(sofia("2026-03-28T04:00"), plan) == sofia("2026-03-30T03:10")


def test_it_opens_at_the_first_of_two_equal_starts_and_closes_once() -> None:
    """In the night of the fold 03:30 comes twice."""
    late = Calendar(Window(time(3, 30), time(17, 30)), working_days=EVERY_DAY)
    assert opens(sofia("2026-10-25T02:00"), late) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert opens(sofia("2026-10-25T03:10", 1), late) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    early = Calendar(Window(time(1), time(3, 30)), working_days=EVERY_DAY)
    assert opens(sofia("2026-10-25T03:29"), early) == sofia("2026-10-25T03:29")
    assert opens(sofia("2026-10-25T03:10", 1), early) == sofia("2026-10-26T01:00")


def test_it_knows_a_day_that_the_clock_shows_again_after_midnight() -> None:
    """St. John's went from 00:01 back to 23:01 of the day before: the day after opens twice."""
    zone = ZoneInfo("America/St_Johns")
    plan = Calendar(Window(time(0), time(23, 30)), working_days=EVERY_DAY)
    first = datetime(2008, 11, 2, 0, 0, tzinfo=zone).astimezone(UTC)
    second = datetime(2008, 11, 2, 0, 0, fold=1, tzinfo=zone).astimezone(UTC)
    assert second - first == timedelta(hours=1)
    assert calendar.opening(first, plan, zone, None) == first
    again = datetime(2008, 11, 1, 23, 40, fold=1, tzinfo=zone)
    assert calendar.opening(again, plan, zone, None) == second


def test_it_skips_the_day_that_samoa_never_had() -> None:
    """Apia went from 29 to 31 December 2011; the Friday between never opened."""
    zone = ZoneInfo("Pacific/Apia")
    at = datetime(2011, 12, 29, 18, 0, tzinfo=zone)
    assert calendar.opening(at, Calendar(OFFICE.window), zone, None) == datetime(2012, 1, 2, 8, 30, tzinfo=zone)


# --- holidays ---


def test_it_knows_the_holidays_of_bulgaria_and_the_days_given_for_them() -> None:
    """2026: the fixed ones, Easter, three Mondays for holidays on a weekend, and 2 January by decree."""
    free = {
        day
        for day in (date(2026, 1, 1) + timedelta(n) for n in range(365))
        if day.weekday() < 5 and not calendar.is_working_day(day, OFFICE, None)
    }
    assert free == {
        date(2026, 1, 1),
        date(2026, 1, 2),
        date(2026, 3, 3),
        date(2026, 4, 10),
        date(2026, 4, 13),
        date(2026, 5, 1),
        date(2026, 5, 6),
        date(2026, 5, 25),  # for Sunday 24 May
        date(2026, 9, 7),  # for Sunday 6 September
        date(2026, 9, 22),
        date(2026, 12, 24),
        date(2026, 12, 25),
        date(2026, 12, 28),  # for Saturday 26 December
    }


def test_it_keeps_the_holidays_of_the_prospects_country_instead_of_the_playbooks() -> None:
    """4 July 2025 is free in the United States, 3 March in Bulgaria; an unknown country counts as none."""
    july, march = date(2025, 7, 4), date(2025, 3, 3)
    assert [calendar.is_working_day(july, OFFICE, country) for country in ("US", "us", "BG", None)] == [
        False,
        False,
        True,
        True,
    ]
    assert [
        calendar.is_working_day(march, OFFICE, country) for country in ("US", "BG", None, "", "XX", "Bulgaria")
    ] == [
        True,
        False,
        False,
        False,
        False,
        False,
    ]


def test_it_keeps_the_holidays_of_all_countries_of_the_playbook() -> None:
    """Two countries, both free."""
    plan = Calendar(holidays=("BG", "DE"))
    assert not calendar.is_working_day(date(2026, 3, 3), plan, None)
    assert not calendar.is_working_day(date(2026, 4, 6), plan, None)  # Easter Monday of the western calendar
    assert calendar.is_working_day(date(2026, 3, 4), plan, None)


def test_every_country_that_the_check_accepts_has_holidays_to_ask_for() -> None:
    """The list in the check is the library's own, and each of its countries answers."""
    known = {
        code
        for first in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        for code in (first + second for second in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        if calendar.knows_country(code)
    }
    assert known == COUNTRIES
    for code in sorted(COUNTRIES):
        calendar.is_working_day(date(2026, 6, 1), Calendar(holidays=(code,)), None)


def test_it_can_load_the_holidays_before_a_process_forks() -> None:
    """What was warmed is there: the library is not asked again."""
    script = (
        "import sys, datetime as d; from workflow.engine import calendar; "
        "from workflow.playbook.schema import Calendar, Window; "
        "plan = Calendar(Window(d.time(8), d.time(9)), holidays=('BG',)); calendar.warm(plan, 2026); "
        "assert 'holidays.countries.bulgaria' in sys.modules; del sys.modules['holidays.countries.bulgaria']; "
        "assert not calendar.is_working_day(d.date(2026, 3, 3), plan, None); "
        "assert 'holidays.countries.bulgaria' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_it_loads_no_holiday_before_one_is_asked_for_and_then_only_that_country() -> None:
    """The library is heavy: a process that sends at any hour must not carry it, nor 250 countries for one."""
    script = (
        "import sys; from datetime import date; from workflow.engine import calendar; "
        "from workflow.playbook.schema import Calendar; "
        "assert 'holidays' not in sys.modules; "
        "calendar.is_working_day(date(2026, 3, 7), Calendar(holidays=('BG',)), None); "
        "assert 'holidays' not in sys.modules, 'a Saturday needs no holidays'; "
        "calendar.warm(Calendar(holidays=('BG',)), 2026); "
        "assert 'holidays' not in sys.modules, 'mail that may always leave needs none'; "
        "assert not calendar.is_working_day(date(2026, 3, 3), Calendar(holidays=('BG',)), None); "
        "print(*sorted(name for name in sys.modules if name.startswith('holidays.countries')))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["holidays.countries", "holidays.countries.bulgaria"]
