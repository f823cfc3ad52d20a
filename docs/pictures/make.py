"""Take the pictures of the README: `make pictures`, two or three minutes.

It starts a demo of its own for each language, always on the same Monday, plays the morning
through the chat page as `docs/pictures` shows it, and ends it.
"""

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any
from urllib.request import Request, urlopen

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

HERE = Path(__file__).parent
HOUSE = HERE.parent.parent
PHONE: ViewportSize = {"width": 390, "height": 720}
DESK: ViewportSize = {"width": 1280, "height": 760}
SHARP = 2  # pixels of the screen for one of the page
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MONDAY = "2026-03-02"
PORTS = {"en": 8391, "zh": 8392}
CROWD = 15_000  # milliseconds in which the other families have answered
COLOURS = 255  # and one for what lies outside the telephone
LARGEST = 200_000  # bytes of a picture

# What the pictures wait for and press, in the words of the chat.
WORDS = {
    "en": {
        "well": "All clear",
        "both": "All clear for both",
        "symptoms": "any of these this morning",
        "home": "please stay home today",
        "flag": "Ana Lima (3-2): stays home",
        "remind": "Still waiting for",
        "class": "Class 3-2",
        "sum": "Please read it through, then sign",
    },
    "zh": {
        "well": "都好",
        "both": "两个都好",
        "symptoms": "今早有没有下面的情况",
        "home": "今天请在家休息",
        "flag": "Ana Lima（3-2）：在家休息",
        "remind": "今天的晨检还没填",
        "class": "3-2 晨检",
        "sum": "请核对后签名",
    },
}


class Morning:
    """One demo in one language, and a browser before it."""

    def __init__(self, browser: Browser, url: str, language: str) -> None:
        self.browser = browser
        self.url = url
        self.language = language
        self.words = WORDS[language]
        self.people = {
            user["role"]["en"]: user["id"] for user in self._get("/sandbox/users") if user["role"]
        }

    def play(self) -> None:
        """Play it and take a picture at each of its turns."""
        words = self.words
        with self._open("Mother of two", DESK) as desk:
            self._next(desk)
            with self._open("Mother of two") as phone:
                phone.get_by_role("button", name=words["both"]).wait_for()
                self._take(phone, "1-ask")
                phone.get_by_role("button", name="Ana Lima").last.click()
                expect(phone.locator("#log")).to_contain_text("1/4" if self.chinese else "1 of 4")
                phone.locator("#text").fill("38.2")
                phone.locator("#send").click()
                expect(phone.locator("#log")).to_contain_text(words["symptoms"])
                self._take(phone, "2-questions")
                self._first_until(phone, words["home"])
            with self._open("Class teacher") as phone:
                expect(phone.locator("#log")).to_contain_text(words["flag"])
                self._press_first(phone, words["well"])
                self._take(phone, "3-flag", words["flag"])
            for leader in ("School lead", "Deputy head", "School doctor"):
                with self._open(leader) as phone:
                    self._press_first(phone, words["well"])
            desk.wait_for_timeout(CROWD)
            self._next(desk)
            with self._open("Guardian, silent so far") as phone:
                expect(phone.locator("#log")).to_contain_text(words["remind"])
                self._take(phone, "4-reminder")
            desk.wait_for_timeout(CROWD)
            self._next(desk)
            self._next(desk)
            with self._open("Class teacher") as phone:
                expect(phone.locator("#log")).to_contain_text(words["class"])
                self._take(phone, "5-class", words["class"])
            self._next(desk)
            self._next(desk)
            with self._open("School lead") as phone:
                expect(phone.locator("#log")).to_contain_text(words["sum"], timeout=30_000)
                phone.locator(".photo").last.evaluate("node => node.scrollIntoView()")
                self._take(phone, "6-summary")

    @property
    def chinese(self) -> bool:
        """Whether everybody speaks Chinese."""
        return self.language == "zh"

    def _get(self, path: str) -> Any:
        with urlopen(Request(self.url + path)) as response:  # noqa: S310 - our own address
            return json.load(response)

    @contextmanager
    def _open(self, role: str, size: ViewportSize = PHONE) -> Iterator[Page]:
        """Open somebody's chat as one who has read the page's hint before."""
        context = self.browser.new_context(
            viewport=size,
            device_scale_factor=SHARP,
            locale="zh-CN" if self.chinese else "en-GB",
            reduced_motion="reduce",
        )
        context.add_init_script("localStorage.setItem('allclear.hint', 'seen')")
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.goto(f"{self.url}/?lang={self.language}#user={self.people[role]}")
        page.locator("body.ready #log .bubble").first.wait_for()
        yield page
        context.close()

    def _press_first(self, page: Page, label: str) -> None:
        page.get_by_role("button", name=label, exact=True).first.click()
        page.wait_for_timeout(800)

    def _first_until(self, page: Page, said: str) -> None:
        """Press the first button of each question until the card says so."""
        for _ in range(8):
            if said in (page.locator("#log").text_content() or ""):
                return
            page.locator("#log .row.last .key").first.click()
            page.wait_for_timeout(800)
        raise RuntimeError(f"The card never said: {said}")

    def _next(self, page: Page) -> None:
        """Go on with the day, once the school has fallen silent."""
        expect(page.locator("#next")).to_be_enabled(timeout=30_000)
        page.locator("#next").click()
        page.wait_for_timeout(2500)

    def _take(self, page: Page, name: str, said: str = "") -> None:
        page.bring_to_front()  # a page behind another is not painted
        if said:
            row = page.locator("#log .row", has_text=said).last
            row.evaluate("node => node.scrollIntoView({block: 'end'})")
        page.wait_for_timeout(4500)  # toasts go, fonts come
        path = HERE / f"{name}.{self.language}.png"
        path.write_bytes(_framed(page.screenshot()))
        size = path.stat().st_size
        sys.stdout.write(f"{path.name}: {size // 1000} KB\n")
        if size > LARGEST:
            raise RuntimeError(f"{path.name} is too large for a README")


