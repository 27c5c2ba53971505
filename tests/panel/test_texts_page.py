"""Templates: the list, the editor with its preview, two authors at once, and the way back to an older text."""

from __future__ import annotations

import html
import re

from tests.panel.scene import Scene, Visitor

BODY = "Hello {{ first_name|default_to('there') }}.\n\n{{ unsubscribe_url }}\n"
PAGE = '<p>Hello <i>{{ company }}</i> <a href="{{ unsubscribe_url }}">End</a></p>'


def typed(version: int = 0, **changes: str) -> dict[str, str]:
    """What a person typed over version `version`."""
    return {
        "subject": "About {{ company|default_to('you') }}",
        "text": BODY,
        "html": PAGE,
        "version": str(version),
    } | changes


def test_the_list_tells_where_each_text_is_used_and_leads_to_its_editor(iva: Visitor) -> None:
    page = iva.read("/templates")
    assert 'href="/templates/follow_up_questions"' in page
    assert "not sent yet" in page
    assert "No step has sent variants" in page
    # Names, places and subjects as a person says them, none as it is written in a file.
    assert "Follow-up questions</a>" in page
    assert "After the call, step 1" in page
    assert "{%" not in page
    page = iva.read("/templates/follow_up_questions")
    assert page.count("<textarea") == 4
    assert "A few questions after our call" in page
    assert iva.get("/templates/nothing").status_code == 404


