"""What is owed is sent once; what fails leads to the state that the fault matrix asks for."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import event, text, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from bot.pacer import Chats, Pacer, Traffic
from bot.sender import FIRST_PAUSE, SIDE_BY_SIDE, Sender
from checkin.checkins import Status
from handlers.desk import Toast
from handlers.messages import (
    Delivered,
    NotSent,
    Rejected,
    SendResult,
    TargetGone,
    Unauthorized,
    Unclear,
    Unreachable,
    Wait,
)
from storage import asking, cards, ledger
from storage.database import Database
from storage.ledger import Lane, State
from storage.sql import affected, table
from storage.tables import Bot, Card, Contact, Ledger, Person
from tests.bot.fakes import Hook, Messenger
from tests.builders import (
    BOT,
    SUNDAY_NIGHT,
    Outage,
    a_school,
    cards_of,
    checkins_of,
    ledger_of,
)


class Clock:
    """Stands still until it is told otherwise."""

    now = SUNDAY_NIGHT

    def __call__(self) -> datetime:
        return self.now


class House:
    """A database, a messenger and a sender; `restart` is what a kill leaves behind."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.messenger = Messenger()
        self.clock = Clock()
        self.pacer = Pacer(1e6)
        self.restart()

    def restart(self, *, coalesce: bool = False) -> None:
        self.sender = Sender(
            self.database, self.messenger, self.clock, self.pacer, coalesce=coalesce
        )

    async def asked(self, *families: tuple[str, str]) -> list[Contact]:
        """Families that are owed the morning's card."""
        async with self.database.writing() as session:
            rows = await a_school(session)
            self.class_id, self.school_id = rows.class_id, rows.school.id
            joined = [rows.family(child, guardian) for child, guardian in families]
            self.children = [child for child, _ in joined]
            held = await rows.round()
            self.round_id = held.id
            await asking.open_students(session, held)
            await asking.ask(session, held, rows.now)
        return [contact for _, contact in joined]

    async def texts(self, *causes: str, lane: Lane = Lane.reply) -> Contact:
        """Plain messages to one contact."""
        async with self.database.writing() as session:
            rows = await a_school(session)
            contact = rows.contact(rows.person("Maria"))
            await owe_texts(self.database, session, contact, *causes, lane=lane)
        return contact

    async def entries(self) -> list[Ledger]:
        async with self.database.reading() as session:
            return await ledger_of(session)

    async def states(self) -> list[str]:
        return [entry.state for entry in await self.entries()]

    async def card(self) -> Card:
        async with self.database.reading() as session:
            return (await cards_of(session))[0]

    async def leases_run_out(self) -> None:
        past = datetime.now(UTC) - timedelta(seconds=1)
        async with self.database.writing() as session:
            claimed = col(Ledger.lease_until).is_not(None)
            await affected(session, update(table(Ledger)).where(claimed).values(lease_until=past))

    async def changes(self, contact: Contact | None = None) -> None:
        """Let something change that the cards show."""
        async with self.database.writing() as session:
            await affected(
                session, update(table(Card)).values(revision=table(Card).c.revision + 1)
            )


async def owe_texts(database, session, contact, *causes, lane=Lane.reply, key="language.set"):  # type: ignore[no-untyped-def]
    for cause in causes:
        await ledger.owe(
            session,
            contact,
            "text",
            cause,
            SUNDAY_NIGHT,
            lane=lane,
            payload={"key": key, "params": {}},
        )


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


# ---- once ----------------------------------------------------------------------------------


async def test_what_is_owed_is_sent_once_and_marked(house: House) -> None:
    await house.asked(("Ana", "Maria"), ("Ben", "Tina"))
    assert await house.sender.once() == 2
    assert await house.sender.once() == 0
    assert await house.states() == [State.sent, State.sent]
    assert [e.message_id for e in await house.entries()] == [1001, 1002]
    assert len(house.messenger.sent) == 2


async def test_no_more_than_eight_are_under_way_at_a_time(house: House) -> None:
    await house.texts(*(f"c{n}" for n in range(20)))
    most = 0

    async def look() -> None:
        nonlocal most
        most = max(most, (await house.states()).count(State.sending))

    house.messenger.while_sending = look
    assert sum([await house.sender.once() for _ in range(3)]) == 20
    assert most == 8


async def test_behind_a_slow_service_what_has_not_begun_is_given_back(house: House) -> None:
    """Four requests of ten seconds, one after the other, would outlive a lease of twenty."""
    await house.asked(*((f"Child {n}", f"Guardian {n}") for n in range(SIDE_BY_SIDE + 6)))
    sender = Sender(
        house.database, house.messenger, house.clock, house.pacer, width=SIDE_BY_SIDE + 6, ahead=0
    )
    marked: list[int] = []

    async def look() -> None:
        marked.append((await house.states()).count(State.sent))

    house.messenger.while_sending = look
    while await sender.once():
        pass
    assert len(marked) == len(house.messenger.sent) == SIDE_BY_SIDE + 6
    assert marked[SIDE_BY_SIDE] == SIDE_BY_SIDE  # the others went when these had been kept


