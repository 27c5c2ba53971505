"""Every page for everybody: axe finds nothing against WCAG 2.0 to 2.2 AA nor good practice, and nothing is too heavy.

By axe-core, vendored for tests only. What it cannot judge, such as words on a chart, it does not count.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Desk
from tests.panel.scene import Scene
from tests.support.pages import Walk, furnish

pytestmark = pytest.mark.browser
AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js").read_text(encoding="utf-8")
RUN = """() => axe.run(document, {
  resultTypes: ['violations'], elementRef: false, selectors: true,
  runOnly: {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']},
}).then(found => found.violations.map(each => each.id + ' at '
  + each.nodes.slice(0, 3).map(n => n.target.join(' ').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')).join(', ')))"""
DARK = "dark => { document.documentElement.dataset.theme = dark ? 'dark' : 'light'; }"
# What has finished in a closed fold stays in the list for good.
STILL = """async () => { while (document.getAnimations().some(each => each.playState === 'running'))
  await new Promise(requestAnimationFrame); }"""
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
# Of the guide, in bytes as they travel.
BUDGET = {"html": 20_000, "board": 30_000, "css": 12_288, "own js": 6_144, "cold": 60 * 1024}
# What pages of one purpose have beyond it, because they bring a file of their own: the list and the board their
# columns, a call what it needs without a network, a template what keeps unsaved words. In all none has more than 60 kB.
LISTS, CALLS = {"own js": 700}, {"own js": 4_600, "css": 1_500}
MORE: dict[str, dict[str, int]] = {
    "prospects": LISTS, "nobody-fits": LISTS, "board": LISTS, "call-sheet": CALLS, "call-plan": CALLS,
    "template": {"own js": 200},
}  # fmt: skip
MOST_NODES = 1_500
MOST_REQUESTS = 6


@pytest.fixture
def walk(scene: Scene) -> Walk:
    """Something on every page; before anybody signs in, because a day passes meanwhile."""
    return furnish(scene)


def judge(page: Page) -> list[str]:
    """What axe finds on this page as it stands."""
    page.evaluate(STILL)
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE)
    found: list[str] = page.evaluate(RUN)
    return found


@pytest.mark.parametrize("language", ["en", "bg"])
@pytest.mark.timeout(240)
def test_axe_finds_nothing_on_any_page(walk: Walk, desk: Desk, language: str) -> None:
    """In English wide and light, then narrow and dark; in Bulgarian the other way round; with all folds open."""
    wrong = []
    # A colour on its way from light to dark has no contrast of its own.
    desk.page.emulate_media(reduced_motion="reduce")
    for name, path in walk.paths.items():
        desk.page.set_viewport_size(WIDE if language == "en" else NARROW)  # type: ignore[arg-type]
        page = desk.open(f"{path}{'&' if '?' in path else '?'}lang={language}")
        assert "/sign-in" not in page.url
        page.evaluate(DARK, language == "bg")
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        wrong += [f"{name}, first: {each}" for each in judge(page)]
        page.evaluate(DARK, language == "en")
        page.set_viewport_size(NARROW if language == "en" else WIDE)  # type: ignore[arg-type]
        wrong += [f"{name}, other size and theme: {each}" for each in judge(page)]
    assert not wrong, "\n".join(wrong)


def test_axe_finds_nothing_in_what_opens_on_a_page(walk: Walk, desk: Desk) -> None:
    """Palette, list of keys, menu of moves, refusal, toast, error and offline notice, light and dark."""
    known = walk.known
    desk.page.emulate_media(reduced_motion="reduce")
    page = desk.open("/board")
    wrong: list[str] = []

    def look(state: str) -> None:
        for dark in (False, True):
            page.evaluate(DARK, dark)
            wrong.extend(f"{state}, {'dark' if dark else 'light'}: {each}" for each in judge(page))

    page.keyboard.press("Control+k")
    page.locator("#pal-q").fill("mill")
    page.locator("[data-group=people] [role=option]").first.wait_for()
    look("palette")
    page.keyboard.press("Escape")
    page.locator("#palette").wait_for(state="hidden")
    page.keyboard.press("?")
    page.locator("#keys").wait_for()
    look("keys")
    page.keyboard.press("Escape")
    page.locator("#keys").wait_for(state="hidden")
    page.locator(f"#card-{known} [data-menu]").click()
    page.locator("#moves").wait_for()
    look("menu")
    page.locator("#moves").get_by_role("button", name="Closed").first.click()
    page.locator(".guard").wait_for()
    look("refusal")
    page.evaluate("document.querySelector('#offline').hidden = false")
    page.evaluate("document.dispatchEvent(new CustomEvent('onward:lost'))")
    look("failures")
    desk.open("/")
    page.keyboard.press("h")
    page.locator(".snooze").wait_for()
    look("snooze")
    desk.open(f"/prospects/{known}")
    page.get_by_role("button", name="Skip").first.click()
    page.locator("[data-toast]").wait_for()
    look("toast")
    assert not wrong, "\n".join(wrong)


def test_no_page_is_heavier_than_the_guide_allows(walk: Walk, desk: Desk) -> None:
    heavy = []
    seen: list[Any] = []

    def keep(answer: Any) -> None:
        if answer.request.resource_type in ("document", "stylesheet", "script", "image"):
            seen.append(answer)

    desk.page.on("response", keep)
    for name, path in walk.paths.items():
        if path.startswith("/u/"):
            continue
        seen.clear()
        page = desk.open(path)
        bodies = {answer.url: len(gzip.compress(answer.body(), mtime=0)) for answer in list(seen)}
        document = bodies[page.url]
        assets = [url for url in bodies if "/assets/" in url]
        sizes = {
            "html": document if name != "board" else 0,
            "board": document if name == "board" else 0,
            "css": sum(bodies[url] for url in assets if url.endswith(".css")),
            "own js": sum(bodies[url] for url in assets if url.endswith(".js") and "/vendor/" not in url),
            "cold": sum(bodies.values()),
        }
        allowed = {what: most + MORE.get(name, {}).get(what, 0) for what, most in BUDGET.items()}
        heavy += [f"{name}: {what} {size}" for what, size in sizes.items() if size > allowed[what]]
        nodes = page.evaluate("document.getElementsByTagName('*').length")
        # An email that is shown as it will be sent, in a frame, is a page of its own.
        if nodes > MOST_NODES or 1 + len(assets) > MOST_REQUESTS:
            heavy.append(f"{name}: {nodes} nodes, {1 + len(assets)} requests")
    assert not heavy, "\n".join(heavy)
