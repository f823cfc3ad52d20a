"""Who may see and decide what: asked of the rows at each event, never of a button's data."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, select

from handlers.presses import LIMIT, Press, PressError, Verb
from storage.database import Session
from storage.people import name_of
from storage.tables import (
    AuditEntry,
    Card,
    CheckIn,
    Guardianship,
    Ledger,
    Person,
    Quarantined,
    RoleGrant,
    Unit,
)
from tests.play import BOT_ID, MONDAY, Someone, Stage

REFUSED = "button refused"


async def acts(stage: Stage, act: str) -> list[dict[str, Any]]:
    async with stage.database.reading() as session:
        found = await session.exec(select(AuditEntry).where(AuditEntry.act == act))
        return [entry.about for entry in found]


async def last(stage: Stage, who: Someone) -> str:
    return str((await stage.chat(who))[-1]["text"])


async def checkin_of(session: Session, name: str) -> CheckIn:
    for checkin, person in await session.exec(
        select(CheckIn, Person).join(Person, col(Person.id) == CheckIn.subject_id)
    ):
        if name_of(person) == name:
            return checkin
    raise LookupError(name)


async def buttons(stage: Stage, who: Someone) -> list[tuple[int, str]]:
    return [
        (message["id"], button["data"])
        for message in await stage.chat(who)
        for row in message["buttons"]
        for button in row
        if button.get("data")
    ]


async def a_flag(stage: Stage) -> tuple[Someone, Someone, Someone, Someone]:
    """Ana of 3-2 has a fever; her teacher has heard of it, the teacher of 1-1 has not."""
    await stage.a_school()
    maria, wang, sun = [await stage.joined(n) for n in ("Maria", "Mr Wang", "Ms Sun")]
    stranger = await stage.phone("Eve")
    await stage.at("06:30")
    await stage.says(maria, "Ana")
    await stage.reports_fever(maria, opened=True)
    return maria, wang, sun, stranger


async def test_a_teacher_sees_the_own_class_and_no_other(stage: Stage) -> None:
    await stage.a_school()
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.says(wang, "/class 3-2")
    assert "3-2" in await last(stage, wang)
    await stage.says(wang, "/class 1-1")
    other = await last(stage, wang)
    await stage.says(wang, "/class 9-9")
    nowhere = await last(stage, wang)
    assert other.replace("1-1", "9-9") == nowhere
    assert "Ben" not in other
    assert len(await acts(stage, "class not found")) == 2


async def test_a_teacher_of_two_classes_gets_both_cards(stage: Stage) -> None:
    await stage.a_school()
    wang = await stage.joined("Mr Wang")
    async with stage.database.writing() as session:
        other = (await session.exec(select(Unit).where(Unit.name == "1-1"))).one()
        session.add(
            RoleGrant(
                person_id=wang.person_id or 0,
                unit_id=other.id,
                role="class_teacher",
                since=MONDAY,
            )
        )
    await stage.at("06:30")
    await stage.says(wang, "/class")
    shown = "\n".join(message["text"] for message in await stage.chat(wang))
    assert "Ben" in shown
    assert "周子昂" in shown


async def test_why_about_another_class_s_child_is_not_found_and_kept(stage: Stage) -> None:
    await stage.a_school()
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.says(wang, "/why Ben")
    other = await last(stage, wang)
    await stage.says(wang, "/why 20250415")
    await stage.says(wang, "/why Nobody")
    assert other.replace("Ben", "Nobody") == await last(stage, wang)
    assert len(await acts(stage, "person not found")) == 3
    assert await acts(stage, "why read") == []
    await stage.says(wang, "/why Ana")
    assert len(await acts(stage, "why read")) == 1


@pytest.mark.parametrize("command", ["/class", "/summary", "/why Ana", "/invite 3-2", "/setup",
                                     "/plan 06:00 07:00", "/import", "/health"])  # fmt: skip
async def test_a_guardian_and_a_stranger_are_told_nothing_of_the_school(
    stage: Stage, command: str
) -> None:
    await stage.a_school()
    carlos, eve = await stage.joined("Carlos"), await stage.phone("Eve")
    await stage.at("06:30")
    for who in (carlos, eve):
        await stage.says(who, command)
        said = await last(stage, who)
        assert not any(word in said for word in ("周", "Tom", "3-2", "1-1", "start=", "/plan"))


async def test_another_class_s_teacher_cannot_look_into_or_release_a_flag(stage: Stage) -> None:
    maria, wang, sun, stranger = await a_flag(stage)
    async with stage.database.reading() as session:
        ana = await checkin_of(session, "Ana")
    message_id = (await stage.chat(sun) or await stage.chat(maria))[-1]["id"]
    for who in (sun, maria, stranger):
        for verb in (Verb.details, Verb.release, Verb.keep_flag):
            await stage.says(who, "/help")
            message_id = (await stage.chat(who))[-1]["id"]
            await stage.taps_raw(who, message_id, Press(verb, ana.id).pack())
            assert "fever" not in stage.lines[-1].casefold()
    assert len(await acts(stage, REFUSED)) == 9
    assert await acts(stage, "reasons read") == []
    async with stage.database.reading() as session:
        now = await checkin_of(session, "Ana")
    assert (now.severity, now.disposition) == (ana.severity, ana.disposition)
    await stage.taps(wang, "Why?")
    assert len(await acts(stage, "reasons read")) == 1


async def test_nobody_can_tap_somebody_else_s_card(stage: Stage) -> None:
    maria, wang, _sun, stranger = await a_flag(stage)
    tina = await stage.joined("Tina")
    await stage.says(wang, "/class")
    before = await _rows(stage)
    refused = len(await acts(stage, REFUSED))
    forged = {data for _, data in [*await buttons(stage, maria), *await buttons(stage, wang)]}
    forged = {d for d in forged if d[0] in "aopdbhcrs"}
    assert forged
    for who in (tina, stranger):
        await stage.says(who, "/help")
        message_id = (await stage.chat(who))[-1]["id"]
        for data in sorted(forged):
            await stage.taps_raw(who, message_id, data)
    assert len(await acts(stage, REFUSED)) == refused + 2 * len(forged)
    assert await _rows(stage) == before


async def test_a_guardian_cannot_open_another_family_s_child_on_the_own_card(
    stage: Stage,
) -> None:
    await stage.a_school()
    maria = await stage.joined("Maria")
    await stage.joined("Tina")
    await stage.at("06:30")
    async with stage.database.reading() as session:
        tom = await checkin_of(session, "Tom")
        card = (await session.exec(select(Card).order_by(col(Card.id)))).first()
    assert card is not None
    message_id = (await stage.chat(maria))[-1]["id"]
    await stage.taps_raw(
        maria, message_id, Press(Verb.open_subject, card.id, card.revision, (tom.id,)).pack()
    )
    assert len(await acts(stage, REFUSED)) == 1
    assert "Tom" not in await last(stage, maria)


async def test_an_ended_role_ends_the_access_at_the_next_event(stage: Stage) -> None:
    _maria, wang, _sun, _stranger = await a_flag(stage)
    await stage.says(wang, "/class")
    async with stage.database.writing() as session:
        for grant in await session.exec(
            select(RoleGrant).where(RoleGrant.person_id == wang.person_id)
        ):
            grant.until = MONDAY
    refused = len(await acts(stage, REFUSED))
    await stage.taps(wang, "Why?")
    await stage.taps_first(wang, -1)  # refresh, under the class card
    assert len(await acts(stage, REFUSED)) == refused + 2
    await stage.says(wang, "/class")
    assert "Ana" not in await last(stage, wang)
    await stage.says(wang, "/why Ana")
    assert await acts(stage, "why read") == []


async def test_an_ended_guardianship_ends_the_access_at_the_next_event(stage: Stage) -> None:
    await stage.a_school()
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    async with stage.database.writing() as session:
        for tie in await session.exec(
            select(Guardianship).where(Guardianship.guardian_id == maria.person_id)
        ):
            tie.until = MONDAY
    await stage.taps_first(maria, 0)
    async with stage.database.reading() as session:
        found = await session.exec(select(CheckIn.status).where(CheckIn.answered_at != None))  # noqa: E711
        assert list(found) == []
    await stage.says(maria, "/today")
    assert "Ana" not in await last(stage, maria)


FORGED = [
    "",
    " ",
    ":",
    "a",
    "a:",
    "a::",
    "a:1:1:",
    "zz:1:1",
    "a:-1:1",
    "a:1:-1",
    "😀",
    "\0",
    "../../etc/passwd",
    "'; DROP TABLE card; --",
    "a:" + "z" * 30 + ":1",
    "l:" + "z" * 60,
    "o:1:1:" + "z" * 40,
    "w:" + "1y2p0ij32e8e8",  # beyond 63 bits
    "i:" + "zzzzzzzzzzzzzz",
    "j:zzzzzzzzzzzzzz:0",
    "g:zzzzzz:0",
]


async def test_forged_data_changes_nothing_and_is_answered(stage: Stage) -> None:
    await stage.a_school()
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    before = await _rows(stage)
    message_id = (await stage.chat(maria))[-1]["id"]
    die = random.Random(7)
    noise = ["".join(chr(die.randrange(1, 0x250)) for _ in range(20)) for _ in range(10)]
    for data in [*FORGED, *noise]:
        if data and len(data.encode()) <= LIMIT:
            stage.poller = type(stage.poller)(stage.transport, stage.inbox, stage._after)
            await stage.taps_raw(maria, message_id, data)
    assert await _rows(stage) == before
    async with stage.database.reading() as session:
        assert list(await session.exec(select(Quarantined))) == []


@given(st.text(max_size=70))
def test_any_data_is_a_press_or_refused(data: str) -> None:
    try:
        press = Press.unpack(data)
    except PressError:
        return
    assert all(0 <= number < 2**63 for number in (press.row, press.revision, *press.details))


@given(
    st.sampled_from(Verb),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**31),
    st.lists(st.integers(0, 2**63 - 1), max_size=2),
)
def test_what_is_packed_is_what_is_unpacked(
    verb: Verb, row: int, revision: int, details: list[int]
) -> None:
    press = Press(verb, row, revision, tuple(details))
    assert Press.unpack(press.pack()) == press


async def test_a_group_is_told_nothing_but_where_to_go(stage: Stage) -> None:
    await stage.a_school()
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    owed_before = len(stage.lines)
    chat = {"id": -100500, "type": "supergroup", "title": "Class 3-2 parents"}
    sender = {"id": wang.user_id, "is_bot": False, "first_name": "Mr Wang"}
    async with stage.database.reading() as session:
        card = (await session.exec(select(Card))).first()
    data = Press(Verb.all_clear, card.id if card else 1, 1).pack()
    for text in ("/class", "/summary", "/why Ana", "/today", "/start x", "all good", "Ana 38.5"):
        message = {"message_id": 5, "date": 1, "chat": chat, "from": sender, "text": text}
        await stage.post(f"/sandbox/bots/{BOT_ID}/updates", {"update": {"message": message}})
        await stage.settle()
    tap = {"id": "77", "from": sender, "chat_instance": "1", "data": data,
           "message": {"message_id": 5, "date": 1, "chat": chat}}  # fmt: skip
    await stage.post(f"/sandbox/bots/{BOT_ID}/updates", {"update": {"callback_query": tap}})
    await stage.settle()
    async with stage.database.reading() as session:
        said = await session.exec(select(Ledger).where(Ledger.kind != "card"))
        kinds = {
            (entry.kind, entry.payload.read(entry.contact_id)) for entry in said if entry.payload
        }
    assert {kind for kind, _ in kinds} == {"text"}
    assert all("help.private_only" in payload for _, payload in kinds)
    assert all("Ana" not in line for line in stage.lines[owed_before:])


async def _rows(stage: Stage) -> list[Any]:
    async with stage.database.reading() as session:
        checkins = await session.exec(select(CheckIn).order_by(col(CheckIn.id)))
        cards = await session.exec(select(Card).order_by(col(Card.id)))
        return [
            *((c.id, c.status, c.severity, c.answered_at, c.draft is None) for c in checkins),
            *((c.id, c.revision, c.focus) for c in cards),
        ]
