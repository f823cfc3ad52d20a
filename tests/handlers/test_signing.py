"""Who is asked to sign: the lead, then the deputy, and when nobody is there, the admin."""

from sqlmodel import select

from bot.pacer import Pacer
from bot.sender import Sender
from handlers.messages import Rendered
from storage.tables import Ledger
from tests.play import Someone, Stage
from tests.test_summaries import ROSTER

WITH_ADMIN = ROSTER + "staff,T006,Gu,,admin,13900000016,\n"
TWO_LEADS = ROSTER + "staff,T007,许闻,,school lead,13900000017,\n"


async def opened(stage: Stage, roster: str, *names: str) -> list[Someone]:
    stage.language = "en"
    await stage.a_school(roster)
    cast = [await stage.joined(name) for name in names]
    await stage.at("06:30")
    return cast


async def said_to(stage: Stage, who: Someone, words: str) -> int:
    chat = await stage.chat(who)
    return sum(words in (m["text"] or m["caption"] or "") for m in chat if m["from"] == "bot")


async def pictures_of(stage: Stage, who: Someone) -> int:
    return sum(m["photo"] is not None for m in await stage.chat(who))


async def test_without_a_lead_the_deputy_has_it_at_once_and_is_told_why(stage: Stage) -> None:
    (deputy,) = await opened(stage, ROSTER, "何川")
    await stage.at("08:00")
    await stage.at("08:05")
    assert await said_to(stage, deputy, "The head of school cannot be reached") == 1
    await stage.at("08:30")
    assert await said_to(stage, deputy, "is not signed yet") == 1
    await stage.at("09:00")
    assert await said_to(stage, deputy, "yours to sign") == 1
    assert await pictures_of(stage, deputy) == 1
    await stage.taps(deputy, "Sign: zero cases")
    assert await said_to(stage, deputy, "by 何川") == 1
    assert await said_to(stage, deputy, "is not signed yet") == 0


async def test_when_nobody_who_may_sign_is_there_the_admin_is_told_once(stage: Stage) -> None:
    (admin,) = await opened(stage, WITH_ADMIN, "Gu")
    for clock in ("08:00", "08:05", "08:30", "09:00"):
        await stage.at(clock)
    assert await said_to(stage, admin, "waits for a signature") == 1


async def test_a_silent_lead_without_a_deputy_is_the_admins_to_know(stage: Stage) -> None:
    lead, admin = await opened(stage, WITH_ADMIN, "林岚", "Gu")
    for clock in ("08:00", "08:05", "08:30"):
        await stage.at(clock)
    assert await said_to(stage, admin, "waits for a signature") == 0
    await stage.at("09:00")
    assert await said_to(stage, admin, "waits for a signature") == 1
    assert await said_to(stage, lead, "went to the deputy") == 0


async def test_a_signed_day_is_neither_chased_nor_passed_on(stage: Stage) -> None:
    lead, deputy = await opened(stage, ROSTER, "林岚", "何川")
    await stage.at("08:00")
    await stage.at("08:05")
    await stage.taps(lead, "Sign: zero cases")
    await stage.at("08:30")
    await stage.at("09:00")
    assert await said_to(stage, lead, "is not signed yet") == 0
    assert await pictures_of(stage, deputy) == 0


async def test_a_second_lead_sees_it_signed_and_by_whom(stage: Stage) -> None:
    lead, other = await opened(stage, TWO_LEADS, "林岚", "许闻")
    await stage.at("08:00")
    await stage.at("08:05")
    await stage.at("08:30")
    await stage.taps(other, "Sign: zero cases")
    for who in (lead, other):
        assert await said_to(stage, who, "by 许闻") == 1
        assert await said_to(stage, who, "is not signed yet") == 0
    assert not any(
        "Sign" in button["text"]
        for message in await stage.chat(lead)
        for row in message["buttons"]
        for button in row
    )


async def test_a_picture_that_fails_keeps_no_summary_back(stage: Stage) -> None:
    def broken(*_: object) -> Rendered:
        raise OSError("no font")

    (lead,) = await opened(stage, ROSTER, "林岚")
    stage.sender = Sender(
        stage.database, stage.transport, stage.clock, Pacer(1e6), coalesce=False, draw=broken
    )
    await stage.at("08:00")
    await stage.at("08:05")
    assert await pictures_of(stage, lead) == 0
    assert await said_to(stage, lead, "Please read it through") == 1
    async with stage.database.reading() as session:
        found = await session.exec(select(Ledger.state).where(Ledger.kind == "picture"))
        assert found.all() == ["moot"]


async def test_a_new_case_after_the_signature_is_told_to_whoever_signed(stage: Stage) -> None:
    lead, deputy, finn = await opened(stage, ROSTER, "林岚", "何川", "Finn")
    for clock in ("08:00", "08:05", "09:00"):
        await stage.at(clock)
    await stage.taps(deputy, "Sign: zero cases")
    await stage.reports_fever(finn)
    assert await said_to(stage, deputy, "after your signature") == 1
    assert await said_to(stage, lead, "after your signature") == 0
    assert await said_to(stage, lead, "Since the signature: 1 new case") == 1


async def another_leads(stage: Stage, admin: Someone) -> None:
    """Let a list say that the deputy leads the school from now on, and the lead teaches."""
    listed = WITH_ADMIN.replace("林岚,,school lead", "林岚,,teacher")
    listed = listed.replace("何川,,deputy head", "何川,,school lead")
    await stage.sends_file(admin, "staff.csv", listed.encode())


async def test_whoever_leads_no_more_sees_no_new_case_in_the_summary(stage: Stage) -> None:
    lead, deputy, admin, finn = await opened(stage, WITH_ADMIN, "林岚", "何川", "Gu", "Finn")
    for clock in ("08:00", "08:05"):
        await stage.at(clock)
    await another_leads(stage, admin)
    assert await said_to(stage, lead, "not in your care any more") == 1
    await stage.reports_fever(finn)
    assert await said_to(stage, lead, "1 case") == 0
    await stage.at("08:30")
    assert await said_to(stage, lead, "is not signed yet") == 0
    assert await said_to(stage, deputy, "1 case") == 1
    assert await pictures_of(stage, lead) == 1  # the one from before
    assert await pictures_of(stage, deputy) == 1


async def test_after_the_signature_of_a_lead_of_before_whoever_leads_now_is_told(
    stage: Stage,
) -> None:
    lead, deputy, admin, finn = await opened(stage, WITH_ADMIN, "林岚", "何川", "Gu", "Finn")
    elsa = await stage.joined("Elsa")
    for clock in ("08:00", "08:05"):
        await stage.at(clock)
    await stage.taps(lead, "Sign: zero cases")
    await another_leads(stage, admin)
    await stage.reports_fever(finn)
    assert await said_to(stage, deputy, "after the signature of 林岚\n1 new case") == 1
    await stage.says(elsa, "/today")
    await stage.taps_first(elsa, 0)
    await stage.at("08:20")
    assert await said_to(stage, deputy, "after the signature of 林岚\n1 answered late") == 1
    assert await said_to(stage, lead, "your signature") == 0
    assert await said_to(stage, lead, "Since the signature") == 0
