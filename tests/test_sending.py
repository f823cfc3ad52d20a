"""/sending: an admin sees what is on its way and when it will be out, and may stop it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import col, select

from bot.sender import Sender
from checkin.access import Role
from handlers.presses import Verb
from handlers.sending import ASK, GO_ON, NO, REFRESH, STOP, rests
from storage import sending, units
from storage.sending import keep_pace
from storage.tables import AuditEntry, CheckIn, Ledger, RoleGrant
from tests.crowds import families, owe
from tests.play import BOT_ID, MONDAY, ZONE, Someone, Stage

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


async def a_district(stage: Stage, admin: Someone) -> dict[str, int]:
    """Make a district of two schools beside the others, with an admin, whose cards wait too."""
    async with stage.database.writing() as session:
        district = await units.add_unit(session, None, "district", "North District", stage.now)
        schools = {}
        for name, n in (("River School", 60), ("Hill School", 6)):
            unit = await units.add_unit(session, district, "school", name, stage.now)
            unit.zone = ZONE.key
            schools[name] = unit.id
            await families(session, unit.id, n)
            await owe(session, unit.id)
        assert admin.person_id is not None
        session.add(
            RoleGrant(
                person_id=admin.person_id,
                unit_id=district.id,
                role=Role.admin.value,
                since=MONDAY - timedelta(days=1),
            )
        )
    return schools


async def waiting(stage: Stage) -> dict[int, int]:
    async with stage.database.reading() as session:
        return await sending.waiting(session, BOT_ID)


@BOTH
async def test_a_district_sees_its_schools_and_each_admin_stops_only_the_own(
    stage: Stage, golden: Golden, language: str
) -> None:
    joined = await a_held_morning(stage, language)
    gu, sun = joined["Gu"], await stage.joined("Ms Sun")
    assert stage.school is not None
    own = stage.school.id
    schools = await a_district(stage, sun)
    river, hill = schools.values()
    assert await waiting(stage) == {own: 5, river: 60, hill: 6}
    await stage.says(sun, "/sending")
    for wish in (ASK, STOP):
        await stage.presses(sun, SENDING, wish)
    assert await waiting(stage) == {own: 5}
    await stage.presses(sun, SENDING, GO_ON)
    golden(f"sending_district.{language}", stage.transcript())
    await stage.says(gu, "/sending")
    for wish in (ASK, STOP):
        await stage.presses(gu, SENDING, wish)
    assert await waiting(stage) == {river: 60, hill: 6}


async def test_the_card_asks_first_whatever_button_is_pressed(stage: Stage) -> None:
    gu = (await a_held_morning(stage, "en"))["Gu"]
    await stage.says(gu, "/sending")
    card = (await stage.chat(gu))[-1]
    verb, row, revision, _ = card["buttons"][-1][0]["data"].split(":")
    stop = ":".join((verb, row, revision, str(STOP)))
    await stage.taps_raw(gu, card["id"], stop)
    assert set(await states(stage)) == {"pending"}
    assert "Stop the 5" in (await heard(stage, gu))[-1]
    await stage.taps_raw(gu, card["id"], stop)
    assert set(await states(stage)) == {"stopped"}


async def test_a_card_that_is_watched_is_edited_every_half_minute_and_ends_up_right(
    stage: Stage,
) -> None:
    gu = (await a_held_morning(stage, "en"))["Gu"]
    stage.sender = Sender(stage.database, stage.transport, stage.clock, stage.sender.pacer)
    await stage.says(gu, "/sending")
    for n in range(1, 6):
        async with stage.database.writing() as session:
            (entry, *_) = await session.exec(select(Ledger).where(Ledger.state == "pending"))
            entry.state = "sent"
        await stage.at(f"06:30:{10 * n}")
    edited = "Gu (edited): Sending"
    assert stage.transcript().count(edited) == 1
    await stage.at("06:31:10")
    assert stage.transcript().count(edited) == 2
    assert "5 of 5" in (await heard(stage, gu))[-1]


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


async def test_a_long_pause_is_told_once_a_day_and_again_when_it_comes_to_hours(
    stage: Stage,
) -> None:
    joined = await a_held_morning(stage, "en")

    async def pause(seconds: float) -> list[str]:
        before = len(await heard(stage, joined["Gu"]))
        await rests(stage.database, stage.clock, BOT_ID, seconds)
        await stage.settle()
        return (await heard(stage, joined["Gu"]))[before:]

    assert await pause(599) == []
    (told,) = await pause(700)
    assert "until 06:41" in told
    assert "5 messages" in told
    assert await pause(800) == []
    (told,) = await pause(2 * 3600)
    assert "until 08:30" in told
    assert await pause(3 * 3600) == []
    first, second = await heard(stage, joined["Mr Wang"])
    assert "ask by phone" in first
    assert "about 08:30" in second
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
