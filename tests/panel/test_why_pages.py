"""Why? in the panel: beside every email and task, and for those that are not there."""

from __future__ import annotations

import re

from tests.panel.scene import Scene, Visitor


def test_every_email_and_task_has_a_why_that_answers(scene: Scene) -> None:
    known = scene.prospect()
    scene.tell(known, "call.ended", minutes=5)
    scene.wait(days=1)
    scene.send_due()
    iva = scene.visitor("iva")
    text = iva.read(f"/prospects/{known}")
    links = re.findall(r'href="(/touches/[^"]+/why)"', text)
    touches = scene.touches(known)
    assert sorted(links) == sorted(f"/touches/{touch.id}/why" for touch in touches)
    sent = next(touch for touch in touches if touch.state == "sent")
    page = iva.read(f"/touches/{sent.id}/why")
    assert "The sequence began." in page
    assert "Its turn came, and nothing held it." in page
    assert "Sent: the mail server took it" in page
    assert f"version 1 ({scene.ws.playbooks.current.digest[:12]}), line " in page
    assert f'href="/prospects/{known}"' in page
    waits = next(touch for touch in touches if touch.state == "scheduled")
    assert "waits for step" in iva.read(f"/touches/{waits.id}/why") or "planned for" in iva.read(
        f"/touches/{waits.id}/why"
    )


def test_it_speaks_bulgarian(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    scene.tell(known, "call.ended", minutes=5)
    page = iva.read(f"/touches/{scene.touches(known)[0].id}/why?lang=bg")
    assert "Защо?" in page
    assert "Поредицата започна." in page


def test_a_prospect_says_of_each_sequence_why_it_is_not_there(scene: Scene, iva: Visitor, swift: Visitor) -> None:
    known = scene.prospect()
    assert f'href="/prospects/{known}/why"' in iva.read(f"/prospects/{known}")
    page = iva.read(f"/prospects/{known}/why")
    for sequence in scene.ws.playbooks.current.sequences:
        assert f'href="/prospects/{known}/why?sequence={sequence}"' in page
    assert "The prospect has not entered that stage yet" in page
    one = next(iter(scene.ws.playbooks.current.sequences.values()))
    page = iva.read(f"/prospects/{known}/why?sequence={one.key}&step={one.steps[0].key}")
    assert page.count("<section") == 1
    assert swift.get(f"/prospects/{known}/why").status_code == 200


def test_only_who_may_see_the_prospect_is_told(scene: Scene) -> None:
    known = scene.prospect(owner="mila")
    scene.tell(known, "call.ended", minutes=5)
    touch = scene.touches(known)[0].id
    boyan = scene.visitor("boyan")
    assert boyan.get(f"/touches/{touch}/why").status_code == 404
    assert boyan.get(f"/prospects/{known}/why").status_code == 404
    assert scene.visitor("mila").get(f"/touches/{touch}/why").status_code == 200
    assert scene.visitor().get(f"/touches/{touch}/why").status_code == 303


def test_a_sequence_that_nobody_knows_is_refused_in_one_sentence(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    answer = iva.get(f"/prospects/{known}/why?sequence=nonsense")
    assert answer.status_code == 422
    assert "Traceback" not in answer.text
