"""The drawing of a playbook: everything once, nothing on top of anything else, and nothing a strict page refuses."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from workflow import places
from workflow.playbook import svg
from workflow.playbook.layout import Box, Plan, Wire, plan
from workflow.playbook.loader import load, read
from workflow.playbook.schema import Playbook

FAST = Path(__file__).with_name("fast.yaml")
DOCS = Path(__file__).resolve().parents[2] / "docs"
NEAR = 0.01
SPACE = "{http://www.w3.org/2000/svg}"


def large(seed: int, stages: int = 60) -> str:
    """A playbook of many stages with titles in Cyrillic, guards, ways in every direction, and sequences."""
    chance = random.Random(seed)
    keys = [f"stage_{number}" for number in range(stages)]
    lines = ["name: large", "languages: [en, bg]", "stages:"]
    for number, key in enumerate(keys):
        words = " ".join(chance.sample(["Широко", "Щателно", "обмисляне", "Срещаме", "ЖЮФ", "доверие", "к", "Ъгъл"], 3))
        final = ", final: true" if number % 20 == 19 else ""
        lines.append(f"  {key}: {{title: {{en: Stage {number}, bg: {words} {number}}}{final}}}")
    lines.append("transitions:")
    for number, key in enumerate(keys[:-1]):
        to = keys[min(stages - 1, number + chance.choice([1, 1, 1, 2, 3, 9]))]
        needs = chance.choice(["", ", needs: [{field: outcome}]", ", needs: [any: [{role: manager}, {field: budget}]]"])
        lines.append(f"  - {{trigger: go_on_{number}, from: {key}, to: {to}{needs}}}")
    for number in range(stages // 3):
        to, *sources = chance.sample(keys, chance.randrange(2, 6))
        lines.append(f"  - {{trigger: jump_{number}, from: [{', '.join(sources)}], to: {to}}}")
    lines.append("sequences:")
    for number in range(stages):
        start = chance.choice(["call.ended", f"stage.entered, stage: {chance.choice(keys)}"])
        lines += [
            f"  series_{number}:",
            f"    start: {{when: {start}}}",
            "    stop: [reply, bounce, complaint, unsubscribe, close]",
            "    steps: [{key: a, email: decision, after: 1d}]",
        ]
    return "\n".join(lines) + "\n"


ONE = "name: one\nstages:\n  a: {title: {en: A}}\n"
BOOKS: dict[str, Callable[[], Playbook]] = {
    "fast": lambda: read(FAST),
    "shipped": lambda: read(places.shipped_playbook()),
    "one stage": lambda: load(ONE),
    "a small one with many ways": lambda: load(large(9, 7)),
    **{f"large {seed}": partial(lambda seed: load(large(seed)), seed) for seed in (0, 1, 2, 5)},
}


def drawn(playbook: Playbook, language: str = "bg") -> ET.Element:
    return parsed(svg.page(playbook, language))


def parsed(markup: str) -> ET.Element:
    return ET.fromstring(markup)  # noqa: S314 - our own, and the point is that it is well-formed


def told(root: ET.Element) -> str:
    return " ".join("".join(each.itertext()) for each in root.iter(f"{SPACE}text"))


@pytest.mark.parametrize("name", BOOKS)
def test_every_stage_and_every_way_is_drawn_once(name: str) -> None:
    playbook = BOOKS[name]()
    root = drawn(playbook)
    stages = [each.get("data-stage") for each in root.iter(f"{SPACE}g") if each.get("class") == "stage"]
    assert sorted(filter(None, stages)) == sorted(playbook.stages)
    paths = [each for each in root.iter(f"{SPACE}path") if each.get("class") == "way"]
    ways = [(each.get("data-from"), each.get("data-by"), each.get("data-to")) for each in paths]
    assert sorted(map(str, ways)) == sorted(
        str((source, way.trigger, way.to)) for way in playbook.transitions for source in way.sources
    )
    assert len([each for each in root.iter(f"{SPACE}g") if each.get("class") == "sequence"]) == len(playbook.sequences)


def less(box: Box) -> Box:
    """A box without its outermost hundredth of a pixel."""
    return Box(box.x + NEAR, box.y + NEAR, box.width - 2 * NEAR, box.height - 2 * NEAR)


def laid(playbook: Playbook, language: str) -> Plan:
    """Where the machine of a playbook stands, as it is drawn."""
    return svg.placed(playbook, language)


@pytest.mark.parametrize("language", ["en", "bg"])
@pytest.mark.parametrize("name", BOOKS)
def test_no_label_and_no_box_lies_on_another(name: str, language: str) -> None:
    found = laid(BOOKS[name](), language)
    everything: list[tuple[str, Box]] = [*found.boxes.items(), *((label.wire, label.box) for label in found.labels)]
    assert not [(one[0], other[0]) for one, other in combinations(everything, 2) if less(one[1]).meets(other[1])]
    for _, box in everything:
        assert min(box.x, box.y) >= 0
        assert box.x + box.width <= found.width + NEAR
        assert box.y + box.height <= found.height + NEAR


@pytest.mark.parametrize("name", BOOKS)
def test_no_line_runs_through_a_box_and_every_line_ends_at_its_own(name: str) -> None:
    found = laid(BOOKS[name](), "en")
    for line in found.lines:
        for (x1, y1), (x2, y2) in pairwise(line.points):
            assert x1 == x2 or y1 == y2
            piece = Box(min(x1, x2), min(y1, y2), abs(x1 - x2), abs(y1 - y2))
            assert not [key for key, box in found.boxes.items() if less(box).meets(piece)], line
        for key, (x, y) in ((line.source, line.points[0]), (line.target, line.points[-1])):
            box = found.boxes[key]
            assert box.x - NEAR <= x <= box.x + box.width + NEAR
            assert box.y - NEAR <= y <= box.y + box.height + NEAR
            assert not less(box).meets(Box(x, y, 0, 0))


@pytest.mark.parametrize("name", BOOKS)
def test_two_lines_are_never_drawn_over_each_other(name: str) -> None:
    """But for those of one transition, which share their lane."""
    pieces = [
        (line.wire, min(one, other), max(one, other))
        for line in laid(BOOKS[name](), "en").lines
        for one, other in pairwise(line.points)
        if one != other
    ]
    for (wire, one, other), (wire2, one2, other2) in combinations(pieces, 2):
        for along, across in ((0, 1), (1, 0)):
            if wire != wire2 and one[across] == other[across] == one2[across] == other2[across]:
                assert other[along] <= one2[along] or other2[along] <= one[along], (wire, wire2)


def test_it_shows_what_a_way_needs_and_what_begins_where() -> None:
    root = drawn(read(FAST), "en")
    words = told(root)
    for word in (
        "Meeting scheduled",
        "close outcome",
        "schedule meeting",
        "after 1 h",
        "Call back",
        "begins: call ended",
    ):
        assert word.replace(" ", "") in words.replace(" ", ""), word
    qualified = next(each for each in root.iter(f"{SPACE}g") if each.get("data-stage") == "qualified")
    assert "welcome" in told(qualified)
    described = "".join(root.find(f"{SPACE}desc").itertext())  # type: ignore[union-attr]
    assert (
        "close leads from Qualified, Diagnosed, Meeting scheduled, Followed up to Closed and needs: outcome."
        in described
    )


def test_it_marks_the_final_stages() -> None:
    root = drawn(read(FAST))
    rects = {
        each.get("data-stage"): len(each.findall(f"{SPACE}rect"))
        for each in root.iter(f"{SPACE}g")
        if each.get("class") == "stage"
    }
    assert rects.pop("closed") == 2
    assert set(rects.values()) == {1}


def test_words_are_in_the_language_asked_for() -> None:
    assert "насрочване на среща" in svg.page(read(FAST), "bg")
    assert not re.search("[а-яА-Я]", svg.page(read(FAST), "en"))


ODD = """\
name: '<script>alert(1)</script> & "co"'
stages:
  a: {title: {en: '</text><script>x</script> "quoted" & <b>'}}
  b: {title: {en: Supercalifragilisticexpialidociousandmoreofthesamewithoutanyspace}, final: true}
