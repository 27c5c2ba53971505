"""The simulator and production, told the same story, agree on every touch, every time, every reason and every word."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.production import SENDER, Lived, Mail, live, unlinked
from tests.support import ground
from workflow import places
from workflow.actions.preview import Preview
from workflow.engine import script, sequences
from workflow.engine.life import Happening, Imagined, Life
from workflow.engine.simulate import simulate
from workflow.errors import BadInput
from workflow.mail.templates import Templates
from workflow.playbook import loader
from workflow.playbook.schema import Playbook

FAST = Path(__file__).resolve().parents[1] / "playbook" / "fast.yaml"
SHIPPED = places.shipped_playbook()
HORIZON = timedelta(days=100)
ZONES = ("", "Europe/Sofia", "America/New_York", "Pacific/Chatham", "Asia/Kathmandu", "Australia/Lord_Howe")

# Every odd thing the grammar allows: gaps, a late window, steps before a meeting that the window moves, tasks that
# block and tasks that do not, a task first, threads, a sequence that only the end stops, and one that starts anew.
ODD = """
name: odd
languages: [en]
time_zone: Europe/Sofia
calendar: {send_window: {from: "02:30", to: "05:00"}, working_days: [sun, mon, wed], holidays: [BG]}
out_of_office: {resume_after: 40h}
limits: {mailbox: {min_gap: 90m, per_hour: 1000, per_day: 1000}, prospect: {min_gap: 26h, per_day: 1, per_week: 3},
         domain: {per_day: 2, min_gap: 27h}}
stages: {planned: {title: {en: P}}, talking: {title: {en: T}}, closed: {title: {en: C}, final: true}}
transitions:
  - {trigger: qualify, from: [planned, closed], to: talking}
  - {trigger: diagnose, from: talking, to: talking}
  - {trigger: close, from: [planned, talking], to: closed, needs: [{field: outcome}]}
signals:
  - {source: standard, when: {kind: meeting.no_show}, do: close, sets: {outcome: lost}}
  - {source: crm, when: {kind: deal, value: won}, do: close, sets: {outcome: won}}
sequences:
  talks:
    start: {when: stage.entered, stage: talking}
    stop: [close]
    steps:
      - {key: look, task: {en: Look}, after: 1wd}
      - {key: hello, email: follow_up_questions, after: 0s}
      - {key: ask, task: {en: Ask}, after: 3h, blocking: true}
      - {key: again, email: schedule_next_call, after: 2wd, thread: same, lateness: 3d, late: ask}
      - {key: last, email: decision, window: any}
  calls:
    start: {when: call.ended}
    stop: [colleague_reply]
    steps:
      - {key: questions, email: follow_up_questions, after: 40h, late: send}
      - {key: note, task: {en: Note}}
      - {key: next_call, email: schedule_next_call, after: 1wd, thread: same}
  meets:
    start: {when: meeting.booked}
    stop: [meeting.cancelled, meeting.held]
    steps:
      - {key: confirmation, email: meeting_confirmation, window: any}
      - {key: before, email: meeting_reminder_day, before: meeting, lead: 2d}
      - {key: soon, email: meeting_reminder_hour, before: meeting, lead: 1h, window: any}
      - {key: prepare, task: {en: Prepare}, before: meeting, lead: 3h}
  over:
    start: {when: stage.entered, stage: closed, outcome: won}
    stop: [unsubscribe, reopen]
    steps:
      - {key: welcome, email: won_welcome, after: 1h}