async def test_two_senders_over_one_ledger_send_each_message_once(house: House) -> None:
    await house.texts(*(f"c{n}" for n in range(30)))
    other = Sender(house.database, house.messenger, house.clock, Pacer(1e6))

    async def work(sender: Sender) -> None:
        while await sender.once():
            pass

    await asyncio.gather(work(house.sender), work(other))
    assert len(house.messenger.sent) == 30
    assert set(await house.states()) == {State.sent}


async def test_after_a_kill_in_mid_send_at_most_one_window_comes_twice(house: House) -> None:
    await house.texts(*(f"c{n}" for n in range(20)))

    async def killed() -> None:
        raise KeyboardInterrupt

    dying = Sender(house.database, house.messenger, house.clock, house.pacer, after_claim=killed)
    with pytest.raises(KeyboardInterrupt):
        await dying.once()
    house.restart()
    while await house.sender.once():
        pass
    assert len(house.messenger.sent) == 12  # the eight are still leased
    await house.leases_run_out()
    while await house.sender.once():
        pass
    assert len(house.messenger.sent) == 20
    assert set(await house.states()) == {State.sent}


def once(house: House, work: Hook) -> Hook:
    """Do something during the messenger's next request, and not during those after it."""

    async def first() -> None:
        wire = house.messenger
        wire.while_sending = wire.while_editing = wire.while_deleting = None
        await work()

    return first


async def a_twin_takes_over(house: House, work: Hook) -> None:
    """Let the next send sleep until its lease is over and another sender has gone on."""

    async def meanwhile() -> None:
        house.messenger.while_sending = None
        await house.leases_run_out()
        await work()

    house.messenger.while_sending = meanwhile
    await house.sender.once()


async def test_who_slept_after_a_send_takes_its_copy_back_and_changes_nothing(
    house: House,
) -> None:
    (maria,) = await house.asked(("Ana", "Maria"))
    twin = Sender(house.database, house.messenger, house.clock, Pacer(1e6), coalesce=False)

    async def sends_again_and_edits() -> None:
        await twin.once()
        await house.changes()
        await twin.once()

    await a_twin_takes_over(house, sends_again_and_edits)
    first, copy = 1001, 1002
    card = await house.card()
    assert (card.message_id, card.shown, card.revision) == (first, 2, 2)
    assert [entry.message_id for entry in await house.entries()] == [first]
    assert house.messenger.deleted == [(maria.chat_id, copy)]
    assert await twin.once() == 0


async def test_who_slept_over_a_blocked_chat_does_not_close_it_again(house: House) -> None:
    contact = await house.texts("one")
    twin = Sender(house.database, house.messenger, house.clock, Pacer(1e6))

    async def sends_again() -> None:
        await twin.once()
        house.messenger.sends.append(Unreachable("bot was blocked by the user"))

    await a_twin_takes_over(house, sends_again)
    assert await house.states() == [State.sent]
    async with house.database.reading() as session:
        assert (await session.get_one(Contact, contact.id)).state == "active"


async def test_what_was_tapped_while_its_sender_slept_is_no_copy(house: House) -> None:
    await house.asked(("Ana", "Maria"))

    async def is_tapped() -> None:
        async with house.database.writing() as session:
            await ledger.prove(session, (await cards_of(session))[0], 1001)

    await a_twin_takes_over(house, is_tapped)
    assert house.messenger.deleted == []
    assert (await house.card()).message_id == 1001
    assert await house.states() == [State.sent]


async def test_a_question_whose_time_is_over_is_never_sent(house: House) -> None:
    await house.asked(("Ana", "Maria"))
    house.clock.now += timedelta(hours=2)  # 08:00
    assert await house.sender.once() == 0
    assert await house.states() == [State.expired]
    assert house.messenger.sent == []


async def test_a_message_that_cannot_be_put_into_words_does_not_stop_the_others(
    house: House,
) -> None:
    async with house.database.writing() as session:
        rows = await a_school(session)
        contact = rows.contact(rows.person("Maria"))
        await owe_texts(house.database, session, contact, "bad", key="no.such.words")
        await owe_texts(house.database, session, contact, "good")
    await house.sender.once()
    assert await house.states() == [State.failed, State.sent]
    assert (await house.entries())[0].error == "MissingWordsError"
    assert await house.sender.once() == 0


