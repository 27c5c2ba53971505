"""The drawing of the playbook in a real browser: real letters fit the room they were given, on desktop and phone."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from tests.browser.conftest import Desk

pytestmark = pytest.mark.browser
PAGE = "/settings/playbook/diagram"
# The boxes of labels and stages as the browser set them, and how far each line of a stage reaches beyond its frame.
MEASURE = """() => {
  const box = (part) => { const b = part.getBBox(); return [b.x, b.y, b.width, b.height]; };
  const labels = [...document.querySelectorAll('.onward .label')].map(box);
  const stages = [...document.querySelectorAll('.onward .stage > rect:first-of-type')].map(box);
  const beyond = [...document.querySelectorAll('.onward .stage')].map((stage) => {
    const frame = stage.querySelector('rect').getBBox();
    return Math.max(...[...stage.querySelectorAll('text')].map((t) => t.getBBox().x + t.getBBox().width))
      - frame.x - frame.width;
  });
  return {labels, stages, beyond, page: document.documentElement.scrollWidth};
}"""


def _meet(one: list[float], other: list[float]) -> bool:
    # The box of a text has room for letters that no line of ours has: a pixel is nothing.
    return all(one[at] + 1 < other[at] + other[at + 2] and other[at] + 1 < one[at] + one[at + 2] for at in (0, 1))


def _found(desk: Desk, language: str) -> dict[str, Any]:
    found: dict[str, Any] = desk.open(f"{PAGE}?lang={language}").evaluate(MEASURE)
    assert len(found["stages"]) == len(desk.scene.ws.playbooks.current.stages)
    return found


@pytest.mark.parametrize("language", ["en", "bg"])
def test_no_label_lies_on_another_as_the_browser_sets_it(desk: Desk, language: str) -> None:
    found = _found(desk, language)
    assert not [pair for pair in combinations([*found["labels"], *found["stages"]], 2) if _meet(*pair)]
    assert max(found["beyond"]) < 0
    assert found["page"] <= 1440


def test_a_phone_scrolls_the_drawing_and_not_the_page(phone: Desk) -> None:
    found = _found(phone, "bg")
    assert found["page"] <= 390
    region = phone.page.locator(".drawing")
    assert region.evaluate("part => part.scrollWidth > part.clientWidth")


def test_the_file_opens_by_itself_and_nothing_in_it_is_refused(desk: Desk) -> None:
    desk.page.emulate_media(color_scheme="dark")
    desk.open(f"{PAGE}.svg")
    paper = "getComputedStyle(document.querySelector('.paper')).fill"
    assert desk.page.evaluate(paper) == "rgb(29, 28, 25)"
    desk.page.emulate_media(color_scheme="light")
    assert desk.page.evaluate(paper) == "rgb(255, 255, 255)"
    assert desk.page.evaluate("document.querySelector('svg').viewBox.baseVal.width") > 600
