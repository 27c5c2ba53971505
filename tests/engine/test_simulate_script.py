"""The script of a simulation: every phrase, every way to say when, and a sentence for each line that is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow import places
from workflow.engine import life, script
from workflow.engine import signals as kinds
from workflow.engine.life import Happening
from workflow.engine.sequences import Whereabouts
from workflow.errors import BadInput
from workflow.playbook import loader

PLAYBOOK = loader.read(places.shipped_playbook())
SOFIA = ZoneInfo("Europe/Sofia")
# Tuesday, 10 November 2026, 10:00 in Sofia.
BEGINS = datetime(2026, 11, 10, 8, 0, tzinfo=UTC)


def read(text: str, begins: datetime = BEGINS) -> tuple[Happening, ...]:
    return script.read(text, PLAYBOOK, begins=begins, where=Whereabouts(SOFIA, "BG"))


def local(happening: Happening) -> str:
    return happening.at.astimezone(SOFIA).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("line", "kind", "data"),
    [
        ("moves qualify", "move.requested", {"trigger": "qualify"}),
        (
            "moves close with outcome=lost, reason=Too dear, by far on day 2",
            "move.requested",
            {"trigger": "close", "outcome": "lost", "reason": "Too dear, by far"},
        ),
        ("call ends", "call.ended", {}),
        ("Replies ON DAY 3", "email.replied", {}),
        ("bounces", "email.bounced", {}),
        ("bounces for now", "email.bounced", {"permanent": False}),
        ("complains", "email.complained", {}),
        ("unsubscribes", "email.unsubscribed", {}),
        ("cancels", "meeting.cancelled", {}),
        ("meets", "meeting.held", {}),
        ("does not show", "meeting.no_show", {}),
        ("answers pain with Wrong pallets leave", "answers.recorded", {"answers": {"pain": "Wrong pallets leave"}}),
        ("out of office", kinds.AUTO_REPLIED, {"about": "away", "returns_on": ""}),
        ("out of office until the 12th", kinds.AUTO_REPLIED, {"about": "away", "returns_on": "2026-11-12"}),
        ("is out of the office until the 9th", kinds.AUTO_REPLIED, {"about": "away", "returns_on": "2026-12-09"}),
        (
            "out of office until day 12 on day 3 at 9:00",
            kinds.AUTO_REPLIED,
            {"about": "away", "returns_on": "2026-11-22"},
        ),
        ("a colleague replies", kinds.REPLIED, {"colleague": True}),
        ("отговаря колега", kinds.REPLIED, {"colleague": True}),
        ("извън офиса до 12-и", kinds.AUTO_REPLIED, {"about": "away", "returns_on": "2026-11-12"}),
        ("out of office until 2026-12-01", kinds.AUTO_REPLIED, {"about": "away", "returns_on": "2026-12-01"}),
        ("clicks move qualify on day 1 at 10:00", "move.requested", {"trigger": "qualify"}),
        ("the manager clicks qualify", "move.requested", {"trigger": "qualify"}),
        ("rep does call_back", life.DONE, {}),
        ("rep skips after_call.questions", life.SKIPPED, {}),
        ("rep sends next_call", life.SENT_NOW, {}),
        ("hubspot says deal.stage qualifiedtobuy", "deal.stage", {"value": "qualifiedtobuy"}),
        ("hubspot says deal.lost", "deal.lost", {}),
    ],
)
def test_it_understands_every_phrase(line: str, kind: str, data: dict[str, object]) -> None:
    (told,) = read(line)
    assert (told.kind, told.data) == (kind, data)


@pytest.mark.parametrize(
    ("bulgarian", "english"),
    [
        ("прави преход qualify", "moves qualify"),
        ("прави преход close с outcome=lost, reason=Цена", "moves close with outcome=lost, reason=Цена"),
        ("натиска преход qualify на ден 1 в 10:00", "clicks move qualify on day 1 at 10:00"),
        ("мениджърът натиска qualify", "the manager clicks qualify"),
        ("обаждането приключва след 2 часа", "call ends after 2 hours"),
        ("отговаря на ден 3", "replies on day 3"),
        ("отговаря на pain с Твърде бавно", "answers pain with Твърде бавно"),
        ("имейлът се връща засега след 3 работни дни", "bounces for now after 3wd"),
        ("имейлът се връща", "bounces"),
        ("оплаква се на 2026-11-30", "complains on 2026-11-30"),
        ("отписва се в 18:00", "unsubscribes at 18:00"),
        ("извън офиса до 12-и", "out of office until the 12th"),
        ("извън офиса до 12-о число", "out of office until the 12th"),
        ("насрочва среща за ден 9 в 10:30", "books for day 9 at 10:30"),
        ("насрочва, после не идва", "books, then does not show"),
        ("насрочва среща и после идва на срещата", "books and then meets"),
        ("насрочва среща, след това отлага срещата за ден 12", "books, then reschedules for day 12"),
        ("отменя срещата", "cancels"),
        ("променя time_zone на Asia/Tokyo", "changes time_zone to Asia/Tokyo"),
        ("търговецът изпълнява call_back", "rep does call_back"),
        ("търговецът пропуска call_back", "rep skips call_back"),
        ("търговецът изпраща next_call", "rep sends next_call"),
        ("crm съобщава deal won", "crm says deal won"),
    ],
)
def test_every_phrase_is_understood_in_bulgarian_too(bulgarian: str, english: str) -> None:
    assert [replace(each, said="") for each in read(bulgarian)] == [replace(each, said="") for each in read(english)]


def test_one_line_may_tell_of_several_events() -> None:
    """One after the other, each with its own time; a word that is part of a text is no second event."""
    booked, missed = read("books, then does not show")
    assert (booked.kind, missed.kind) == ("meeting.booked", "meeting.no_show")
    assert missed.at == booked.data["ends_at"]
    first, second = read("call ends on day 1, then replies after 2 days")
    assert (local(first), local(second)) == ("2026-11-11 10:00", "2026-11-13 10:00")
    (told,) = read("answers pain with It stops, then breaks")
    assert told.data == {"answers": {"pain": "It stops, then breaks"}}
    assert len({each.data["uid"] for each in read("books, then cancels, then books") if "uid" in each.data}) == 2


def test_who_clicks_is_a_rep_unless_said_otherwise() -> None:
    (rep,), (manager,), (anybody,) = read("clicks qualify"), read("manager clicks qualify"), read("moves qualify")
    assert [(each.role, each.sender) for each in (rep, manager)] == [("rep", ()), ("manager", ())]
    assert (anybody.role, anybody.sender) == ("admin", ("standard",))


def test_a_booking_names_the_meeting_and_a_no_show_comes_at_its_end() -> None:
    """Times of meetings are the prospect's; without one it is at ten on the third working day."""
    first, missed, second = read("books on day 1 at 09:00 for day 8 at 14:00\ndoes not show\nbooks after 1d")
    assert first.data["starts_at"].astimezone(SOFIA) == datetime(2026, 11, 18, 14, 0, tzinfo=SOFIA)
    assert missed.at == first.data["ends_at"] == first.data["starts_at"] + timedelta(minutes=45)
    assert second.data["starts_at"].astimezone(SOFIA) == datetime(2026, 11, 24, 10, 0, tzinfo=SOFIA)
    assert first.data["uid"] != second.data["uid"]