async def test_a_card_that_cannot_be_put_into_words_does_not_stop_the_others(
    house: House,
) -> None:
    await house.asked(("Ana", "Maria"), ("Ben", "Tina"))
    await house.sender.once()
    async with house.database.writing() as session:
        # Ana's name is of another row: it does not open.
        ana, ben = house.children
        moved = (await session.get_one(Person, ben)).name
        (await session.get_one(Person, ana)).name = moved
    await house.changes()
    await house.sender.once()
    assert len(house.messenger.edited) == 1


# ---- every result --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "state", "error"),
    [
        (Delivered(77), State.sent, None),
        (Wait(30), State.pending, "too fast"),
        (NotSent("no connection"), State.pending, "no connection"),
        (Unclear("TelegramServerError"), State.unknown, "TelegramServerError"),
        (Unreachable("bot was blocked by the user"), State.failed, "bot was blocked by the user"),
        (Rejected("can't parse entities"), State.failed, "can't parse entities"),
        (TargetGone(), State.moot, None),
        (Unauthorized(), State.pending, "token refused"),
    ],
)
async def test_every_result_of_a_send_has_its_state(
    house: House, result: SendResult, state: State, error: str | None
) -> None:
    await house.texts("one")
    house.messenger.sends.append(result)
    await house.sender.once()
    entry = (await house.entries())[0]
    assert (entry.state, entry.error) == (state, error)


async def test_a_request_that_breaks_off_costs_only_its_own_message(house: House) -> None:
    """A library's own mistake, at the second of three: the others are marked as ever."""
    await house.texts("one", "two", "three")

    async def breaks_off() -> None:
        if len(house.messenger.sent) == 2:
            raise RuntimeError("Session is closed")

    house.messenger.while_sending = breaks_off
    await house.sender.once()
    assert await house.states() == [State.sent, State.unknown, State.sent]
    assert (await house.entries())[1].error == "RuntimeError"
    assert await house.sender.once() == 0


async def test_an_edit_that_breaks_off_does_not_stop_the_others(house: House) -> None:
    await house.asked(("Ana", "Maria"), ("Ben", "Tina"))
    await house.sender.once()
    await house.changes()

    async def breaks_off() -> None:
        house.messenger.while_editing = None
        raise RuntimeError("Session is closed")

    house.messenger.while_editing = breaks_off
    await house.sender.once()
    async with house.database.reading() as session:
        assert sorted(card.shown for card in await cards_of(session)) == [1, 2]


async def test_a_refused_connection_is_tried_again_slower_and_slower(house: House) -> None:
    await house.texts("one")
    waits = []
    for _ in range(8):
        house.messenger.sends.append(NotSent("no connection"))
        await house.sender.once()
        entry = (await house.entries())[0]
        assert entry.not_before is not None
        waits.append((entry.not_before - house.clock.now).total_seconds())
        house.clock.now = entry.not_before
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_an_unclear_message_is_sent_again_only_when_its_lease_has_run_out(
    house: House,
) -> None:
    await house.texts("one")
    house.messenger.sends.append(Unclear("timeout"))
    await house.sender.once()
    assert await house.sender.once() == 0
    await house.leases_run_out()
    assert await house.sender.once() == 1
    assert await house.states() == [State.sent]


async def test_a_blocked_guardian_is_unreachable_and_no_more_is_sent_there(house: House) -> None:
    contact = await house.texts("one")
    house.messenger.sends.append(Unreachable("bot was blocked by the user"))
    await house.sender.once()
    async with house.database.writing() as session:
        kept = await session.get_one(Contact, contact.id)
        assert kept.state == "blocked"
        await owe_texts(house.database, session, kept, "two")
    await house.sender.once()
    assert len(house.messenger.sent) == 1
    assert await house.states() == [State.failed, State.moot]


async def test_when_the_first_guardian_has_blocked_us_the_next_is_asked(house: House) -> None:
    async with house.database.writing() as session:
        rows = await a_school(session)
        ana, maria = rows.family("Ana", "Maria")
        carlos = rows.second_guardian(ana, "Carlos")
        _ben, tina = rows.family("Ben", "Tina")
        held = await rows.round()
        await asking.open_students(session, held)
        await asking.ask(session, held, rows.now)
    house.messenger.sends.append(Unreachable("bot was blocked by the user"))
    while await house.sender.once():
        pass
    chats = [chat for chat, _, _ in house.messenger.sent]
    assert sorted(chats) == sorted([maria.chat_id, tina.chat_id, carlos.chat_id])
    async with house.database.reading() as session:
        assert {c.status for c in (await checkins_of(session, held.id)).values()} == {Status.asked}


