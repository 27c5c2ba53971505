"""The loader: what it accepts word for word, and the one sentence it has for everything else."""

from __future__ import annotations

import hashlib
import os
import time as clock
from datetime import time, timedelta
from pathlib import Path

import pytest

from workflow.errors import PlaybookError
from workflow.playbook.loader import load, read
from workflow.playbook.needs import Filled
from workflow.playbook.schema import Calendar, Delay, Limits, MailboxLimits, ProspectLimits, Start, Window

FAST = Path(__file__).with_name("fast.yaml")

SMALL = """\
name: small
stages:
  open: {title: {en: Open}}
  closed: {title: {en: Closed}, final: true}
transitions:
  - {trigger: close, from: open, to: closed}
"""


def findings(text: str | bytes) -> list[tuple[int, str]]:
    """Line and code of everything wrong with `text`."""
    with pytest.raises(PlaybookError) as caught:
        load(text)
    return [(finding.line, finding.code) for finding in caught.value.findings]


def sentence(text: str) -> str:
    """The one sentence about `text`, which has exactly one finding."""
    with pytest.raises(PlaybookError) as caught:
        load(text)
    assert len(caught.value.findings) == 1, caught.value.findings
    return caught.value.findings[0].sentence


def step(line: str) -> str:
    """A playbook whose only step is `line`, the twelfth of the file."""
    return (
        f"{SMALL}sequences:\n  hello:\n    start: {{when: call.ended}}\n    stop: [reply]\n    steps:\n      - {line}\n"
    )


# --- what it accepts ---


def test_it_reads_the_contracts_playbook_as_it_stands() -> None:
    """Every key of the file arrives in the value, in the order of the file."""
    playbook = read(FAST)
    assert (playbook.name, playbook.languages, playbook.time_zone) == ("fast", ("en", "bg"), "Europe/Sofia")
    assert playbook.calendar == Calendar(window=None, working_days=frozenset(range(5)), holidays=("BG",))
    assert playbook.limits == Limits(
        mailbox=MailboxLimits(
            per_hour=100_000, per_day=1_000_000, min_gap=timedelta(0), pause_after_uncertain=1_000_000
        ),
        prospect=ProspectLimits(min_gap=timedelta(0)),
    )
    assert list(playbook.stages) == ["planned", "qualified", "diagnosed", "meeting_scheduled", "followed_up", "closed"]
    assert playbook.stages["diagnosed"].title == {"en": "Diagnosed", "bg": "Изяснена нужда"}
    assert [stage.position for stage in playbook.stages.values()] == [0, 1, 2, 3, 4, 5]
    assert [key for key in playbook.stages if playbook.is_final(key)] == ["closed"]
    close, disqualify = playbook.transitions[6:8]
    assert (close.sources, close.to, close.needs) == (
        ("qualified", "diagnosed", "meeting_scheduled", "followed_up"),
        "closed",
        (Filled("outcome"),),
    )
    assert disqualify.sets == {"outcome": "disqualified"}
    after_call = playbook.sequences["after_call"]
    assert after_call.start == Start("call.ended")
    assert after_call.stop == {"reply", "bounce", "complaint", "unsubscribe", "meeting", "close"}
    assert [(each.key, each.email, each.after) for each in after_call.steps] == [
        ("questions", "follow_up_questions", Delay(timedelta(seconds=2))),
        ("next_call", "schedule_next_call", Delay(timedelta(seconds=4))),
    ]
    assert [each.same_thread for each in after_call.steps] == [False, True]
    nudge = playbook.sequences["nudge"]
    assert nudge.start == Start("stage.entered", stage="followed_up")
    assert nudge.step("call_back").task == {"en": "Call back", "bg": "Обадете се"}
    assert [(rule.source, rule.kind, rule.value, rule.do) for rule in playbook.signals] == [
        ("hubspot", "deal.stage", "qualifiedtobuy", "qualify"),
        ("pipedrive", "deal.stage", "3", "diagnose"),
        ("pipedrive", "deal.status", "won", "close"),
        ("calcom", "meeting.booked", None, "schedule_meeting"),
    ]
    assert playbook.signals[2].sets == {"outcome": "won"}


