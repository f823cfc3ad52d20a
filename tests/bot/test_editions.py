"""The same message once more: only after an outage, for a lost card, or in a group that moved."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from sqlmodel import col, select

from bot.sender import Sender
from handlers.messages import (
    Delivered,
    Migrated,
    NotSent,
    TargetGone,
    Unclear,
    Unreachable,
    Wait,
)
from storage import asking, ledger, outages, sending
from storage.database import Database
from storage.editions import EditionReason
from storage.ledger import State
from storage.migrating import MOVED, chat_moved
from storage.tables import Card, Contact, Ledger, Round
from tests.bot.test_sender import House, owe_texts
from tests.builders import BOT, SUNDAY_NIGHT, a_school, cards_of, ledger_of


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


async def work(house: House) -> None:
    while await house.sender.once():
        pass


async def test_a_lost_card_is_a_new_edition_of_its_ask(house: House) -> None:
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await house.changes()
    house.messenger.edits.append(TargetGone())
    await work(house)
    first, second = await house.entries()
    assert second.cause == first.cause
    assert (first.edition, first.edition_reason) == (0, None)
    assert (second.edition, second.edition_reason) == (1, EditionReason.lost_card)
    assert second.state == State.sent
    await house.changes()
    house.messenger.edits.append(TargetGone())
    await work(house)
    assert [entry.edition for entry in await house.entries()] == [0, 1, 2]


async def test_what_two_senders_find_gone_comes_once(house: House) -> None:
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await house.changes()

    async def found_by_another_too() -> None:
        house.messenger.while_editing = None
        house.messenger.edits.extend([TargetGone(), TargetGone()])
        first, house.sender = house.sender, None  # type: ignore[assignment]
        house.restart()
        await house.sender.once()
        house.sender = first

    house.messenger.while_editing = found_by_another_too
    await work(house)
    assert [entry.edition for entry in await house.entries()] == [0, 1]


# ---- a group that moved --------------------------------------------------------------------


async def test_what_is_owed_to_a_group_that_moved_arrives_under_its_new_id(house: House) -> None:
    contact = await house.texts("one", "two")
    house.messenger.sends.extend([Migrated(-100500), Migrated(-100500)])
    await work(house)
    async with house.database.reading() as session:
        assert (await session.get_one(Contact, contact.id)).chat_id == -100500
        entries = await ledger_of(session)
    told = [(e.cause, e.edition, e.edition_reason, e.state) for e in entries]
    assert told == [
        ("one", 0, None, State.failed),
        ("two", 0, None, State.failed),
        ("one", 1, EditionReason.migrated, State.sent),
        ("two", 1, EditionReason.migrated, State.sent),
    ]
    assert [chat for chat, _, _ in house.messenger.sent[2:]] == [-100500, -100500]


async def test_a_card_in_a_group_that_moved_is_sent_to_where_it_is_now(house: House) -> None:
    (maria,) = await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await house.changes()
    house.messenger.edits.append(Migrated(-100500))
    await work(house)
    entries = await house.entries()
    assert [(e.edition, e.edition_reason) for e in entries] == [(0, None), (1, "migrated")]
    assert house.messenger.sent[-1][0] == -100500
    assert house.messenger.deleted == []  # message ids of the old chat mean nothing in the new
    card = await house.card()
    assert (card.message_id, card.shown) == (1002, card.revision)
    assert maria.chat_id != -100500


async def test_a_reminder_in_a_group_that_moved_need_not_be_taken_back(house: House) -> None:
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    async with house.database.writing() as session:
        held = await session.get_one(Round, house.round_id)
        await asking.remind(session, held, house.clock.now, rung=1, quiet=timedelta(0))
    await house.sender.once()
    async with house.database.writing() as session:
        await ledger.withdraw_reminders(session, [(await cards_of(session))[0].id])
    house.messenger.deletes.append(Migrated(-100500))
    await work(house)
    assert [e.state for e in await house.entries() if e.kind == "reminder"] == [State.withdrawn]
    assert len(house.messenger.deleted) == 1


async def test_whoever_wrote_from_the_new_chat_first_and_the_old_contact_become_one(
    house: House,
) -> None:
    async with house.database.writing() as session:
        rows = await a_school(session)
        old = rows.contact(rows.person("Maria"))
        new = rows.contact(None)
        await session.flush()
        old_chat, new_chat = old.chat_id, new.chat_id
        await owe_texts(house.database, session, old, "both")
        await owe_texts(house.database, session, new, "both", "hello")
        day = SUNDAY_NIGHT.date()
        for contact, kind in ((old, "class"), (new, "class"), (new, "household")):
            session.add(
                Card(bot_id=BOT, contact_id=contact.id, day=day, kind=kind, slot="morning",
                     message_id=7)
            )  # fmt: skip
    async with house.database.writing() as session:
        assert await chat_moved(session, old.id, new_chat)
    async with house.database.writing() as session:
        assert not await chat_moved(session, old.id, new_chat)  # again changes nothing
    async with house.database.reading() as session:
        kept, left = [await session.get_one(Contact, each.id) for each in (old, new)]
        cards = {(c.contact_id, c.kind): c.message_id for c in await cards_of(session)}
    assert (kept.chat_id, kept.state, kept.person_id) == (new_chat, "active", old.person_id)
    assert (left.chat_id, left.state) == (old_chat, MOVED)
    assert cards == {(old.id, "class"): None, (new.id, "class"): None, (old.id, "household"): 7}
    await work(house)
    assert [(chat, text.text) for chat, text, _ in house.messenger.sent] == [
        (new_chat, house.messenger.sent[0][1].text)
    ] * 2
    assert Counter(await house.states()) == {State.sent: 2, State.moot: 1}


@pytest.mark.both_databases
@pytest.mark.parametrize("moved", [True, False])
async def test_a_card_that_was_left_in_the_old_chat_does_not_take_the_new_one_away(
    house: House, moved: bool
) -> None:
    """Both had the same card, and the newcomer's was on its way when they became one."""
    async with house.database.writing() as session:
        rows = await a_school(session)
        old, new = rows.contact(rows.person("Maria")), rows.contact(None)
        await session.flush()
        new_chat = new.chat_id
        cards = [
            Card(bot_id=BOT, contact_id=each.id, day=SUNDAY_NIGHT.date(), kind="household",
                 slot="morning", message_id=7, shown=1)
            for each in (old, new)
        ]  # fmt: skip
        session.add_all(cards)
    async with house.database.writing() as session:
        assert await chat_moved(session, old.id, new_chat)
    async with house.database.writing() as session:
        (await session.get_one(Card, cards[1].id)).message_id = 8
    await house.changes()
    refused = Migrated(new_chat) if moved else Unreachable("the group was upgraded")
    house.messenger.edits.append(refused)
    await work(house)
    async with house.database.reading() as session:
        kept, left = [await session.get_one(Contact, each.id) for each in (old, new)]
    assert (kept.chat_id, kept.state) == (new_chat, "active")
    assert left.state == MOVED


