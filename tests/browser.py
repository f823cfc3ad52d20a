"""The system's Chromium, driven by Playwright. Nothing is downloaded for it."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = [
    "--no-sandbox",  # only our own pages are opened, often inside a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str:
    """Find the browser; without one the test is skipped, or fails where one is required."""
    found = os.environ.get("ALLCLEAR_TESTS_BROWSER") or next(
        (path for name in NAMES if (path := shutil.which(name))), None
    )
    if found:
        return found
    why = "no Chromium found; install one or name it in ALLCLEAR_TESTS_BROWSER"
    if os.environ.get("ALLCLEAR_TESTS_NEED_BROWSER") == "1":
        pytest.fail(why)
    pytest.skip(why)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run one browser; every test takes a context of its own from it."""
    path = find_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=QUIET)
        try:
            yield browser
        finally:
            await browser.close()
