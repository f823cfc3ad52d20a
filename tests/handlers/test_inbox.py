"""Each update is handled once; a bad one costs only itself; a sick database loses none."""

import pytest
from sqlmodel import select

from handlers.desk import Desk
from handlers.inbox import Arrival, Inbox
from handlers.messages import Event, Words
from storage.database import Database
from storage.tables import AuditEntry, Consent, Quarantined, Received
from tests.builders import BOT, SUNDAY_NIGHT, Outage, a_school, fails_from_now_on


class PoisonError(Exception):
    pass


async def route(desk: Desk, event: Event) -> None:
    """Keep what was written; some words are poison."""
    assert isinstance(event, Words)
    contact = await desk.contact(event)
    desk.record("wrote", None, None, text=event.text)
    if event.text == "poison":
        raise PoisonError("13900000001 has 38.5")
    if event.text == "bad row":  # refused only when the batch is committed
        desk.session.add(Consent(subject_id=1, given_by=2, version="1", given_at=desk.now))
    contact.dialogue = {"said": event.text}


def words(update_id: int, text: str, chat: int = 501) -> Arrival:
    event = Words(bot_id=BOT, update_id=update_id, chat_id=chat, text=text)
    return Arrival(BOT, update_id, {"update_id": update_id, "text": text}, event)


@pytest.fixture
async def inbox(database: Database) -> Inbox:
    async with database.writing() as session:
        await a_school(session)
    return Inbox(database, lambda: SUNDAY_NIGHT, route)


async def kept(database: Database) -> list[str]:
    async with database.reading() as session:
        acts = await session.exec(select(AuditEntry).where(AuditEntry.act == "wrote"))
        return sorted(act.about["text"] for act in acts)


async def set_aside(database: Database) -> list[tuple[int, str]]:
    async with database.reading() as session:
        rows = await session.exec(select(Quarantined))
        return [(row.update_id, row.reason) for row in rows]


async def test_an_update_that_comes_again_changes_nothing(
    inbox: Inbox, database: Database
) -> None:
    await inbox.handle([words(1, "a"), words(2, "b")])
    again = await inbox.handle([words(1, "a"), words(2, "b"), words(3, "c"), words(3, "c")])
    assert again.events == 1
    assert await kept(database) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        ("poison", "PoisonError while handling"),
        ("bad row", "IntegrityError while handling"),
    ],
)
async def test_a_poisoned_update_costs_only_itself(
    inbox: Inbox, database: Database, poison: str, reason: str
) -> None:
    handled = await inbox.handle([words(1, "a"), words(2, poison), words(3, "c", chat=502)])
    assert (handled.events, handled.set_aside) == (2, 1)
    assert await kept(database) == ["a", "c"]
    assert await set_aside(database) == [(2, reason)]
    again = await inbox.handle([words(1, "a"), words(2, poison), words(3, "c", chat=502)])
    assert (again.events, again.set_aside) == (0, 0)
    assert len(await set_aside(database)) == 1


async def test_what_could_not_be_read_is_set_aside_with_its_reason(
    inbox: Inbox, database: Database
) -> None:
    unreadable = Arrival(BOT, 7, {"update_id": 7, "message": "Ana has 38.5"}, unreadable="why")
    handled = await inbox.handle([unreadable, words(8, "a")])
    assert (handled.events, handled.set_aside) == (1, 1)
    async with database.reading() as session:
        row = (await session.exec(select(Quarantined))).one()
        assert row.reason == "why"
        assert row.update is not None
        assert "38.5" in row.update.read(row.id)


async def test_while_the_database_takes_no_writes_nothing_is_confirmed_or_set_aside(
    inbox: Inbox, database: Database
) -> None:
    outage = Outage(database)
    outage.on = True
    for _ in range(2):
        with pytest.raises(Exception, match=r"read-?only"):
            await inbox.handle([words(1, "a"), words(2, "b")])
    outage.on = False
    handled = await inbox.handle([words(1, "a"), words(2, "b")])
    assert (handled.events, handled.set_aside) == (2, 0)
    assert await kept(database) == ["a", "b"]


async def test_an_update_is_not_set_aside_for_a_moment_s_trouble_of_the_database(
    database: Database,
) -> None:
    Outage(database)  # each transaction starts well

    async def trouble(desk: Desk, event: Event) -> None:
        await fails_from_now_on(desk.session)
        await route(desk, event)
        await desk.session.flush()

    async with database.writing() as session:
        await a_school(session)
    inbox = Inbox(database, lambda: SUNDAY_NIGHT, trouble)
    with pytest.raises(Exception, match=r"read-?only"):
        await inbox.handle([words(1, "a")])
    assert await set_aside(database) == []
    async with database.reading() as session:
        assert (await session.exec(select(Received))).all() == []


async def test_nothing_to_handle_is_nothing_done(inbox: Inbox) -> None:
    assert (await inbox.handle([])).events == 0
