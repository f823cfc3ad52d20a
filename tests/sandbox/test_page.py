"""The chat page in a real browser, before a real sandbox and a small bot of the test's own."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    FilePayload,
    Locator,
    Page,
    ViewportSize,
    expect,
)

from sandbox.clock import ShiftedClock
from sandbox.limits import Limits
from sandbox.server import Sandbox
from tests.browser import chromium
from tests.sandbox.conftest import TOKEN, Client, a_picture

# One browser for the whole file: it lives on the module's loop, and so do its tests.
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

BOT = int(TOKEN.partition(":")[0])
LIN, MARIA, WANG = 11, 12, 13
SHANGHAI = ZoneInfo("Asia/Shanghai")
EARLY = datetime(2026, 3, 2, 6, 24, tzinfo=SHANGHAI)
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
STEPS = [
    {"at": "2026-03-02T06:30:00+08:00", "label": {"en": "Ask", "zh": "问候"}},
    {"at": "2026-03-02T07:15:00+08:00", "label": {"en": "Remind", "zh": "提醒"}},
]
COMMANDS = [
    {"command": "today", "description": "Today's card"},
    {"command": "help", "description": "How it works"},
]
QUESTION = [
    [{"text": "All clear", "callback_data": "clear"}],
    [{"text": "Ana…", "callback_data": "ana"}, {"text": "Who?", "callback_data": "who"}],
]


class School:
    """A sandbox with three people, and a bot that asks and takes an answer."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.client = Client(sandbox.url, session)
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def open(self) -> None:
        post = self.client.post
        await post("/sandbox/bots", token=TOKEN, username="morning_bot", name="Morning check")
        lin: dict[str, Any] = {
            "role": {"en": "Guardian", "zh": "家长"},
            "note": {"en": "Two children"},
        }
        await post("/sandbox/users", id=LIN, name="林静", language="zh", **lin)
        await post("/sandbox/users", id=MARIA, name="Maria Santos", language="en")
        await post("/sandbox/users", id=WANG, name="<b>王芳</b><img src=x onerror=bad()>")
        await self.client.result("setMyCommands", commands=COMMANDS)

    async def meet(self, user: int) -> None:
        await self.client.post(f"/sandbox/chats/{user}/messages", text="/start")

    async def say(self, user: int, text: str, **more: Any) -> Any:
        return await self.client.result("sendMessage", chat_id=user, text=text, **more)

    async def ask(self, user: int) -> Any:
        return await self.say(
            user, "How is Ana today?", reply_markup={"inline_keyboard": QUESTION}
        )

    async def send_file(self, method: str, field: str, name: str, content: bytes) -> None:
        form = aiohttp.FormData()
        form.add_field("chat_id", str(MARIA))
        form.add_field("caption", "The class at 08:30")
        form.add_field(field, content, filename=name)
        url = f"{self.sandbox.url}/bot{TOKEN}/{method}"
        async with self.client.session.post(url, data=form) as response:
            assert (await response.json())["ok"]

    async def run_bot(self) -> None:
        offset = 0
        while True:
            for update in await self.client.result("getUpdates", offset=offset, timeout=20):
                offset = update["update_id"] + 1
                if "message" in update:
                    await self.hear(update["message"])
                elif "callback_query" in update:
                    await self.take(update["callback_query"])

    async def hear(self, message: dict[str, Any]) -> None:
        quoted = {"message_id": message["message_id"]}
        said = f"Heard: {message.get('text', 'a file')}"
        await self.say(message["chat"]["id"], said, reply_parameters=quoted)

    async def take(self, query: dict[str, Any]) -> None:
        await self.may_answer.wait()
        if query["data"] == "who":
            shown: dict[str, Any] = {"text": "Ben and Ana", "show_alert": True}
        else:
            place = {
                "chat_id": query["message"]["chat"]["id"],
                "message_id": query["message"]["message_id"],
            }
            await self.client.result("editMessageText", text="✓ Ana: all clear", **place)
            shown = {"text": "Noted"}
        await self.client.result("answerCallbackQuery", callback_query_id=query["id"], **shown)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def school() -> AsyncIterator[School]:
    clock = ShiftedClock(EARLY, "Asia/Shanghai")
    async with (
        Sandbox(port=0, clock=clock, limits=Limits.none()) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        school = School(sandbox, session)
        await school.open()
        bot = asyncio.create_task(school.run_bot())
        yield school
        bot.cancel()
        with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError):
            await bot


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(browser: Browser) -> AsyncIterator[BrowserContext]:
    """One window for the tests that want nothing special; each sandbox is a new origin in it."""
    yield await a_context(browser)


