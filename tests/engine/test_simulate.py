"""The simulator: what stands in a life, in whose time, and why; the differential test holds it against production."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from workflow import places
from workflow.engine import script, sequences
from workflow.engine.life import Entry, Imagined, Letter, Life, Written
from workflow.engine.reasons import because
from workflow.engine.simulate import simulate
from workflow.errors import BadInput
from workflow.playbook import loader
from workflow.playbook.schema import Playbook

SHIPPED = loader.read(places.shipped_playbook())
SOFIA = ZoneInfo("Europe/Sofia")


class Plain:
    """A writer without templates: the name of the email, and the thread it answers."""

    def __init__(self, broken: str = "") -> None:
        self.broken = broken

    def write(self, letter: Letter) -> Written:
        if letter.step.email == self.broken:
            raise BadInput("there is no such email")
        name = letter.step.email or ""
        return Written(f"Re: {letter.subject}" if letter.subject else name, f"{letter.fields['name']}: {name}")


def lived(
    text: str,
    begins: str = "2026-11-10T10:00",
    playbook: Playbook = SHIPPED,
    broken: str = "",
    horizon: timedelta = timedelta(days=120),
    **more: str,
) -> Life:
    """A life that begins by the clock of the prospect, in Sofia unless said otherwise."""
    stage, rep_zone = more.pop("stage", None), more.pop("rep_zone", None)
    fields = {"email": "ana@example.com", "name": "Ana", "time_zone": "Europe/Sofia", "country": "BG", **more}
    person = Imagined(fields, stage=stage, rep_zone=rep_zone)
    where = sequences.whereabouts(playbook, fields["time_zone"], rep_zone, fields["country"])
    at = datetime.fromisoformat(begins).replace(tzinfo=where.zone).astimezone(UTC)
    told = script.read(text, playbook, begins=at, where=where)
    return simulate(playbook, person, told, begins=at, horizon=horizon, writer=Plain(broken))


def brief(life: Life, *kinds: str) -> list[str]:
    """When, what and which step, by the prospect's clock."""
    return [
        f"{entry.at.astimezone(entry.zone):%a %m-%d %H:%M} {entry.kind} {entry.step or entry.sequence or entry.said}"
        for entry in life.entries
        if entry.kind in kinds
    ]


def only(life: Life, kind: str, step: str = "") -> Entry:
    (found,) = [entry for entry in life.entries if entry.kind == kind and step in ("", entry.step)]
    return found


def test_a_whole_life_from_the_first_call_to_the_won_deal() -> None:
    life = lived(
        "moves qualify\ncall ends on day 1\nmoves diagnose on day 6\nbooks on day 7 for day 13\nmeets\n"
        "rep does call_back on day 16\nmoves close with outcome=won on day 20"
    )
    assert brief(life, "mail", "task", "done", "stopped", "completed") == [
        "Thu 11-12 10:00 mail questions",
        "Mon 11-16 08:30 mail next_call",
        "Mon 11-16 08:30 completed after_call",
        "Tue 11-17 10:00 mail confirmation",
        "Sun 11-22 10:00 mail day_before",
        "Mon 11-23 09:00 mail hour_before",
        "Mon 11-23 09:00 completed meeting_confirmation",
        "Mon 11-23 13:00 mail recap",
        "Wed 11-25 13:00 task call_back",
        "Thu 11-26 10:00 done call_back",
        "Fri 11-27 10:00 mail decision",
        "Fri 11-27 10:00 completed after_meeting",
        "Mon 11-30 11:00 mail welcome",
        "Tue 12-01 11:00 task start",
        "Thu 12-31 11:00 mail referral",
        "Thu 12-31 11:00 completed won",
    ]
    assert (life.stage, life.outcome, life.ending) == ("closed", "won", "waiting")
    assert [touch.step for touch in life.touches if touch.ended_at is None] == ["start"]


def test_a_mail_says_when_it_was_planned_and_that_the_window_moved_it() -> None:
    """Past Christmas and the days given for its weekend; in another country those days are worked."""
    mail = only(lived("call ends", "2026-12-22T18:00"), "mail", "questions")
    assert mail.at.astimezone(SOFIA) == datetime(2026, 12, 29, 8, 30, tzinfo=SOFIA)
    assert mail.planned_at == datetime(2026, 12, 23, 16, 0, tzinfo=UTC)
    assert [reason.code for reason in mail.reasons] == ["due", "window"]
    abroad = only(lived("call ends", "2026-12-22T18:00", country="US"), "mail", "questions")
    assert abroad.at.astimezone(SOFIA) == datetime(2026, 12, 24, 8, 30, tzinfo=SOFIA)