transitions:
  - {trigger: finish, from: a, to: b, needs: [{field: outcome}]}
  - {trigger: again, from: a, to: a}
"""


def test_text_stays_text() -> None:
    root = drawn(load(ODD), "en")
    assert not list(root.iter(f"{SPACE}script"))
    assert "</text><script>x</script>" in "".join(root.find(f".//{SPACE}desc").itertext())  # type: ignore[union-attr]


@pytest.mark.parametrize("language", ["en", "bg"])
def test_a_strict_page_can_show_it(language: str) -> None:
    """No script, no link, no style of its own: what `script-src 'self'; style-src 'self'` would refuse."""
    inside = svg.fragment(read(places.shipped_playbook()), language)
    assert parsed(inside).tag == f"{SPACE}svg"
    markup = re.sub(">[^<]*<", "><", inside)
    for refused in (
        "<style",
        r"\sstyle=",
        "<script",
        "href",
        "javascript:",
        r"\son[a-z]+=",
        r"url\(",
        "<image",
        "<foreign",
    ):
        assert not re.search(refused, markup), refused
    assert inside.count('id="') == 2


def test_a_file_of_its_own_has_one_style_that_a_policy_can_name() -> None:
    whole = svg.page(read(FAST), "en")
    (style,) = re.findall("<style>(.*?)</style>", whole)
    assert style == svg.STYLE
    assert "prefers-color-scheme" in style


def test_a_list_beside_it_replaces_the_cards() -> None:
    assert "begins:" in told(parsed(svg.fragment(read(FAST), "en")))
    assert "begins:" not in told(parsed(svg.fragment(read(FAST), "en", cards=False)))


def test_a_long_way_back_goes_below_and_a_long_way_on_above() -> None:
    sizes = dict.fromkeys("abc", (100.0, 40.0))
    beside, lane = (40.0, 15.0, 0.0), (40.0, 15.0)
    found = plan(sizes, [Wire("0", ("a",), "b", beside, lane), Wire("1", ("b",), "c", beside, lane),
                         Wire("2", ("a",), "c", beside, lane), Wire("3", ("c",), "a", beside, lane)])  # fmt: skip
    middle = found.boxes["b"].y + 20
    straight, _, above, below = found.lines
    assert straight.points == ((found.boxes["a"].x + 100, middle), (found.boxes["b"].x, middle))
    assert min(y for _, y in above.points) < found.boxes["b"].y
    assert max(y for _, y in below.points) > found.boxes["b"].y + 40
    assert [line.back for line in found.lines] == [False, False, False, True]
