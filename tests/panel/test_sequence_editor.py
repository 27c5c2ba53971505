"""The editor of sequences: each act changes the text of the draft where it should, and no other byte of it."""

from __future__ import annotations

import html
import io
import re

import pytest

from tests.panel.scene import Visitor
from workflow import places

SHIPPED = places.shipped_playbook().read_text(encoding="utf-8")
EDIT = "/sequences/after_meeting/edit"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What becomes of a text does not depend on the database: the other tests of drafts run on both."""
    return sqlite_url


def seen(page: str) -> str:
    """The text that the page was made from."""
    found = re.search(r'name="seen" value="(\w+)"', page)
    assert found, page
    return found[1]


def step(**changes: str) -> dict[str, str]:
    """The form of the task in the middle, as the page fills it."""
    return {
        "was": "call_back", "key": "call_back", "does": "task", "when": "after", "after-n": "2", "after-unit": "wd",
        "task-en": "Call and answer open questions", "task-bg": "Обаждане и отговор на отворените въпроси",
        "blocking": "1",
    } | changes  # fmt: skip


def draft(visitor: Visitor) -> str:
    """The text of the draft, byte for byte."""
    return bytes(visitor.get("/playbook/draft/file").data).decode()


def test_a_step_is_changed_in_its_own_letters_and_what_is_wrong_stands_at_it(iva: Visitor) -> None:
    page = iva.read(EDIT)
    assert draft(iva) == SHIPPED
    answer = iva.post(
        "/sequences/after_meeting/steps/1", {"seen": seen(page), **step(**{"after-n": "3 wd", "after-unit": "h"})}
    )
    assert answer.headers["Location"] == f"{EDIT}?at=call_back"
    mine = SHIPPED.replace("        after: 2wd\n        blocking", "        after: 3wd\n        blocking")
    assert draft(iva) == mine
    page = iva.read(EDIT)
    assert "after 3 working days<" in page
    # What is typed is judged before it is saved, and kept when it is saved all the same.
    iva.htmx = True
    odd = step(**{"after-n": "3", "task-en": "", "does": "email", "email": "nothing"})
    answer = iva.post("/sequences/after_meeting/steps/1/check", {"seen": seen(page), **odd})
    assert 'hx-target="#faults-1"' in answer.text
    assert "unknown_template" in answer.text
    assert draft(iva) == mine
    # A name that another step has stands at that step; one that two variants have cannot be written at all.
    answer = iva.post(
        "/sequences/after_meeting/steps/0/check", {"seen": seen(page), "was": "recap", "key": "call_back"}
    )
    assert re.search(r'hx-target="#faults-1".*?twice', answer.text, re.DOTALL)
    iva.htmx = False
    pair = {
        "v0-key": "a",
        "v0-email": "decision",
        "v1-key": "a",
        "v1-email": "recap",
        "v2-share": "7",
        "after-n": "5 wd",
    }
    answer = iva.post("/sequences/after_meeting/steps/1", {"seen": seen(page), **step(does="variants", **pair)})
    page = html.unescape(answer.text)
    assert "Two variants have the name “a”: give each its own." in page
    assert all(f'value="{each}"' in page for each in ("7", "5 wd", "call_back"))
    assert draft(iva) == mine
    assert iva.post("/sequences/after_meeting/steps/1", {"seen": seen(page), **odd}).status_code == 303
    page = iva.read(EDIT)
    assert re.search(r'id="step-call_back">.*?has-faults.*?unknown_template.*?</li>', page, re.DOTALL)
    assert iva.post("/playbook/draft/changes").status_code == 422
    assert iva.post("/playbook/draft/back", {"seen": seen(page)}).status_code == 303
    assert draft(iva) == mine
    # Rules of the whole sequence, saved as they are shown, change nothing.
    page = iva.read(EDIT)
    rules = {
        "title-en": "After the meeting", "title-bg": "След срещата", "start-when": "meeting.held", "again": "always",
        "exclusive": "1", "priority": "20",
        **{f"stop-{word}": "1" for word in ("reply", "colleague_reply", "left", "bounce", "complaint", "unsubscribe",
                                            "meeting", "close")},
    }  # fmt: skip
    iva.post(EDIT, {"seen": seen(page), **rules})
    assert draft(iva) == mine
    iva.post(EDIT, {"seen": seen(page), **rules, "priority": "30", "again": "after", "again-n": "9", "again-unit": "d"})
    assert draft(iva) == mine.replace("    priority: 20\n", "    priority: 30\n").replace(
        "after: 1wd, lateness: 2d}\n\n  no_show:", "after: 1wd, lateness: 2d}\n    again: 9d\n\n  no_show:"
    )


def test_sequences_come_and_go_and_the_whole_text_may_be_brought(iva: Visitor) -> None:
    now = seen(iva.read("/sequences"))
    assert iva.post("/sequences", {"seen": now, "key": "won"}).status_code == 409
    assert (
        iva.post("/sequences", {"seen": now, "key": "after_demo"}).headers["Location"] == "/sequences/after_demo/edit"
    )
    for does in ("task", "email"):
        iva.post("/sequences/after_demo/steps", {"seen": seen(iva.read("/sequences/after_demo/edit")), "does": does})
    page = iva.read("/sequences/after_demo/edit")
    assert re.findall(r'id="step-(\w+)"', page) == ["first", "call", "email"]
    assert "finding elsewhere" not in page
    iva.post("/sequences/after_demo/double", {"seen": seen(page), "key": "after_show"})
    iva.post("/sequences/after_demo/drop", {"seen": seen(iva.read("/playbook/draft"))})
    assert "  after_show:\n" in draft(iva)
    assert "after_demo" not in draft(iva)
    # A text that cannot be read is kept as it is, and said to be so.
    broken = "\ufeff" + SHIPPED.replace("\n", "\r\n") + "odd: [\r\n"
    file = {"seen": seen(iva.read("/playbook/draft")), "file": (io.BytesIO(broken.encode()), "mine.yaml")}
    assert iva.post("/playbook/draft/file", file).status_code == 303
    assert draft(iva) == broken
    assert "This is not YAML" in iva.read("/playbook/draft")
    assert "cannot be read" in html.unescape(iva.get(EDIT).text)
    page = iva.read("/playbook/draft")
    iva.post("/playbook/draft", {"seen": seen(page), "text": broken.replace("odd: [\r\n", "")})
    assert draft(iva) == broken.replace("odd: [\r\n", "")
    assert iva.post("/playbook/draft/drop", {"seen": seen(iva.read("/playbook/draft"))}).status_code == 303
    assert draft(iva) == SHIPPED
