"""The school's plans in chat: as a file to edit and send back."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.render_plans import file_text
from bot.texts import texts
from storage import plans
from tests.play import Stage

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
