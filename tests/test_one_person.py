"""Somebody who is known twice is one person once they have said so: nothing is lost by it."""

import asyncio
from datetime import timedelta

from sqlmodel import col, select

from bot.installation import first_admin
from checkin.access import Role
from checkin.invitations import InvitationKind
from checkin.rosters import Sheet, read_roster
from handlers.invitations import make_link
from handlers.rosters import import_roster
from storage import contacts, people, units
from storage.tables import CheckIn, Contact, Ledger, Person, RoleGrant
from tests.play import BOT_ID, ROSTER, Someone, Stage


async def takes_over(stage: Stage, roster: str) -> int:
    """Take over a roster; return how many were changed by it."""
    assert stage.school is not None
    rows = [line.split(",") for line in roster.strip().splitlines()]
    async with stage.database.writing() as session:
        changes = await import_roster(
            session, stage.school, read_roster([Sheet("roster", rows)]), stage.now, actor_id=None
        )
    return changes.changed + changes.staff + changes.guardians


async def link_for(stage: Stage, name: str, kind: InvitationKind = InvitationKind.staff) -> str:
    person = await stage.person_id(name)
    async with stage.database.writing() as session:
        school = stage.school.id if stage.school else 0
        return await make_link(session, kind, school, stage.now, by=None, person_id=person)


async def person_behind(stage: Stage, who: Someone) -> Person:
    async with stage.database.reading() as session:
        found = await session.exec(select(Contact).where(Contact.chat_id == who.user_id))
        return await session.get_one(Person, found.one().person_id)


async def comes_by_the_console(stage: Stage) -> Someone:
    """Let the first admin come in before there is a roster."""
    stage.language = "en"
    way_in = await first_admin(stage.database, stage.clock)
    assert way_in is not None
    assert way_in.digits is not None
    async with stage.database.writing() as session:
        stage.school = (await units.schools(session))[0]
        await contacts.know_bot(session, BOT_ID, stage.transport.username, stage.now)
    gu = await stage.phone("Gu")
    await stage.opens(gu, way_in.code)
    await stage.says(gu, way_in.digits)
    await stage.taps(gu, "Yes, I agree")
    return gu


async def test_processes_that_start_at_once_make_one_first_admin(stage: Stage) -> None:
    ways = await asyncio.gather(*(first_admin(stage.database, stage.clock) for _ in range(4)))
    assert len({way.code for way in ways if way}) == 4
    assert len({way.digits for way in ways if way}) == 1
    async with stage.database.reading() as session:
        assert len(list(await session.exec(select(RoleGrant)))) == 1


async def test_the_first_admin_and_their_line_on_the_roster_become_one_person(
    stage: Stage,
) -> None:
    gu = await comes_by_the_console(stage)
    await takes_over(stage, ROSTER.replace("Gu,,admin", "Gu,3-2,class teacher"))
    before = await person_behind(stage, gu)
    await stage.opens(gu, await link_for(stage, "Gu"))
    await stage.says(gu, "0014")
    await stage.taps(gu, "Yes, I agree")
    after = await person_behind(stage, gu)
    assert after.id == before.id
    async with stage.database.reading() as session:
        assert people.name_of(after) == "Gu"
        access = await people.access_of(session, after.id, stage.now)
        assert access.roles() == {Role.admin, Role.class_teacher}
        grants = list(await session.exec(select(RoleGrant).where(col(RoleGrant.until).is_(None))))
        assert len({grant.person_id for grant in grants}) == 4  # nobody beside the list's four
    await stage.says(gu, "/class")
    assert "3-2" in (await stage.chat(gu))[-1]["text"]
    assert not await takes_over(stage, ROSTER.replace("Gu,,admin", "Gu,3-2,class teacher"))
    async with stage.database.reading() as session:
        access = await people.access_of(session, after.id, stage.now)
        assert Role.admin in access.roles()


async def test_who_is_made_one_while_the_round_is_open_is_asked_once(stage: Stage) -> None:
    gu = await comes_by_the_console(stage)
    await takes_over(stage, ROSTER)
    await stage.at("06:30")
    await stage.opens(gu, await link_for(stage, "Gu"))
    await stage.says(gu, "0014")
    await stage.taps(gu, "Yes, I agree")
    me = await person_behind(stage, gu)
    async with stage.database.reading() as session:
        staff = list(
            await session.exec(
                select(CheckIn.subject_id).where(CheckIn.unit_id == CheckIn.school_id)
            )
        )
    assert staff.count(me.id) == 1
    assert len(staff) == 4
    await stage.taps(gu, "All clear")
    assert "all clear" in (await stage.chat(gu))[-1]["text"]