"""


@cache
def templates() -> Templates:
    """The emails that ship with the product, compiled once."""
    return Templates(places.templates_dir() / "email")


@cache
def loaded(path: Path) -> Playbook:
    """A playbook, read once."""
    return loader.read(path)


def odd() -> Path:
    """The odd playbook as a file."""
    path = ground.folder() / "odd.yaml"
    path.write_text(ODD, encoding="utf-8")
    return path


@st.composite
def stories(draw: st.DrawFn, playbook: Playbook, *, quick: bool) -> str:
    """A script of events in a random order at random times, sensible or not."""
    steps = [step.key for sequence in playbook.sequences.values() for step in sequence.steps]
    tasks = [step.key for sequence in playbook.sequences.values() for step in sequence.steps if step.task]
    triggers = sorted({way.trigger for way in playbook.transitions})
    phrases = st.one_of(
        st.sampled_from(["call ends", "replies", "books", "meets", "does not show", "cancels"]),
        st.sampled_from(["call ends", "bounces for now", "bounces", "complains", "unsubscribes", "crm says deal won"]),
        st.sampled_from(triggers).map(lambda trigger: f"moves {trigger} with outcome=won, reason=Because"),
        st.sampled_from(triggers).map(lambda trigger: f"moves {trigger}"),
        st.sampled_from(["out of office", "clicks move diagnose", "a colleague replies"]),
        st.integers(0, 50).map(lambda day: f"out of office until day {day}"),
        st.integers(0, 50).map(lambda day: f"books for day {day} at 09:15"),
        st.integers(0, 50).map(lambda day: f"reschedules for day {day} at 16:45"),
        st.sampled_from(ZONES[1:]).map(lambda zone: f"changes time_zone to {zone}"),
        st.sampled_from(["changes country to DE", "answers pain with Too slow", "changes company to Dunav Steel"]),
        st.sampled_from(steps).map(lambda step: f"rep skips {step}"),
        st.sampled_from(steps).map(lambda step: f"rep sends {step}"),
        st.sampled_from(tasks).map(lambda step: f"rep does {step}"),
    )
    quickly = st.sampled_from(["", " after 1s", " after 2s", " after 3s", " after 30m", " after 20h"])
    slowly = st.one_of(
        st.just(""),
        st.sampled_from([" after 5m", " after 4h", " after 1d", " after 1wd", " after 3d"]),
        st.tuples(st.integers(0, 40), st.integers(0, 23), st.sampled_from([0, 17, 30])).map(
            lambda at: f" on day {at[0]} at {at[1]:02}:{at[2]:02}"
        ),
    )
    lines = draw(st.lists(st.tuples(phrases, quickly if quick else slowly), min_size=1, max_size=9))
    return "\n".join(phrase + when for phrase, when in lines)


people = st.builds(
    lambda zone, country, language, email: Imagined(
        {"email": email, "name": "Ana Petrova", "time_zone": zone, "country": country, "language": language}
    ),
    st.sampled_from(ZONES),
    st.sampled_from(["", "BG", "US"]),
    st.sampled_from(["en", "bg", "de"]),
    st.sampled_from(["ana@example.com"] * 9 + [""]),
)
beginnings = st.integers(0, 2 * 365 * 86400).map(
    lambda second: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
)


def understood(text: str, playbook: Playbook, person: Imagined, begins: datetime) -> tuple[Happening, ...]:
    """The script without the lines that no story can hold, such as a meeting that lies in the past."""
    where = sequences.whereabouts(playbook, person.fields["time_zone"], None, person.fields["country"])
    kept: list[str] = []
    for line in text.splitlines():
        with suppress(BadInput):
            script.read("\n".join([*kept, line]), playbook, begins=begins, where=where)
            kept.append(line)
    return script.read("\n".join(kept), playbook, begins=begins, where=where)


def both(path: Path, text: str, person: Imagined, begins: datetime) -> tuple[Life, Lived]:
    """The story lived twice."""
    playbook = loaded(path)
    told = understood(text, playbook, person, begins)
    writer = Preview(templates(), SENDER)
    imagined = simulate(playbook, person, told, begins=begins, horizon=HORIZON, writer=writer)
    return imagined, live(path, person, told, begins, HORIZON)


def compare(path: Path, text: str, person: Imagined, begins: datetime) -> None:
    """Hold one against the other."""
    imagined, real = both(path, text, person, begins)
    mails = [
        Mail(entry.at, entry.sequence, entry.step, entry.subject, unlinked(entry.text))
        for entry in imagined.entries
        if entry.kind == "mail"
    ]
    assert sorted(mails, key=str) == sorted(real.mails, key=str)
    assert sorted(imagined.touches, key=str) == sorted(real.touches, key=str)
    assert (imagined.stage, imagined.outcome) == (real.stage, real.outcome)
    assert real.differences == ()


@pytest.mark.parametrize(("path", "quick"), [(FAST, True), (SHIPPED, False), (odd, False)], ids=["fast", "own", "odd"])
def test_it_agrees_with_production(path: Path, quick: bool) -> None:  # noqa: FBT001
    """On random stories, through changes of the clock and holidays."""
    file = path if isinstance(path, Path) else path()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
    @given(stories(loaded(file), quick=quick), people, beginnings)
    def agree(text: str, person: Imagined, begins: datetime) -> None:
        compare(file, text, person, begins)

    agree()


EXAMPLES = 25