async def a_context(
    browser: Browser, size: ViewportSize = DESK, locale: str = "en-GB"
) -> BrowserContext:
    context = await browser.new_context(viewport=size, locale=locale, reduced_motion="reduce")
    context.set_default_timeout(5000)
    return context


class Visit:
    """Opens the page as somebody who has never been there; nothing may go wrong in it."""

    def __init__(self, url: str, context: BrowserContext) -> None:
        self.url = url
        self.context = context
        self.pages: list[Page] = []
        self.faults: list[str] = []

    async def __call__(
        self, path: str = "/", context: BrowserContext | None = None, *, events: bool = True
    ) -> Page:
        page = await (context or self.context).new_page()
        self.pages.append(page)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        if not events:
            await page.route("**/sandbox/events", lambda route: route.abort())
        await page.goto(self.url + path)
        return page


@pytest_asyncio.fixture(loop_scope="module")
async def visit(desk: BrowserContext, school: School) -> AsyncIterator[Visit]:
    visit = Visit(school.sandbox.url, desk)
    yield visit
    for page in visit.pages:
        await page.close()
    assert visit.faults == []


async def a_still_page(browser: Browser, visit: Visit) -> Page:
    """Open the page, ready, with a clock that goes on only when a test says so."""
    context = await a_context(browser)
    await context.clock.install(time=EARLY)
    page = await visit(context=context)
    await expect(page.locator("body.ready")).to_be_attached()
    await page.clock.pause_at(EARLY + timedelta(minutes=5))
    return page


def row(page: Page, user: int) -> Locator:
    return page.locator(f"[data-user='{user}'] button")


def bubbles(page: Page) -> Locator:
    return page.locator("#log .bubble")


async def test_a_badge_counts_what_is_unread_until_the_chat_is_opened(
    school: School, visit: Visit
) -> None:
    await school.meet(MARIA)
    page = await visit()
    await expect(row(page, MARIA).locator(".badge")).to_have_text("1")
    await school.ask(MARIA)
    await expect(row(page, MARIA).locator(".badge")).to_have_text("2")
    await expect(row(page, MARIA)).to_contain_text("How is Ana today?")
    await expect(page).to_have_title("(2) Allclear rehearsal")
    await row(page, MARIA).click()
    await expect(bubbles(page).last).to_contain_text("How is Ana today?")
    await expect(row(page, MARIA).locator(".badge")).to_have_count(0)
    await school.say(MARIA, "Read at once")
    await expect(bubbles(page).last).to_contain_text("Read at once")
    await expect(row(page, MARIA).locator(".badge")).to_have_count(0)


async def test_the_crowd_is_folded_away_and_calls_nobody(school: School, visit: Visit) -> None:
    for n in range(40):
        await school.client.post("/sandbox/users", id=100 + n, name=f"Family {n}", crowd=True)
    await school.meet(MARIA)
    await school.meet(139)
    page = await visit()
    line = page.get_by_role("button", name="Everyone else (40)")
    await expect(line).to_have_attribute("aria-expanded", "false")
    await expect(page.locator("[data-user]")).to_have_count(3)
    await expect(page.locator("#search")).to_be_hidden()
    await line.click()
    await expect(page.locator("#crowd-list [data-user]")).to_have_count(40)
    await expect(page.locator(".badge")).to_have_text(["1", "1"])
    await expect(page).to_have_title("(1) Allclear rehearsal")
    await page.get_by_role("searchbox", name="Find a person").fill("family 39")
    await expect(page.locator("#crowd-list [data-user]")).to_have_count(1)
    await row(page, 139).click()
    await expect(bubbles(page).last).to_contain_text("Heard: /start")
    await page.reload()
    await expect(row(page, 139)).to_be_visible()
    await expect(row(page, 139)).to_have_attribute("aria-current", "true")
    await line.click()
    await expect(row(page, 139)).to_be_hidden()


