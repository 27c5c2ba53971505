"""A real browser for tests: headless Chromium of this machine, driven by Playwright.

Only tests below `tests/browser` import this: the library is installed by `make test-browser`, not by `make test`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Chromium looks for updates, hosts and accounts by itself; a test has no network but this machine.
_ALONE = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class NoBrowser(Exception):
    """There is no Chromium on PATH: install it, on Debian and Ubuntu with `apt install chromium`."""


def chromium() -> str:
    """The path of the browser. Raises NoBrowser: a browser test without one fails, it is not skipped."""
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    raise NoBrowser(NoBrowser.__doc__)


@contextmanager
def launched() -> Iterator[Browser]:
    """Chromium, started; a page of its own comes from `browser.new_context(…).new_page()`."""
    sandbox = () if os.geteuid() else ("--no-sandbox",)  # Chromium has no sandbox for root
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=[*_ALONE, *sandbox])
        yield browser
        browser.close()