async def test_a_parent_who_teaches_here_keeps_the_children_and_gets_the_class(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    await stage.taps_first(maria, 0)
    await stage.opens(maria, await link_for(stage, "Ms Sun"))
    await stage.says(maria, "0012")
    await stage.taps(maria, "Yes, I agree")
    await stage.says(maria, "/today")
    card = (await stage.chat(maria))[-1]["text"]
    assert all(name in card for name in ("Ana", "Ben", "you"))
    await stage.says(maria, "/class")
    assert "1-1" in (await stage.chat(maria))[-1]["text"]
    assert not await takes_over(stage, ROSTER)


async def test_a_students_link_is_not_for_the_parents_chat(stage: Stage) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    await stage.opens(maria, await link_for(stage, "Ana", InvitationKind.student))
    await stage.says(maria, "0412")
    assert "Somebody else has joined in this chat" in (await stage.chat(maria))[-1]["text"]
    ana = await stage.person_id("Ana")
    assert (await person_behind(stage, maria)).id == maria.person_id != ana


async def heard(stage: Stage, who: Someone) -> list[str]:
    return [m["text"] for m in await stage.chat(who) if m["from"] == "bot"]


async def test_the_second_ask_goes_to_the_second_guardian_not_to_the_firsts_other_chat(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    maria, carlos, _ = [await stage.joined(who) for who in ("Maria", "Carlos", "Ms Sun")]
    await stage.opens(maria, await link_for(stage, "Ms Sun"))
    await stage.says(maria, "0012")
    await stage.taps(maria, "Yes, I agree")
    for clock in ("06:30", "07:10", "07:20", "07:30"):
        await stage.at(clock)
    assert any("Ana" in text for text in await heard(stage, maria))
    assert any("Ana" in text for text in await heard(stage, carlos))


async def a_bot_of_before(stage: Stage, *people: Someone) -> None:
    """Have had people join through another bot first, which was last heard two days ago."""
    async with stage.database.writing() as session:
        await contacts.know_bot(session, BOT_ID - 1, "old_bot", stage.now - timedelta(days=2))
        await session.flush()
        for who in people:
            found = await session.exec(select(Contact).where(Contact.chat_id == who.user_id))
            new = found.one()
            session.add(
                Contact(
                    id=new.id - 10,
                    bot_id=BOT_ID - 1,
                    chat_id=who.user_id,
                    person_id=who.person_id,
                    language="en",
                    created_at=stage.now,
                    changed_at=stage.now,
                )
            )


async def test_who_has_joined_a_bots_successor_hears_from_that(stage: Stage) -> None:
    await stage.opens_school("en")
    tina, wang, lin = [await stage.joined(name) for name in ("Tina", "Mr Wang", "林岚")]
    await a_bot_of_before(stage, tina, wang, lin)
    async with stage.database.writing() as session:
        assert await contacts.retire_others(session, [BOT_ID], stage.now) == [BOT_ID - 1]
        assert await contacts.retire_others(session, [BOT_ID], stage.now) == []
    await stage.at("06:30")
    await stage.reports_fever(tina)
    assert any("stays home" in text for text in await heard(stage, wang))
    for clock in ("07:30", "08:00", "08:05"):
        await stage.at(clock)
    assert any("Class 3-2" in text for text in await heard(stage, wang))
    assert any("sign" in text for text in await heard(stage, lin))
    async with stage.database.reading() as session:
        assert set(await session.exec(select(Ledger.bot_id))) == {BOT_ID}


async def test_who_has_not_joined_the_successor_has_closed_no_chat(stage: Stage) -> None:
    await stage.opens_school("en")
    gu, tina = await stage.joined("Gu"), await stage.joined("Tina")
    await a_bot_of_before(stage, tina)
    async with stage.database.writing() as session:
        await contacts.retire_others(session, [BOT_ID], stage.now)
        mine = await session.exec(select(Contact).where(Contact.chat_id == tina.user_id))
        for contact in mine:
            if contact.bot_id == BOT_ID:
                contact.person_id = None
    await stage.says(gu, "/why Tom")
    assert "Tina: joined in a bot that is no longer in use" in (await heard(stage, gu))[-1]


async def test_a_bot_that_is_served_again_reaches_its_chats_again(stage: Stage) -> None:
    await stage.opens_school("en")
    wang = await stage.joined("Mr Wang")
    states = select(Contact.state).where(Contact.person_id == wang.person_id)
    a_day_on = stage.now + timedelta(days=1, hours=1)
    async with stage.database.writing() as session:
        assert await contacts.retire_others(session, [BOT_ID], a_day_on) == []
        await contacts.retire_others(session, [BOT_ID + 1], stage.now)  # seen this very day
        assert list(await session.exec(states)) == ["active"]
        await contacts.retire_others(session, [BOT_ID + 1], a_day_on)
        assert list(await session.exec(states)) == ["retired"]
        await contacts.know_bot(session, BOT_ID, stage.transport.username, a_day_on)
        assert list(await session.exec(states)) == ["active"]


async def test_who_had_the_question_in_one_chat_was_asked_though_an_older_one_opens_again(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina, wang = await stage.joined("Tina"), await stage.joined("Mr Wang")
    async with stage.database.writing() as session:
        found = await session.exec(select(Contact).where(Contact.chat_id == tina.user_id))
        older = Contact(
            id=found.one().id - 10,
            bot_id=BOT_ID,
            chat_id=tina.user_id + 1_000_000,
            person_id=tina.person_id,
            language="en",
            state="blocked",
            created_at=stage.now,
            changed_at=stage.now,
        )
        session.add(older)
    for clock in ("06:30", "07:10", "07:20", "07:30"):
        await stage.at(clock)
    async with stage.database.writing() as session:
        (await session.get_one(Contact, older.id)).state = "active"
    await stage.at("08:00")
    await stage.at("08:01")
    card = (await heard(stage, wang))[-1]
    assert "Silent: Tom" in card
    assert "Telegram was too slow" not in card