def test_an_edited_text_is_what_the_next_prospect_gets(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect("Ана Петрова", email="ana@example.com", company="Пример ООД", language="en")
    page = iva.read(f"/templates/follow_up_questions?prospect={known}")
    assert "Hello Ана," in page
    answer = iva.post("/templates/follow_up_questions/en", typed() | {"prospect": known})
    assert (answer.status_code, answer.headers["Location"]) == (
        303, f"/templates/follow_up_questions?prospect={known}",
    )  # fmt: skip
    page = iva.read(answer.headers["Location"])
    assert "About Пример ООД" in page
    assert "version 1" in page
    frame = iva.get(f"/templates/follow_up_questions/en/html?prospect={known}")
    assert "<i>Пример ООД</i>" in frame.text
    assert "sandbox" in frame.headers["Content-Security-Policy"]


def test_what_is_typed_is_judged_line_by_line_and_kept(iva: Visitor) -> None:
    iva.get("/templates/decision")
    odd = typed(text="Hello\n\n{{ compny }} {{ unsubscribe_url }}")
    page = html.unescape(iva.post("/templates/decision/en/preview", odd, HX_Request="true").text)
    assert "Text, line 3:" in page
    assert "there is no value “compny”" in page
    answer = iva.post("/templates/decision/en", odd)
    assert answer.status_code == 422
    assert "{{ compny }}" in html.unescape(answer.text)
    page = html.unescape(iva.post("/templates/decision/en?lang=bg", odd).text)
    assert "Текст, ред 3:" in page
    # A subject that nobody would see whole may leave, and is said to be so.
    for length, is_told in ((78, False), (79, True)):
        page = iva.post("/templates/decision/en/preview?lang=en", typed(subject="x" * length), HX_Request="true").text
        assert (f"has {length} characters" in page) is is_told
    # A prospect's words are shown as words.
    iva.get("/templates/decision?lang=en")
    page = iva.post(
        "/templates/decision/en/preview", typed(text="<script>{{ unsubscribe_url }}"), HX_Request="true"
    ).text
    assert "&lt;script&gt;" in page


def test_the_slower_of_two_authors_sees_both_sides_and_decides(iva: Visitor) -> None:
    iva.get("/templates/decision")
    assert iva.post("/templates/decision/en", typed(subject="Hers")).status_code == 303
    answer = iva.post("/templates/decision/en", typed(subject="Mine"))
    page = html.unescape(answer.text)
    assert answer.status_code == 409
    assert 'value="Hers"' in page
    assert 'value="Mine"' in page
    assert "<del>- Hers</del>" in page
    seen = re.search(r'name="version" value="(\d+)"', page)
    assert seen
    assert iva.post("/templates/decision/en", typed(int(seen[1]), subject="Mine")).status_code == 303
    page = iva.read("/templates/decision/en/history")
    assert page.index("Version 2") < page.index("Version 1") < page.index("As it came with Onward")
    answer = iva.post("/templates/decision/en/restore", {"version": "1", "seen": "2"})
    assert answer.status_code == 303
    assert 'value="Hers"' in iva.read("/templates/decision")
    assert iva.post("/templates/decision/en/restore", {"version": "0", "seen": "2"}).status_code == 409
    assert iva.post("/templates/decision/en/restore", {"version": "0", "seen": "3"}).status_code == 303
    assert "version 4" in iva.read("/templates/decision")


def test_a_rep_looks_and_tries_and_changes_nothing(scene: Scene) -> None:
    boyan = scene.visitor("boyan")
    hidden = scene.prospect("Hidden", owner="iva", email="hidden@example.com")
    page = boyan.read("/templates/decision")
    assert "readonly" in page
    assert "Send me a trial" in page
    assert "Hidden" not in page
    assert boyan.get(f"/templates/decision?prospect={hidden}").status_code == 404
    for path in ("decision/en", "decision/en/restore"):
        assert boyan.post(f"/templates/{path}", typed()).status_code == 403
    assert boyan.get("/templates/new?name=fresh").status_code == 403
    # Without a mail server a trial says so, and the page keeps what was typed.
    page = html.unescape(boyan.post("/templates/decision/en/trial", typed(subject="Kept")).text)
    assert 'value="Kept"' in page
    assert "mail server" in page


def test_a_new_text_begins_in_english_and_a_search_finds_whom_to_show_it_on(scene: Scene, iva: Visitor) -> None:
    scene.prospect("Ана Петрова", email="ana@example.com")
    assert iva.get("/templates/new?name=Odd Name").status_code == 409
    assert iva.get("/templates/new?name=fresh").status_code == 200
    assert iva.post("/templates/fresh/bg", typed()).status_code == 422
    # Words alone are enough: the HTML and the way out are made, and made again from what is written next.
    words = typed(text="Hello {{ name }},\n\n- one\n- two\n", html="")
    assert iva.post("/templates/fresh/en", words).status_code == 303
    page = html.unescape(iva.get("/templates/new?name=fresh").text)
    assert "There is a template of this name already" in page
    assert "Would you rather not get emails from me? {{ unsubscribe_url }}" in page
    assert re.search(r'id="html-en"[^>]*>\s*</textarea>', page)
    assert ">two</li>" in iva.get("/templates/fresh/en/html").text
    assert iva.post("/templates/fresh/en", typed(1, text=f"{words['text']}- three\n", html="")).status_code == 303
    assert ">three</li>" in iva.get("/templates/fresh/en/html").text
    odd = html.unescape(iva.post("/templates/fresh/en", typed(2, text="{{ nme }}", html="")).text)
    assert odd.count("there is no value “nme”") == 1
    # HTML of its own that does not follow its text is named while it is typed.
    assert iva.post("/templates/fresh/en", typed(2, html=PAGE.replace("company", "name"))).status_code == 303
    lags = "The text is another one now, and its HTML is not"
    for body, is_told in ((BODY, False), (f"More. {BODY}", True)):
        changed = typed(3, text=body, html=PAGE.replace("company", "name"))
        assert (lags in iva.post("/templates/fresh/en/preview", changed, HX_Request="true").text) is is_told
    assert "/templates/fresh" in iva.read("/templates")
    iva.htmx = True
    page = iva.read("/templates/people?q=петр")
    assert "Ана Петрова" in page
    assert "Somebody invented" in iva.read("/templates/people?q=nobody")