async def test_when_the_only_guardian_has_blocked_us_the_child_is_out_of_reach(
    house: House,
) -> None:
    await house.asked(("Ana", "Maria"), ("Ben", "Tina"))
    house.messenger.sends.append(Unreachable("user is deactivated"))
    while await house.sender.once():
        pass
    async with house.database.reading() as session:
        found = await checkins_of(session, house.round_id)
    assert [found[child].status for child in house.children] == [
        Status.unreachable,
        Status.asked,
    ]


async def test_a_refused_token_stops_the_sending_and_loses_nothing(house: House) -> None:
    await house.texts("one", "two")
    house.messenger.sends.extend([Unauthorized(), Unauthorized()])
    await house.sender.once()
    assert house.sender.unauthorized
    assert await house.sender.once() == 0
    assert len(house.messenger.sent) == 2
    house.restart()
    assert await house.sender.once() == 2
    assert await house.states() == [State.sent, State.sent]


async def test_when_the_token_is_taken_after_all_the_sending_goes_on(house: House) -> None:
    """A proxy that answered 404 in Telegram's place must not stop a bot until its restart."""
    await house.texts("one")
    house.sender = Sender(
        house.database, house.messenger, house.clock, house.pacer, coalesce=False, refused=0.0
    )
    house.messenger.refused = True
    house.messenger.sends.append(Unauthorized())
    await house.sender.once()
    assert await house.sender.once() == 0  # asked, and still refused
    assert house.sender.unauthorized
    assert await house.states() == [State.pending]
    house.messenger.refused = False
    assert await house.sender.once() == 1
    assert not house.sender.unauthorized
    assert await house.states() == [State.sent]


async def test_a_refused_token_is_not_tried_more_than_once_a_minute(house: House) -> None:
    await house.texts("one")
    house.messenger.sends.append(Unauthorized())
    for _ in range(5):
        await house.sender.once()
    assert house.messenger.opened == 0
    assert len(house.messenger.sent) == 1


async def test_a_token_refused_at_an_edit_stops_the_sending_too(house: House) -> None:
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await house.changes()
    house.messenger.edits.append(Unauthorized())
    await house.sender.once()
    assert house.sender.unauthorized
    card = await house.card()
    assert (card.shown, card.revision) == (1, 2)


# ---- 429 -----------------------------------------------------------------------------------


async def test_a_429_rests_the_bulk_while_replies_go_on(house: House) -> None:
    contact = await house.texts("ask:1", "ask:2", lane=Lane.bulk)
    house.messenger.sends.append(Wait(30))
    await house.sender.once()
    async with house.database.writing() as session:
        await owe_texts(house.database, session, contact, "ask:3", lane=Lane.bulk)
        await owe_texts(house.database, session, contact, "reply")
    assert await house.sender.once() == 1
    assert await house.sender.once() == 0
    assert len(house.messenger.sent) == 2  # the second ask stayed behind with the first
    by_cause = {entry.cause: entry for entry in await house.entries()}
    assert by_cause["reply"].state == State.sent
    assert by_cause["ask:3"].state == State.pending
    assert by_cause["ask:1"].not_before == house.clock.now + timedelta(seconds=30)


async def test_a_429_at_the_answer_to_a_tap_rests_the_bulk_too(house: House) -> None:
    await house.texts("ask:1", lane=Lane.bulk)
    house.messenger.answers.append(Wait(30))
    house.sender.answer([Toast(BOT, "7", "toast.thanks", {}, "en")])
    await house.sender.toasts_sent()
    assert 29 < house.pacer.resting <= 30
    assert await house.sender.once() == 0
    assert house.messenger.sent == []


async def test_a_429_at_a_withdrawal_moves_the_finish(house: House) -> None:
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await remind(house)
    await house.sender.once()
    await answer(house)
    house.messenger.deletes.append(Wait(3600))
    await house.sender.once()
    async with house.database.reading() as session:
        bot = await session.get_one(Bot, BOT)
    assert bot.rests_until == house.clock.now + timedelta(hours=1)


async def test_what_waits_in_line_when_the_429_comes_goes_back_at_once(house: House) -> None:
    house.pacer = Pacer(1, burst=1)
    house.restart()
    await house.texts(*(f"ask:{n}" for n in range(8)), lane=Lane.bulk)
    house.messenger.sends.append(Wait(3600))
    async with asyncio.timeout(5):
        await house.sender.once()
    assert len(house.messenger.sent) == 1
    assert set(await house.states()) == {State.pending}


# ---- cards ---------------------------------------------------------------------------------


async def test_a_card_is_edited_until_it_shows_what_is_kept_even_after_a_kill(
    house: House,
) -> None:
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await house.changes()
    house.restart()
    await house.sender.once()
    card = await house.card()
    assert card.shown == card.revision == 2
    assert len(house.messenger.edited) == 1
    assert await house.sender.once() == 0