def test_it_names_a_version_by_the_digest_of_the_file() -> None:
    """The digest is that of the bytes, so that one changed letter is another version."""
    content = FAST.read_bytes()
    assert load(content).digest == load(content.decode()).digest == hashlib.sha256(content).hexdigest()
    assert load(content + b"\n").digest != load(content).digest


def test_it_fills_in_the_defaults_of_the_schema() -> None:
    """A name and stages are enough."""
    playbook = load("name: least\nstages:\n  only: {title: {en: Only}, final: true}\n")
    assert (playbook.languages, playbook.time_zone) == (("en",), "UTC")
    assert (playbook.calendar, playbook.limits) == (Calendar(), Limits())
    assert (playbook.transitions, playbook.sequences, playbook.signals) == ((), {}, ())


def test_it_reads_every_key_of_a_step() -> None:
    """The keys that the contract's file does not show."""
    playbook = load(
        step("{key: a, email: hello, before: meeting, lead: 24h, window: any, lateness: 12h}")
        + "      - {key: b, task: {en: Call}, after: 2wd, blocking: true}\n"
    )
    first, second = playbook.sequences["hello"].steps
    assert (first.before_meeting, first.lead, first.any_hour) == (True, timedelta(hours=24), True)
    assert first.lateness == timedelta(hours=12)
    assert (second.after, second.blocking, second.position) == (Delay(working_days=2), True, 1)


def test_it_reads_window_holidays_limits_titles_and_outcomes() -> None:
    """The remaining keys."""
    playbook = load(
        "name: most\nlanguages: [bg]\ntime_zone: Europe/Sofia\n"
        'calendar: {send_window: {from: "08:30", to: "17:30"}, working_days: [sun, mon], holidays: [BG, "NO"]}\n'
        "limits: {mailbox: {concurrency: 2, min_gap: 1m}, prospect: {min_gap: 4h}}\n"
        "stages:\n  open: {title: {bg: Отворен}, stalled_after: 7d}\n  closed: {title: {bg: Край}, final: true}\n"
        "transitions:\n  - {trigger: close, from: [open], to: closed, needs: [{field: outcome}, {field: reason}]}\n"
        "sequences:\n  won:\n    title: {bg: Спечелени}\n"
        "    start: {when: stage.entered, stage: closed, outcome: won}\n    stop: reply\n"
        "    steps: [{key: hi, email: won_welcome}]\n"
    )
    assert playbook.calendar == Calendar(Window(time(8, 30), time(17, 30)), frozenset({0, 6}), ("BG", "NO"))
    assert playbook.limits.mailbox == MailboxLimits(concurrency=2, min_gap=timedelta(minutes=1))
    assert playbook.limits.prospect.min_gap == timedelta(hours=4)
    assert playbook.stages["open"].stalled_after == timedelta(days=7)
    assert playbook.transitions[0].needs == (Filled("outcome"), Filled("reason"))
    assert playbook.sequences["won"].title == {"bg": "Спечелени"}
    assert playbook.sequences["won"].start == Start("stage.entered", "closed", "won")
    assert playbook.sequences["won"].stop == {"reply"}


def test_it_knows_the_line_of_every_place() -> None:
    """And of a place that is not written, the nearest around it."""
    playbook = read(FAST)
    assert playbook.line("time_zone") == 5
    assert playbook.line("transitions.6.to") == 31
    assert playbook.line("sequences.nudge.start.stage") == 48
    assert playbook.line("sequences.nudge.steps.2.thread") == 53
    assert playbook.line("nothing.of.this") == 0
    assert playbook.stages["closed"].line == 22
    assert playbook.sequences["nudge"].steps[1].line == 52