def _framed(shot: bytes) -> bytes:
    """Round the corners, draw the edge of a telephone, and keep few colours."""
    screen = Image.open(io.BytesIO(shot)).convert("RGBA")
    width, height = screen.size
    shape = Image.new("L", screen.size)
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, width - 1, height - 1), 44, fill=255)
    ImageDraw.Draw(screen).rounded_rectangle(
        (0, 0, width - 1, height - 1), 44, outline="#9aa39d", width=4
    )
    screen.putalpha(shape)
    small = screen.resize((width * 3 // 4, height * 3 // 4), Image.Resampling.LANCZOS)
    few = small.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.paste(COLOURS, mask=small.getchannel("A").point(lambda alpha: 255 * (alpha < 128)))
    kept = io.BytesIO()
    few.save(kept, "PNG", optimize=True, transparency=COLOURS)
    return kept.getvalue()


@contextmanager
def _demo(language: str) -> Iterator[str]:
    """Run a fresh demo for as long as it is needed."""
    port = PORTS[language]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bot.start", "demo", "--day", MONDAY]
        command += ["--port", str(port), "--language", language, "--folder", f"{folder}/demo"]
        with subprocess.Popen(command, cwd=HOUSE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
            for line in process.stdout or ():
                if "http://" in line:
                    break
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()
                process.communicate(timeout=30)


def main() -> None:
    """Take every picture in the languages named on the command line, else in both."""
    with sync_playwright() as playwright:
        path = next((found for name in BROWSERS if (found := which(name))), None)
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-lcd-text"]
        )
        for language in sys.argv[1:] or list(WORDS):
            with _demo(language) as url:
                Morning(browser, url, language).play()
        browser.close()


if __name__ == "__main__":
    main()
