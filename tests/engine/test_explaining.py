"""The sentences of an explanation, the lines of a trail and the basis of a decision, each by itself."""

from __future__ import annotations

import ast
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.processes import FAST
from workflow import places
from workflow.engine import basis, explain, telling, trail
from workflow.engine import signals as kinds
from workflow.engine.decide import decide
from workflow.engine.reasons import because
from workflow.engine.signals import FIELDS, EnrollmentView, MeetingView, ProspectView, Signal
from workflow.engine.telling import Clocks, Note, part, sentences, span
from workflow.engine.telling_words import SAYS
from workflow.playbook import loader
from workflow.playbook.schema import Delay, Playbook
from workflow.records.models import TOUCH_STATES

PLAYBOOK = loader.read(FAST)
SHIPPED = loader.read(places.shipped_playbook())
NOW = datetime(2026, 11, 10, 8, 0, tzinfo=UTC)
CLOCKS = Clocks(ZoneInfo("Europe/Sofia"), ZoneInfo("Europe/Sofia"))
SOURCES = Path(telling.__file__).parents[1]


def holes(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_every_sentence_says_the_same_in_both_languages() -> None:
    for code in telling.codes():
        english, bulgarian = SAYS[code]
        assert holes(english) == holes(bulgarian), code
        assert not any("а" <= letter.lower() <= "я" for letter in english), code
    assert {*TOUCH_STATES, *kinds.KINDS} <= set(telling.WORDS)


def test_every_code_in_use_has_a_sentence_and_none_is_left_over() -> None:
    used = set()
    for file in ("explain.py", "missing.py"):
        for node in ast.walk(ast.parse((SOURCES / "reports" / file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                used.add(node.value)
    assert telling.codes() <= used


def test_times_are_told_on_both_clocks_where_they_differ() -> None:
    assert CLOCKS.told(NOW, "en") == "Tue 10 Nov 2026, 10:00"
    assert CLOCKS.told(NOW + timedelta(seconds=7), "bg") == "вт 10.11.2026 г., 10:00:07"
    far = Clocks(ZoneInfo("Europe/Sofia"), ZoneInfo("Asia/Tokyo"))
    assert far.told(NOW, "en") == "Tue 10 Nov 2026, 10:00 (17:00 for the prospect)"
    assert far.told(NOW + timedelta(hours=8), "bg") == "вт 10.11.2026 г., 18:00 (ср 11.11.2026 г., 01:00 при клиента)"


def test_spans_and_delays_are_told_as_people_say_them() -> None:
    assert span(timedelta(days=1, hours=2, minutes=3), "en") == "1 day 2 hours"
    assert span(timedelta(seconds=61), "bg") == "1 минута 1 секунда"
    assert span(timedelta(), "en") == "0 seconds"
    note = Note(NOW, (part("planned.first", delay=Delay(timedelta(hours=3), 2), since=NOW, due=None),))
    assert "3 hours and 2 working days after Tue" in sentences(note, "en", CLOCKS)
    assert "1 работен ден" in sentences(
        Note(NOW, (part("waits", reason=None, next=Delay(timedelta(), 1)),)), "bg", CLOCKS
    )


def test_a_line_that_cannot_be_read_is_kept_in_its_place() -> None:
    told = trail.told("sent", NOW, because("sent"), code=250)
    lines = trail.read(told + "no json\n" + '{"k":"sent"}\n' + "[1]\n" + told)
    assert [line.kind for line in lines] == ["sent", "unreadable", "unreadable", "unreadable", "sent"]
    assert lines[0].gave == {"code": 250}
    assert lines[0].reason == because("sent")
    assert trail.read(None) == trail.read("") == ()


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_reads_back_as_it_was_written(at: datetime) -> None:
    (line,) = trail.read(trail.told("waits", at, next=at))
    assert line.at == line.gave["next"] == at


@given(st.text(max_size=40))
def test_whatever_a_server_said_stays_on_its_line(said: str) -> None:
    first = trail.told("failed", NOW, because("refused", answer=said))
    lines = trail.read(first + first)
    assert [line.reason for line in lines] == [because("refused", answer=said)] * 2


texts = st.sampled_from(["", " ", "x", "Dunav", "2026", "won", "•"])
moments = st.integers(-100, 100).map(lambda hour: NOW + timedelta(hours=hour))
zones = st.sampled_from(["", "Europe/Sofia", "America/New_York", "Mars"])
fields = st.fixed_dictionaries({}, optional={**dict.fromkeys(FIELDS, texts), "time_zone": zones, "country": texts})


custom = st.dictionaries(
    st.sampled_from(["budget", "decision_maker", "other", "email"]), st.one_of(texts, st.integers(0, 2), st.none())
)
# Half of what happens begins, moves or ends something.
happenings = st.one_of(
    st.sampled_from([kinds.MOVE, kinds.CALL_ENDED, kinds.BOOKED, kinds.NO_SHOW, kinds.UPSERTED]),
    st.sampled_from(sorted(kinds.KINDS)),
)


def answers(playbook: Playbook) -> st.SearchStrategy[dict[str, str]]:
    """Answers to some questions and criteria."""
    known = dict.fromkeys(playbook.content.questions, texts)
    for criterion in playbook.content.criteria.values():
        options = [word for option in criterion.options.values() for word in (option.key, *option.title.values())]
        known[criterion.key] = st.sampled_from([*options, "nothing"])
    return st.fixed_dictionaries({}, optional=known)


@st.composite
def views(draw: st.DrawFn, playbook: Playbook) -> ProspectView:
    """Any prospect."""
    sequences = list(playbook.sequences.values())
    enrolled = draw(st.lists(st.sampled_from(sequences), unique_by=lambda each: each.key, max_size=3))
    meetings = draw(st.lists(st.sampled_from(["m1", "m2"]), unique=True, max_size=2))
    known = draw(st.booleans())
    return ProspectView(
        id="p",
        stage=draw(st.sampled_from(list(playbook.stages))) if known else "",
        version=draw(st.integers(1, 9)) if known else 0,
        fields=draw(fields),
        custom=draw(custom),
        outcome=draw(st.sampled_from([None, "won"])),
        moved_at=draw(st.one_of(st.just(kinds.NEVER), moments)),
        suppressed=draw(st.booleans()),
        fallback_zone=draw(st.one_of(st.none(), zones)),
        enrollments=tuple(
            EnrollmentView(f"e{n}", each, draw(st.sampled_from([None, "id-m1"])), playbook.digest)
            for n, each in enumerate(enrolled)
        ),
        meetings=tuple(
            MeetingView(f"id-{uid}", uid, draw(st.sampled_from(["booked", "held"])), draw(moments), draw(moments))
            for uid in meetings
        ),
        answers=draw(answers(playbook)),
        calls=draw(st.frozensets(st.sampled_from(["ended", "timed", "noted"]))),
        begun=draw(st.dictionaries(st.sampled_from([each.key for each in sequences]), moments, max_size=2)),
    )


@st.composite
def questions(draw: st.DrawFn, playbook: Playbook) -> tuple[ProspectView, Signal]:
    """Any prospect and anything that may happen to them."""
    view, kind = draw(views(playbook)), draw(happenings)
    ways = [way.trigger for way in playbook.transitions if view.stage in way.sources]
    triggers = st.sampled_from(ways or [way.trigger for way in playbook.transitions])
    data = st.fixed_dictionaries(
        {"trigger": triggers} if kind == kinds.MOVE else {},
        optional={
            "value": st.sampled_from(["won", "3", 3, None]),
            "uid": st.sampled_from(["m1", "m9"]),
            "starts_at": moments,
            "permanent": st.booleans(),
            "outcome": st.sampled_from(["won", "lost", "nonsense", 1]),
            "reason": texts,
            "budget": texts,
            "minutes": st.sampled_from([1, 2.5, "x"]),
            "notes": texts,
            "answers": answers(playbook),
        },
    )
    signal = Signal(
        kind=kind,
        occurred_at=draw(moments),
        actor="rep:somebody",
        cause="event:1",
        data=draw(data),
        fields=draw(fields),
        custom=draw(custom),
        sender=draw(st.sampled_from([(), ("standard", "crm"), ("calcom",), ("pipedrive",)])),
        role=draw(st.sampled_from([None, "rep", "admin"])),
    )
    return view, signal


@pytest.mark.parametrize("playbook", [PLAYBOOK, SHIPPED], ids=["fast", "own"])
def test_any_question_gets_the_same_answer_from_its_basis(playbook: Playbook) -> None:
    """Whatever is left out of a basis decides nothing."""

    @settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(questions(playbook))
    def same(asked: tuple[ProspectView, Signal]) -> None:
        view, signal = asked
        answer = basis.answer(decide(playbook, view, signal, NOW))
        kept = basis.pack(playbook, view, signal, NOW)
        versions = {playbook.digest: playbook}
        assert explain.replay_decision(playbook, kept, answer, versions.__getitem__) is None
        assert explain.replay_decision(playbook, kept, answer + " ", versions.__getitem__) is not None

    same()
