"""What a browser has to load, packed as a server in front of us packs it: kilobytes have a limit."""

from __future__ import annotations

import gzip
import re

from tests.panel.scene import Scene, Visitor

KB = 1024
# The link of the design guide (section 10): a phone on 1.6 Mbit/s shows a page within two seconds.
FILES = {"app.css": 12 * KB, "app.js": 6 * KB, "htmx.min.js": 17 * KB}
PAGES = {"/": 20 * KB, "/board": 30 * KB, "/prospects": 20 * KB, "/settings": 20 * KB}


def packed(content: bytes) -> int:
    """How many bytes travel."""
    return len(gzip.compress(content, mtime=0))


def test_files_stay_within_their_limits(scene: Scene, iva: Visitor) -> None:
    found = {name.rpartition("/")[2]: name for name in re.findall(r'(?:href|src)="(/assets/[^"]+)"', iva.read("/"))}
    assert set(FILES) <= set(found)
    for name, limit in FILES.items():
        assert packed(scene.app.test_client().get(found[name], base_url="http://127.0.0.1:8000").data) <= limit, name


def test_pages_stay_within_theirs_with_every_column_full(scene: Scene) -> None:
    ways = {
        "qualified": ["qualify"], "diagnosed": ["qualify", "diagnose"],
        "meeting_scheduled": ["qualify", "diagnose", "schedule_meeting"],
    }  # fmt: skip
    for number in range(80):
        known = scene.prospect(f"Константин{number} Александров", company=f"Транспортна компания {number}")
        scene.move(known, *list(ways.values())[number % 4] if number % 4 < 3 else [])
    iva = scene.visitor("iva")
    for path, limit in PAGES.items():
        answer = iva.get(f"{path}?lang=bg")
        assert packed(answer.data) <= limit, path
        assert len(re.findall(r'(?:src|href)="/assets/', answer.text)) <= 5
    assert iva.read("/board").count("<article") == 80


def test_a_prospect_s_page_stays_within_its_limit_with_every_question_answered(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect("Константин Александров", company="Транспортна компания Севлиево")
    questions = scene.ws.playbooks.current.content.questions
    for number, key in enumerate(questions):
        scene.tell(known, "answers.recorded", answers={key: f"Отговор {number}: три склада, предаване на хартия."})
    for query in ("", "part=all"):
        answer = iva.get(f"/prospects/{known}?lang=bg&{query}")
        assert packed(answer.data) <= 20 * KB, query
        assert len(re.findall("<[a-z]", answer.text)) <= 1500
