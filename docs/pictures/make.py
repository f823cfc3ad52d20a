"""Take the pictures of the README from a demo that stands before its first morning.

In one terminal `make demo RESET=1`, in another `python docs/pictures/make.py`. It plays the
morning through the chat page, a few taps and a little waiting for the crowd, in about a minute.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

HERE = Path(__file__).parent
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MARIA, ZHOU, LEAD = 1000, 1002, 1005  # who is who in every demo
CROWD = 16_000  # milliseconds in which the other families have answered


def main() -> None:
    """Play the morning and take a picture at each of its turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8081", help="the demo's chat page")
    url = parser.parse_args().url
    with sync_playwright() as playwright:
        path = next((found for name in BROWSERS if (found := which(name))), None)
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-lcd-text"]
        )
        with _page(browser, url, DESK, "en", MARIA) as desk:
            _next_step(desk)
            expect(desk.locator("#log")).to_contain_text("One tap if all is well")
            with _page(browser, url, PHONE, "en", MARIA) as phone:
                phone.get_by_role("button", name="All clear for both").wait_for()
                _take(phone, "card")
            _ben_has_a_fever(desk)
            desk.wait_for_timeout(CROWD)
            _take(desk, "morning")
            _next_step(desk)
            with _page(browser, url, PHONE, "zh", ZHOU) as phone:
                expect(phone.locator("#log")).to_contain_text("还没填")
                _take(phone, "reminder.zh")
            desk.wait_for_timeout(CROWD)
            _next_step(desk)
        with _page(browser, url, DESK, "zh", LEAD) as desk:
            expect(desk.locator("#log")).to_contain_text("请核对后签名")
            _take(desk, "summary.zh")
        browser.close()


def _ben_has_a_fever(page: Page) -> None:
    page.get_by_role("button", name="Ben Lima…").last.click()
    expect(page.locator("#log")).to_contain_text("temperature this morning")
    page.locator("#text").fill("38.2")
    page.locator("#send").click()
    for button in ("None of these", "Here in town", "Neither"):
        page.get_by_role("button", name=button).last.click()
    expect(page.locator("#log")).to_contain_text("please stay home today")


def _next_step(page: Page) -> None:
    page.locator("#next").click()


@contextmanager
def _page(
    browser: Browser, url: str, size: ViewportSize, language: str, user: int
) -> Iterator[Page]:
    """Open a chat as somebody who has read the page's hint before."""
    context = browser.new_context(
        viewport=size, locale="zh-CN" if language == "zh" else "en-GB", reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.goto(f"{url}/?lang={language}#user={user}")
    page.locator("#log .bubble").first.wait_for()
    if page.locator("#got-it").is_visible():
        page.locator("#got-it").click()
    yield page
    context.close()


def _take(page: Page, name: str) -> None:
    page.bring_to_front()  # a page behind another is not painted
    page.wait_for_timeout(1500)  # toasts go, fonts come
    path = HERE / f"{name}.png"
    page.screenshot(path=path)
    sys.stdout.write(f"{path.name}: {path.stat().st_size // 1000} KB\n")


if __name__ == "__main__":
    main()