async def test_only_the_row_of_who_changed_is_built_again(
    school: School, visit: Visit, browser: Browser
) -> None:
    await school.meet(MARIA)
    page = await a_still_page(browser, visit)
    await expect(row(page, MARIA).locator(".badge")).to_have_text("1")
    await page.evaluate("document.querySelectorAll('#people li').forEach(row => row.old = true)")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    async with (
        page.expect_request(f"**/sandbox/users?ids={MARIA}"),
        page.expect_request("**/sandbox/tally"),  # the day's counts, asked for once a second
    ):
        await school.say(MARIA, "Only for Maria")
    await expect(row(page, MARIA).locator(".badge")).to_have_text("2")
    old = "[...document.querySelectorAll('#people li')].map(row => Boolean(row.old))"
    assert await page.evaluate(old) == [True, False, True]
    asked = [f"{school.sandbox.url}/sandbox/{what}" for what in ("tally", f"users?ids={MARIA}")]
    assert sorted(requests) == asked


async def test_a_tap_waits_for_the_bot_and_shows_the_edited_bubble(
    school: School, visit: Visit
) -> None:
    await school.meet(MARIA)
    await school.ask(MARIA)
    school.may_answer.clear()
    page = await visit(f"/#user={MARIA}")
    key = page.get_by_role("button", name="All clear")
    await key.click()
    await expect(key).to_have_attribute("aria-busy", "true")
    school.may_answer.set()
    await expect(page.locator(".toast")).to_have_text("Noted")
    edited = page.locator(".row.just-edited")
    await expect(edited).to_contain_text("✓ Ana: all clear")
    await expect(edited.locator(".edited")).to_have_text("edited 06:24")
    await expect(page.locator(".key")).to_have_count(0)


async def test_an_alert_stays_until_it_is_put_away(school: School, visit: Visit) -> None:
    await school.meet(MARIA)
    await school.ask(MARIA)
    page = await visit(f"/#user={MARIA}")
    await page.get_by_role("button", name="Who?").click()
    alert = page.get_by_role("dialog")
    await expect(alert).to_contain_text("Ben and Ana")
    await page.keyboard.press("Enter")
    await expect(alert).to_have_count(0)
    await expect(page.get_by_role("button", name="Who?")).not_to_have_attribute(
        "aria-busy", "true"
    )


async def test_the_clock_jumps_to_the_next_step_and_the_timeline_moves(
    school: School, visit: Visit
) -> None:
    await school.client.post("/sandbox/clock", steps=STEPS)
    page = await visit()
    await expect(page.locator("#time")).to_contain_text("06:24")
    await expect(page.locator("#date")).to_have_text("Monday, 2 March")
    steps = page.locator("#steps li")
    await expect(steps).to_have_text(["06:30Ask", "07:15Remind"])
    await expect(steps.nth(0)).to_have_class("next")
    await expect(page.locator("#next")).to_have_text("Next: Ask 06:30")
    await page.locator("#next").click()
    await expect(page.locator("#time")).to_contain_text("06:30")
    await expect(steps.nth(0)).to_have_class("done")
    await expect(steps.nth(1)).to_have_class("next")
    await steps.nth(1).locator("button").click()
    await expect(page.locator("#time")).to_contain_text("07:15")
    await expect(page.locator("#next")).to_have_text("Day doneNext morning")
    await page.locator("#next").click()
    await expect(page.locator("#date")).to_have_text("Tuesday, 3 March")
    await expect(page.locator("#time")).to_contain_text("06:00")


