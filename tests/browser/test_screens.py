"""Pictures of every page for the docs: `make screens` draws them anew into `docs/screens`.

No check: it runs only when asked for by its marker.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import seat
from tests.panel.scene import Scene
from tests.support.pages import furnish

pytestmark = pytest.mark.screens
FOLDER = Path(__file__).parents[2] / "docs" / "screens"
ON_A_PHONE = ("today", "board", "prospects", "prospect", "call-plan", "uncertain", "settings")
LARGEST = 60_000
# A page that is too rich for its size is drawn smaller, then only its upper part.
TRIES = ((1.0, 1.0), (0.75, 1.0), (0.75, 0.6), (0.6, 0.6), (0.5, 0.5))


@pytest.mark.timeout(300)
def test_draw_every_page(scene: Scene, browser: Browser) -> None:
    paths = furnish(scene).paths
    FOLDER.mkdir(exist_ok=True)
    for width, height, names in ((1440, 900, tuple(paths)), (390, 844, ON_A_PHONE)):
        left = list(names)
        for scale, part in TRIES:
            size = {"width": width, "height": height}
            context = browser.new_context(viewport=size, device_scale_factor=scale, reduced_motion="reduce")  # type: ignore[arg-type]
            desk = seat(scene, context)
            for name in list(left):
                page = desk.open(f"{paths[name]}{'&' if '?' in paths[name] else '?'}lang=en")
                clip = {"x": 0, "y": 0, "width": width, "height": height * part}
                drawn = page.screenshot(animations="disabled", caret="hide", clip=clip)  # type: ignore[arg-type]
                if len(drawn) <= LARGEST:
                    (FOLDER / f"{name}-{width}.png").write_bytes(drawn)
                    left.remove(name)
            context.close()
            if not left:
                break
        assert left == []
