"""Times for a meeting: only ones that suit both sides, the best first, each with its reason, wherever people are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.engine import meetings, slots
from workflow.engine.calendar import is_working_day
from workflow.engine.reasons import Reason
from workflow.engine.slots import Sides
from workflow.playbook.content import MeetingRules
from workflow.playbook.schema import Calendar, Window

SOFIA = ZoneInfo("Europe/Sofia")
RULES = MeetingRules(
    length=timedelta(minutes=45),
    days=frozenset({0, 1, 2, 3}),
    hours=(Window(time(8, 30), time(10, 30)), Window(time(16), time(17, 30))),
    buffer=timedelta(minutes=15),
)
CALENDAR = Calendar(Window(time(8, 30), time(17, 30)), holidays=("BG",))
# A Sunday; the Tuesday after it is the first day with times, because they need a day's notice.
SUNDAY = datetime(2026, 11, 22, 20, tzinfo=UTC)
ZONES = ("Europe/Sofia", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Africa/Casablanca", "Asia/Gaza")
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis


def sides(zone: str = "Europe/Sofia", rep: str = "Europe/Sofia", *, country: str | None = "BG") -> Sides:
    return Sides(ZoneInfo(zone), country, ZoneInfo(rep))


def clocks(found: tuple[slots.Slot, ...], zone: ZoneInfo = SOFIA) -> list[str]:
    return [f"{each.starts_at.astimezone(zone):%a %d %H:%M}" for each in found]


def codes(reasons: tuple[Reason, ...]) -> list[str]:
    return [each.code for each in reasons]


def test_the_best_time_is_the_soonest_early_one_and_the_others_differ_in_day_and_hours() -> None:
    found = slots.offered(RULES, CALENDAR, sides(), SUNDAY)
    assert clocks(slots.recommended(found, 3)) == ["Tue 24 08:30", "Wed 25 16:00", "Thu 26 08:30"]
    assert codes(found[0].reasons) == ["slot.early", "slot.soonest", "slot.free"]
    assert not any("Fri" in each for each in clocks(found))
    friday = slots.offered(RULES, CALENDAR, sides(), SUNDAY, any_day=True)
    assert clocks(slots.recommended(friday, 1)) == ["Tue 24 08:30"]
    assert {codes(each.reasons)[1] for each in friday if each.day.weekday() == 4} == {"slot.other_day"}


def test_a_holiday_of_either_side_and_another_meeting_leave_their_times_out() -> None:
    # 8 December is a day off in Austria alone, where the prospect is.
    before_christmas = datetime(2026, 12, 6, 8, tzinfo=UTC)
    found = slots.offered(RULES, CALENDAR, sides("Europe/Vienna", country="AT"), before_christmas)
    assert date(2026, 12, 8) not in {each.day for each in found}
    assert date(2026, 12, 9) in {each.day for each in found}
    # 22 September is a day off in Bulgaria alone, where the rep is.
    autumn = slots.offered(RULES, CALENDAR, sides("Europe/Vienna", country="AT"), datetime(2026, 9, 18, tzinfo=UTC))
    assert date(2026, 9, 22) not in {each.day for each in autumn}
    assert date(2026, 9, 23) in {each.day for each in autumn}
    taken = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)  # 09:00 in Sofia
    busy = replace(sides(), busy=((taken, taken + timedelta(minutes=30)),))
    tuesday = [each for each in clocks(slots.offered(RULES, CALENDAR, busy, SUNDAY)) if each.startswith("Tue 24")]
    assert "Tue 24 09:00" not in tuesday
    assert "Tue 24 08:30" not in tuesday
    assert "Tue 24 16:00" in tuesday
    told = slots.against(RULES, CALENDAR, busy, taken - timedelta(minutes=10), SUNDAY)
    assert [each.words("en") for each in told] == ["Too close to another meeting, which begins at 09:00."]


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        (SUNDAY - timedelta(hours=1), ["slot.past", "slot.day_off", "slot.hours", "slot.rep_day_off"]),
        (datetime(2026, 11, 23, 7, tzinfo=UTC), ["slot.notice"]),
        (datetime(2026, 11, 27, 7, tzinfo=UTC), ["slot.other_day"]),
        (datetime(2026, 11, 24, 20, tzinfo=UTC), ["slot.hours", "slot.rep_hours"]),
        (datetime(2026, 11, 24, 7, tzinfo=UTC), []),
    ],
)
def test_a_time_of_one_s_own_is_told_what_speaks_against_it(at: datetime, wanted: list[str]) -> None:
    told = codes(slots.against(RULES, CALENDAR, sides(), at, SUNDAY))
    assert [each for each in told if each != "slot.rep_hours" or "slot.rep_hours" in wanted] == wanted


def test_a_skipped_hour_is_not_offered_and_an_hour_shown_twice_is_offered_once() -> None:
    # Clocks in Sofia skip from 03:00 to 04:00 on 29 March 2026, a Sunday, and show 03:00 to 04:00 twice in October.
    night = replace(RULES, days=frozenset(range(7)), hours=(Window(time(2, 30), time(5)),), notice=timedelta(0))
    open_all = Calendar(Window(time(0), time(23, 59)), working_days=frozenset(range(7)))
    spring = slots.offered(night, open_all, sides(country=None), datetime(2026, 3, 28, 22, tzinfo=UTC))
    assert [each for each in sorted(clocks(spring)) if each.startswith("Sun 29")] == ["Sun 29 02:30", "Sun 29 04:00"]
    autumn = slots.offered(night, open_all, sides(country=None), datetime(2026, 10, 24, 22, tzinfo=UTC))
    assert len({each.starts_at for each in autumn}) == len(autumn)


@settings(max_examples=40, deadline=None)
@given(
    now=MOMENTS,
    zone=st.sampled_from(ZONES),
    rep=st.sampled_from(ZONES),
    busy=st.lists(st.tuples(st.integers(0, 14 * 24 * 4), st.integers(1, 12)), max_size=6),
    any_day=st.booleans(),
)
def test_wherever_people_are_every_time_offered_suits_both(
    now: datetime, zone: str, rep: str, busy: list[tuple[int, int]], *, any_day: bool
) -> None:
    quarter = timedelta(minutes=15)
    taken = tuple((now + begins * quarter, now + (begins + long) * quarter) for begins, long in busy)
    both = replace(sides(zone, rep, country="BG"), busy=taken)
    found = slots.offered(RULES, CALENDAR, both, now, any_day=any_day)
    assert [each.cost for each in found] == sorted(each.cost for each in found)
    for each in found:
        there, here = each.starts_at.astimezone(both.zone), each.starts_at.astimezone(both.rep_zone)
        assert now + RULES.notice <= each.starts_at <= now + RULES.horizon
        assert each.ends_at - each.starts_at == RULES.length
        assert any(w.start <= there.time() and (there + RULES.length).time() <= w.end for w in RULES.hours)
        assert time(8, 30) <= here.time() <= time(16, 45)
        assert is_working_day(there.date(), CALENDAR, "BG")
        assert any_day or there.weekday() in RULES.days
        assert all(each.ends_at + RULES.buffer <= b or each.starts_at >= e + RULES.buffer for b, e in taken)
        assert all(reason.words("bg") and reason.words("en") for reason in each.reasons)
    best = slots.recommended(found, 3)
    assert len(best) == min(3, len(found))
    assert best[:1] == found[:1]


def test_the_place_tells_how_people_meet() -> None:
    told = ("https://meet.example/x", "Zoom: https://z.example/1", "+359 888 123 456", "Sofia, Vitosha 1", " ")
    assert [meetings.kind_of(each) for each in told] == ["video", "video", "phone", "visit", "open"]
    named = (
        "Video call",
        "Zoom",
        "Microsoft Teams",
        "Google Meet",
        "Zoom: 912 345 678",
        "видео",
        "Онлайн среща",
        "в Teams",
    )
    assert {meetings.kind_of(each) for each in named} == {"video"}
    streets = ("Meet Street 1, London", "Zoom Park, Sofia", "София, бул. Онлайн 3", "Our office")
    assert {meetings.kind_of(each) for each in streets} == {"visit"}