async def test_the_next_step_waits_until_the_school_has_fallen_silent(
    school: School, visit: Visit, browser: Browser
) -> None:
    await school.meet(MARIA)
    await school.client.post("/sandbox/clock", steps=STEPS)
    page = await a_still_page(browser, visit)
    step = page.locator("#next")
    await expect(step).to_have_text("Next: Ask 06:30")
    await step.click()
    await expect(step).to_be_disabled()
    await school.ask(MARIA)
    await expect(row(page, MARIA)).to_contain_text("How is Ana today?")
    await page.clock.run_for(400)  # longer than it waits for a first message
    await expect(step).to_have_text("The school is talking…")
    await expect(step).to_be_disabled()
    await page.clock.run_for(1500)
    await expect(step).to_have_text("Next: Remind 07:15")
    await expect(step).to_be_enabled()


async def test_a_step_of_another_day_names_the_day(school: School, visit: Visit) -> None:
    tomorrow = {"at": "2026-03-03T06:30:00+08:00", "label": {"en": "Ask"}}
    await school.client.post("/sandbox/clock", steps=[tomorrow])
    page = await visit()
    await expect(page.locator("#steps li")).to_have_text("Tue 06:30Ask")
    await expect(page.locator("#next")).to_have_text("Next: Ask Tue 06:30")


async def test_without_steps_the_bar_shows_the_clock_and_its_menu(
    school: School, visit: Visit
) -> None:
    page = await visit()
    await expect(page.locator("#time")).to_contain_text("06:24")
    await expect(page.locator("#next")).to_be_hidden()
    await expect(page.locator("#steps")).to_be_hidden()
    await page.locator("#clock-more").click()
    await page.get_by_role("menuitem", name="1 hour later").click()
    await expect(page.locator("#time")).to_contain_text("07:24")


async def test_another_hand_on_the_clock_is_seen(school: School, visit: Visit) -> None:
    page = await visit()
    await school.client.post("/sandbox/clock", shift=3600, steps=STEPS)
    await expect(page.locator("#time")).to_contain_text("07:24")
    await expect(page.locator("#steps li.done")).to_have_count(2)


async def test_commands_are_suggested_while_typing(school: School, visit: Visit) -> None:
    await school.meet(MARIA)
    page = await visit(f"/#user={MARIA}")
    box = page.get_by_role("combobox", name="Message")
    await box.fill("/")
    options = page.get_by_role("option")
    await expect(options).to_have_count(2)
    await box.press("ArrowDown")
    await expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    await box.press("Escape")
    await expect(page.locator("#suggestions")).to_be_hidden()
    await box.fill("/he")
    await expect(options).to_have_text(["/helpHow it works"])
    await box.press("Enter")
    await expect(bubbles(page).last).to_contain_text("Heard: /help")
    await expect(page.locator(".quote").last).to_contain_text("/help")
    await expect(box).to_have_value("")


async def test_a_phone_shows_one_screen_with_a_way_back(
    school: School, visit: Visit, browser: Browser
) -> None:
    await school.meet(MARIA)
    page = await visit(context=await a_context(browser, PHONE))
    await expect(page.locator("#conversation")).to_be_hidden()
    await row(page, MARIA).click()
    await expect(page.locator("#people")).to_be_hidden()
    await expect(bubbles(page).last).to_contain_text("Heard: /start")
    wide = "document.documentElement.scrollWidth > innerWidth"
    assert not await page.evaluate(wide)
    await page.get_by_role("button", name="Back to the people").click()
    await expect(page.locator("#people")).to_be_visible()
    await page.go_back()
    await expect(page.locator("#conversation")).to_be_visible()


