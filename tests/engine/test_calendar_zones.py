"""The calendar by its laws, in every IANA zone: never early, always inside the window, in order, and stable."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.engine import calendar
from workflow.playbook.schema import Calendar, Delay, Window

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
MINUTE = timedelta(minutes=1)
EVERY_DAY = frozenset(range(7))


@lru_cache
def changes(name: str) -> tuple[datetime, ...]:
    """The moments, to the minute, at which the clock of a zone jumps; mistakes live there."""
    zone = ZoneInfo(name)
    at, end = datetime(2007, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
    found = []
    while at < end:
        later = at + timedelta(days=9)
        if at.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            low, high = at, later
            while high - low > MINUTE:
                middle = low + (high - low) // 2
                if middle.astimezone(zone).utcoffset() == at.astimezone(zone).utcoffset():
                    low = middle
                else:
                    high = middle
            found.append(high.replace(second=0, microsecond=0))
        at = later
    return tuple(found)


clocks = st.times(max_value=time(23, 59)).map(lambda each: each.replace(second=0, microsecond=0))
windows = st.tuples(clocks, clocks).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: Window(*sorted(pair)))
plans = st.builds(
    Calendar,
    window=windows,
    working_days=st.frozensets(st.integers(0, 6), min_size=1),
    holidays=st.sampled_from([(), ("BG",), ("US", "DE")]),
)
countries = st.sampled_from([None, None, "BG", "JP", "XX"])


@st.composite
def places(draw: st.DrawFn) -> tuple[datetime, ZoneInfo]:
    """A moment and a zone, often within a day of a change of its clock."""
    name = draw(st.sampled_from(ZONES))
    if draw(st.booleans()) and changes(name):
        at = draw(st.sampled_from(changes(name))) + timedelta(seconds=draw(st.integers(-90_000, 90_000)))
    else:
        at = datetime(1995, 1, 1, tzinfo=UTC) + timedelta(seconds=draw(st.integers(0, 2_000_000_000)))
    return at, ZoneInfo(name)


def is_inside(at: datetime, plan: Calendar, zone: ZoneInfo, country: str | None) -> bool:
    """Whether the wall clock shows a time in the window of a working day."""
    local = at.astimezone(zone)
    assert plan.window is not None
    return plan.window.start <= local.time() < plan.window.end and calendar.is_working_day(local.date(), plan, country)


@settings(max_examples=400, deadline=None)
@given(places(), plans, countries)
def test_an_opening_is_never_early_always_inside_and_stable(
    place: tuple[datetime, ZoneInfo], plan: Calendar, country: str | None
) -> None:
    """The wall clock at the opening is within the window, and the opening of an opening is itself."""
    at, zone = place
    opening = calendar.opening(at, plan, zone, country)
    assert opening >= at
    assert is_inside(opening, plan, zone, country)
    assert calendar.opening(opening, plan, zone, country) == opening


@settings(max_examples=400, deadline=None)
@given(places(), plans, countries, st.integers(0, 200_000))
def test_who_asks_later_is_never_answered_earlier(
    place: tuple[datetime, ZoneInfo], plan: Calendar, country: str | None, seconds: int
) -> None:
    """Openings keep the order of the questions."""
    at, zone = place
    later = at + timedelta(seconds=seconds)
    assert calendar.opening(at, plan, zone, country) <= calendar.opening(later, plan, zone, country)


@settings(max_examples=60, deadline=None)
@given(places(), plans, st.integers(1, 1400))
def test_an_opening_is_the_first_there_is(place: tuple[datetime, ZoneInfo], plan: Calendar, minutes: int) -> None:
    """No moment between the question and the answer would have answered itself."""
    at, zone = place
    opening = calendar.opening(at, plan, zone, None)
    between = at + minutes * MINUTE
    if between < opening:
        assert calendar.opening(between, plan, zone, None) == opening


@settings(max_examples=300, deadline=None)
@given(places(), st.integers(0, 30), plans, countries)
def test_working_days_keep_the_wall_clock_and_count_right(
    place: tuple[datetime, ZoneInfo], number: int, plan: Calendar, country: str | None
) -> None:
    """The result is never early, so many working days on, and shows the same time unless the clock skips it."""
    at, zone = place
    result = calendar.add(Delay(working_days=number), at, plan, zone, country)
    assert result >= at
    if not number:
        assert result == at
        return
    day = at.astimezone(zone).date()
    for _ in range(number):
        day += timedelta(days=1)
        while not calendar.is_working_day(day, plan, country):
            day += timedelta(days=1)
    wanted = datetime.combine(day, at.astimezone(zone).time().replace(fold=0))
    first, second = (wanted.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    assert first is not None
    assert second is not None
    # By PEP 495 the two differ inside a gap, by its length, and inside a fold, where the other way round.
    gap = max(second - first, timedelta(0))
    shown = result.astimezone(zone)
    assert shown.replace(tzinfo=None, fold=0) == wanted + gap
    assert shown.fold == 0


@settings(max_examples=200, deadline=None)
@given(places(), st.integers(0, 20), plans)
def test_one_working_day_more_is_always_later(place: tuple[datetime, ZoneInfo], number: int, plan: Calendar) -> None:
    """Whatever the clock does."""
    at, zone = place
    less = calendar.add(Delay(working_days=number), at, plan, zone, None)
    more = calendar.add(Delay(working_days=number + 1), at, plan, zone, None)
    assert more > less


@settings(max_examples=200, deadline=None)
@given(places(), st.timedeltas(timedelta(0), timedelta(days=366)))
def test_a_span_is_absolute_in_every_zone(place: tuple[datetime, ZoneInfo], span: timedelta) -> None:
    """72 hours are 72 hours."""
    at, zone = place
    local = at.astimezone(zone)
    assert calendar.add(Delay(span), local, Calendar(), zone, None) - at == span


@pytest.mark.parametrize(
    "name", ["Europe/Sofia", "Australia/Lord_Howe", "America/St_Johns", "America/Nuuk", "Africa/Cairo"]
)
def test_minute_by_minute_it_agrees_with_a_clock_on_the_wall(name: str) -> None:
    """Over both changes of 2026 or the nearest: walking the minutes finds the same opening, for hard windows."""
    zone = ZoneInfo(name)
    for change in changes(name)[-4:]:
        local = change.astimezone(zone)
        for start in range(0, 24 * 60 - 45, 45):
            begin, end = time(*divmod(start, 60)), time(*divmod(start + 44, 60))
            plan = Calendar(Window(begin, end), working_days=frozenset(range(7)))
            at = change - timedelta(hours=14)
            answers = {}
            while at < change + timedelta(hours=14):
                answers[at] = calendar.opening(at, plan, zone, None)
                at += 15 * MINUTE
            assert sorted(answers.values()) == list(answers.values()), (local, plan)
            for asked, answer in answers.items():
                assert is_inside(answer, plan, zone, None)
                assert answer == asked or not is_inside(asked, plan, zone, None) or near(asked, change)


def near(at: datetime, change: datetime) -> bool:
    """Within the hours that a change of the clock skips or repeats."""
    return abs(at - change) <= timedelta(hours=2)


def test_every_zone_opens_on_monday_morning() -> None:
    """Plain weeks have plain answers, in all of them."""
    plan = Calendar(Window(time(8, 30), time(17, 30)))
    for name in ZONES:
        zone = ZoneInfo(name)
        saturday = datetime(2026, 6, 13, 12, tzinfo=zone)
        local = calendar.opening(saturday, plan, zone, None).astimezone(zone)
        assert (local.date(), local.time()) == (date(2026, 6, 15), time(8, 30)), name


def test_across_each_change_of_a_clock_three_working_days_keep_its_time_and_72_hours_do_not() -> None:
    """Of every zone, each change of 2026: over it the two differ by just as much as the clock was moved."""
    plan = Calendar(working_days=EVERY_DAY)
    met = 0
    for name in ZONES:
        zone = ZoneInfo(name)
        noons = [datetime.combine(date(2026, 1, 1), time(12)) + timedelta(days=day) for day in range(365)]
        offsets = [noon.replace(tzinfo=zone).utcoffset() for noon in noons]
        for before, after, noon in zip(offsets, offsets[1:], noons, strict=False):
            if before is None or after is None or before == after:
                continue
            met += 1
            asked = (noon - timedelta(days=1)).replace(tzinfo=zone)
            worked = calendar.add(Delay(working_days=3), asked, plan, zone, None)
            waited = calendar.add(Delay(timedelta(hours=72)), asked, plan, zone, None)
            assert worked.astimezone(zone).replace(tzinfo=None) == noon + timedelta(days=2), name
            assert worked - waited == before - after, name
            # A window of the minutes that the clock skips opens as much later; of those that it shows twice, once.
            moved = _jump(zone, noon)
            window = Window(moved.time(), time(23, 59))
            gap = max(after - before, timedelta())
            # A gap that ends at midnight leaves nothing of the window of that day.
            if moved.time() > time(0, 1) and (moved + gap).date() == moved.date():
                morning = datetime.combine(moved.date(), time(0, 1), zone)
                opened = calendar.opening(morning, Calendar(window, EVERY_DAY), zone, None)
                shown = opened.astimezone(zone)
                assert shown.replace(tzinfo=None, fold=0) == moved + gap, name
                assert shown.fold == 0, name
    assert met > 200


def _jump(zone: ZoneInfo, noon: datetime) -> datetime:
    """The first time on the wall, between this noon and the next, that the clock skips or shows a second time."""
    low, high = (
        noon.replace(tzinfo=zone).astimezone(UTC),
        (noon + timedelta(days=1)).replace(tzinfo=zone).astimezone(UTC),
    )
    before = low.astimezone(zone).utcoffset()
    assert before is not None
    while high - low > MINUTE:
        middle = low + (high - low) // 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    at = high.replace(second=0, microsecond=0)
    after = at.astimezone(zone).utcoffset()
    assert after is not None
    return (at + min(before, after)).replace(tzinfo=None)
