"""The door of the panel: who gets in, and how little it tells whoever does not."""

from __future__ import annotations

from html import unescape

import pytest

from tests.panel.scene import PASSWORD, Scene, Visitor
from workflow.actions import people

WRONG = "The email address or the password is wrong."


@pytest.fixture(autouse=True)
def _passwords(scene: Scene) -> None:
    scene.give_passwords()


def test_it_sends_a_stranger_to_the_sign_in_and_back_to_the_page_that_was_wanted(scene: Scene) -> None:
    stranger = scene.visitor()
    sent = stranger.get("/prospects?q=ana")
    assert (sent.status_code, sent.location) == (303, "/sign-in?next=%2Fprospects%3Fq%3Dana")
    stranger.get(sent.location)
    fields = {"email": "iva@example.com", "password": PASSWORD, "next": "/prospects?q=ana"}
    assert stranger.post("/sign-in", fields).location == "/prospects?q=ana"
    assert stranger.get("/prospects?q=ana").status_code == 200


def test_htmx_is_told_to_load_the_sign_in_instead_of_putting_it_into_a_page(scene: Scene) -> None:
    stranger = scene.visitor()
    stranger.htmx = True
    answer = stranger.get("/board")
    assert (answer.status_code, answer.headers["HX-Redirect"], answer.data) == (401, "/sign-in", b"")


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example", "/\\evil.example", "https://evil.example", "https:evil.example", "/%2f%2fevil\r\nX: y",
        "javascript:alert(1)", "/nowhere", "/webhooks/crm", "", "/" + "a" * 2000,
    ],
)  # fmt: skip
def test_it_never_leads_to_another_site(scene: Scene, wanted: str) -> None:
    stranger = scene.visitor()
    stranger.get("/sign-in")
    answer = stranger.post("/sign-in", {"email": "iva@example.com", "password": PASSWORD, "next": wanted})
    assert (answer.status_code, answer.location) == (303, "/")


def test_a_wrong_password_and_an_unknown_address_get_the_same_page(scene: Scene) -> None:
    pages = []
    for email in ("iva@example.com", "nobody@example.com"):
        stranger = scene.visitor()
        answer = stranger.sign_in(email, "a wrong guess")
        assert answer.status_code == 401
        assert "Set-Cookie" not in answer.headers
        pages.append(unescape(answer.text).replace(email, "").replace(stranger.csrf, ""))
    assert pages[0] == pages[1]
    assert WRONG in pages[0]


def test_too_many_attempts_are_told_to_wait(scene: Scene) -> None:
    stranger = scene.visitor()
    for _ in range(5):
        stranger.sign_in("mila@example.com", "a wrong guess")
    answer = stranger.sign_in("mila@example.com")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert "Wait 1 second" in answer.text
    bulgarian = scene.visitor()
    bulgarian.get("/sign-in?lang=bg")
    answer = bulgarian.post("/sign-in", {"email": "mila@example.com", "password": PASSWORD})
    assert "Изчакайте 1 секунда" in answer.text


def test_a_huge_password_is_refused_as_bad_input(scene: Scene) -> None:
    assert scene.visitor().sign_in("iva@example.com", "x" * 100_000).status_code == 422


def test_the_sign_in_form_itself_must_be_ours(scene: Scene) -> None:
    stranger = scene.visitor()
    fields = {"email": "iva@example.com", "password": PASSWORD}
    assert stranger.post("/sign-in", fields).status_code == 400
    stranger.get("/sign-in")
    foreign = scene.visitor()
    foreign.get("/sign-in")
    stranger.csrf = foreign.csrf
    assert stranger.post("/sign-in", fields).status_code == 400


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(scene: Scene) -> None:
    stranger = scene.visitor()
    (cookie,) = stranger.sign_in("iva@example.com").headers.getlist("Set-Cookie")
    assert cookie.startswith("onward-8000=")
    assert {part.strip() for part in cookie.split(";")[1:]} == {"HttpOnly", "Path=/", "SameSite=Lax"}


def test_a_planted_cookie_is_worth_nothing_after_the_sign_in(scene: Scene) -> None:
    attacker = scene.visitor("mila")
    planted = attacker.client.get_cookie("onward-8000")
    assert planted is not None
    victim = scene.visitor()
    victim.client.set_cookie("onward-8000", planted.value)
    victim.get("/settings")
    victim.csrf = attacker.csrf
    assert victim.post("/sign-in", {"email": "iva@example.com", "password": PASSWORD}).status_code == 303
    fresh = victim.client.get_cookie("onward-8000")
    assert fresh is not None
    assert fresh.value != planted.value
    assert attacker.get("/").status_code == 303


def test_a_link_shows_a_button_and_is_used_up_only_by_it(scene: Scene) -> None:
    token = people.sign_in_link(scene.ws, scene.reps["boyan"])
    stranger = scene.visitor()
    for _ in range(3):
        page = stranger.get(f"/sign-in/{token}")
        assert (page.status_code, page.headers["Referrer-Policy"]) == (200, "no-referrer")
    assert stranger.client.head(f"/sign-in/{token}").status_code == 200
    # A page without referrer sends its form with the origin "null".
    answer = stranger.post(f"/sign-in/{token}", Origin="null")
    assert (answer.status_code, answer.location) == (303, "/")
    assert "Boyan" in stranger.read("/")
    assert scene.visitor().get(f"/sign-in/{token}").status_code == 404


@pytest.mark.parametrize("token", ["x", "x" * 43, "x" * 3000, "..%2f..%2fetc"])
def test_a_link_that_is_not_one_says_so(scene: Scene, token: str) -> None:
    page = scene.visitor().get(f"/sign-in/{token}")
    assert page.status_code == 404
    assert page.text.count("<form") == 0


def test_signing_out_ends_the_session_on_both_sides(iva: Visitor) -> None:
    kept = iva.client.get_cookie("onward-8000")
    assert kept is not None
    assert iva.post("/sign-out").location == "/sign-in"
    assert iva.client.get_cookie("onward-8000") is None
    iva.client.set_cookie("onward-8000", kept.value)
    assert iva.get("/").status_code == 303


def test_whoever_is_in_does_not_see_the_form(iva: Visitor) -> None:
    assert iva.get("/sign-in?next=/board").location == "/board"
