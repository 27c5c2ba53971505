"""What holds for every page of the panel: a session, a form of ours, the right role, headers, and escaped words."""

from __future__ import annotations

import re
from html import unescape
from uuid import uuid4

import pytest

from tests.panel.scene import Scene, Visitor

HTMX = {"HX-Request": "true"}
HOSTILE = "\"><svg onload=alert(1)>{{7*7}}<script>alert('x')</script>"


def panel_rules(scene: Scene, method: str) -> list[str]:
    """The addresses of the panel that answer `method`, with ids that exist nowhere."""
    return [
        re.sub(r"<(?:\w+:)?\w+>", lambda _: str(uuid4()), rule.rule)
        for rule in scene.app.url_map.iter_rules()
        if method in (rule.methods or ()) and rule.endpoint.startswith("panel.")
    ]


def test_no_page_and_no_act_is_open_to_a_stranger(scene: Scene) -> None:
    stranger = scene.visitor()
    for path in panel_rules(scene, "GET"):
        assert stranger.get(path).location.startswith("/sign-in"), path
    stranger.get("/sign-in")
    for path in panel_rules(scene, "POST"):
        assert stranger.post(path).location == "/sign-in", path


def test_no_act_is_done_for_a_form_that_was_not_ours(scene: Scene, iva: Visitor, swift: Visitor) -> None:
    other = scene.visitor("mila").csrf
    for path in panel_rules(scene, "POST"):
        assert iva.client.post(path, data={"csrf_token": "x"}).status_code == 400, path
        # The same in parts of a page, which are drawn in a quarter of the time.
        for token in ("", other):
            assert swift.client.post(path, data={"csrf_token": token}, headers=HTMX).status_code == 400, path
        assert swift.post(path, Sec_Fetch_Site="cross-site").status_code == 400, path
        assert swift.post(path, Origin="https://evil.example").status_code == 400, path


def test_a_token_may_come_in_a_header_as_htmx_sends_it(iva: Visitor) -> None:
    answer = iva.client.post(
        "/prospects", data={"name": "Ana"}, headers={"X-CSRF-Token": iva.csrf, "Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status_code == 303


def test_every_page_is_held_to_the_policy_and_never_kept(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    for path in ("/", "/board", "/prospects", f"/prospects/{known}", "/settings", "/nowhere", "/uncertain", "/mail"):
        answer = iva.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "'unsafe" not in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"<[^>]+\s(style|on\w+)=", answer.text), path
        assert not re.search(r"<script(?![^>]*\ssrc=\"/assets/)", answer.text), path


def test_what_prospects_are_called_is_never_markup(scene: Scene, iva: Visitor, swift: Visitor) -> None:
    known = scene.prospect(HOSTILE, email="x@buyer.example", company=HOSTILE, title=HOSTILE, phone="1' onclick='x")
    scene.tell(known, "call.ended", minutes=5, notes=HOSTILE)
    scene.tell(known, "answers.recorded", answers={"budget": HOSTILE})
    scene.tell(known, "email.replied", detail=HOSTILE)
    scene.move(known, "qualify")
    for path in ("/", "/board", "/prospects", "/prospects?q=svg", f"/prospects/{known}", f"/prospects/{known}/edit"):
        for visitor in (iva, swift):
            text = visitor.get(path).text
            assert "<svg onload" not in text, path
            assert "<script>alert" not in text, path
            assert (path == "/") or "{{7*7}}" in unescape(text), path


@pytest.mark.parametrize(
    "told", ["x", "0" * 36, "../../etc", "%00", "01a20398-81c2-78da-b81b-3d2631c1f7b7", "a" * 5000]
)
def test_odd_addresses_are_not_found(iva: Visitor, told: str) -> None:
    for path in (f"/prospects/{told}", f"/touches/{told}", f"/deliveries/{told}", f"/mail/{told}"):
        assert iva.get(path).status_code == 404, path


def test_a_rep_sees_own_prospects_and_those_of_nobody_and_no_others(scene: Scene) -> None:
    own, free, other = (scene.prospect(name, owner=owner) for name, owner in
                        (("Own Person", "boyan"), ("Free Person", None), ("Hidden Person", "mila")))  # fmt: skip
    scene.tell(other, "call.ended", minutes=5)
    hidden = str(scene.touches(other)[0].id)
    boyan, iva = scene.visitor("boyan"), scene.visitor("iva")
    for path in ("/board", "/prospects"):
        text = boyan.read(path)
        assert "/prospects/" + own in text
        assert "/prospects/" + free in text
        assert other not in text
        assert other in iva.read(path)
    assert boyan.get(f"/prospects/{other}").status_code == 404
    for path, fields in (
        (f"/prospects/{other}/moves", {"trigger": "qualify"}),
        (f"/prospects/{other}/edit", {"name": "Mine now"}),
        (f"/prospects/{other}/call", {"minutes": "5"}),
        (f"/touches/{hidden}/skip", {}),
        (f"/touches/{hidden}/send-now", {}),
    ):
        assert boyan.post(path, fields).status_code == 404, path
    assert (scene.row(other).stage, scene.row(other).name) == ("planned", "Hidden Person")
    assert scene.touches(other)[0].state == "scheduled"


def test_roles_decide_over_deliveries_mailboxes_and_owners(scene: Scene) -> None:
    boyan = scene.visitor("boyan")
    assert boyan.get("/deliveries").status_code == 403
    assert boyan.post(f"/mailboxes/{scene.ws.mailbox_id}/resume").status_code == 403
    assert "/deliveries" not in boyan.read("/")
    known = scene.prospect(owner="boyan")
    boyan.post(f"/prospects/{known}/edit", {"name": "Ana", "owner": scene.reps["mila"]})
    assert scene.row(known).owner_id == scene.reps["boyan"]
    iva = scene.visitor("iva")
    assert iva.get("/deliveries").status_code == 200
    iva.post(f"/prospects/{known}/edit", {"name": "Ana", "owner": scene.reps["mila"]})
    assert scene.row(known).owner_id == scene.reps["mila"]


def test_fields_that_no_form_has_change_nothing(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    iva.post(f"/prospects/{known}/edit", {"name": "Ana", "stage": "closed", "outcome": "won", "id": "x", "chain": "x"})
    row = scene.row(known)
    assert (row.stage, row.outcome, row.name, row.version) == ("planned", None, "Ana", 2)


def test_files_are_kept_for_ever_under_their_digest(scene: Scene) -> None:
    stranger = scene.visitor()
    page = stranger.read("/sign-in")
    (style,) = re.findall(r'href="(/assets/[^"]+/app\.css)"', page)
    answer = stranger.client.get(style)
    assert (answer.status_code, answer.mimetype) == (200, "text/css")
    assert "immutable" in answer.headers["Cache-Control"]
    packed = stranger.client.get(style, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < 12 * 1024
    old = stranger.client.get("/assets/0000/app.css")
    assert "immutable" not in old.headers["Cache-Control"]
    for path in ("/assets/0000/../auth.py", "/assets/0000/..%2fauth.py", "/assets/0000/vendor/htmx-4.0.1/LICENSE"):
        assert stranger.client.get(path).status_code == 404