def test_it_can_be_the_key_of_a_cache() -> None:
    """A playbook holds mappings and is hashable all the same."""
    playbook = read(FAST)
    assert {playbook: "cached"}[playbook] == "cached"


def test_it_loads_in_less_than_twenty_milliseconds() -> None:
    """Every process reads the playbook when it starts."""
    content = FAST.read_bytes()
    took = []
    for _ in range(10):
        began = clock.process_time()
        load(content)
        took.append(clock.process_time() - began)
    assert min(took) < 0.020


# --- how it says no ---


def test_it_names_file_line_and_how_many_more() -> None:
    """The message of the error is the first finding and the number of the others."""
    with pytest.raises(PlaybookError) as caught:
        load("name: x\nnam: y\nstages: {open: {title: {en: no}}}\n", "team.yaml")
    assert caught.value.message == ("team.yaml:2: The key `nam` is not known: did you mean `name`? (1 more finding)")
    assert [finding.line for finding in caught.value.findings] == [2, 3]


def test_it_reports_every_mistake_of_a_file_at_once() -> None:
    """One run shows all there is to mend, in the order of lines."""
    text = FAST.read_text(encoding="utf-8")
    for right, wrong in (
        ("time_zone: Europe/Sofia", "time_zone: 12:30"),
        ("holidays: [BG]", "holidays: [NO]"),
        ("final: true", "finl: true"),
        ("when: call.ended", "when: call.ende"),
        ("after: 4s", "after: 4 seconds"),
        ("bg: Обадете се", "bg: "),
    ):
        assert right in text
        text = text.replace(right, wrong)
    assert findings(text) == [
        (5, "quotes"),
        (10, "quotes"),
        (22, "unknown_key"),
        (37, "unknown_word"),
        (41, "duration"),
        (52, "empty"),
    ]