async def test_the_page_speaks_the_browsers_language_until_told_otherwise(
    school: School, visit: Visit, browser: Browser
) -> None:
    await school.client.post("/sandbox/clock", steps=STEPS)
    page = await visit(context=await a_context(browser, locale="zh-CN"))
    await expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    await expect(page.locator("#hint")).to_contain_text("放心，这里只是排练")
    await expect(page.locator("#next")).to_have_text("下一步：问候 06:30")
    await expect(page.locator("#date")).to_have_text("3月2日 星期一")
    await expect(row(page, LIN)).to_contain_text("家长")
    await page.locator("#language").click()
    await expect(page.locator("#hint")).to_contain_text("This is a local rehearsal")
    await expect(row(page, LIN)).to_contain_text("Guardian · Two children")
    await page.reload()
    await expect(page.locator("#next")).to_have_text("Next: Ask 06:30")
    await page.goto(school.sandbox.url + "/?lang=zh")
    await expect(page.locator("#next")).to_have_text("下一步：问候 06:30")


async def test_the_hint_is_shown_until_it_is_understood(school: School, visit: Visit) -> None:
    page = await visit()
    await page.get_by_role("button", name="Got it").click()
    await expect(page.locator("#hint")).to_be_hidden()
    await page.reload()
    await page.locator("body.ready").wait_for()
    await expect(page.locator("#hint")).to_be_hidden()


async def test_a_photo_and_a_file_are_shown(school: School, visit: Visit) -> None:
    await school.meet(MARIA)
    await school.send_file("sendPhoto", "photo", "day.png", a_picture(320, 200))
    await school.send_file("sendDocument", "document", "class-3-2.xlsx", b"x" * 2048)
    page = await visit(f"/#user={MARIA}")
    await expect(page.locator(".photo img")).to_have_js_property("naturalWidth", 320)
    await page.locator(".photo").click()
    await expect(page.locator(".lightbox")).to_contain_text("The class at 08:30")
    await page.keyboard.press("Escape")
    await expect(page.locator(".lightbox")).to_have_count(0)
    file = page.locator(".file")
    await expect(file).to_contain_text("class-3-2.xlsx")
    await expect(file).to_contain_text("2.0 KB")
    async with page.expect_download() as waiting:
        await file.click()
    assert (await waiting.value).suggested_filename == "class-3-2.xlsx"


async def test_a_person_can_send_a_file(school: School, visit: Visit) -> None:
    await school.meet(MARIA)
    page = await visit(f"/#user={MARIA}")
    await expect(bubbles(page).last).to_contain_text("Heard: /start")
    note: FilePayload = {"name": "note.pdf", "mimeType": "application/pdf", "buffer": b"%PDF"}
    await page.locator("#file").set_input_files(files=note)
    await page.get_by_placeholder("Caption").fill("From the doctor")
    await page.keyboard.press("Enter")
    await expect(page.locator(".mine .file")).to_contain_text("note.pdf")
    await expect(page.locator(".mine").last).to_contain_text("From the doctor")
    await expect(bubbles(page).last).to_contain_text("Heard: a file")


async def test_markup_in_names_and_texts_does_not_run(school: School, visit: Visit) -> None:
    trap = "<img src=x onerror='window.bad=1'><script>window.bad=1</script>"
    await school.meet(WANG)
    await school.client.post(f"/sandbox/chats/{WANG}/messages", text=trap)
    await school.say(
        WANG,
        f"<b>{trap}".replace("<b>", ""),
        reply_markup={"inline_keyboard": [[{"text": trap, "callback_data": "ana"}]]},
    )
    page = await visit(f"/#user={WANG}")
    await expect(page.locator("#chat-name")).to_have_text("<b>王芳</b><img src=x onerror=bad()>")
    await expect(page.locator(".mine").last).to_contain_text(trap)
    await expect(page.locator(".theirs").last).to_contain_text(trap)
    await expect(page.locator("img")).to_have_count(0)
    assert await page.evaluate("window.bad") is None


async def test_a_deep_link_starts_the_bot(school: School, visit: Visit) -> None:
    page = await visit(f"/?bot={BOT}&start=K7Q2&user={MARIA}")
    await expect(bubbles(page)).to_contain_text(["/start K7Q2", "Heard: /start K7Q2"])
    await page.reload()
    await expect(bubbles(page)).to_have_count(2)


