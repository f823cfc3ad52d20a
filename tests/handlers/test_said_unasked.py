"""What somebody says of a child about whom they were not asked is heard, as they may answer."""

from datetime import timedelta

from sqlmodel import select

from handlers.inbox import Arrival, Inbox
from storage.tables import CheckIn, HistoryEntry
from tests.play import BOT_ID, MONDAY, TUESDAY, Someone, Stage

SUNDAY = MONDAY - timedelta(days=1)


async def said(stage: Stage, who: Someone) -> list[str]:
    return [m["text"] for m in await stage.chat(who) if m["from"] == "bot"]


async def is_asked_on_about(stage: Stage, who: Someone, name: str) -> bool:
    """Say whether what was typed is kept, and the next question about the child is open."""
    about = await stage.person_id(name)
    async with stage.database.reading() as session:
        rows = await session.exec(select(CheckIn).where(CheckIn.subject_id == about))
        kept = any(row.draft is not None for row in rows)
    return kept and f"Does {name} have any of these" in (await said(stage, who))[-1]


async def asked_on_monday(stage: Stage, *names: str) -> list[Someone]:
    await stage.opens_school("en")
    people = [await stage.joined(name) for name in names]
    for clock in ("06:30", "07:10", "07:20", "08:00"):
        await stage.at(clock)
    return people


async def test_the_second_guardian_is_heard_before_their_turn(stage: Stage) -> None:
    _, carlos = await asked_on_monday(stage, "Maria", "Carlos")
    await stage.at("06:30", TUESDAY)
    await stage.says(carlos, "Ana has 38.5")
    assert await is_asked_on_about(stage, carlos, "Ana")


async def test_a_guardian_who_never_had_a_card_is_heard(stage: Stage) -> None:
    await stage.opens_school("en")
    maria, carlos = await stage.joined("Maria"), await stage.joined("Carlos")
    await stage.at("06:30")
    await stage.says(carlos, "Ana and Ben are fine")
    assert "Ana, Ben: all clear" in (await said(stage, carlos))[-1]
    assert "(Carlos)" in (await said(stage, maria))[-1]


async def test_a_family_on_a_pause_is_heard(stage: Stage) -> None:
    [tina] = await asked_on_monday(stage, "Tina")
    await stage.says(tina, "/pause 2026-03-06")
    await stage.at("06:30", TUESDAY)
    await stage.says(tina, "Tom has 38.5")
    assert await is_asked_on_about(stage, tina, "Tom")


async def test_a_family_whose_morning_went_by_is_heard(stage: Stage) -> None:
    [tina] = await asked_on_monday(stage, "Tina")
    await stage.at("08:20", TUESDAY)
    await stage.says(tina, "Tom has 38.5")
    assert await is_asked_on_about(stage, tina, "Tom")


async def test_a_boarders_mother_is_heard(stage: Stage) -> None:
    await stage.opens_boarding_school("en")
    lena = await stage.joined("Lena")
    await stage.at("06:30")
    await stage.says(lena, "Leo has 39")
    assert await is_asked_on_about(stage, lena, "Leo")


async def test_the_mother_of_a_student_with_an_own_account_is_heard(stage: Stage) -> None:
    [tina] = await asked_on_monday(stage, "Tina")
    await stage.joined("Tom")
    await stage.at("06:30", TUESDAY)
    await stage.says(tina, "Tom has 38.5")
    assert await is_asked_on_about(stage, tina, "Tom")


async def test_who_writes_of_nobody_or_may_only_see_is_given_no_card(stage: Stage) -> None:
    await stage.opens_boarding_school("en")
    _, carlos, oleg = [await stage.joined(name) for name in ("Maria", "Carlos", "Oleg")]
    await stage.at("06:30")
    await stage.says(carlos, "Good morning")
    await stage.says(oleg, "Tom has 38.5")
    for who in (carlos, oleg):
        assert "/today" in (await said(stage, who))[-1]
        assert not (await stage.chat(who))[-1]["buttons"]


async def test_on_a_day_that_was_called_off_who_writes_unasked_hears_so(stage: Stage) -> None:
    _, carlos, gu = await asked_on_monday(stage, "Maria", "Carlos", "Gu")
    await stage.at("06:30", TUESDAY)
    await stage.says(gu, "/calendar closed today snow")
    await stage.taps_first(gu, 0)
    await stage.says(carlos, "Ana has 38.5")
    assert "No school today: snow" in (await said(stage, carlos))[-1]


async def test_what_was_written_yesterday_by_who_is_not_asked_does_not_answer_for_today(
    stage: Stage,
) -> None:
    _, carlos = await asked_on_monday(stage, "Maria", "Carlos")
    with stage.nobody_hears():
        await stage.at("21:00")
        await stage.says(carlos, "Ana has 38.5")
        await stage.at("06:30", TUESDAY)
    await stage.at("06:40", TUESDAY)
    assert "reached me only now" in (await said(stage, carlos))[-2]
    assert "38.5" in (await said(stage, carlos))[-1]


async def test_overtaken_words_of_who_is_not_asked_clear_nobody(stage: Stage) -> None:
    _, carlos = await asked_on_monday(stage, "Maria", "Carlos")
    await stage.at("06:30", TUESDAY)
    with stage.nobody_hears():
        await stage.says(carlos, "Ana is fine")
        [raw] = await stage.transport.fetch(None, 0)
        await stage.transport.fetch(raw["update_id"] + 1, 0)
        await stage.says(carlos, "/when")
    await stage.settle()
    inbox = Inbox(stage.database, stage.clock, stage.inbox._route)
    await inbox.handle([Arrival(BOT_ID, raw["update_id"], raw, stage.transport.read(raw))])
    await stage.settle()
    async with stage.database.reading() as session:
        acts = list(await session.exec(select(HistoryEntry.act)))
    assert acts == ["overtaken"]
