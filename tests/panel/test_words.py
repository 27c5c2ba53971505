"""Two languages: which one an answer speaks, that no word is missing, and that numbers and times read well in both."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, g

from tests.panel.scene import Scene, Visitor
from web import formats, words
from web.i18n import gettext, ngettext, read_catalogue
from web.panel import wording
from web.panel.refusals import in_words
from workflow import actions, places
from workflow.engine import signals
from workflow.engine.reasons import codes
from workflow.playbook.schema import OUTCOMES
from workflow.records.deliveries import EVENT_OUTCOMES
from workflow.records.models import TOUCH_STATES

WEB = Path(words.__file__).parent


def test_every_word_has_its_translation_and_none_is_left_over() -> None:
    report = words.check(WEB, places.templates_dir())
    assert report.findings == []
    assert report.checked > 300


def test_the_check_finds_what_is_missing_left_over_and_broken(tmp_path: Path) -> None:
    web, templates = tmp_path / "web", tmp_path / "templates"
    for folder in (web, templates / "panel", templates / "public", templates / "words"):
        folder.mkdir(parents=True)
    (web / "page.py").write_text('_("In code"); _n("%(n)s one", "%(n)s many", 2)', encoding="utf-8")
    (templates / "panel" / "a.html").write_text(
        '{{ _("Here %(x)s", x=1) }}{% trans %}There{% endtrans %}', encoding="utf-8"
    )
    po = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "In code"\nmsgstr "В кода"\n\n'
    po += 'msgid "Here %(x)s"\nmsgstr "Тук %(y)s"\n\nmsgid "Old"\nmsgstr "Старо"\n'
    (templates / "words" / "bg.po").write_text(po, encoding="utf-8")
    assert sorted(words.check(web, templates).findings) == [
        "panel/a.html:1: no bg for 'There'",
        "panel/a.html:1: the bg of 'Here %(x)s' has other place holders",
        "web/page.py:1: no bg for '%(n)s one'",
        "words/bg.po: 'Old' is used nowhere",
    ]


def test_the_command_tells_by_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert words.main(["check"]) == 0
    assert "0 findings" in capsys.readouterr().out
    assert words.main([]) == 2


def test_a_catalogue_without_a_language_leaves_english(tmp_path: Path) -> None:
    empty = read_catalogue(tmp_path)
    assert empty.text("bg", "Board") == "Board"
    assert empty.count("bg", "one", "many", 2) == "many"
    shutil.copy(places.templates_dir() / "words" / "bg.po", tmp_path)
    assert read_catalogue(tmp_path).text("bg", "Board") == "Табло"


def test_the_panel_has_a_word_for_every_key_of_the_engine(scene: Scene) -> None:
    with scene.app.test_request_context("/"):
        for language in ("en", "bg"):
            g.language = language
            told = [
                *(wording.state(key) for key in TOUCH_STATES),
                *(wording.outcome(key) for key in OUTCOMES),
                *(wording.fate(key) for key in EVENT_OUTCOMES),
                *(wording.field(key) for key in signals.FIELDS),
                *(wording.happened(key) for key in signals.KINDS - {signals.UPSERTED, signals.MOVE}),
                *(wording.trigger(way.trigger) for way in scene.ws.playbooks.current.transitions),
                *(
                    wording.step(step)
                    for sequence in scene.ws.playbooks.current.sequences.values()
                    for step in sequence.steps
                ),
            ]
            latin = [word for word in told if word.isascii()]
            assert latin == (told if language == "en" else [])
            assert all(wording.silence(code) for code in ("stop.bounce", "stop.unsubscribe", "stop.complaint"))
    assert {"stop.bounce", "stop.unsubscribe", "stop.complaint"} <= codes()


def test_a_rep_s_own_language_comes_first_and_a_switch_is_remembered(iva: Visitor) -> None:
    iva.headers["Accept-Language"] = "bg"
    assert '<html lang="bg"' in iva.read("/")
    iva.post("/settings", {"language": "en"})
    assert '<html lang="en"' in iva.read("/")
    assert '<html lang="bg"' in iva.read("/?lang=bg")
    assert '<html lang="bg"' in iva.read("/board")
    assert '<html lang="bg"' in iva.read("/board?lang=xx")
    iva.post("/settings", {"language": "en"})
    assert '<html lang="en"' in iva.read("/board")


def test_what_a_browser_chose_before_gives_way_to_the_setting_of_who_signs_in(scene: Scene) -> None:
    scene.visitor("mila").post("/settings", {"language": "bg"})
    scene.give_passwords()
    somebody = scene.visitor()
    assert '<html lang="en"' in somebody.read("/sign-in?lang=en")
    somebody.sign_in("mila@example.com")
    assert '<html lang="bg"' in somebody.read("/")
    somebody = scene.visitor()
    assert '<html lang="bg"' in somebody.read("/sign-in?lang=bg")
    somebody.sign_in("iva@example.com")
    assert '<html lang="bg"' in somebody.read("/")


@pytest.mark.parametrize("path", ["/", "/board", "/prospects", "/prospects/new", "/settings", "/uncertain", "/mail",
                                  "/deliveries", "/nowhere"])  # fmt: skip
def test_no_english_is_left_on_a_bulgarian_page(iva: Visitor, path: str) -> None:
    catalogue = read_catalogue()
    text = iva.get(f"{path}?lang=bg").text
    visible = text.split("<main")[1].split("</main>")[0]
    left = [english for english in catalogue.words["bg"] if len(english) > 12 and english in visible]
    assert left == []


def test_dates_numbers_and_counts_read_as_the_language_writes_them(scene: Scene) -> None:
    moment = datetime(2026, 11, 23, 6, 45, tzinfo=UTC)
    expected = {
        "en": ["23 Nov 2026", "Mon 23 Nov", "Monday, 23 November", "08:45", "12,345.6", "1 day", "6 days", "Sofia"],
        "bg": ["23.11.2026 г.", "пн, 23 ноември", "Понеделник, 23 ноември", "8:45", "12\u00a0345,6", "1 ден", "6 дни",
               "София"],
    }  # fmt: skip
    with scene.app.test_request_context("/"):
        g.zone, g.now = ZoneInfo("Europe/Sofia"), scene.clock.now
        for language, told in expected.items():
            g.language = language
            written = [
                formats.date(moment), formats.weekday(moment), formats.long_day(moment), formats.clock(moment),
                formats.number(12345.6), formats.days(timedelta(days=1)), formats.days(timedelta(days=6, hours=23)),
                formats.zone_name(g.zone),
            ]  # fmt: skip
            assert written == told


def test_near_times_are_said_as_a_person_would(scene: Scene) -> None:
    with scene.app.test_request_context("/"):
        g.language, g.zone, g.now = "en", ZoneInfo("Europe/Sofia"), scene.clock.now
        hour = timedelta(hours=1)
        spans = (0 * hour, 25 * hour, -20 * hour, 24 * 9 * hour, -24 * 400 * hour)
        assert [formats.when(g.now + span) for span in spans] == [
            "Today, 10:00", "Tomorrow, 11:00", "Yesterday, 14:00", "Thu 19 Nov, 10:00", "6 Oct 2025, 11:00",
        ]  # fmt: skip
        past = (timedelta(seconds=20), timedelta(minutes=18), 3 * hour, 30 * hour)
        assert [formats.ago(g.now - span) for span in past] == [
            "just now", "18 min ago", "3 h ago", "Yesterday, 04:00",
        ]  # fmt: skip


def test_bulgarian_counts_take_the_counted_form(scene: Scene) -> None:
    with scene.app.test_request_context("/"):
        g.language = "bg"
        told = [ngettext("%(shown)s prospect", "%(shown)s prospects", n) % {"shown": n} for n in (1, 2, 21)]
        assert told == ["1 клиент", "2 клиента", "21 клиента"]
        assert gettext("a word nobody translated") == "a word nobody translated"


# Told by the API and the command line only, or about what no form of the panel sends.
_FOR_PROGRAMS = (
    "must be one of", "“kind” must", "has no “", "is no fact that can", "is no scope", "There is no language",
    "`onward endpoint list`", "only a subscription of SNS is confirmed", "answered ", "Amazon", "No subscription was",
    "--imap-url-file", "Plus-addresses are on", "The encoding must be", "has no such transition",
)  # fmt: skip


def refusals() -> Iterator[str]:
    """Every sentence that an action raises, with an x for each value in it."""
    for file in (Path(actions.__file__).parent).rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for made in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            named: dict[str, list[ast.expr]] = {}
            for node in ast.walk(made):
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    named.setdefault(node.targets[0].id, []).append(node.value)
            for node in ast.walk(made):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("BadInput", "Conflict", "NotFound"):
                    first = node.args[0] if node.args else ast.Constant("")
                    for said in named.get(first.id, []) if isinstance(first, ast.Name) else [first]:
                        parts = said.values if isinstance(said, ast.JoinedStr) else [said]
                        text = "".join(str(one.value) if isinstance(one, ast.Constant) else "x" for one in parts)
                        if len(text) > 1:
                            yield text


def test_what_an_action_refuses_is_said_in_bulgarian_too() -> None:
    with Flask(__name__).test_request_context():
        g.language = "bg"
        english = {each for each in refusals() if in_words(each) == each}
        assert {each for each in english if not any(part in each for part in _FOR_PROGRAMS)} == set()
        assert in_words("There is a source named crm already: choose another name, or rotate its secret.") == (
            "Вече има източник с име crm: изберете друго име или сменете тайната му."
        )