async def test_a_deep_link_waits_for_a_bot_that_is_still_waking_up(visit: Visit) -> None:
    async with Sandbox(port=0) as empty:
        visit.url = empty.url
        maria = empty.world.add_user("Maria Santos").id
        page = await visit(f"/?bot={BOT}&start=K7Q2&user={maria}")
        await expect(page.locator("#no-bot")).to_be_visible()
        empty.world.add_bot(TOKEN, name="Morning check")
        await expect(bubbles(page)).to_contain_text(["/start K7Q2"])
        await page.close()


async def test_a_deep_link_without_a_person_asks_who_opens_it(
    school: School, visit: Visit
) -> None:
    await school.meet(MARIA)
    await school.say(MARIA, "Hand this on: https://t.me/morning_bot?start=AB12")
    page = await visit(f"/#user={MARIA}")
    await page.locator(".text a").click()
    await page.get_by_role("dialog").get_by_role("button", name="林静").click()
    await expect(page.locator("#chat-name")).to_have_text("林静")
    await expect(bubbles(page)).to_contain_text(["/start AB12", "Heard: /start AB12"])


async def test_somebody_new_may_open_a_link(school: School, visit: Visit) -> None:
    page = await visit(f"/?bot={BOT}&start=AB12")
    await page.get_by_role("dialog").get_by_role("button", name="Somebody new").click()
    await page.get_by_role("dialog").get_by_label("Name").fill("Ben's grandmother")
    await page.keyboard.press("Enter")
    await expect(page.locator("#chat-name")).to_have_text("Ben's grandmother")
    await expect(bubbles(page)).to_contain_text(["/start AB12", "Heard: /start AB12"])


async def test_a_bot_may_bring_its_own_keyboard_and_page(school: School, visit: Visit) -> None:
    await school.meet(MARIA)
    keys = {"keyboard": [[{"text": "At school"}, {"text": "At home"}]]}
    await school.say(MARIA, "Where is Ana?", reply_markup=keys)
    form = {"type": "web_app", "text": "Form", "web_app": {"url": school.sandbox.url}}
    await school.client.result("setChatMenuButton", chat_id=MARIA, menu_button=form)
    page = await visit(f"/#user={MARIA}")
    await expect(page.get_by_role("link", name="Form")).to_have_attribute(
        "href", re.compile(r"/sandbox/web_app\?.*user=12")
    )
    await page.get_by_role("button", name="At home").click()
    await expect(bubbles(page).last).to_contain_text("Heard: At home")


async def test_a_chat_begins_with_start(school: School, visit: Visit) -> None:
    page = await visit(f"/#user={LIN}")
    await expect(page.locator("#composer")).to_be_hidden()
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(bubbles(page)).to_contain_text(["/start", "Heard: /start"])
    await expect(page.locator("#composer")).to_be_visible()


async def test_a_sandbox_without_a_bot_says_what_to_do(visit: Visit) -> None:
    async with Sandbox(port=0) as empty:
        visit.url = empty.url
        page = await visit()
        await expect(page.locator("#no-bot")).to_contain_text("No bot has come yet")
        await expect(page.locator("#address")).to_have_text(empty.url)
        await expect(page.locator("#people-list")).to_contain_text("Nobody is here yet")
        empty.world.add_bot(TOKEN, name="Morning check")
        ana = empty.world.add_user("Ana").id
        await row(page, ana).click()
        await expect(page.locator("#start-who")).to_have_text(
            "Ana has not written to this bot yet."
        )
        await page.close()


async def test_a_person_can_block_the_bot_and_forgive_it(school: School, visit: Visit) -> None:
    await school.meet(MARIA)
    page = await visit(f"/#user={MARIA}")
    await page.locator("#chat-more").click()
    await page.get_by_role("menuitem", name="Block the bot").click()
    await expect(page.locator("#blocked-bar")).to_contain_text("Maria Santos has blocked")
    assert "blocked by the user" in await school.client.refusal(
        "sendMessage", chat_id=MARIA, text="Are you there?"
    )
    await page.get_by_role("button", name="Unblock the bot").click()
    await expect(page.locator("#composer")).to_be_visible()


