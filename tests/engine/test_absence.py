"""Until when mail waits for whoever is away: the day of return, the playbook's guess, and what ends it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.engine import absence, leaving
from workflow.engine import signals as kinds
from workflow.engine.absence import Told
from workflow.engine.decide import decide
from workflow.engine.sequences import Whereabouts
from workflow.engine.signals import EnrollmentView, MailHold, ProspectView, Signal
from workflow.playbook import loader
from workflow.playbook.schema import Step

FAST = loader.read(Path(__file__).parents[1] / "playbook" / "fast.yaml")
NOW = datetime(2026, 11, 10, 8, 0, tzinfo=UTC)
ANA = ProspectView(id="ana", stage="qualified", version=3, fields={"email": "ana@example.com"})
times = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
holds = st.none() | st.builds(MailHold, times, st.sampled_from([kinds.AWAY, kinds.PAUSE]))


def auto(**data: object) -> Signal:
    return Signal(kinds.AUTO_REPLIED, NOW, "mailbox:own", "mail:1", data=data)


def waits(view: ProspectView, signal: Signal) -> tuple[object, object]:
    """What the prospect's row says after the signal."""
    decision = decide(FAST, view, signal, NOW)
    folded: dict[str, object] = {"mail_hold_until": view.mail_hold_until, "mail_hold_why": view.mail_hold_why}
    for change in decision.history:
        folded |= change.changes
    return folded["mail_hold_until"], folded["mail_hold_why"]


def test_the_day_of_return_begins_on_the_prospect_s_wall() -> None:
    """In every zone, also where the clock skips midnight: then it begins when the clock goes on."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for zone, month, day in product(sorted(available_timezones()), range(1, 13), (1, 15, 28)):
        where, returns = Whereabouts(ZoneInfo(zone), None), date(2026, month, day)
        told = absence.hold(FAST, {"returns_on": returns.isoformat()}, at, where)
        assert told is not None
        assert told.until is not None
        assert told.until.astimezone(where.zone).date() == returns
        assert (told.until - timedelta(seconds=1)).astimezone(where.zone).date() < returns


@given(holds, st.none() | st.builds(Told, st.none() | times, st.booleans()), times)
def test_what_waits_is_never_lost_by_accident(known: MailHold | None, told: Told | None, now: datetime) -> None:
    known = known if known is not None and known.until > now else None
    until, why = absence.merged(known, told, now)
    assert (until is None) == (why is None)
    assert until is None or until > now
    if known is not None and known.why == kinds.PAUSE:
        assert (until or now) >= known.until
        assert why == kinds.PAUSE
    if known is not None and (told is None or not told.named):
        assert (until or now) >= known.until
    if told is not None and told.named and (known is None or known.why == kinds.AWAY):
        assert until == (told.until if told.until and told.until > now else None)


@given(st.dictionaries(st.sampled_from(["about", "returns_on"]), st.text(max_size=12) | st.dates().map(str)))
def test_no_word_of_a_mailbox_makes_it_fail_or_wait_for_years(data: dict[str, str]) -> None:
    until, _ = waits(ANA, auto(**data))
    assert until is None or NOW < until <= NOW + timedelta(days=368)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("data", "until"),
    [
        ({"about": "away", "returns_on": "2026-11-16"}, datetime(2026, 11, 16, tzinfo=UTC)),
        ({"about": "away", "returns_on": "2026-11-09"}, None),
        ({"about": "away"}, NOW + timedelta(days=3)),
        ({"about": "away", "returns_on": "2199-01-01"}, NOW + timedelta(days=3)),
        ({"about": "away", "returns_on": "soon"}, NOW + timedelta(days=3)),
        ({"about": "acknowledgement"}, None),
        ({"about": "left", "returns_on": "2026-11-16"}, None),
    ],
)
def test_an_automatic_reply_says_until_when(data: dict[str, str], until: datetime | None) -> None:
    utc = replace(ANA, fields={**ANA.fields, "time_zone": "UTC"})
    assert waits(utc, auto(**data)) == (until, kinds.AWAY if until else None)


def test_who_ends_the_wait() -> None:
    away = replace(ANA, mail_hold_until=NOW + timedelta(days=9), mail_hold_why=kinds.AWAY)
    still = (away.mail_hold_until, kinds.AWAY)
    reply, move = (Signal(kind, NOW, "x", "y", data={"trigger": "diagnose"}) for kind in (kinds.REPLIED, kinds.MOVE))
    assert waits(away, reply) == waits(away, move) == (None, None)
    assert waits(away, replace(reply, data={"colleague": True})) == still
    assert waits(away, replace(move, sender=("standard", "crm"))) == still
    assert waits(away, Signal(kinds.CALL_ENDED, NOW, "x", "y")) == still
    paused = replace(away, mail_hold_why=kinds.PAUSE)
    assert waits(paused, reply) == waits(paused, move) == (away.mail_hold_until, kinds.PAUSE)


def test_mail_that_waits_is_asked_again_when_they_are_back_sooner_and_only_then() -> None:
    away = replace(ANA, mail_hold_until=NOW + timedelta(days=9), mail_hold_why=kinds.AWAY)
    assert decide(FAST, away, auto(about="away", returns_on="2026-11-12"), NOW).resume
    assert decide(FAST, away, Signal(kinds.REPLIED, NOW, "x", "y"), NOW).resume
    assert not decide(FAST, away, auto(about="away", returns_on="2026-11-29"), NOW).resume
    assert not decide(FAST, ANA, Signal(kinds.REPLIED, NOW, "x", "y"), NOW).resume


@pytest.mark.parametrize(
    ("data", "word"), [({}, "reply"), ({"colleague": True}, "colleague_reply"), ({"colleague": "yes"}, "reply")]
)
def test_a_reply_says_whose_it_is(data: dict[str, object], word: str) -> None:
    for stop in ("reply", "colleague_reply"):
        sequence = replace(FAST.sequences["nudge"], stop=frozenset({stop}))
        view = replace(ANA, enrollments=(EnrollmentView("e", sequence),))
        stops = decide(FAST, view, Signal(kinds.REPLIED, NOW, "x", "y", data=data), NOW).stop
        assert [each.reason.code for each in stops] == ([f"stop.{word}"] if stop == word else [])


def test_whoever_has_left_stops_what_says_so_and_is_barred_from_nothing() -> None:
    sequence = replace(FAST.sequences["nudge"], stop=frozenset({"left"}))
    view = replace(ANA, enrollments=(EnrollmentView("e", sequence),))
    decision = decide(FAST, view, auto(about="left"), NOW)
    assert [each.reason.code for each in decision.stop] == ["stop.left"]
    assert decision.suppress is None


@pytest.mark.parametrize(
    ("step", "waits_too"),
    [
        (Step("a", 0, email="hello"), True),
        (Step("a", 0, email="hello", any_hour=True), False),
        (Step("a", 0, email="hello", before_meeting=True, lead=timedelta(hours=1)), False),
    ],
)
def test_what_is_about_a_meeting_does_not_wait(step: Step, *, waits_too: bool) -> None:
    until = NOW + timedelta(days=3)
    found = leaving.when_it_may_leave(
        FAST,
        step,
        leaving.Asked(NOW, NOW, NOW, 0, forced=False, held=MailHold(until, kinds.AWAY)),
        where=lambda: Whereabouts(ZoneInfo("UTC"), None),
        mails=leaving.Mails,
    )
    assert (found is not None) == waits_too
    if found is not None:
        assert (found.until, found.not_after) == (until, until + leaving.STILL_GOOD_FOR)
        assert found.reason.words("en") == "Waits until 2026-11-13: the prospect is out of the office."