@pytest.mark.parametrize(
    ("value", "read_as"),
    [
        ("no", "a yes or no"),
        ("NO", "a yes or no"),
        ("on", "a yes or no"),
        ("y", "a yes or no"),
        ("true", "a yes or no"),
        ("12:30", "a number"),
        ("08:30", "a number"),
        ("010", "a number"),
        ("09", "a number"),
        ("0x1F", "a number"),
        ("1_000", "a number"),
        ("1e3", "a number"),
        ("3.5", "a number"),
        (".inf", "a number"),
        (".NaN", "a number"),
        ("2026-03-29", "a date"),
        ("2026-03-29T03:30:00Z", "a date"),
        ("null", "nothing at all"),
        ("~", "nothing at all"),
        ("=", "an instruction to YAML"),
    ],
)
def test_it_asks_for_quotes_where_yaml_would_not_read_a_text(value: str, read_as: str) -> None:
    """A name is text; what YAML takes for something else is never guessed back."""
    assert sentence(SMALL.replace("name: small", f"name: {value}")) == (
        f'`{value}` is read as {read_as}: write it in quotes, "{value}".'
    )
    assert load(SMALL.replace("name: small", f'name: "{value}"')).name == value


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        (SMALL + "calendar: &c {send_window: always}\n", 7, "anchor"),
        (SMALL + "limits: !!map {}\n", 7, "tag"),
        (SMALL + "calendar: !!python/object/apply:os.system {}\n", 7, "tag"),
        (SMALL.replace("small", "! small"), 1, "tag"),
        (SMALL + "name: again\n", 7, "duplicate_key"),
        (SMALL + 'calendar: {send_window: always, "send_window": always}\n', 7, "duplicate_key"),
        (SMALL + "? [a, b]\n: c\n", 7, "key"),
        (SMALL + "? {a: b}\n", 7, "key"),
        (SMALL + "\tlimits: {}\n", 7, "tab"),
        (SMALL + "limits: {} #\tlater\n", 7, "tab"),
        (SMALL + "---\nname: second\n", 7, "documents"),
        ("%YAML 1.1\n---\n" + SMALL, 1, "directive"),
        (SMALL + "limits: {mailbox: [}\n", 7, "yaml"),
        (SMALL + "limits: {\n", 7, "yaml"),
        (SMALL + "name\n", 7, "yaml"),
        (SMALL + "languages:\n  - en\n  -", 9, "empty"),
        (SMALL + "limits: @\n", 7, "yaml"),
        (SMALL.replace("small", '"sm\\all"'), 1, "characters"),
        (SMALL.replace("small", '"sm\\u202eall"'), 1, "characters"),
        (SMALL.replace("small", '"two\\nlines"'), 1, "characters"),
        (SMALL.replace("small", "x" * 201), 1, "too_long"),
        (SMALL.replace("small", '"  "'), 1, "empty"),
        (SMALL.replace("small", "[small]"), 1, "type"),
        (SMALL.replace("small", ""), 1, "empty"),
        (SMALL.replace("name: small\n", ""), 1, "missing"),
        ("name: x\n", 1, "missing"),
        ("name: x\nstages: {}\n", 2, "empty"),
        ("name: x\nstages: []\n", 2, "type"),
        ("name: x\nstages:\n", 2, "empty"),
        (SMALL.replace("open: {", "Open: {"), 3, "name"),
        (SMALL.replace("open: {", "отворен: {"), 3, "name"),
        (SMALL.replace("open: {", "no: {"), 3, "quotes"),
        (SMALL.replace("open: {title: {en: Open}}", "open: {}"), 3, "missing"),
        (SMALL.replace("open: {title: {en: Open}}", "open: {title: Open}"), 3, "type"),
        (SMALL.replace("title: {en: Open}", "title: {de: Offen, en: Open}"), 3, "unknown_key"),
        (SMALL.replace("final: true", "final: yes"), 4, "type"),
        (SMALL.replace("final: true", 'final: "true"'), 4, "type"),
        (SMALL.replace("final: true", "final: 1"), 4, "type"),
        (SMALL.replace("final: true", "stalled_after: 2wd"), 4, "duration"),
        (SMALL.replace(", to: closed", ""), 6, "missing"),
        (SMALL.replace("from: open", "from: []"), 6, "empty"),
        (SMALL.replace("from: open", "from: [open, open]"), 6, "twice"),
        (SMALL.replace("to: closed", "to: [closed]"), 6, "type"),
        (SMALL.replace("to: closed", "to: closed, needs: outcome"), 6, "type"),
        (SMALL.replace("to: closed", "to: closed, needs: [outcome]"), 6, "type"),
        (SMALL.replace("to: closed", "to: closed, needs: [{}]"), 6, "missing"),
        (SMALL.replace("to: closed", "to: closed, sets: {outcome: 3}"), 6, "quotes"),
        (SMALL + "languages: [en, de]\n", 7, "unknown_word"),
        (SMALL + "languages: []\n", 7, "empty"),
        (SMALL + "languages: [en, en]\n", 7, "twice"),
        (SMALL + "languages: [en, {}]\n", 7, "type"),
        (SMALL + "calendar: always\n", 7, "type"),
        (SMALL + "calendar: {send_window: never}\n", 7, "unknown_word"),
        (SMALL + "calendar: {send_window: {from: 08:30, to: '17:30'}}\n", 7, "quotes"),
        (SMALL + "calendar: {send_window: {from: '8:30', to: '17:30'}}\n", 7, "time"),
        (SMALL + "calendar: {send_window: {from: '08:30', to: '24:00'}}\n", 7, "time"),
        (SMALL + "calendar: {send_window: {from: '08:30'}}\n", 7, "missing"),
        (SMALL + "calendar: {send_window: {from: '17:30', to: '08:30'}}\n", 7, "window"),
        (SMALL + "calendar: {send_window: {from: '08:30', to: '08:30'}}\n", 7, "window"),
        (SMALL + "calendar: {working_days: []}\n", 7, "empty"),
        (SMALL + "calendar: {working_days: [monday]}\n", 7, "unknown_word"),
        (SMALL + "calendar: {holidays: BG}\n", 7, "type"),
        (SMALL + "limits: {mailbox: {per_hour: 0}}\n", 7, "type"),
        (SMALL + "limits: {mailbox: {per_hour: -1}}\n", 7, "type"),
        (SMALL + "limits: {mailbox: {per_hour: 010}}\n", 7, "type"),
        (SMALL + "limits: {mailbox: {per_hour: '30'}}\n", 7, "type"),
        (SMALL + "limits: {mailbox: {per_hour: 1.5}}\n", 7, "type"),
        (SMALL + "limits: {mailbox: {per_hour: 9999999}}\n", 7, "type"),
        (SMALL + "limits: {mailbox: {per_hour: .nan}}\n", 7, "type"),
        (SMALL + "limits: {mailbox: {min_gap: 20}}\n", 7, "duration"),
        (SMALL + "limits: {mailbox: {min_gap: {}}}\n", 7, "type"),
        (SMALL + "limits: {prospect: {min_gap: 1wd}}\n", 7, "duration"),
        (SMALL + "signals: [{source: x, when: {value: a}, do: close}]\n", 7, "missing"),
        (SMALL + "signals: [{source: x, when: {kind: a, value: 3}, do: close}]\n", 7, "quotes"),
        (SMALL + "signals: {source: x}\n", 7, "type"),
    ],
)
def test_it_refuses_with_one_finding(text: str, line: int, code: str) -> None:
    """Each mistake alone gives one finding, at its line."""
    assert findings(text) == [(line, code)]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{key: a}", "step"),
        ("{key: a, email: x, task: {en: X}}", "step"),
        ("{email: x}", "missing"),
        ("{key: A, email: x}", "name"),
        ("{key: a, task: X}", "type"),
        ("{key: a, task: {bg: X}}", "missing"),
        ("{key: a, email: x, before: call}", "unknown_word"),
        ("{key: a, email: x, before: meeting, after: 1h}", "combination"),
        ("{key: a, email: x, lead: 1h}", "combination"),
        ("{key: a, email: x, before: meeting, lead: 1wd}", "duration"),
        ("{key: a, email: x, thread: new}", "unknown_word"),
        ("{key: a, email: x, window: open}", "unknown_word"),
        ("{key: a, email: x, blocking: true}", "combination"),
        ("{key: a, task: {en: X}, thread: same}", "combination"),
        ("{key: a, task: {en: X}, window: any}", "combination"),
        ("{key: a, task: {en: X}, lateness: 1h}", "combination"),
        ("{key: a, email: x, delay: 1h}", "unknown_key"),
        ("{key: a, email: [x]}", "type"),
        ("just words", "type"),
        ("", "empty"),
        ("{key: a, email: x}\n      - {key: a, email: z}", "twice"),
    ],
)
def test_it_refuses_a_step_that_says_too_much_or_too_little(line: str, code: str) -> None:
    """Keys that do not go together, and those that are missing."""
    found = findings(step(line))
    assert [each for _, each in found] == [code]
    assert found[0][0] in {12, 13}


