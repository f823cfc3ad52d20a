"""The demo's guided morning: what a stranger is shown first, step by step, in both languages."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.invented import SCHOOL_NAME
from checkin.steps import Action

Step = tuple[str | None, Action | None, dict[str, str], list[dict[str, Any]]]

_FIRST = {"tap": [0, 0]}  # of the newest card: "none of these", "here", "seen", "sign"

_MORNING: list[Step] = [
    (
        None,
        None,
        {
            "en": "An invented school of 240 pupils, just before half past six. "
            "In eight steps you will see its morning on several people's phones.",
            "zh": "一所编出来的学校，240 个学生，马上六点半。分八步，轮流看看几个人的手机。",
        },
        [],
    ),
    (
        "guardian_of_two",
        Action.ask,
        {
            "en": "06:30. Every family is asked. Maria has two children: "
            "if both are well, one tap answers for both.",
            "zh": "6:30，每家都收到询问。Maria 有两个孩子，都好的话，点一下两个一起报。",
        },
        [],
    ),
    (
        "guardian_of_two",
        None,
        {
            "en": "But Ana is hot this morning. Maria picks her, types 38.2, "
            "and answers a few short questions.",
            "zh": "可是 Ana 今早发烧。妈妈点开 Ana，输入 38.2，再答几个小问题。",
        },
        [{"tap": "Ana"}, {"say": "38.2"}, _FIRST, _FIRST, _FIRST, _FIRST],
    ),
    (
        "teacher",
        None,
        {
            "en": "Ana's class teacher knows at once that she stays at home. "
            "The reason is shown only when he asks, and never beside her name.",
            "zh": "班主任马上知道：Ana 今天在家休息。原因要点开才看得到，不和名字写在一起。",
        },
        [{"wait": 3}, {"tap": [0, 0], "of": "Ana"}],
    ),
    (
        "silent",
        Action.remind,
        {
            "en": "07:10. Zhou Min has not answered yet and gets one reminder. "
            "When she answers, it is gone.",
            "zh": "7:10，周敏还没填，收到一次提醒。一填好，提醒就自己消失。",
        },
        [{"wait": 4}, _FIRST],
    ),
    (
        "teacher",
        Action.card,
        {
            "en": "07:30. The whole class on one card: how many are in, "
            "who stays at home, who is still silent.",
            "zh": "7:30，全班一张卡：填了几人，谁在家，谁还没消息。",
        },
        [{"look": "3-2"}],
    ),
    (
        "lead",
        Action.summary,
        {
            "en": "08:05. The head of school gets the day as one picture. Below it stand those "
            "who are ill, and by name those nobody has heard from.",
            "zh": "8:05，校长收到一张图，全校情况一目了然。下面写着谁不舒服，谁还没有消息。",
        },
        [{"look": "photo"}],
    ),
    (
        "lead",
        None,
        {
            "en": "She reads it through and signs. Silence was never counted as health. "
            "Now everyone on the left is yours to play.",
            "zh": "看过，签名。没有回音，从来不当作没事。接下来，左边的人都归你演。",
        },
        [{"wait": 2}, {"tap": [0, 0], "of": SCHOOL_NAME}],
    ),
]


def guided_morning(
    cast: Mapping[str, int], moments: Mapping[Action, datetime]
) -> list[dict[str, Any]]:
    """Write the walk for the chat page.

    Args:
        cast: the user ids of the personas.
        moments: when the steps of the coming morning are due.
    """
    walk = []
    for persona, action, text, acts in _MORNING:
        step: dict[str, Any] = {"text": text, "acts": acts}
        if persona is not None:
            step["user"] = cast[persona]
        if action is not None and action in moments:
            step["at"] = moments[action].isoformat()
        walk.append(step)
    return walk