async def test_who_reads_further_up_is_not_pulled_down(school: School, visit: Visit) -> None:
    await school.meet(MARIA)
    for n in range(30):
        await school.say(MARIA, f"Line {n}")
    page = await visit(f"/#user={MARIA}")
    await expect(bubbles(page).last).to_be_in_viewport()
    await page.locator("#log").hover()
    await page.mouse.wheel(0, -900)
    await expect(bubbles(page).last).not_to_be_in_viewport()
    await school.say(MARIA, "The newest")
    pill = page.locator("#pill")
    await expect(pill).to_have_text("1 new message")
    await expect(bubbles(page).last).not_to_be_in_viewport()
    await pill.click()
    await expect(bubbles(page).last).to_be_in_viewport()
    await expect(pill).to_be_hidden()


async def test_a_reload_keeps_the_place(school: School, visit: Visit) -> None:
    await school.meet(MARIA)
    page = await visit()
    await row(page, MARIA).click()
    await expect(page.locator("#chat-name")).to_have_text("Maria Santos")
    assert page.url.endswith(f"/#user={MARIA}&bot={BOT}")
    await page.reload()
    await expect(page.locator("#chat-name")).to_have_text("Maria Santos")
    await expect(bubbles(page).last).to_contain_text("Heard: /start")


async def test_a_restart_of_the_server_is_survived(school: School, visit: Visit) -> None:
    await school.meet(MARIA)
    page = await visit(f"/#user={MARIA}")
    await expect(bubbles(page).last).to_contain_text("Heard: /start")
    port = school.sandbox.port
    await school.sandbox.stop()
    await expect(page.locator("#lost")).to_be_visible()
    async with Sandbox(port=port, clock=ShiftedClock(EARLY, "Asia/Shanghai")):
        await school.open()
        await school.meet(MARIA)
        await school.say(MARIA, "Back again")
        await expect(page.locator("#chat-name")).to_have_text("Maria Santos")
        await expect(bubbles(page)).to_have_text(["/start06:24", "Back again06:24"])
        await expect(page.locator("#lost")).to_be_hidden()


async def test_where_event_streams_are_swallowed_the_page_polls(
    school: School, visit: Visit
) -> None:
    await school.meet(MARIA)
    page = await visit(f"/#user={MARIA}", events=False)
    await expect(bubbles(page).last).to_contain_text("Heard: /start")
    await school.say(MARIA, "By the long way")
    await expect(bubbles(page).last).to_contain_text("By the long way")


GUIDE = [
    {"text": {"en": "A small school.", "zh": "一所小学校。"}},
    {
        "text": {"en": "Maria is asked.", "zh": "Maria 收到询问。"},
        "user": MARIA,
        "at": "2026-03-02T06:30:00+08:00",
    },
    {
        "text": "One tap, and a word.",
        "user": MARIA,
        "acts": [{"tap": "All clear"}, {"say": "36.5"}],
    },
]