@pytest.mark.parametrize(
    ("start", "code"),
    [
        ("{when: stage.entered}", "missing"),
        ("{when: call.ended, stage: open}", "combination"),
        ("{when: meeting.held, outcome: won}", "combination"),
        ("{when: email.replied}", "unknown_word"),
        ("{stage: open}", "missing"),
        ("call.ended", "type"),
    ],
)
def test_it_refuses_a_start_that_cannot_be(start: str, code: str) -> None:
    """A stage goes with `stage.entered` and with nothing else."""
    assert findings(step("{key: a, email: x}").replace("{when: call.ended}", start)) == [(9, code)]


def test_it_refuses_a_sequence_without_steps() -> None:
    """There would be nothing to do."""
    assert findings(step("{key: a, email: x}").replace("steps:\n      - {key: a, email: x}", "steps: []")) == [
        (11, "empty")
    ]


@pytest.mark.parametrize(
    ("written", "delay"),
    [
        ("0s", Delay()),
        ("2s", Delay(timedelta(seconds=2))),
        ("15m", Delay(timedelta(minutes=15))),
        ("24h", Delay(timedelta(hours=24))),
        ("72h", Delay(timedelta(hours=72))),
        ("3d", Delay(timedelta(days=3))),
        ("366d", Delay(timedelta(days=366))),
        ("8784h", Delay(timedelta(days=366))),
        ("2wd", Delay(working_days=2)),
        ("260wd", Delay(working_days=260)),
        ('"24h"', Delay(timedelta(hours=24))),
    ],
)
def test_it_reads_durations(written: str, delay: Delay) -> None:
    """One whole number and one unit."""
    assert load(step(f"{{key: a, email: x, after: {written}}}")).sequences["hello"].steps[0].after == delay


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("24 hours", "`24 hours` is no duration: write it as 24h."),
        ("24 h", "`24 h` is no duration: write it as 24h."),
        ("24H", "`24H` is no duration: write it as 24h."),
        ("1 day", "`1 day` is no duration: write it as 1d."),
        ("2 weeks", "`2 weeks` is no duration: write it as 14d."),
        ("3 working days", "`3 working days` is no duration: write it as 3wd."),
        ("30 min", "`30 min` is no duration: write it as 30m."),
        ("367d", "`367d` is too long: at most 366d."),
        ("99999999d", "`99999999d` is too long: at most 366d."),
        ("261wd", "`261wd` is too long: at most 260wd."),
    ],
)
def test_it_shows_the_right_form_of_a_duration(written: str, expected: str) -> None:
    """Where the meaning is plain, the sentence spells it."""
    assert sentence(step(f"{{key: a, email: x, after: {written}}}")) == expected


