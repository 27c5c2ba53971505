"""Landmarks as the pages are written: no two have one name. What is drawn, axe judges in a browser."""

from __future__ import annotations

import re

from workflow import places

HEADING = re.compile(r"<h2 id=\"[^\"]+\">\{\{ _\(['\"]([^'\"]+)['\"]\) \}\}")
REGION = re.compile(r"role=\"region\" aria-label=\"\{\{ _\(['\"]([^'\"]+)['\"]\) \}\}\"")


def test_no_table_that_scrolls_is_a_landmark_of_the_same_name_as_its_section() -> None:
    """Some stand on a page only when there is much to tell, as no test of a browser has it."""
    twice = {}
    pages = sorted((places.templates_dir() / "panel").glob("*.html"))
    for page in pages:
        written = page.read_text(encoding="utf-8")
        if both := set(HEADING.findall(written)) & set(REGION.findall(written)):
            twice[page.name] = both
    assert pages
    assert not twice