async def test_a_change_during_the_edit_is_shown_by_the_next_edit(house: House) -> None:
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await house.changes()

    async def change_once() -> None:
        house.messenger.while_editing = None
        await house.changes()

    house.messenger.while_editing = change_once
    await house.sender.once()
    card = await house.card()
    assert (card.shown, card.revision) == (2, 3)
    await house.sender.once()
    card = await house.card()
    assert (card.shown, card.revision) == (3, 3)


class Sleeper(Pacer):
    """Whose turn it is wakes when another process has taken over the bot."""

    awake = True

    async def turn(self, traffic: Traffic, chat_id: int | None = None) -> float:
        self.awake = False
        return await super().turn(traffic, chat_id)


async def test_who_slept_before_an_edit_or_a_withdrawal_leaves_it_to_the_next(
    house: House,
) -> None:
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await remind(house)
    await house.sender.once()
    await house.changes()
    await answer(house)
    pacer = Sleeper(1e6)
    for _ in range(2):
        pacer.awake = True
        slept = Sender(
            house.database, house.messenger, house.clock, pacer, may_send=lambda: pacer.awake
        )
        await slept.once()
    assert (house.messenger.edited, house.messenger.deleted) == ([], [])
    await house.sender.once()
    assert len(house.messenger.edited) == len(house.messenger.deleted) == 1


@pytest.mark.parametrize("result", [None, Unclear("timeout")])
async def test_who_slept_during_an_edit_has_the_next_process_edit_once_more(
    house: House, result: SendResult | None
) -> None:
    """Its older words may have arrived after the newer ones of the process that took over."""
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await house.changes()
    awake = True

    async def another_takes_over() -> None:
        nonlocal awake
        house.messenger.while_editing = None
        awake = False
        await house.changes()
        await house.sender.once()
        assert (await house.card()).shown == 3
        house.messenger.edits.extend([result] if result else [])

    house.messenger.while_editing = another_takes_over
    slept = Sender(
        house.database, house.messenger, house.clock, house.pacer, may_send=lambda: awake
    )
    await slept.once()
    assert (await house.card()).shown == 1
    await house.sender.once()
    assert (await house.card()).shown == 3
    assert len(house.messenger.edited) == 3


async def test_a_card_whose_message_is_gone_is_sent_anew_once(house: House) -> None:
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await house.changes()
    house.messenger.edits.append(TargetGone())
    for _ in range(4):
        await house.sender.once()
    card = await house.card()
    assert len(house.messenger.sent) == 2
    assert (card.shown, card.revision, card.message_id) == (2, 2, 1002)


@pytest.mark.parametrize("result", [Wait(0.1), NotSent("no connection"), Unclear("timeout")])
async def test_an_edit_that_failed_is_made_again(house: House, result: SendResult) -> None:
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await house.changes()
    house.messenger.edits.append(result)
    await house.sender.once()
    assert (await house.card()).shown == 1
    await house.sender.once()
    assert (await house.card()).shown == 2


@pytest.mark.parametrize("result", [Rejected("bad"), Unreachable("bot was blocked by the user")])
async def test_an_edit_that_can_never_succeed_is_made_once(
    house: House, result: SendResult
) -> None:
    contacts = await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await house.changes()
    house.messenger.edits.append(result)
    for _ in range(3):
        await house.sender.once()
    assert len(house.messenger.edited) == 1
    async with house.database.reading() as session:
        kept = await session.get_one(Contact, contacts[0].id)
    assert kept.state == ("blocked" if isinstance(result, Unreachable) else "active")


async def opens_again(house: House, contact: Contact) -> None:
    """Let it be heard that a chat is open once more."""
    house.clock.now += timedelta(seconds=1)
    async with house.database.writing() as session:
        kept = await session.get_one(Contact, contact.id)
        kept.state, kept.changed_at = "active", house.clock.now
        await cards.show_anew(session, kept.id, since=SUNDAY_NIGHT.date())


async def test_an_edit_refused_before_the_chat_was_opened_again_is_made_once_more(
    house: House,
) -> None:
    (maria,) = await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await house.changes()
    house.messenger.edits.append(Unreachable("bot was blocked by the user"))
    house.messenger.while_editing = once(house, partial(opens_again, house, maria))
    for _ in range(3):
        await house.sender.once()
    async with house.database.reading() as session:
        assert (await session.get_one(Contact, maria.id)).state == "active"
    assert len(house.messenger.edited) == 2
    card = await house.card()
    assert card.shown == card.revision


async def test_a_card_shown_anew_takes_the_old_message_away(house: House) -> None:
    contacts = await house.asked(("Ana", "Maria"))
    await house.sender.once()
    async with house.database.writing() as session:
        card = (await cards_of(session))[0]
        await ledger.owe(session, contacts[0], "card", "show:9", house.clock.now, card=card)
    await house.sender.once()
    await house.sender.once()
    assert house.messenger.deleted == [(contacts[0].chat_id, 1001)]
    assert (await house.card()).message_id == 1002