@pytest.mark.parametrize(
    "written", ["24", "-1h", "1.5h", "1h30m", "soon", "NaN", ".inf", "999999999d", "h", "٣h", "''"]
)
def test_it_refuses_what_is_no_duration(written: str) -> None:
    """Negative, broken, mixed or in other digits."""
    assert "is no duration: write one whole number and one unit" in sentence(
        step(f"{{key: a, email: x, after: {written}}}")
    )


def test_it_refuses_an_alias_once_and_reads_on() -> None:
    """The place of the alias brings no second finding, whatever should have stood there."""
    text = SMALL + "calendar: *c\nlimits: {mailbox: *m, prospect: {min_gap: *g}}\nlanguages: *l\n*k : x\n"
    assert findings(text) == [(line, "alias") for line in (7, 8, 8, 9, 10)]


@pytest.mark.parametrize("text", ["", "   \n", "# only words\n", "---\n", "---", "null", "~\n", "\ufeff"])
def test_it_says_that_a_file_is_empty(text: str) -> None:
    """Whatever emptiness looks like."""
    assert findings(text) == [(1, "empty")]


@pytest.mark.parametrize(
    ("content", "line", "code"),
    [
        (b"\xff\xfe\x00n", 0, "encoding"),
        (b"name: \xd0", 0, "encoding"),
        ("name: \ud800", 0, "encoding"),
        (b"name: x\nstages: \x00\n", 2, "characters"),
        (b"name: x\n\x1b[2J\n", 2, "characters"),
        ("name: x\n\n\u2028y: z\n", 3, "characters"),
        (b"#" * (256 * 1024 + 1), 0, "too_large"),
    ],
)
def test_it_refuses_what_is_no_text(content: str | bytes, line: int, code: str) -> None:
    """Other encodings, control characters, and files that no person wrote."""
    assert findings(content) == [(line, code)]