@pytest.mark.parametrize(
    ("line", "when"),
    [
        ("replies", "2026-11-10 10:00"),
        ("replies on day 3", "2026-11-13 10:00"),
        ("replies on day 3 at 8:05", "2026-11-13 08:05"),
        ("replies on 2027-03-28 at 03:30", "2027-03-28 04:30"),  # the clock skips it
        ("replies on 2027-10-31 at 03:30", "2027-10-31 03:30"),  # the clock shows it twice: the first
        ("replies at 18:30", "2026-11-10 18:30"),
        ("replies after 90s", "2026-11-10 10:01"),
        ("replies after 5wd", "2026-11-17 10:00"),
    ],
)
def test_it_reads_times_by_the_clock_of_the_prospect(line: str, when: str) -> None:
    (told,) = read(line)
    assert local(told) == when
    assert told.at.tzinfo is UTC


def test_lines_follow_one_another_and_comments_are_left_out() -> None:
    told = read("# a story\n\ncall ends on day 2   # long\nreplies after 2h\nunsubscribes\nmoves qualify on day 1\n")
    assert [(each.line, local(each)) for each in told] == [
        (6, "2026-11-11 10:00"),
        (3, "2026-11-12 10:00"),
        (4, "2026-11-12 12:00"),
        (5, "2026-11-12 12:00"),
    ]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("repplies", "“repplies” is no event of a script: did you mean `replies`?"),
        ("yodels", "“yodels” is no event of a script: docs/simulate.md lists what can happen."),
        ("moves qualfy", "The playbook has no trigger “qualfy”: did you mean `qualify`?"),
        ("moves close with outcome", "“outcome” is no field with its value: write it as outcome=won."),
        ("moves close with outcome=one", "“one” is no outcome: did you mean `won`?"),
        ("rep does call_bak", "The playbook has no step “call_bak”: did you mean `call_back`?"),
        ("rep does questions", "The step “questions” is an email: a rep can only do a task."),
        ("replies on day 99999", "Day 99999 is too far away: a story lasts at most 3660 days."),
        ("replies on 2199-01-01", "2199-01-01 is too far away: a story lasts at most 3660 days."),
        ("replies on 2026-02-30", "“2026-02-30” is no day of the calendar: write it as 2026-11-30."),
        ("replies at 25:00", "“25:00” is no time of day: write it as 09:30."),
        ("replies on 2026-11-09", "This lies before the beginning of the story: give a later time."),
        ("replies soon after 2h", "“replies soon after 2h” is no event of a script: did you mean `replies`?"),
        (
            "replies after 2x",
            "`2x` is no duration: write one whole number and one unit (s, m, h, d, wd), for example 24h.",
        ),
        ("replies on tuesday", "“on tuesday” is no time: write “on day 3 at 09:30”, “on 2026-11-30” or “after 2h”."),
        ("replies for day 3", "Only `books` and `reschedules` take `for` with the time of the meeting."),
        ("books on day 4 for day 3", "The meeting would start before it is booked: give a later time after `for`."),
        (
            "changes email to a@b.c",
            "The address of a simulated prospect stays: start another simulation for another one.",
        ),
        (
            "out of office until summer",
            "“summer” is no day: write “until the 12th”, “until day 5” or “until 2026-11-30”.",
        ),
        (
            "out of office until the 32nd",
            "“the 32nd” is no day of any month: write “until the 12th” or “until 2026-11-30”.",
        ),
        ("books, then moves qualfy", "The playbook has no trigger “qualfy”: did you mean `qualify`?"),
        ("отговря", "“отговря” is no event of a script: did you mean `отговаря`?"),
        ("отговаря на вторник", "“на вторник” is no time: write “on day 3 at 09:30”, “on 2026-11-30” or “after 2h”."),
        ("changes time_zone to Mars", "“Mars” is no time zone: write its IANA name, for example Europe/Sofia."),
        ("changes country to XX", "“XX” is no country with known holidays: write its ISO code, for example BG."),
    ],
)
def test_a_wrong_line_gets_its_sentence(line: str, sentence: str) -> None:
    with pytest.raises(BadInput) as error:
        read(f"call ends\n{line}\n")
    assert error.value.message == f"script:2: {sentence}"


def test_every_wrong_line_is_told_at_once() -> None:
    with pytest.raises(BadInput) as error:
        read("dances\ncall ends\nsings\n")
    assert [each.split(" ")[0] for each in error.value.message.split("\n")] == ["script:1:", "script:3:"]


def test_a_script_has_an_end() -> None:
    with pytest.raises(BadInput, match="at most 1000 lines"):
        read("replies\n" * 1001)


WORDS = (
    "извън офиса до 12-и отговаря на ден насрочва после clicks then out of office until the 31st moves qualify books "
    "replies rep does call_back with outcome=won, = changes country to BG says crm # with"
)
TIMES = "for on at after day 3 99 09:30 ٣:٠٠ 2h 9wd 2026-12-24 99999999"
PIECES = st.sampled_from([*WORDS.split(), *TIMES.split(), "\n"])


@given(st.one_of(st.text(), st.lists(PIECES).map(" ".join)))
def test_whatever_is_written_is_understood_or_refused(text: str) -> None:
    """Nothing but a sentence comes back, and no happening lies before the beginning."""
    try:
        told = read(text)
    except BadInput as error:
        assert error.message.startswith("script:")  # noqa: PT017 - it may be understood as well
    else:
        assert all(each.at >= BEGINS for each in told)
