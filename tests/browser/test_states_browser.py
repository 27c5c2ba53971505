"""States of a page that its address alone does not show: refusals, conflicts, what follows a form, errors, the door.

Each as axe sees it, wide and narrow, light and dark; in both languages never wider than its window. The pages
themselves are the matter of `test_access_browser`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from tests.browser.conftest import Desk, seat
from tests.browser.test_access_browser import DARK, STILL, judge
from tests.browser.test_import_browser import FILE, work
from tests.panel.scene import CRM, Scene
from tests.panel.test_publishing_page import NARROW, RENAMED
from tests.support.pages import Walk, furnish
from workflow.actions import mailboxes, people, prospects
from workflow.records.models import Meeting

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
WIDTHS = (320, 390, 1440)
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SEND = """([path, fields]) => {
  const form = document.createElement('form');
  form.method = 'post';
  form.action = path;
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement('input');
    [input.type, input.name, input.value] = ['hidden', name, value];
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}"""


@dataclass(slots=True)
class Eyes:
    """Looks at each state as it is named, and keeps what is wrong."""

    desk: Desk
    walk: Walk
    language: str
    wrong: list[str] = field(default_factory=list)
    count: int = 0

    @property
    def page(self) -> Page:
        """The window."""
        return self.desk.page

    def open(self, path: str) -> Page:
        """A page in the language of this walk."""
        return self.desk.open(f"{path}{'&' if '?' in path else '?'}lang={self.language}")

    def beside(self, browser: Browser, who: str) -> Eyes:
        """Somebody else's window, whose faults count here."""
        desk = seat(self.desk.scene, browser.new_context(reduced_motion="reduce"), who)
        return Eyes(desk, self.walk, self.language, self.wrong)

    def press(self, selector: str) -> None:
        """Send a form by its button, and wait for the page that follows."""
        with self.page.expect_response(lambda answer: answer.request.resource_type in ("document", "xhr", "fetch")):
            self.page.locator(selector).first.click()
        self.page.wait_for_load_state()

    def send(self, path: str, **fields: str) -> None:
        """Send a form that a browser would not send: from a page that is too old, or with a field left out."""
        token = self.page.locator("[name=csrf_token]").first.get_attribute("value") or ""
        with self.page.expect_navigation():
            self.page.evaluate(SEND, [path, {"csrf_token": token, **fields}])

    def look(self, state: str, shows: str) -> None:
        """Judge a state by what it `shows`, a selector: a state that was not reached is no clean one."""
        page = self.page
        page.locator(shows).first.wait_for()
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 850})
            # With less motion everything takes its new size in a millisecond, and not before.
            page.evaluate(STILL)
            if page.evaluate(WIDER) > 0:
                self.wrong.append(f"{state}: wider than {width}")
        # Words change how wide a page is and nothing else that axe knows: in Bulgarian the widths are enough.
        for width, dark in self._looks() if self.language == "en" else ():
            page.set_viewport_size({"width": width, "height": 850})
            page.evaluate(DARK, dark)
            self.wrong += [f"{state}, {width}, {'dark' if dark else 'light'}: {each}" for each in judge(page)]
        page.set_viewport_size({"width": 1440, "height": 900})

    def _looks(self) -> tuple[tuple[int, bool], ...]:
        """A desk and a phone, one light and one dark; by turns which, and how narrow the phone is."""
        self.count += 1
        return ((1440, self.count % 2 == 0), (320 if self.count % 4 < 2 else 390, self.count % 2 == 1))


@pytest.fixture
def walk(scene: Scene) -> Walk:
    """Something on every page; before anybody signs in, because a day passes meanwhile."""
    return furnish(scene)