def test_it_accepts_a_byte_order_mark_and_windows_line_ends() -> None:
    """Editors on Windows write both."""
    assert load(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode()).name == "small"
    assert findings("\ufeff" + SMALL.replace("\n", "\r\n") + "nam: x\r\n") == [(7, "unknown_key")]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        "{" * 5000,
        "- " * 5000,
        "? " * 5000,
        "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [{', '.join(['*a'] * 9)}]\n" for n in range(4000)),
        "a: &a [*a]\n",
        "\n".join(f"k{n}: 1" for n in range(25_000)),
        "sequences:\n a:\n  steps:\n" + "   - {}\n" * 25_000,
        "transitions: [{trigger: a, to: b, from: [" + ",".join(f"s{n}" for n in range(25_000)) + "]}]",
        "{" + "a," * 120_000 + "}",
        "name: " + "1:" * 120_000,
        "[\n" * 100_000,
    ],
)
def test_it_refuses_bombs_in_no_time(text: str) -> None:
    """Neither depth, nor aliases, nor sheer number cost more than a few seconds, nor more than a thousand findings."""
    began = clock.process_time()
    assert 1 <= len(findings(text)) <= 1000
    assert clock.process_time() - began < 5


def test_it_refuses_the_twenty_first_level() -> None:
    """Twenty are read, and found wrong for what they hold."""
    assert (1, "too_deep") not in findings("[" * 20 + "]" * 20)
    assert findings("[" * 21 + "]" * 21) == [(1, "too_deep")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SMALL.replace("name: small\n", ""), "The playbook needs the key `name`: add it."),
        (
            SMALL.replace("{en: Open}", "{}"),
            "stages.open.title needs the key `en`: add it.",
        ),
        (
            SMALL + "nam: x\n",
            "The key `nam` is not known: did you mean `name`?",
        ),
        (
            SMALL.replace("final: true", "last: true"),
            "The key `last` is not known in stages.closed: known here: final, stalled_after, title.",
        ),
        (
            SMALL.replace("from: open", "from: [open, Met]"),
            "`Met` is no name: use small Latin letters, digits and _, starting with a letter.",
        ),
        (
            SMALL + "calendar: {working_days: [mon, tu]}\n",
            "`tu` is not known in calendar.working_days (number 2): did you mean `tue`?",
        ),
        (
            SMALL.replace("final: true", "final: yes"),
            "stages.closed.final is `yes`: write true or false, without quotes.",
        ),
        (
            SMALL + "limits: {mailbox: {per_day: many}}\n",
            "limits.mailbox.per_day is `many`: write a whole number from 1 to 1000000, without quotes.",
        ),
        (SMALL + "calendar: {holidays: BG}\n", "calendar.holidays holds a single value: write a list."),
        (SMALL + "name: x\n", "The key `name` is here twice (first in line 1): keep one."),
        ("- a\n", "The file holds a list: write keys with values, for example `key: value`."),
    ],
)
def test_it_says_what_is_wrong_where_and_what_to_write(text: str, expected: str) -> None:
    """A person who never saw the file can mend it from the sentence."""
    assert sentence(text) == expected


def test_it_draws_its_limits_where_it_says() -> None:
    """200 characters and 256 KB are taken; one more is not."""
    assert load(SMALL.replace("small", "x" * 200)).name == "x" * 200
    full = SMALL + "#" * (256 * 1024 - len(SMALL))
    assert load(full).name == "small"
    assert findings(full + "#") == [(0, "too_large")]


# --- files ---


def test_it_says_why_a_file_cannot_be_read(tmp_path: Path) -> None:
    """No file, a folder, a pipe that would never end: one sentence that names the path."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path / "none.yaml", tmp_path, pipe):
        with pytest.raises(PlaybookError, match="There is no such file") as caught:
            read(path)
        assert caught.value.message.startswith(str(path))


def test_it_names_the_path_in_errors(tmp_path: Path) -> None:
    """As it was given."""
    path = tmp_path / "екип.yaml"
    path.write_text(SMALL + "nam: x\n", encoding="utf-8")
    with pytest.raises(PlaybookError) as caught:
        read(path)
    assert caught.value.message.startswith(f"{path}:7: ")