@pytest.mark.parametrize("failed", [Wait(0), NotSent("reset"), Unclear("timeout")])
async def test_the_old_message_goes_although_taking_it_out_failed_at_first(
    house: House, failed: SendResult
) -> None:
    (maria,) = await house.asked(("Ana", "Maria"))
    await house.sender.once()
    async with house.database.writing() as session:
        card = (await cards_of(session))[0]
        await ledger.owe(session, maria, "card", "show:9", house.clock.now, card=card)
    house.messenger.deletes.append(failed)
    for _ in range(3):
        await house.sender.once()
    house.restart()  # nor does an end in between leave it
    await house.sender.once()
    assert house.messenger.deleted == [(maria.chat_id, 1001)] * 2


async def test_the_old_message_goes_although_the_database_failed_at_the_next_claim(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    maria, tina = await house.asked(("Ana", "Maria"), ("Ben", "Tina"))
    await house.sender.once()
    async with house.database.writing() as session:
        shown = {card.contact_id: card for card in await cards_of(session)}
        for contact in (maria, tina):
            card = shown[contact.id]
            await ledger.owe(session, contact, "card", "show:9", house.clock.now, card=card)
    house.messenger.sends += [Delivered(1003), Unreachable("bot was blocked by the user")]
    claim, claims = ledger.claim, iter(range(99))

    async def fails_once(*given: Any, **more: Any) -> Any:
        if next(claims) == 1:
            raise OSError("the database is away")
        return await claim(*given, **more)

    monkeypatch.setattr(ledger, "claim", fails_once)
    sender = Sender(house.database, house.messenger, house.clock, house.pacer, width=2)
    with pytest.raises(OSError, match="away"):
        await sender.once()
    await sender.once()
    assert house.messenger.deleted == [(maria.chat_id, 1001)]


async def test_a_card_shown_twice_within_one_window_stands_once(house: House) -> None:
    (maria,) = await house.asked(("Ana", "Maria"))
    async with house.database.writing() as session:
        contact = await session.get_one(Contact, maria.id)
        card = (await cards_of(session))[0]
        await ledger.owe(session, contact, "card", "show:1", SUNDAY_NIGHT, card=card)
    await house.sender.once()
    await house.sender.once()
    (first, second) = (1001, 1002)
    assert house.messenger.deleted == [(maria.chat_id, first)]
    assert (await house.card()).message_id == second


async def test_a_teacher_s_card_is_edited_at_most_every_half_minute(house: House) -> None:
    from checkin.access import Role

    async with house.database.writing() as session:
        rows = await a_school(session)
        _, contact = rows.staff("Mr Wang", Role.class_teacher, rows.class_id)
        await session.flush()
        card = await cards.card_of(
            session, contact, rows.now.date(), "class", "morning", rows.class_id
        )
        await ledger.owe(session, contact, "card", "class", rows.now, card=card)
    house.restart(coalesce=True)
    await house.sender.once()
    for _ in range(3):
        await house.changes()
        await house.sender.once()
    assert house.messenger.edited == []
    house.clock.now += timedelta(seconds=30)
    await house.sender.once()
    assert len(house.messenger.edited) == 1
    assert (await house.card()).shown == 4


async def test_a_family_s_card_does_not_wait(house: House) -> None:
    await house.asked(("Ana", "Maria"))
    house.restart(coalesce=True)
    await house.sender.once()
    await house.changes()
    await house.sender.once()
    assert len(house.messenger.edited) == 1


# ---- reminders -----------------------------------------------------------------------------


async def remind(house: House) -> None:
    async with house.database.writing() as session:
        from storage.tables import Round

        held = await session.get_one(Round, house.round_id)
        await asking.remind(session, held, house.clock.now, rung=1, quiet=timedelta(0))


async def answer(house: House, *, withdraw: bool = True) -> None:
    async with house.database.writing() as session:
        for checkin in (await checkins_of(session, house.round_id)).values():
            checkin.status = Status.complete.value
        if withdraw:
            card = (await cards_of(session))[0]
            await ledger.withdraw_reminders(session, [card.id])


async def test_a_reminder_replies_to_the_card_and_goes_away_with_the_answer(
    house: House,
) -> None:
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await remind(house)
    await house.sender.once()
    assert house.messenger.sent[1][2] == 1001
    await answer(house)
    await house.sender.once()
    assert house.messenger.deleted == [(house.messenger.sent[1][0], 1002)]
    assert [e.state for e in await house.entries()] == [State.sent, State.withdrawn]


async def test_whoever_has_answered_is_not_reminded_any_more(house: House) -> None:
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await remind(house)
    await answer(house)
    await house.sender.once()
    assert len(house.messenger.sent) == 1
    assert [e.state for e in await house.entries()] == [State.sent, State.moot]


async def test_a_reminder_that_crosses_the_answer_is_taken_away_too(house: House) -> None:
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await remind(house)

    async def answered_meanwhile() -> None:
        house.messenger.while_sending = None
        await answer(house)

    house.messenger.while_sending = answered_meanwhile
    for _ in range(3):
        await house.sender.once()
    assert [e.state for e in await house.entries()] == [State.sent, State.withdrawn]


@pytest.mark.parametrize("result", [Wait(30), NotSent("no connection"), Unclear("timeout")])
async def test_a_reminder_that_could_not_be_taken_away_is_tried_again(
    house: House, result: SendResult
) -> None:
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await remind(house)
    await house.sender.once()
    await answer(house)
    house.messenger.deletes.append(result)
    await house.sender.once()
    assert (await house.states())[1] == State.withdrawing
    assert (house.pacer.resting > 0) == isinstance(result, Wait)
    await house.sender.once()
    assert (await house.states())[1] == State.withdrawn


async def test_a_reminder_in_a_closed_chat_goes_when_the_chat_opens(house: House) -> None:
    (maria,) = await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await remind(house)
    await house.sender.once()
    await answer(house)
    house.messenger.deletes.append(Unreachable("bot was blocked by the user"))
    await house.sender.once()
    assert (await house.states())[1] == State.withdrawing
    assert await house.sender.once() == 0  # nothing is tried while the chat is closed
    async with house.database.writing() as session:
        (await session.get_one(Contact, maria.id)).state = "active"
    await house.sender.once()
    assert (await house.states())[1] == State.withdrawn


async def test_a_reminder_goes_although_the_chat_was_closed_a_moment_before(house: House) -> None:
    (maria,) = await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await remind(house)
    await house.sender.once()
    await answer(house)
    house.messenger.deletes.append(Unreachable("bot was blocked by the user"))
    house.messenger.while_deleting = once(house, partial(opens_again, house, maria))
    for _ in range(2):
        await house.sender.once()
    assert (await house.states())[1] == State.withdrawn
    async with house.database.reading() as session:
        assert (await session.get_one(Contact, maria.id)).state == "active"


async def test_reminders_are_taken_away_side_by_side(house: House) -> None:
    """One after the other, eight that hang would hold up every reply for 80 seconds."""
    await house.asked(*((f"Child {n}", f"Guardian {n}") for n in range(4)))
    await house.sender.once()
    await remind(house)
    await house.sender.once()
    async with house.database.writing() as session:
        await ledger.withdraw_reminders(session, [card.id for card in await cards_of(session)])
    all_four = asyncio.Barrier(4)

    async def hang() -> None:
        await all_four.wait()

    house.messenger.while_deleting = hang
    async with asyncio.timeout(5):
        await house.sender.once()
    assert (await house.states()).count(State.withdrawn) == 4


async def test_a_token_refused_at_a_withdrawal_loses_no_withdrawal(house: House) -> None:
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await remind(house)
    await house.sender.once()
    await answer(house)
    house.messenger.deletes.append(Unauthorized())
    await house.sender.once()
    assert (await house.states())[1] == State.withdrawing
    assert house.sender.unauthorized


# ---- running -------------------------------------------------------------------------------


async def test_a_failing_database_pauses_the_sending_and_it_resumes_by_itself(
    house: House,
) -> None:
    await house.texts("one")
    async with house.database.writing() as session:
        await affected(session, text("ALTER TABLE ledger RENAME TO ledger_away"))
    stopping = asyncio.Event()
    running = asyncio.create_task(house.sender.run(stopping))
    await asyncio.sleep(0.1)
    async with house.database.writing() as session:
        await affected(session, text("ALTER TABLE ledger_away RENAME TO ledger"))
    sent = asyncio.Event()

    async def tell() -> None:
        sent.set()

    house.messenger.while_sending = tell
    async with asyncio.timeout(5):
        await sent.wait()
    stopping.set()
    house.sender.wake()
    await running
    assert await house.states() == [State.sent]


async def test_what_was_sent_while_the_database_failed_is_not_sent_again(house: House) -> None:
    (maria,) = await house.asked(("Ana", "Maria"))
    outage = Outage(house.database)

    async def the_disk_fills_up() -> None:
        outage.on = True

    house.messenger.while_sending = the_disk_fills_up
    for _ in range(2):
        with pytest.raises(DBAPIError):
            await house.sender.once()
    outage.on = False
    await house.leases_run_out()
    async with house.database.writing() as session:
        contact = await session.get_one(Contact, maria.id)
        await owe_texts(house.database, session, contact, "later")
    house.messenger.while_sending = None
    while await house.sender.once():
        pass
    assert await house.states() == [State.sent, State.sent]
    assert len(house.messenger.sent) == 2
    assert (await house.card()).message_id == 1001


async def test_the_database_is_tried_again_slower_and_what_was_sent_is_kept(
    house: House,
) -> None:
    await house.texts("one")
    outage, stopping = Outage(house.database), asyncio.Event()
    failed: list[float] = []

    async def the_disk_fills_up() -> None:
        outage.on = True

    @event.listens_for(house.database.engine.sync_engine, "checkout")
    def _taken(*_about: object) -> None:
        failed.extend([monotonic()] if outage.on else [])
        if len(failed) == 3:
            outage.on = False
            stopping.set()

    house.messenger.while_sending = the_disk_fills_up
    async with asyncio.timeout(10):
        await house.sender.run(stopping)
    first, second, third = failed
    assert third - second > second - first > FIRST_PAUSE / 2
    assert await house.states() == [State.sent]
    assert len(house.messenger.sent) == 1


async def test_an_end_does_not_wait_for_a_database_that_fails(house: House) -> None:
    await house.texts("one")
    outage, stopping = Outage(house.database), asyncio.Event()

    async def the_disk_fills_up() -> None:
        outage.on = True
        stopping.set()

    house.messenger.while_sending = the_disk_fills_up
    async with asyncio.timeout(10):
        await house.sender.run(stopping)
    outage.on = False
    await house.leases_run_out()
    house.messenger.while_sending = None
    assert await house.sender.once() == 0  # the bot is its own again
    assert await house.states() == [State.sent]
    assert len(house.messenger.sent) == 1


@pytest.mark.sqlite_only
async def test_results_that_can_never_be_kept_do_not_stop_the_others(house: House) -> None:
    await house.texts("one")
    for lease, tried_again in ((20.0, True), (0.0, False)):
        sender = Sender(house.database, house.messenger, house.clock, house.pacer, lease=lease)
        async with house.database.writing() as session:
            refuse = "BEGIN SELECT RAISE(ABORT, 'never'); END"
            on = "CREATE TRIGGER never BEFORE UPDATE OF sent_at ON ledger"
            await affected(session, text(f"{on} {refuse}"))
        with pytest.raises(DBAPIError, match="never"):
            await sender.once()
        await house.leases_run_out()
        if tried_again:
            with pytest.raises(DBAPIError, match="never"):
                await sender.once()
            assert len(house.messenger.sent) == 1
        async with house.database.writing() as session:
            await affected(session, text("DROP TRIGGER never"))
        assert await sender.once() == (0 if tried_again else 1)
        assert await house.states() == [State.sent]
        async with house.database.writing() as session:
            pending = update(table(Ledger)).values(state=State.pending, owner=None)
            await affected(session, pending)


# ---- shares --------------------------------------------------------------------------------


async def test_a_storm_of_replies_does_not_keep_the_bulk_waiting(house: House) -> None:
    contact = await house.texts(*(f"reply:{n}" for n in range(80)))
    async with house.database.writing() as session:
        causes = [f"ask:{n}" for n in range(16)]
        await owe_texts(house.database, session, contact, *causes, lane=Lane.bulk)
    while await house.sender.once():
        pass
    sent = sorted(await house.entries(), key=lambda entry: entry.message_id or 0)
    first = [entry.lane for entry in sent[:32]]
    assert (first.count(Lane.reply), first.count(Lane.bulk)) == (24, 8)
    assert set(await house.states()) == {State.sent}


async def test_only_the_bulk_is_paid_for(house: House) -> None:
    house.pacer = Pacer(1000, paid=True)
    house.restart()
    contact = await house.texts("reply")
    async with house.database.writing() as session:
        await owe_texts(house.database, session, contact, "ask", lane=Lane.bulk)
    await house.sender.once()
    assert house.messenger.paid == [False, True]


async def test_a_chat_that_has_had_enough_waits_and_its_messages_keep_their_order(
    house: House,
) -> None:
    time = 100.0
    house.pacer = Pacer(1e6, chats=Chats(), clock=lambda: time)
    house.restart()
    await house.texts(*(f"c{n}" for n in range(8)))
    while set(await house.states()) != {State.sent}:
        await house.sender.once()
        assert await house.sender.once() == 0  # nobody asks again before the second is over
        time += 1.0
        house.clock.now += timedelta(seconds=1.1)
    entries = await house.entries()
    assert sorted(entries, key=lambda entry: entry.message_id or 0) == entries
    assert time == 104.0
    assert house.pacer.resting == 0
