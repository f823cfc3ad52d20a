"""/sending: an admin sees what is on its way and when it will be out, and may stop it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import col, select

from checkin.access import Role
from handlers.presses import Verb
from handlers.sending import ASK, GO_ON, NO, REFRESH, STOP, rests
from storage.sending import keep_pace
from storage.tables import AuditEntry, CheckIn, Ledger, RoleGrant
from tests.play import BOT_ID, Someone, Stage

Golden = Callable[[str, str], None]
BOTH = pytest.mark.parametrize("language", ["en", "zh"])
SENDING = Verb.sending.value


async def a_held_morning(stage: Stage, language: str) -> dict[str, Someone]:
    """Cards of two families wait: Telegram takes none of the morning's bulk for now."""
    await stage.opens_school(language)
    joined = {n: await stage.joined(n) for n in ("Gu", "Tina", "周敏", "Mr Wang", "林岚")}
    async with stage.database.writing() as session:
        await keep_pace(session, BOT_ID, 28.0, None, stage.now)
    stage.sender.pacer.rest(1e6)
    await stage.at("06:30")
    return joined


async def lets_go(stage: Stage) -> None:
    stage.sender.pacer._bulk_rests_until = 0.0


async def states(stage: Stage) -> list[str]:
    async with stage.database.reading() as session:
        found = await session.exec(
            select(Ledger).where(Ledger.kind == "card", Ledger.lane == 1).order_by(col(Ledger.id))
        )
        return [entry.state for entry in found]


async def heard(stage: Stage, who: Someone) -> list[str]:
    return [m["text"] for m in await stage.chat(who) if m["from"] == "bot"]


async def acts(stage: Stage) -> list[str]:
    async with stage.database.reading() as session:
        return [e.act for e in await session.exec(select(AuditEntry).order_by(col(AuditEntry.at)))]


@BOTH
async def test_an_admin_watches_telegram_s_pause_and_the_finish(
    stage: Stage, golden: Golden, language: str
) -> None:
    gu = (await a_held_morning(stage, language))["Gu"]
    await stage.says(gu, "/sending")
    await rests(stage.database, stage.clock, BOT_ID, 5400)
    await stage.settle()
    await lets_go(stage)
    async with stage.database.writing() as session:
        await keep_pace(session, BOT_ID, 28.0, 24.6, stage.now + timedelta(minutes=35))
    await stage.at("07:05")
    await stage.settle()
    golden(f"sending.{language}", stage.transcript())


@BOTH
async def test_an_admin_stops_the_sending_and_lets_it_go_on(
    stage: Stage, golden: Golden, language: str
) -> None:
    joined = await a_held_morning(stage, language)
    gu, tina = joined["Gu"], joined["Tina"]
    await stage.says(gu, "/sending")
    await stage.presses(gu, SENDING, ASK)
    await stage.presses(gu, SENDING, NO)
    await stage.presses(gu, SENDING, ASK)
    await stage.presses(gu, SENDING, STOP)
    await lets_go(stage)
    await stage.at("06:50")
    assert set(await states(stage)) == {"stopped"}
    assert await heard(stage, tina) == []
    await stage.presses(gu, SENDING, GO_ON)
    assert set(await states(stage)) == {"sent"}
    assert len(await heard(stage, tina)) == 1
    await stage.at("06:51")
    golden(f"sending_stopped.{language}", stage.transcript())
    assert {"sending stopped", "sending goes on"} <= set(await acts(stage))


async def test_what_is_owed_while_sending_is_stopped_waits_too_and_the_class_sees_why(
    stage: Stage,
) -> None:
    joined = await a_held_morning(stage, "en")
    gu, wang = joined["Gu"], joined["Mr Wang"]
    await stage.says(gu, "/sending")
    await stage.presses(gu, SENDING, ASK)
    await stage.presses(gu, SENDING, STOP)
    maria = await stage.joined("Maria")
    async with stage.database.writing() as session:
        for checkin in await session.exec(select(CheckIn)):
            if checkin.status == "unreachable":
                checkin.status = "due"  # they joined, and the second rung asks them
    await lets_go(stage)
    for clock in ("07:20", "07:30", "08:00", "08:05"):
        await stage.at(clock)
    assert await heard(stage, maria) == []
    assert set(await states(stage)) == {"expired"}
    card = next(text for text in await heard(stage, wang) if "Silent" in text)
    assert "Not asked, as sending was stopped: Ana, Tom, 周子昂" in card
    assert any("as sending was stopped" in t for t in await heard(stage, joined["林岚"]))
    await stage.presses(gu, SENDING, REFRESH)
    assert "not sent: it was too late" in (await heard(stage, gu))[0]


async def test_nobody_stops_what_is_not_theirs(stage: Stage) -> None:
    joined = await a_held_morning(stage, "en")
    gu, wang = joined["Gu"], joined["Mr Wang"]
    await stage.says(wang, "/sending")
    assert len(await heard(stage, wang)) == 1  # it is not for him
    await stage.says(gu, "/sending")
    card = (await stage.chat(gu))[-1]
    data = card["buttons"][-1][0]["data"]
    verb, row, revision, _ = data.split(":")
    stop = ":".join((verb, row, revision, str(STOP)))
    other = (await stage.chat(wang))[-1]["id"]
    await stage.taps_raw(wang, other, stop)
    assert set(await states(stage)) == {"pending"}
    async with stage.database.writing() as session:  # Gu is not the admin any more
        grants = select(RoleGrant).where(RoleGrant.role == Role.admin.value)
        for grant in await session.exec(grants):
            grant.until = stage.now.date() - timedelta(days=2)
    await stage.taps_raw(gu, card["id"], stop)
    assert set(await states(stage)) == {"pending"}
    assert (await acts(stage)).count("button refused") == 2


async def test_a_pause_of_hours_is_told_once_a_day_and_a_short_one_is_not(stage: Stage) -> None:
    joined = await a_held_morning(stage, "en")
    await rests(stage.database, stage.clock, BOT_ID, 599)
    await stage.settle()
    assert await heard(stage, joined["Gu"]) == await heard(stage, joined["Mr Wang"]) == []
    for _ in range(2):
        await rests(stage.database, stage.clock, BOT_ID, 2 * 3600)
        await stage.settle()
    (told,) = await heard(stage, joined["Gu"])
    assert "until 08:30" in told
    assert "5 messages" in told
    (told,) = await heard(stage, joined["Mr Wang"])
    assert "ask by phone" in told
    assert await heard(stage, joined["Tina"]) == []


async def test_a_429_moves_the_finish_on_the_card(stage: Stage) -> None:
    joined = await a_held_morning(stage, "en")
    gu = joined["Gu"]
    await stage.says(gu, "/sending")
    assert "about 06:30" in (await heard(stage, gu))[-1]
    await lets_go(stage)
    fault = {"rate_429": 1, "retry_after": 1800, "methods": ["sendMessage"]}
    async with stage.http.post("/sandbox/faults", json=fault) as response:
        assert response.status < 300
    async with stage.database.writing() as session:
        for entry in await session.exec(select(Ledger).where(Ledger.lane == 1)):
            entry.not_before = None
    await stage.settle()
    assert "until 07:00" in (await heard(stage, gu))[0]
    assert "about 07:00" in (await heard(stage, gu))[0]
