"""Several people in one batch: each is answered as if they had come alone."""

from sqlmodel import select

from checkin.statuses import Status
from storage.tables import CheckIn, HistoryEntry
from tests.play import Someone, Stage


async def tap_soon(stage: Stage, who: Someone, row: int = 0, column: int = 0) -> None:
    """Tap a button of the newest message without letting the bot work yet."""
    message = (await stage.chat(who))[-1]
    data = message["buttons"][row][column]["data"]
    await stage.post(
        f"/sandbox/chats/{who.user_id}/taps", {"message_id": message["id"], "data": data}
    )


async def answered(stage: Stage) -> int:
    async with stage.database.reading() as session:
        found = await session.exec(select(CheckIn).where(CheckIn.status == Status.complete))
        return len(list(found))


async def test_many_families_in_one_batch_are_each_kept_once(stage: Stage) -> None:
    await stage.opens_school("en")
    people = [await stage.joined(name) for name in ("Maria", "周敏", "Tina", "Mr Wang")]
    await stage.at("06:30")
    for who in people:
        await tap_soon(stage, who)
        await tap_soon(stage, who)  # an impatient finger
    await stage.settle()
    assert await answered(stage) == 5
    async with stage.database.reading() as session:
        assert len(list(await session.exec(select(HistoryEntry)))) == 5


async def test_two_guardians_who_tap_in_the_same_moment_both_see_the_answer(stage: Stage) -> None:
    await stage.opens_school("en")
    maria, carlos = await stage.joined("Maria"), await stage.joined("Carlos")
    await stage.at("06:30")
    await stage.says(carlos, "/today")
    await tap_soon(stage, maria)
    await tap_soon(stage, carlos)
    await stage.settle()
    assert await answered(stage) == 2
    for who in (maria, carlos):
        assert "all clear" in (await stage.chat(who))[-1]["text"]


async def test_who_stops_and_taps_in_one_batch_answers_for_nobody_any_more(stage: Stage) -> None:
    await stage.opens_school("en")
    maria, tina = await stage.joined("Maria"), await stage.joined("Tina")
    await stage.at("06:30")
    card = (await stage.chat(maria))[-1]
    await stage.says(maria, "/stop")
    await tap_soon(stage, tina)
    await tap_soon(stage, maria, 1)  # stop asking me
    await stage.post(
        f"/sandbox/chats/{maria.user_id}/taps",
        {"message_id": card["id"], "data": card["buttons"][0][0]["data"]},
    )
    await stage.settle()
    assert await answered(stage) == 1