async def test_a_morning_can_be_watched_by_pressing_next_only(
    school: School, visit: Visit
) -> None:
    await school.meet(MARIA)
    await school.client.post("/sandbox/clock", steps=STEPS)
    await school.client.post("/sandbox/guide", steps=GUIDE)
    page = await visit()
    await page.get_by_role("button", name="Show me a morning").click()
    step = page.locator("#guide-next")
    await expect(page.locator("#guide-text")).to_have_text("A small school.")
    await expect(page.locator("#next")).to_be_hidden()
    await expect(page.locator("#hint")).to_be_hidden()
    await expect(step).to_have_text("Next")
    await expect(step).to_be_focused()
    assert (await school.client.get("/sandbox/guide"))["language"] == "en"
    await step.press("Enter")
    await expect(page.locator("#chat-name")).to_have_text("Maria Santos")
    await expect(page.locator("#time")).to_contain_text("06:30")
    await school.ask(MARIA)
    await expect(step).to_have_text("Next")
    await expect(step).to_be_focused()
    await page.reload()
    await expect(page.locator("#guide-text")).to_have_text("Maria is asked.")
    await expect(bubbles(page).last).to_contain_text("How is Ana today?")
    await step.click()
    await expect(bubbles(page).filter(has_text="✓ Ana: all clear")).to_be_visible()
    await expect(bubbles(page).last).to_contain_text("Heard: 36.5")
    await expect(step).to_have_text("Done")
    await step.click()
    await expect(page.locator("#guide")).to_be_hidden()
    await expect(page.locator("#next")).to_be_visible()


async def test_the_guide_is_closed_for_good_and_can_be_asked_for(
    school: School, visit: Visit
) -> None:
    await school.client.post("/sandbox/clock", steps=STEPS)
    await school.client.post("/sandbox/guide", steps=GUIDE)
    page = await visit()
    await page.get_by_role("button", name="Guide me").click()
    await page.get_by_role("button", name="Close the guide").click()
    await page.reload()
    await expect(page.locator("#guide-me")).to_be_visible()
    await expect(page.locator("#guide")).to_be_hidden()
    await expect(page.locator("#hint")).to_be_hidden()


async def test_a_line_under_the_clock_tells_what_has_happened(
    school: School, visit: Visit
) -> None:
    await school.meet(MARIA)
    await school.meet(LIN)
    await school.client.post("/sandbox/clock", steps=STEPS)
    page = await visit()
    line = page.locator("#news-line")
    await expect(line).to_have_text("Nothing has happened yet")
    await school.client.post("/sandbox/clock", jump="next")
    await expect(line).to_have_text("06:30 Ask")
    for user in (MARIA, LIN):
        await school.ask(user)
    await expect(line).to_have_text("06:30 Ask: 2 people written to")
    await school.client.post("/sandbox/clock", jump="next")
    await school.say(MARIA, "Still waiting")
    await expect(line).to_have_text("07:15 Remind: 1 person written to")
    await line.click()
    items = page.get_by_role("menuitem")
    await expect(items.nth(0)).to_have_text("06:30Ask2 people written to")


async def test_a_long_unread_chat_opens_at_the_first_new_message(
    school: School, visit: Visit
) -> None:
    await school.meet(MARIA)
    page = await visit(f"/#user={MARIA}")
    await expect(bubbles(page).last).to_contain_text("Heard: /start")
    await row(page, LIN).click()
    for n in range(30):
        await school.say(MARIA, f"Message {n}")
    await expect(row(page, MARIA).locator(".badge")).to_have_text("30")
    await row(page, MARIA).click()
    await expect(page.get_by_text("Message 0", exact=True)).to_be_in_viewport()
    await expect(page.locator("#pill")).to_be_visible()


async def test_a_message_that_is_taken_back_goes_and_the_others_stay(
    browser: Browser, school: School, visit: Visit
) -> None:
    await school.meet(MARIA)
    lively = await browser.new_context(viewport=DESK, locale="en-GB")
    page = await visit(f"/#user={MARIA}", lively)
    await expect(bubbles(page).last).to_contain_text("Heard: /start")
    gone = await school.say(MARIA, "Still waiting")
    await school.say(MARIA, "Thank you")
    await expect(bubbles(page)).to_have_count(4)
    place = {"chat_id": MARIA, "message_id": gone["message_id"]}
    await school.client.result("deleteMessage", **place)
    await school.say(MARIA, "Until tomorrow")
    await expect(page.locator("#log .row")).to_have_count(4)
    await expect(page.get_by_text("Still waiting")).to_have_count(0)
    await expect(bubbles(page).nth(2)).to_contain_text("Thank you")
    await expect(bubbles(page).nth(3)).to_contain_text("Until tomorrow")
    await lively.close()
