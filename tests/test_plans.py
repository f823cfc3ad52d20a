"""The school's plans in chat: as a file to edit and send back, and by the school's own clock."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from bot.render_plans import file_text
from bot.texts import texts
from storage import plans
from storage.tables import CheckIn, Round
from tests.play import MONDAY, TUESDAY, Stage

Golden = Callable[[str, str], None]
BOTH = pytest.mark.parametrize("language", ["en", "zh"])

WRONG = {
    "en": """plans:
  - audience: pupils
    runs: sometimes
    steps:
      - ask: 06:30
      - remind: 25:00
  - audience: staff
    runs: every day
    steps:
      - ask: 08:30
      - close: 08:00
  - steps:
      - 07:00
""",
    "zh": """安排:
  - 对象: 小朋友
    频率: 有时候
    步骤:
      - 询问: 06:30
      - 提醒: 25:00
  - 对象: 教职工
    频率: 每天
    步骤:
      - 询问: 08:30
      - 截止: 08:00
  - 步骤:
      - 07:00
""",
}
EDITS = {
    "en": [("runs: school days", "runs: every day"), ("remind: 07:10", "remind: 07:05")],
    "zh": [("频率: 上学日", "频率: 每天"), ("提醒: 07:10", "提醒: 07:05")],
}


@BOTH
async def test_the_plans_are_edited_as_a_file(stage: Stage, golden: Golden, language: str) -> None:
    stage.now += timedelta(hours=6)  # noon: no morning has gone by
    await stage.opens_school(language)
    admin = await stage.joined("Gu")
    await stage.at("12:00")
    await stage.says(admin, {"en": "/plan file", "zh": "/plan 文件"}[language])
    sent = await _content(stage)
    stage.lines.append(sent.rstrip())
    await stage.sends_file(admin, "plan.yaml", WRONG[language].encode())
    await stage.sends_file(admin, "plan.yaml", sent.encode())
    edited = sent
    for old, new in EDITS[language]:
        edited = edited.replace(old, new, 1)
    await stage.sends_file(admin, "plan.txt", edited.encode())
    await stage.sends_file(admin, "plan.yaml", edited.encode("utf-8-sig"))
    golden(f"plan_file.{language}", stage.transcript())


async def _content(stage: Stage) -> str:
    """Return the text of the plans' file, as the command line writes it."""
    assert stage.school is not None
    async with stage.database.reading() as session:
        running = await plans.plans(session, stage.school.id)
    return file_text(running, stage.school.name, texts(stage.language))


# ---- times that are moved to before now ------------------------------------------------------


async def test_a_day_whose_time_to_ask_is_moved_to_before_now_is_asked_at_once(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    gu, tina, lin = [await stage.joined(name) for name in ("Gu", "Tina", "林岚")]
    await stage.says(gu, "/plan students ask 06:30, close 08:00, summary 08:05")  # no evening
    await stage.at("06:10")
    await stage.says(gu, "/plan 06:00 07:10 08:00")
    said = [m["text"] for m in await stage.chat(gu)]
    for audience in ("Students", "Staff"):
        now = "the time to ask (06:00) has passed, so today is asked now and closes at 08:00"
        assert f"{audience}: {now}" in said[-2]
    assert "How are you this morning?" in said[-1]
    assert "Good morning" in (await stage.chat(tina))[-1]["text"]
    for clock in ("07:10", "08:00", "08:05"):
        await stage.at(clock)
    assert "Staff: 0 of 4" in (await stage.chat(lin))[-1]["text"]


async def test_a_day_whose_close_is_moved_to_before_the_ask_is_told_as_not_asked(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    gu, lin = await stage.joined("Gu"), await stage.joined("林岚")
    await stage.at("06:10")
    await stage.says(gu, "/plan staff ask 05:00, close 06:00")
    said = (await stage.chat(gu))[-1]["text"]
    assert "Staff: nobody is asked today any more, because the close (06:00) has passed" in said
    for clock in ("06:30", "08:00", "08:05"):
        await stage.at(clock)
    assert "Staff: 0 of 4" in (await stage.chat(lin))[-1]["text"]


# ---- a clock that is put right ---------------------------------------------------------------


async def test_a_round_closes_by_the_clock_that_was_put_right_while_it_was_open(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    gu, tina = await stage.joined("Gu"), await stage.joined("Tina")
    await stage.at("06:30")
    await stage.at("07:00")
    await stage.says(gu, "/setup zone Asia/Kolkata")  # half past four there
    async with stage.database.reading() as session:
        closes = {each.closes_at for each in await session.exec(select(Round))}
    assert closes == {datetime.combine(MONDAY, time(8, 0), ZoneInfo("Asia/Kolkata"))}
    await stage.at("09:40")  # ten past seven there
    assert any("Please answer by 08:00" in m["text"] for m in await stage.chat(tina))
    await stage.at("10:30")
    card = next(m for m in await stage.chat(tina) if "Tom" in m["text"])
    assert "closed at 08:00" in card["text"]


async def test_a_late_answer_is_taken_until_the_day_is_over_by_the_clock_that_was_put_right(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    gu, tina = await stage.joined("Gu"), await stage.joined("Tina")
    await stage.at("06:30")
    await stage.at("08:00")
    await stage.at("20:00")
    await stage.says(gu, "/setup zone Asia/Kolkata")
    await stage.at("01:00", TUESDAY)  # half past ten in the evening there
    await stage.taps_first(tina, 0)
    await stage.answers_all_clear(tina)
    tom = await stage.person_id("Tom")
    async with stage.database.reading() as session:
        held = (await session.exec(select(CheckIn).where(CheckIn.subject_id == tom))).one()
    assert (held.status, held.late) == ("complete", True)