# ---- where sending is stopped --------------------------------------------------------------


async def test_who_is_asked_again_after_an_outage_waits_while_sending_is_stopped(
    house: House,
) -> None:
    (maria, _) = await house.asked(("Ana", "Maria"), ("Ben", "Tina"))
    house.messenger.sends.extend([Delivered(1001), Wait(3600)])
    await house.sender.once()
    earlier = house.clock.now
    house.clock.now += timedelta(minutes=10)
    now = house.clock.now
    async with house.database.writing() as session:
        assert await sending.stop(session, [house.school_id], now) == {house.school_id: 1}
        held = await session.get_one(Round, house.round_id)
        assert await outages.ask_again(session, BOT, held, earlier, now, now) == 1
    async with house.database.writing() as session:
        again = [(e.contact_id, e.state) for e in await ledger_of(session) if e.edition]
        assert again == [(maria.id, State.stopped)]
        assert await sending.go_on(session, house.school_id, now) == 2


async def test_an_ask_that_comes_back_from_a_group_that_moved_waits_while_sending_is_stopped(
    house: House,
) -> None:
    await house.asked(("Ana", "Maria"), ("Ben", "Tina"))
    sender = Sender(house.database, house.messenger, house.clock, house.pacer, width=1, ahead=0)

    async def somebody_stops() -> None:
        async with house.database.writing() as session:
            await sending.stop(session, [house.school_id], house.clock.now)

    house.messenger.while_sending = somebody_stops
    house.messenger.sends.append(Migrated(-100500))
    while await sender.once():
        pass
    told = [(e.edition, e.state) for e in await house.entries()]
    assert told == [(0, State.failed), (0, State.stopped), (1, State.stopped)]


# ---- whatever happens ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_happens_every_row_has_an_edition_of_its_own_and_every_new_one_a_reason(
    house: House, seed: int
) -> None:
    chance = random.Random(seed)
    await house.asked(("Ana", "Maria"), ("Ben", "Tina"), ("Tom", "Rosa"))
    moved = 0
    for n in range(40):
        act = chance.choice(["lost", "moved", "outage", "remind", "fault", "kill", "show"])
        if act == "lost":
            await house.changes()
            house.messenger.edits.append(TargetGone())
        elif act == "moved":
            await house.changes()
            moved += 1
            queue = chance.choice([house.messenger.sends, house.messenger.edits])
            queue.append(Migrated(-100_000 - moved))
        elif act == "fault":
            fault = chance.choice([Unclear("timeout"), NotSent("no connection"), Wait(0.01)])
            house.messenger.sends.append(fault)
        elif act == "kill":
            house.restart()
            await house.leases_run_out()
        else:
            async with house.database.writing() as session:
                held = await session.get_one(Round, house.round_id)
                now = house.clock.now
                if act == "outage":
                    gap = timedelta(seconds=30)
                    await outages.ask_again(session, BOT, held, now - gap, now, now)
                elif act == "remind":
                    await asking.remind(session, held, now, rung=n, quiet=timedelta(0))
                else:
                    card = chance.choice(await cards_of(session))
                    contact = await session.get_one(Contact, card.contact_id)
                    await ledger.owe(session, contact, "card", f"show:{n}", now, card=card)
        house.clock.now += timedelta(seconds=chance.choice([1, 60]))
        await house.sender.once()
    async with house.database.reading() as session:
        rows = list(await session.exec(select(Ledger).order_by(col(Ledger.id))))
    told = Counter((r.bot_id, r.contact_id, r.cause, r.rung, r.edition) for r in rows)
    assert max(told.values()) == 1
    for row in rows:
        assert (row.edition > 0) == (row.edition_reason is not None)
    editions = [row for row in rows if row.edition]
    assert {row.edition_reason for row in editions} == {reason.value for reason in EditionReason}
    firsts = {(r.contact_id, r.cause, r.rung) for r in rows if not r.edition}
    counted = Counter((r.contact_id, r.cause, r.rung) for r in editions)
    for key, n in counted.items():
        assert key in firsts
        assert n == max(r.edition for r in editions if (r.contact_id, r.cause, r.rung) == key)