def test_a_mail_held_for_the_gap_says_so_when_it_waits_and_when_it_leaves() -> None:
    life = lived("moves qualify\nmoves diagnose\nbooks for day 1 at 09:00\ndoes not show\n")
    held, mail = only(life, "held"), only(life, "mail", "missed")
    assert held.step == "missed"
    assert [reason.code for reason in held.reasons] == ["gap"]
    assert held.until == mail.at == only(life, "mail", "hour_before").at + timedelta(hours=4)
    assert [reason.code for reason in mail.reasons] == ["due", "gap"]


def test_a_reply_stops_what_is_still_to_come() -> None:
    life = lived("call ends\nreplies on day 2")
    assert brief(life, "mail", "stopped", "cancelled") == [
        "Wed 11-11 10:00 mail questions",
        "Thu 11-12 10:00 stopped after_call",
        "Thu 11-12 10:00 cancelled next_call",
    ]
    assert [reason.code for reason in only(life, "cancelled").reasons] == ["stop.reply"]
    assert life.ending == "quiet"


def test_a_bounce_bars_the_address_for_every_later_sequence() -> None:
    life = lived("call ends\nbounces on day 1 at 12:00\ncall ends on day 3")
    assert brief(life, "mail", "skipped") == [
        "Wed 11-11 10:00 mail questions",
        "Wed 11-11 12:00 skipped next_call",
        "Fri 11-13 10:00 skipped questions",
        "Fri 11-13 10:00 skipped next_call",
    ]


def test_it_keeps_the_wall_clock_over_a_change_of_the_clocks() -> None:
    """24 hours are 24 hours, working days keep the time of day: New York goes to summer time on 14 March 2027."""
    life = lived(
        "moves close with outcome=lost",
        "2027-03-12T10:00",
        stage="qualified",
        time_zone="America/New_York",
        country="US",
    )
    mail = only(life, "mail", "thanks")
    assert mail.at == datetime(2027, 3, 15, 14, 0, tzinfo=UTC)
    assert str(mail.zone) == "America/New_York"


def test_the_reps_clock_counts_where_the_prospects_is_unknown() -> None:
    life = lived("call ends", rep_zone="America/New_York", time_zone="")
    assert {str(entry.zone) for entry in life.entries} == {"America/New_York"}
    assert brief(life, "mail")[0] == "Thu 11-12 08:30 mail questions" or brief(life, "mail")[0].endswith(
        "mail questions"
    )


def test_one_who_stands_in_a_stage_already_starts_nothing_by_it() -> None:
    life = lived("", stage="closed")
    assert life.entries == ()
    assert (life.stage, life.ending) == ("closed", "closed")


def test_it_refuses_what_the_guards_refuse() -> None:
    life = lived("moves close with outcome=won\nmoves disqualify")
    first, second = [entry for entry in life.entries if entry.kind == "event" and entry.said != "is new"]
    assert (first.verdict, [reason.code for reason in first.reasons]) == ("ignored", ["no_transition"])
    assert (second.verdict, [reason.code for reason in second.reasons]) == ("blocked", ["need.field"])


def test_an_email_that_cannot_be_written_ends_its_sequence() -> None:
    life = lived("call ends", broken="follow_up_questions")
    assert brief(life, "mail", "failed", "stopped", "cancelled") == [
        "Wed 11-11 10:00 failed questions",
        "Wed 11-11 10:00 stopped after_call",
        "Wed 11-11 10:00 cancelled next_call",
    ]
    assert only(life, "failed").reasons[0].facts == {"problem": "there is no such email"}


def test_a_follow_up_goes_on_with_the_subject_of_its_thread() -> None:
    life = lived("call ends")
    assert [entry.subject for entry in life.entries if entry.kind == "mail"] == [
        "follow_up_questions",
        "Re: follow_up_questions",
    ]
    assert only(life, "mail", "next_call").text == "Ana: schedule_next_call"