@pytest.fixture(params=["en", "bg"])
def eyes(walk: Walk, scene: Scene, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Eyes]:
    """Iva's window, of which at the end nothing may be wrong; its console is silent."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    made = Eyes(seat(scene, context), walk, request.param)
    yield made
    context.close()
    assert not made.wrong, "\n".join(made.wrong)
    assert made.desk.faults == []


def test_folds_and_what_opens_on_a_page(eyes: Eyes) -> None:
    known = eyes.walk.known
    page = eyes.open(f"/prospects/{known}")
    eyes.look("prospect, folded", ".folds")
    page.set_viewport_size({"width": 390, "height": 844})
    for fold in page.locator(".unfold input").all():
        if fold.is_visible():
            fold.check()
    eyes.look("prospect, unfolded", ".unfold :checked")
    eyes.open(f"/prospects/{known}")
    page.locator("#w-close").click()
    eyes.look("prospect, a move that asks", ".guard")
    eyes.open("/")
    page.keyboard.press("Control+k")
    page.locator("#pal-q").fill("борис")
    eyes.look("palette", "[data-group=people] [role=option]")
    page.keyboard.press("Escape")
    page.locator("#palette").wait_for(state="hidden")
    page.evaluate("document.querySelector('#offline').hidden = false")
    page.evaluate("document.dispatchEvent(new CustomEvent('onward:lost'))")
    eyes.look("no network", "#offline")


def test_moves_that_a_rep_is_refused(scene: Scene, browser: Browser, eyes: Eyes) -> None:
    fresh = scene.prospect("Guard Person", email="guard@buyer.example", owner="boyan")
    rep = eyes.beside(browser, "boyan")
    rep.open(f"/prospects/{fresh}")
    rep.page.locator("#w-qualify").click()
    rep.look("prospect, a move refused", ".guard")
    rep.open("/board")
    rep.page.locator(f"#card-{fresh} [data-menu]").click()
    rep.look("board, menu", "#moves")
    rep.page.locator("#moves button").first.click()
    rep.look("board, a move refused", ".guard")
    rep.open("/settings/users")
    rep.look("not for a rep", "h1")
    rep.page.context.close()
    assert rep.desk.faults == []


def _conflicts(scene: Scene, eyes: Eyes, known: str) -> None:
    page = eyes.page
    eyes.open(f"/prospects/{known}/facts/title")
    page.locator("#one-title").fill("CFO")
    prospects.edit(scene.ws, known, {"title": "CTO"}, {}, CRM)
    eyes.press("form.one-fact button[type=submit]")
    eyes.look("a fact changed meanwhile", "form.one-fact [role=alert]")
    eyes.open(f"/prospects/{known}/edit")
    page.locator("#f-title").fill("COO")
    prospects.edit(scene.ws, known, {"title": "CEO"}, {}, CRM)
    eyes.press("form[action$='/edit'] button[type=submit]")
    eyes.look("all facts, changed meanwhile", "main [role=alert]")


def test_what_somebody_else_changed_meanwhile(scene: Scene, eyes: Eyes) -> None:
    page = eyes.page
    _conflicts(scene, eyes, eyes.walk.known)
    boyan = scene.reps["boyan"]
    eyes.open(f"/settings/users/{boyan}")
    page.locator("[name=name]").fill("Мила Петрова")
    people.prefer(scene.ws.acting("command"), boyan, {"name": "Mila Ivanova"})
    eyes.press("form:has([name=seen]) button[type=submit]")
    eyes.look("a user changed meanwhile", "main ins")
    made = mailboxes.add(scene.ws, "sales", "Sales <sales@example.com>", {"smtp_url": "smtp://s:x@mx.example.com"})
    eyes.open(f"/settings/mailboxes/{made}")
    page.locator("[name=signature_en]").fill("Mine")
    mailboxes.change(scene.ws, "sales", {"signature_en": "Theirs"})
    eyes.press("form:has([name=signature_en]) button[type=submit]")
    eyes.look("a mailbox changed meanwhile", "main ins")


def test_a_file_of_prospects_from_first_look_to_last_row(scene: Scene, eyes: Eyes) -> None:
    scene.prospect("Ana Petrova", email="ana@buyer.example", company="Old")
    page = eyes.open("/prospects/import")
    file = {"name": "хора.csv", "mimeType": "text/csv", "buffer": FILE.encode("cp1251")}
    page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    eyes.press("form:has(input[type=file]) button[type=submit]")
    eyes.look("import, as it is read", "#cols")
    page.locator("[name=double][value=merge]").check()
    eyes.press("form[action$='/check'] button[type=submit]")
    eyes.look("import, looking", "progress")
    work(scene)
    eyes.look("import, what it would do", "#would")
    eyes.press("form[action$='/run'] button[type=submit]")
    eyes.look("import, writing", "progress")
    work(scene)
    eyes.look("import, done with refused rows", "#did")


def _bring(eyes: Eyes, source: str) -> None:
    eyes.open("/settings/playbook")
    file = {"name": "mine.yaml", "mimeType": "application/yaml", "buffer": source.encode()}
    eyes.page.locator("#file").set_input_files(file)  # type: ignore[arg-type]
    eyes.press("form:has(#file) button[type=submit]")


def test_playbooks_drafts_and_texts_on_their_way(eyes: Eyes) -> None:
    page = eyes.page
    _bring(eyes, NARROW.replace("to: qualified", "to: qualifed", 1))
    eyes.look("a file with findings", "[aria-labelledby=p1] .tblx")
    _bring(eyes, RENAMED)
    eyes.look("a file without a stage that is lived in", "[id^=m-]")
    _bring(eyes, NARROW)
    eyes.look("what a file changes", "form[action$='/publish']")
    eyes.open("/sequences/after_meeting/edit")
    step = page.locator("#step-call_back")
    step.locator("summary").click()
    step.locator("[name=task-en]").fill("")
    eyes.look("a step with a fault", "#step-call_back .faults")
    step.locator("[name=task-en]").fill("Ring them")
    eyes.press("#step-call_back details button[type=submit]")
    eyes.look("a draft, saved", "[data-toast]")
    eyes.press("form[action$='/draft/changes'] button")
    eyes.look("what a draft changes", "form[action$='/publish']")
    eyes.open("/playbook/draft")
    page.locator("#text").fill("stages: [")
    eyes.press("form[action='/playbook/draft'] button[type=submit]")
    eyes.look("a draft that cannot be read", "main .faults")
    eyes.open(eyes.walk.paths["email-text"])
    page.locator("#text").fill("{{ nobody }}")
    eyes.look("own text with a fault", "#preview .bad")
    page.locator("#text").fill("For {{ first_name }}.")
    eyes.press("form[data-text=own] .main-act")
    eyes.look("own text, saved", "[data-toast]")


def test_meetings_as_they_are_booked_and_marked(scene: Scene, eyes: Eyes) -> None:
    with scene.ws.database.read() as tx:
        late = tx.conn.execute(select(Meeting.id).where(Meeting.uid == "m0")).scalar_one()
    book = eyes.walk.paths["meeting-book"].partition("?")[0]
    eyes.open(book)
    eyes.look("times on offer", ".offers")
    eyes.open(f"{book}?times=all&at=2026-11-14T01:30:00Z")
    eyes.look("a time with warnings", "#save .guard")
    eyes.open("/meetings/new")
    eyes.look("with whom", "main h1")
    for what in ("held", "no_show", "cancelled"):
        eyes.open(f"/meetings/{late}?what={what}")
        eyes.press("#do-mark")
        eyes.look(f"a meeting, {what}", "[data-toast]")
        if what != "cancelled":
            eyes.press("form[action$='/undo'] button")
    eyes.look("a meeting, called off", "main .facts")


def test_a_call_and_an_erasure(scene: Scene, eyes: Eyes) -> None:
    known = scene.prospect("Константина Александрова")
    page = eyes.open(f"/prospects/{known}/call")
    page.locator("#start-call").click()
    page.wait_for_url("**/calls/*")
    eyes.look("a call", "#notes")
    at = page.url.partition("?")[0]
    eyes.open(f"/prospects/{known}/call")
    eyes.look("a plan while a call goes on", ".guard")
    page.goto(f"{at}/end?lang={eyes.language}")
    eyes.look("a call that ends", "#write-down")
    eyes.press("#write-down")
    eyes.look("a prospect after a call", "[data-toast]")
    page.goto(at)
    eyes.look("a call that is over", "main h1")
    eyes.open(f"/prospects/{known}/erase")
    page.locator("#typed").fill("no")
    eyes.press("main .danger")
    eyes.look("an erasure with a wrong word", "#typed-wrong")


def _doors(scene: Scene, eyes: Eyes) -> None:
    page = eyes.page
    page.context.clear_cookies()
    eyes.open("/sign-in")
    eyes.look("sign in", "#email")
    page.locator("#email").fill("iva@example.com")
    page.locator("#password").fill("wrong")
    eyes.press("button.main-act")
    eyes.look("sign in, refused", "#problem")
    eyes.open(f"/sign-in/{people.sign_in_link(scene.ws, scene.reps['iva'])}")
    eyes.look("a link to sign in", "main button, button.main-act")
    eyes.open("/sign-in/wrong")
    eyes.look("a link that is not ours", "h1")
    path = eyes.walk.paths["unsubscribe"]
    eyes.open(path)
    for number in range(page.locator("button[name=choice]").count()):
        eyes.open(path)
        page.locator("button[name=choice]").nth(number).click()
        eyes.look(f"wishes, button {number}", "h1")
    eyes.open("/u/wrong")
    eyes.look("wishes of nobody", "h1")


def test_errors_help_and_the_door(scene: Scene, eyes: Eyes) -> None:
    eyes.open("/prospects/new")
    eyes.send("/prospects", csrf_token="old")
    eyes.look("a form that is too old", ".empty")
    eyes.open("/prospects/01900000-0000-7000-8000-000000000000")
    eyes.look("nothing here", ".empty")
    for path in ("webhooks", "api"):
        eyes.open(f"/help/{path}")
        eyes.look(f"help, {path}", "main h1")
    with pytest.MonkeyPatch.context() as broken:
        broken.setitem(scene.app.view_functions, "panel.show_meetings", lambda: 1 / 0)
        eyes.open("/meetings")
        eyes.look("broken", "h1")
    # That answer is the one thing a console may complain about.
    assert len(eyes.desk.faults) == 1
    eyes.desk.faults.clear()
    _doors(scene, eyes)
