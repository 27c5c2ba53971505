"""The drawing of the playbook in the panel: in the viewer's language, with the sequences beside it, for any policy."""

from __future__ import annotations

import base64
import hashlib
import re
from http import HTTPStatus
from xml.etree import ElementTree as ET

from tests.panel.scene import Scene, Visitor

PAGE = "/settings/playbook/diagram"


def test_settings_lead_to_it(iva: Visitor) -> None:
    assert f'href="{PAGE}"' in iva.read("/settings")


def test_it_shows_stages_ways_and_sequences_in_the_viewer_s_language(scene: Scene, iva: Visitor) -> None:
    english, bulgarian = iva.read(PAGE), iva.read(f"{PAGE}?lang=bg")
    playbook = scene.ws.playbooks.current
    for page, language in ((english, "en"), (bulgarian, "bg")):
        assert page.count("data-stage=") == len(playbook.stages)
        assert page.count("data-by=") == sum(len(way.sources) for way in playbook.transitions)
        for sequence in playbook.sequences.values():
            assert f"<h3>{sequence.title[language]}</h3>" in page
    assert "Ends early:" in english
    assert "Край по-рано:" in bulgarian
    assert "Насрочване на следващо обаждане" in bulgarian


def test_the_page_keeps_to_the_strict_policy(iva: Visitor) -> None:
    answer = iva.get(PAGE)
    assert "style-src 'self';" in answer.headers["Content-Security-Policy"]
    drawing = answer.text[answer.text.index('<svg xmlns="http://www.w3.org/2000/svg" class="onward"') :]
    drawing = drawing[: drawing.index("</svg>")]
    assert "<style" not in drawing
    assert "style=" not in drawing


def test_the_file_may_use_its_own_style_and_nothing_else(iva: Visitor) -> None:
    answer = iva.get(f"{PAGE}.svg?lang=bg")
    assert (answer.status_code, answer.mimetype) == (HTTPStatus.OK, "image/svg+xml")
    root = ET.fromstring(answer.text)  # noqa: S314 - our own
    assert "Квалифициран" in "".join(root.itertext())
    (style,) = re.findall("<style>(.*?)</style>", answer.text)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_nobody_sees_it_without_signing_in(scene: Scene) -> None:
    stranger = Visitor(scene.app.test_client(), headers={"Host": "127.0.0.1:8000"})
    for path in (PAGE, f"{PAGE}.svg"):
        assert stranger.get(path).status_code == HTTPStatus.SEE_OTHER
