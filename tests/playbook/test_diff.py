"""What differs between two playbooks: what they mean, told in both languages, and not how they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflow import places
from workflow.playbook import loader
from workflow.playbook.diff import diff
from workflow.playbook.schema import Playbook

SOURCE = Path(__file__).with_name("fast.yaml").read_text(encoding="utf-8")
FAST = loader.load(SOURCE)


def changed(*pairs: tuple[str, str], source: str = SOURCE) -> Playbook:
    """A playbook with other words in it."""
    for old, new in pairs:
        assert old in source, old
        source = source.replace(old, new, 1)
    return loader.load(source)


def told(*pairs: tuple[str, str], language: str = "en") -> list[str]:
    """The differences to fast.yaml in words."""
    return [each.words(language) for each in diff(FAST, changed(*pairs))]


@pytest.mark.parametrize(
    ("pair", "english", "bulgarian"),
    [
        (("after: 4s", "after: 2wd"), "step after_call.next_call: waits: 4s → 2wd", "изчаква: 4s → 2wd"),
        (
            ("en: Planned", "en: Plan"),
            "stage planned: title: en: Planned; bg: Планиран → en: Plan; bg: Планиран",
            "етап",
        ),
        (
            ("send_window: always", 'send_window: {from: "09:00", to: "17:00"}'),
            "calendar: send window: none → 09:00–17:00",
            "няма",
        ),
        (
            ("[mon, tue, wed", "[mon, wed"),
            "calendar: working days: mon, tue, wed, thu, fri → mon, wed, thu, fri",
            "работни",
        ),
        (("per_hour: 100000", "per_hour: 30"), "limits: emails an hour: 100000 → 30", "ограничения"),
        (("prospect: {min_gap: 0s}", "prospect: {min_gap: 4h}"), "limits: gap for one prospect: 0s → 4h", "клиент"),
        (("qualify, from: planned", "qualify, from: diagnosed"), "move qualify (planned): removed", "премахнато"),
        (
            ("to: qualified}", "to: qualified, needs: [{field: company}]}"),
            "move qualify (planned): needs: none → company",
            "изисква",
        ),
        (
            ("bounce, complaint, unsubscribe, meeting, close]", "bounce]"),
            "sequence after_call: stops: bounce, close, complaint, meeting, reply, unsubscribe → bounce, reply",
            "спира",
        ),
        (("{key: recap, email", "{key: recall, email"), "step nudge.recap: removed", "стъпка nudge.recap"),
        (("kind: meeting.booked", "kind: meeting.held"), "signal calcom meeting.booked: removed", "сигнал"),
        (("name: fast", "name: slow"), "playbook: name: fast → slow", "наръчник: име"),
    ],
)
def test_a_difference_is_told_in_words(pair: tuple[str, str], english: str, bulgarian: str) -> None:
    assert english in told(pair)
    assert any(bulgarian in line for line in told(pair, language="bg"))


def test_how_a_playbook_is_written_is_no_difference() -> None:
    assert told(("name: fast", "\n\n# a remark\nname: fast"), ("{trigger: qualify,", "{ trigger: qualify,")) == []
    assert diff(FAST, FAST) == ()


def test_another_order_is_one_difference() -> None:
    lines = SOURCE.splitlines(keepends=True)
    first = next(n for n, line in enumerate(lines) if "key: recap" in line)
    lines[first : first + 2] = reversed(lines[first : first + 2])
    assert [each.words("en") for each in diff(FAST, loader.load("".join(lines)))] == [
        "step nudge: order: recap, call_back, decision → call_back, recap, decision"
    ]


def test_a_text_that_differs_behind_its_beginning_differs() -> None:
    shipped = places.shipped_playbook().read_text(encoding="utf-8")
    before = loader.load(shipped)
    key, question = next((key, each) for key, each in before.content.questions.items() if each.text)
    text = question.text["en"]
    after = changed((text, text + " Really?"), source=shipped)
    assert [(each.area, each.key, each.name) for each in diff(before, after)] == [("question", key, "text")]


def test_every_part_of_the_shipped_playbook_has_words() -> None:
    shipped = loader.read(places.shipped_playbook())
    for language in ("en", "bg"):
        lines = [each.words(language) for pair in ((FAST, shipped), (shipped, FAST)) for each in diff(*pair)]
        assert len(lines) > 200
        assert not any("object at" in line or "timedelta" in line or "(" in line[:1] for line in lines)
