"""The texts of emails: strict about what is missing, deaf to what a prospect's fields say, unable to run away."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.mail import faults
from workflow.mail.templates import VALUES, TemplateError, Templates

FRAME = """<!doctype html><html lang='{{ language }}'><head><title>{{ subject }}</title></head>
<body><!-- content --></body></html>"""
UNSUBSCRIBE = "https://onward.example.com/u/abc"


def templates(
    root: Path,
    *,
    subject: str = "Hello",
    text: str = "Text {{ unsubscribe_url }}\n",
    html: str = '<p>Html <a href="{{ unsubscribe_url }}">out</a></p>\n',
    language: str = "en",
) -> Templates:
    """One email named `probe`, in English at least."""
    for each in {"en", language}:
        folder = root / "probe" / each
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "subject.txt").write_text(subject, encoding="utf-8")
        (folder / "body.txt").write_text(text, encoding="utf-8")
        (folder / "body.html").write_text(html, encoding="utf-8")
    (root / "frame.html").write_text(FRAME, encoding="utf-8")
    return Templates(root)


def render(root: Path, text: str, values: dict[str, object] | None = None) -> str:
    """The text part of an email whose text is `text`."""
    return templates(root, text=text).render("probe", "en", {"unsubscribe_url": UNSUBSCRIBE} | (values or {})).text


def test_it_renders_three_parts_in_the_prospects_language(tmp_path: Path) -> None:
    made = templates(tmp_path, subject="Здравейте, {{ name }}", language="bg")
    rendered = made.render("probe", "bg", {"name": "Ана", "unsubscribe_url": UNSUBSCRIBE})
    assert (rendered.subject, rendered.language) == ("Здравейте, Ана", "bg")
    assert rendered.text == f"Text {UNSUBSCRIBE}\n"
    assert f'<a href="{UNSUBSCRIBE}">out</a>' in rendered.html
    assert '<html lang="bg">' in rendered.html
    assert "<title>Здравейте, Ана</title>" in rendered.html


@pytest.mark.parametrize("language", ["de", "", "en-GB", "../bg", "EN"])
def test_a_language_without_the_email_falls_back_to_english(tmp_path: Path, language: str) -> None:
    made = templates(tmp_path)
    assert made.render("probe", language, {"unsubscribe_url": UNSUBSCRIBE}).language == "en"


def test_it_knows_which_emails_there_are(tmp_path: Path) -> None:
    made = templates(tmp_path, language="bg")
    (tmp_path / "unfinished").mkdir()
    assert made.names() == ("probe",)
    assert made.languages("probe") == ("bg", "en")
    assert not made.exists("unfinished")
    assert not made.exists("../probe")
    assert made.variables("probe", "bg") == {"unsubscribe_url"}


@pytest.mark.parametrize("name", ["other", "../probe", "", "a" * 300, "probe\0"])
def test_an_email_that_is_not_there_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(TemplateError, match="there is no such email"):
        templates(tmp_path).render(name, "en", {})


def test_a_missing_value_names_the_place_and_the_variable(tmp_path: Path) -> None:
    with pytest.raises(TemplateError) as caught:
        render(tmp_path, "Hello\n\n  {{ company }}\n")
    error = caught.value
    assert (error.place.template, error.place.language, error.place.part) == ("probe", "en", "body.txt")
    assert (error.line, error.variable) == (3, "company")
    assert error.message == "Email probe (en, body.txt line 3): there is no value for “company”, and no fall-back."


def test_a_missing_value_in_the_html_names_the_line_of_the_file(tmp_path: Path) -> None:
    made = templates(tmp_path, html='<p>x</p>\n<p>y</p>\n<p>{{ company }}</p><a href="{{ unsubscribe_url }}">z</a>')
    with pytest.raises(TemplateError) as caught:
        made.render("probe", "en", {"unsubscribe_url": UNSUBSCRIBE})
    assert (caught.value.place.part, caught.value.line) == ("body.html", 3)


@pytest.mark.parametrize(
    "value", ["{{ answers.goal }}", "{{ answers['goal'] }}", "{{ nothing }}", "{% if company %}x{% endif %}"]
)
def test_every_way_to_use_a_missing_value_is_an_error(tmp_path: Path, value: str) -> None:
    with pytest.raises(TemplateError, match="no value for"):
        render(tmp_path, value, {"answers": {}, "nothing": None})


@pytest.mark.parametrize("missing", [{}, {"name": ""}, {"name": "  "}, {"name": None}])
def test_a_stated_fall_back_serves_for_what_is_missing_or_blank(tmp_path: Path, missing: dict[str, object]) -> None:
    text = (
        "{{ name|default_to('there') }}{% if name is given %}!{% else %}?{% endif %}{{ answers.goal|default_to('-') }}"
    )
    assert render(tmp_path, text, missing) == "there?-\n"


def test_answers_are_read_by_their_key(tmp_path: Path) -> None:
    text = "{{ answers.goal }}|{{ answers['goal'] }}|{{ answers.items|default_to('no method') }}"
    assert render(tmp_path, text, {"answers": {"goal": "more"}}) == "more|more|no method\n"


def test_a_prospects_words_are_never_a_template(tmp_path: Path) -> None:
    evil = "{{ 7*7 }}{% for x in y %}{{ unsubscribe_url }}"
    assert render(tmp_path, "{{ name }}", {"name": evil}) == evil + "\n"


def test_the_html_part_is_escaped_and_the_others_are_not(tmp_path: Path) -> None:
    made = templates(
        tmp_path,
        subject="{{ name }}",
        text="{{ name }}",
        html='<p title="{{ name }}">{{ name }} {{ name|upper }} {{ answers.goal|truncate(9) }}</p>',
    )
    evil = "\"'><svg onload=x>&"
    rendered = made.render("probe", "en", {"name": evil, "answers": {"goal": "<b>long text"}})
    assert rendered.subject == evil
    assert rendered.text == evil + "\n"
    assert "<svg" not in rendered.html
    assert "<SVG" not in rendered.html
    assert "<b>" not in rendered.html
    assert "\"'>" not in rendered.html


def test_a_subject_is_one_short_line_without_hidden_signs(tmp_path: Path) -> None:
    made = templates(tmp_path, subject="\n Hello {{ name }}\n ")
    rendered = made.render(
        "probe", "en", {"name": "A\r\nBcc: x@y\u202e\u200b\x00" + "z" * 400, "unsubscribe_url": UNSUBSCRIBE}
    )
    assert rendered.subject.startswith("Hello A Bcc: x@yzzz")
    assert len(rendered.subject) == 200
    assert rendered.subject.endswith("…")


def test_an_empty_subject_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="the subject is empty"):
        templates(tmp_path, subject="{{ name|default_to('') }}\n").render("probe", "en", {})


def test_choices_leave_no_gaps_in_the_text(tmp_path: Path) -> None:
    text = "\nA\n\n{% if name is given %}\nB\n\n{% endif %}\n{% if name is given %}\n\nC\n{% endif %}\n\nD   \n\n\n\n"
    assert render(tmp_path, text) == "A\n\nD\n"


def test_a_choice_at_the_end_of_a_sentence_keeps_its_line_end(tmp_path: Path) -> None:
    assert render(tmp_path, "When: ten{% if zone is given %} ({{ zone }}){% endif %}\nWhere: here\n") == (
        "When: ten\nWhere: here\n"
    )


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ name.__class__ }}",
    "{{ name.format }}",
    "{{ name.format('x') }}",
    "{{ '{0.__class__}'.format(name) }}",
    "{{ '{0.__class__}'|format(name) }}",
    "{{ ['%s']|map('format')|list }}",
    "{{ lipsum.__globals__ }}",
    "{{ lipsum(n=200000) }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ joiner }}",
    "{{ namespace() }}",
    "{{ range(10**9) }}",
    "{{ dict }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ loop }}",
    "{{ caller }}",
    "{{ none }}",
    "{{ name|default_to(none) }}",
    "{{ 7*7 }}",
    "{{ 'a'*10**9 }}",
    "{{ 9**(9**9) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%1000000000d'|format(1) }}",
    "{{ name|center(10**9) }}",
    "{{ name|center(1000000000) }}",
    "{{ name|replace('', name) }}",
    "{{ name|safe }}",
    "{{ name|pprint }}",
    "{{ name|xmlattr }}",
    "{{ name + name }}",
    "{{ -1 }}",
    "{{ 1 // 0 }}",
    "{{ name[0:1] }}",
    "{{ {'a': 1} }}",
    "{% for a in 'x' %}{% for b in 'y' %}{{ a }}{% endfor %}{% endfor %}",
    "{% for a in name %}x{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% set x = name %}",
    "{% set x %}a{% endset %}",
    "{% call name() %}{% endcall %}",
    "{% include 'x' %}",
    "{% import 'x' as x %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% block x %}{% endblock %}",
    "{% filter upper %}x{% endfilter %}",
    "{% with x = 1 %}{% endwith %}",
    "{% autoescape false %}{{ name }}{% endautoescape %}",
    "{% do name %}",
    "{% if name is callable %}{% endif %}",
    "{% if name is sameas name %}{% endif %}",
    "{{ name if",
    "{{ ",
    "{% if name %}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "9" * 10_000 + " }}",
    "{{ [" * 2000,
    "{% if name %}" * 300 + "{% endif %}" * 300,
    "x" * 70_000,
]


@pytest.mark.parametrize("source", ESCAPES, ids=[source[:40] for source in ESCAPES])
def test_what_could_escape_or_run_away_is_refused_in_one_sentence_at_once(tmp_path: Path, source: str) -> None:
    made = templates(tmp_path, text=source)
    begun = time.process_time()
    with pytest.raises(TemplateError) as caught:
        made.render("probe", "en", {"name": "Ana", "unsubscribe_url": UNSUBSCRIBE})
    assert time.process_time() - begun < 1.0
    assert caught.value.place.part == "body.txt"
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300


def test_the_same_is_refused_in_subject_and_html(tmp_path: Path) -> None:
    for part in ("subject", "html"):
        made = templates(tmp_path / part, **{part: "<p>{% for x in name %}{% endfor %}</p>"})
        with pytest.raises(TemplateError, match="a loop is not allowed"):
            made.render("probe", "en", {"name": "Ana", "unsubscribe_url": UNSUBSCRIBE})


def test_no_value_can_make_an_email_without_end(tmp_path: Path) -> None:
    text = render(tmp_path, "{{ name }}" * 10, {"name": "x" * 10_000_000})
    assert len(text) == 40_001
    with pytest.raises(TemplateError, match="longer than 200000"):
        render(tmp_path / "more", "{{ name }}" * 100, {"name": "x" * 10_000_000})


FILLER = 60_000
HOSTILE = {
    "values": ("{{ name }}" * 501, ""),
    "filters": ("{{ name" + "|upper" * 5000 + " }}", ""),
    "choices": ("{{ " + "(name if name else " * 45 + "name" + ")" * 45 + " }}", ""),
    "blocks": ("{% if name %}" * 45 + "x" + "{% endif %}" * 45, ""),
    "brackets": ("", "<a " * (FILLER // 3)),
    "quotes": ("", '<a href="' * (FILLER // 9)),
    "comments": ("", "<!--" * (FILLER // 4)),
    "declaration": ("", "<![x"),
    # The inliner of styles ends the process on these, when it gets them.
    "bold": ("", "<b>" * (FILLER // 3)),
    "bold in blocks": ("", "<div><b>" * 300 + "</div>" * 300),
    "tables": ("", "<table><tr><td>" * 200),
    "rules": ("", "<style>" + "p{color:red}" * 201 + "</style>"),
    "long rule": ("", "<style>p{background:'" + "y" * 15_000 + "'}</style>" + "<p></p>" * 900),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_would_cost_the_parsers_hours_or_the_stack_never_reaches_them(tmp_path: Path, kind: str) -> None:
    text, html = HOSTILE[kind]
    made = templates(tmp_path, text=f"{text}{{{{ unsubscribe_url }}}}", html=f"{html}{{{{ unsubscribe_url }}}}")
    begun = time.process_time()
    problems = made.problems("probe")
    assert time.process_time() - begun < 5.0  # some take 40 seconds without the bounds
    assert problems
    assert all(len(problem.message) < 300 for problem in problems)


def test_an_expression_cannot_grow_beyond_what_memory_has(tmp_path: Path) -> None:
    long = "{{ " + " ~ ".join(["name"] * 480) + " }}{{ unsubscribe_url }}"
    with pytest.raises(TemplateError, match="longer than 200000"):
        render(tmp_path, long, {"name": "&" * 10_000})


def test_a_value_is_plain_data(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="'name' of an email is a object"):
        render(tmp_path, "{{ name }}", {"name": object()})


MARKUP = [
    ("<script>x</script>", "<script>"),
    ("<p><ScRiPt src='https://x'></p>", "<script>"),
    ("<iframe src='https://x'></iframe>", "<iframe>"),
    ("<form action='https://x'></form>", "<form>"),
    ("<link rel='stylesheet' href='https://x/y.css'>", "<link>"),
    ("<meta http-equiv='refresh' content='0'>", "<meta>"),
    ("<svg onload='x'></svg>", "<svg>"),
    ("<p onclick='x'>y</p>", "onclick"),
    ("<a href='javascript:alert(1)'>y</a>", "href must begin"),
    ("<a href=' JavaScript:alert(1)'>y</a>", "href must begin"),
    ("<a href='java&#115;cript:alert(1)'>y</a>", "href must begin"),
    ("<a href='data:text/html,x'>y</a>", "href must begin"),
    ("<a href='//evil.test'>y</a>", "href must begin"),
    ("<a href='{{ company }}'>y</a>", "href must begin"),
    ("<img src='{{ name }}'>", "src must begin"),
    ("<a href={{ unsubscribe_url }}>y</a>", "outside quotation marks"),
    ("<p {{ name }}>y</p>", "outside quotation marks"),
    ("<p style='color: {{ name }}'>y</p>", "inside a style"),
    ("<style>p { color: {{ name }} }</style>", "inside a style"),
    ("<p {% if name %}class='x'{% endif %}>y</p>", "outside quotation marks"),
    ("<p class='{% if name %}x{% endif %}'>y</p>", "inside a tag"),
]


@pytest.mark.parametrize(("html", "sentence"), MARKUP, ids=[row[0][:40] for row in MARKUP])
def test_markup_that_could_act_is_refused_with_its_line(tmp_path: Path, html: str, sentence: str) -> None:
    made = templates(tmp_path, html=f"<p>first</p>\n\n{html}\n")
    with pytest.raises(TemplateError, match=sentence) as caught:
        made.render("probe", "en", {"name": "Ana", "company": "x", "unsubscribe_url": UNSUBSCRIBE})
    assert (caught.value.place.part, caught.value.line) == ("body.html", 3)


def test_styles_are_inlined_once_and_choices_stay_where_they_were(tmp_path: Path) -> None:
    html = (
        "<style>p { color: red } @media (prefers-color-scheme: dark) { p { color: white } }</style>"
        "<table>{% if name is given %}<tr><td>{{ name }} &amp; {{ '<' }}</td></tr>"
        "{% else %}<tr><td>none</td></tr>{% endif %}</table><p>x</p><a href='{{ unsubscribe_url }}?a=1&amp;b=2'>y</a>"
    )
    made = templates(tmp_path, html=html)
    with_name = made.render("probe", "en", {"name": "Ana", "unsubscribe_url": UNSUBSCRIBE}).html
    without = made.render("probe", "en", {"unsubscribe_url": UNSUBSCRIBE}).html
    assert "<td>Ana &amp; &lt;</td>" in with_name
    assert "none" not in with_name
    assert "<td>none</td>" in without
    assert '<p style="color: red;">x</p>' in without
    assert "prefers-color-scheme: dark" in without
    assert f'href="{UNSUBSCRIBE}?a=1&amp;b=2"' in without


def test_a_whole_page_needs_no_frame(tmp_path: Path) -> None:
    made = templates(tmp_path, html="<!doctype html><html><body><p>own</p></body></html>")
    html = made.render("probe", "en", {"unsubscribe_url": UNSUBSCRIBE}).html
    assert html.count("<html") == 1
    assert "<title>" not in html


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    made = templates(tmp_path, text="one")
    values = {"unsubscribe_url": UNSUBSCRIBE}
    assert made.render("probe", "en", values).text == "one\n"
    (tmp_path / "probe/en/body.txt").write_text("another", encoding="utf-8")
    assert made.render("probe", "en", values).text == "another\n"
    begun = time.process_time()
    for _ in range(100):
        made.render("probe", "en", values)
    assert time.process_time() - begun < 0.1, "compiling costs 10 ms, a hundred of them a second"


def test_broken_files_are_one_sentence(tmp_path: Path) -> None:
    made = templates(tmp_path)
    file = tmp_path / "probe/en/body.txt"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TemplateError, match="not written in UTF-8"):
        made.warm("probe")
    file.unlink()
    with pytest.raises(TemplateError, match="is not there"):
        made.warm("probe")


def test_every_fault_is_said_in_both_languages(tmp_path: Path) -> None:
    names = ("all", "due", "file", "link", "most", "name", "of", "of_bg", "tag", "value", "what", "why")
    facts = dict.fromkeys(names, "X")
    for code in faults.codes():
        english, bulgarian = (faults.fault(code, **facts).words(language) for language in ("en", "bg"))
        assert english.isascii() or "“X”" in english, code
        assert re.search("[а-я]{2}", bulgarian), code
    (found,) = templates(tmp_path, text="{% for a in name %}{% endfor %}").problems("probe")
    assert (found.fault.code, found.line) == ("construct", 1)


def test_problems_tell_unknown_values_and_a_missing_way_out(tmp_path: Path) -> None:
    made = templates(tmp_path, text="Hello {{ nmae|default_to('x') }}", language="bg")
    found = [(error.place.language, error.variable, error.line) for error in made.problems("probe")]
    assert found == [("bg", "nmae", 1), ("bg", "unsubscribe_url", 0), ("en", "nmae", 1), ("en", "unsubscribe_url", 0)]
    assert [error.variable for error in made.problems("other")] == [""]
    (unreadable,) = templates(tmp_path / "other", text="{{").problems("probe")
    assert unreadable.place == ("probe", "en", "body.txt")


SOURCES = st.lists(
    st.sampled_from(
        [
            "{{",
            "}}",
            "{%",
            "%}",
            "if ",
            "endif",
            "name",
            "'",
            '"',
            "|",
            "upper",
            "(",
            ")",
            " is given",
            "<p>",
            "\n",
            "~",
        ]
    ),
    max_size=30,
).map("".join)


@settings(deadline=None)
@given(SOURCES)
def test_any_source_renders_or_is_one_sentence(tmp_path_factory: pytest.TempPathFactory, source: str) -> None:
    made = templates(tmp_path_factory.mktemp("any"), text=source, html=source)
    problems = made.problems("probe")
    unusable = [error for error in problems if not error.variable]
    assert all("\n" not in error.message for error in problems)
    if not problems:
        made.render("probe", "en", {"name": "Ana", "unsubscribe_url": UNSUBSCRIBE})
    for error in unusable:
        with pytest.raises(TemplateError, match=re.escape(error.message)):
            made.render("probe", "en", {"name": "Ana", "unsubscribe_url": UNSUBSCRIBE})


def test_the_values_a_template_may_name_are_the_documented_ones() -> None:
    assert {"name", "answers", "unsubscribe_url", "booking_url", "meeting_starts"} <= VALUES