def test_a_blocking_task_that_nobody_does_holds_the_rest() -> None:
    life = lived("meets", stage="meeting_scheduled")
    assert life.ending == "waiting"
    assert [(touch.step, touch.state) for touch in life.touches if touch.ended_at is None] == [
        ("call_back", "scheduled"),
        ("decision", "scheduled"),
    ]


def test_an_act_on_a_step_that_does_not_wait_does_nothing() -> None:
    life = lived("rep skips questions")
    assert life.entries[-1].verdict == "ignored"
    assert life.entries[-1].reasons[0].words("en") == "No step “questions” is waiting."
    assert life.entries[-1].reasons[0].words("bg") == "Няма чакащ елемент „questions“ (стъпка)."


def test_a_rep_sends_ahead_of_the_window() -> None:
    life = lived("call ends\nrep sends questions at 21:00")
    mail = only(life, "mail", "questions")
    assert brief(life, "mail")[0] == "Tue 11-10 21:00 mail questions"
    assert [reason.code for reason in mail.reasons] == ["send_now"]


def test_it_ends_at_the_horizon() -> None:
    life = lived("call ends", horizon=timedelta(hours=30))
    assert brief(life, "mail") == ["Wed 11-11 10:00 mail questions"]
    assert life.ending == "horizon"


def test_a_meeting_that_moves_takes_its_reminders_along() -> None:
    life = lived("books for day 3 at 11:00\nreschedules on day 1 for day 8 at 15:00")
    assert brief(life, "mail") == [
        "Tue 11-10 10:00 mail confirmation",
        "Tue 11-17 15:00 mail day_before",
        "Wed 11-18 14:00 mail hour_before",
    ]


def test_mail_waits_for_the_return_and_the_rest_of_the_plan_with_it() -> None:
    assert brief(lived("call ends"), "mail") == ["Wed 11-11 10:00 mail questions", "Fri 11-13 10:00 mail next_call"]
    life = lived("call ends\nout of office until the 16th on day 1 at 09:00")
    assert brief(life, "mail") == ["Mon 11-16 08:30 mail questions", "Wed 11-18 08:30 mail next_call"]
    (told,) = [entry for entry in life.entries if entry.said.startswith("out of office")]
    assert told.reasons[0].words("en").endswith("it stops nothing, and mail waits until 2026-11-16.")
    assert told.reasons[0].words("bg").endswith("нищо не спира, а имейлите изчакват до 2026-11-16.")
    assert only(life, "held").reasons == (because("away", until="2026-11-16"),)


def test_a_day_of_rest_is_no_day_of_return() -> None:
    """The 14th is a Saturday: the window opens on Monday."""
    life = lived("call ends\nout of office until the 14th on day 1 at 09:00")
    assert brief(life, "mail")[0] == "Mon 11-16 08:30 mail questions"


def test_mail_that_waits_long_is_not_too_late() -> None:
    life = lived("call ends\nout of office until day 40 on day 1 at 09:00")
    assert brief(life, "mail", "skipped") == ["Mon 12-21 08:30 mail questions", "Wed 12-23 08:30 mail next_call"]


def test_without_a_day_mail_waits_as_the_playbook_says() -> None:
    life = lived("call ends\nout of office on day 1 at 09:00")
    assert brief(life, "mail")[0] == "Mon 11-16 09:00 mail questions"


def test_a_new_day_counts_instead_of_the_old_one() -> None:
    story = "call ends\nout of office until day 12 on day 1 at 09:00\nout of office until day 3 on day 2 at 09:00"
    assert brief(lived(story), "mail")[0] == "Fri 11-13 08:30 mail questions"


def test_whoever_moves_the_prospect_by_hand_ends_the_wait() -> None:
    story = "call ends\nout of office until day 12 on day 1 at 09:00\nadmin clicks qualify on day 2 at 15:00"
    assert brief(lived(story, stage="planned"), "mail")[0] == "Thu 11-12 15:00 mail questions"


def test_a_colleague_ends_what_says_so() -> None:
    assert brief(lived("call ends\na colleague replies after 1h"), "mail") == []


def test_what_is_about_a_meeting_goes_out_all_the_same() -> None:
    life = lived("out of office until day 12\nbooks for day 3 at 11:00")
    assert [line.split()[-1] for line in brief(life, "mail")] == ["confirmation", "day_before", "hour_before"]
