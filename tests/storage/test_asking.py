"""The sets that the database asks, reminds and closes are those that the rules would choose."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func
from sqlmodel import col, select

from checkin.access import Role
from checkin.asking import Eligible, may_ask, may_remind
from checkin.checkins import Status
from checkin.plans import Audience
from handlers.setup import make_school
from storage import asking, closings
from storage.database import Database, Session
from storage.ledger import State
from storage.round_close import close_round
from storage.tables import Card, CheckIn, Consent, Contact, Guardianship, Ledger, Round
from tests.builders import (
    MONDAY,
    SUNDAY_NIGHT,
    Rows,
    a_school,
    at,
    cards_of,
    checkins_of,
    ledger_of,
)
from tests.examples import examples
from tests.storage.test_queue_cost import Asked

DAYS = st.sampled_from([MONDAY - timedelta(days=1), MONDAY, MONDAY + timedelta(days=1)])
ENDS = st.one_of(st.none(), DAYS)
WAITING = {Status.due, Status.asked, Status.partial}


@dataclass(frozen=True)
class Chat:
    state: str


@dataclass(frozen=True)
class Tie:
    rank: int
    proved: bool
    since: date
    until: date | None
    consent: str
    chats: tuple[Chat, ...]


@dataclass(frozen=True)
class Child:
    since: date
    until: date | None
    ties: tuple[Tie, ...]
    own_consent: str
    own_chat: Chat | None
    becomes: Status


chats = st.builds(Chat, st.sampled_from(["active", "active", "blocked"]))
consents = st.sampled_from(["given", "given", "withdrawn", "none", "given again"])
ties = st.builds(
    Tie,
    rank=st.integers(1, 3),
    proved=st.booleans(),
    since=DAYS,
    until=ENDS,
    consent=consents,
    chats=st.lists(chats, max_size=2).map(tuple),
)
children = st.builds(
    Child,
    since=DAYS,
    until=ENDS,
    ties=st.lists(ties, max_size=3).map(tuple),
    own_consent=consents,
    own_chat=st.one_of(st.none(), chats),
    becomes=st.sampled_from([Status.asked, Status.asked, Status.partial, Status.complete]),
)


def in_force(since: date, until: date | None) -> bool:
    return since <= MONDAY and (until is None or until > MONDAY)


@dataclass
class Expected:
    """A child, and everyone who can be asked about it, the first to be asked first."""

    child: Child
    ways: list[tuple[int, int]]  # (rank, contact)

    @property
    def rules(self) -> dict[str, bool]:
        return {
            "reachable": bool(self.ways),
            "consented": bool(self.ways),
            "on_roll": in_force(self.child.since, self.child.until),
            "paused": False,
        }

    @property
    def first(self) -> int:
        return min(self.ways)[1]


def _consent(rows: Rows, subject: int, by: int, consent: str) -> bool:
    if consent in {"withdrawn", "given again"}:
        rows.consent(subject, by, withdrawn=True)
    if consent in {"given", "given again"}:
        rows.consent(subject, by)
    return consent.startswith("given")


def _raise(rows: Rows, child: Child) -> tuple[int, Expected]:
    student = rows.student("Ana", since=child.since, until=child.until)
    ways = []
    if child.own_chat is not None:
        contact = rows.contact(student, state=child.own_chat.state)
        if _consent(rows, student, student, child.own_consent) and contact.state == "active":
            ways.append((0, contact.id))
    for tie in child.ties:
        guardian = rows.guardian(
            "Maria", student, rank=tie.rank, proved=tie.proved, since=tie.since, until=tie.until
        )
        agreed = _consent(rows, student, guardian, tie.consent)
        for chat in tie.chats:
            contact = rows.contact(guardian, state=chat.state)
            if agreed and tie.proved and in_force(tie.since, tie.until) and chat.state == "active":
                ways.append((tie.rank, contact.id))
    return student, Expected(child, ways)


@given(st.lists(children, min_size=1, max_size=5))
@settings(
    max_examples=examples(20, 200),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_whom_the_database_asks_reminds_and_closes_the_rules_would_too(
    database: Database, generated: list[Child]
) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        school = dict(_raise(rows, child) for child in generated)
        held = await rows.round()
        await asking.open_students(session, held)
        opened = await checkins_of(session, held.id)
        assert opened.keys() == {i for i, each in school.items() if each.rules["on_roll"]}

        # asking
        asked = await asking.ask(session, held, rows.now)
        eligible = {
            student
            for student, each in school.items()
            if isinstance(may_ask(Status.due, **each.rules), Eligible)
        }
        owed = await _owed(session, held.id, "card")
        assert owed == sorted({school[student].first for student in eligible})
        now_held = await checkins_of(session, held.id)
        for student, checkin in now_held.items():
            wanted = Status.asked if student in eligible else Status.unreachable
            assert checkin.status == wanted
        assert asked == asking.Asked(len(owed), len(eligible), len(opened.keys() - eligible))

        # asking again
        revisions = await _revisions(session)
        assert await asking.ask(session, held, rows.now) == asking.Asked(0, 0, 0)
        assert await _owed(session, held.id, "card") == owed
        assert await _revisions(session) == revisions

        # some answer, then the silent are reminded, but not of a card that has not come; and again
        for student in eligible:
            now_held[student].status = school[student].child.becomes.value
        await session.flush()
        silent = {
            student
            for student, each in school.items()
            if student in now_held
            and isinstance(may_remind(Status(now_held[student].status), **each.rules), Eligible)
        }
        assert await asking.remind(session, held, rows.now, rung=1) == 0
        await _arrive(session)
        reminded = await asking.remind(session, held, rows.now, rung=1)
        assert await _owed(session, held.id, "reminder") == sorted(
            {school[student].first for student in silent}
        )
        assert reminded == len({school[student].first for student in silent})
        assert await asking.remind(session, held, rows.now, rung=1) == 0

        # closing
        before = {student: Status(each.status) for student, each in now_held.items()}
        closed = await close_round(session, held, rows.now)
        for student, checkin in (await checkins_of(session, held.id)).items():
            was = before[student]
            assert checkin.status == (Status.no_response if was in WAITING else was)
        assert closed == sum(was in WAITING for was in before.values())


async def _arrive(session: Session) -> None:
    """Let every card owed have come to its chat."""
    for card in await cards_of(session):
        card.message_id = card.id
    await session.flush()


async def _owed(session: Session, round_id: int, kind: str) -> list[int]:
    """Return the contacts that are owed a message, of the school that is being asked."""
    subjects = select(CheckIn.subject_id).where(CheckIn.round_id == round_id)
    people = select(Guardianship.guardian_id).where(col(Guardianship.student_id).in_(subjects))
    found = await session.exec(
        select(Ledger.contact_id)
        .join(Contact, col(Contact.id) == Ledger.contact_id)
        .where(
            Ledger.kind == kind,
            col(Contact.person_id).in_(people) | col(Contact.person_id).in_(subjects),
        )
    )
    return sorted(found)


async def _revisions(session: Session) -> int:
    return (await session.exec(select(func.sum(Card.revision)))).one() or 0


def a_teacher_with_a_child_here(rows: Rows) -> Contact:
    """Mr Wang is asked for himself, and as the guardian of Ana."""
    teacher, contact = rows.staff("Mr Wang", Role.class_teacher, rows.class_id)
    child = rows.student("Ana")
    rows.tie(teacher, child)
    rows.consent(child, teacher)
    return contact


async def both_rounds(session: Session, rows: Rows) -> tuple[Round, Round]:
    """Open the morning's round of the students and that of the staff."""
    students, staff = await rows.round(), await rows.round(Audience.staff)
    await asking.open_students(session, students)
    await asking.open_staff(session, staff, rows.school.path)
    return students, staff


async def test_a_card_for_two_plans_of_one_slot_is_one_message(database: Database) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        contact = a_teacher_with_a_child_here(rows)
        students, staff = await both_rounds(session, rows)
        first = await asking.ask(session, students, rows.now)
        second = await asking.ask(session, staff, rows.now)
    async with database.reading() as session:
        assert (first.messages, second.messages) == (1, 0)
        assert (first.subjects, second.subjects) == (1, 1)
        assert [entry.contact_id for entry in await ledger_of(session, "card")] == [contact.id]
        assert len(await cards_of(session)) == 1


async def test_two_siblings_are_one_message_to_their_guardian(database: Database) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        _ana, contact = rows.family("Ana", "Maria")
        ben = rows.student("Ben")
        rows.tie(contact.person_id or 0, ben)
        rows.consent(ben, contact.person_id or 0)
        held = await rows.round()
        await asking.open_students(session, held)
        assert await asking.ask(session, held, rows.now) == asking.Asked(1, 2, 0)


async def test_consent_withdrawn_before_the_ask_means_no_ask(database: Database) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        rows.family("Ana", "Maria")
        for consent in await session.exec(select(Consent)):
            consent.withdrawn_at = rows.now
        held = await rows.round()
        await asking.open_students(session, held)
        assert await asking.ask(session, held, rows.now) == asking.Asked(0, 0, 1)


async def test_an_ask_and_its_reminder_may_not_go_out_after_the_close(database: Database) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        rows.family("Ana", "Maria")
        held = await rows.round()
        await asking.open_students(session, held)
        await asking.ask(session, held, rows.now)
        await _arrive(session)
        await asking.remind(session, held, rows.now, rung=1)
        assert {entry.not_after for entry in await ledger_of(session)} == {at("08:00")}


async def test_the_second_guardian_is_asked_only_at_the_second_rung(database: Database) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        ana, first = rows.family("Ana", "Maria")
        second = rows.second_guardian(ana, "Carlos")
        held = await rows.round()
        await asking.open_students(session, held)
        await asking.ask(session, held, rows.now)
        assert await _owed(session, held.id, "card") == [first.id]
        await asking.ask(session, held, rows.now, place=2)
        assert await _owed(session, held.id, "card") == sorted([first.id, second.id])


async def test_who_has_become_the_first_in_line_is_asked_at_the_next_ask(
    database: Database,
) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        ana, first = rows.family("Ana", "Maria")
        second = rows.second_guardian(ana, "Carlos")
        held = await rows.round()
        await asking.open_students(session, held)
        first.state = "blocked"
        await asking.ask(session, held, rows.now)
        assert await _owed(session, held.id, "card") == [second.id]
        first.state = "active"
        await session.flush()
        await _arrive(session)
        assert await asking.remind(session, held, rows.now, rung=1) == 1
        assert await _owed(session, held.id, "reminder") == [second.id]
        assert await asking.ask(session, held, rows.now, place=2) == asking.Asked(1, 0, 0)
        assert await _owed(session, held.id, "card") == sorted([first.id, second.id])


async def test_an_ask_that_was_refused_is_owed_anew_at_the_next_ask(database: Database) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        ana, first = rows.family("Ana", "Maria")
        rows.second_guardian(ana, "Carlos")
        held = await rows.round()
        await asking.open_students(session, held)
        await asking.ask(session, held, rows.now)
        (refused,) = await ledger_of(session, "card")
        refused.state = State.failed.value
        await session.flush()
        assert await asking.ask_those_left(session, held, rows.now) == asking.Asked(1, 0, 0)
        assert await asking.ask(session, held, rows.now, place=2) == asking.Asked(1, 0, 0)
        asked = [(e.contact_id == first.id, e.rung) for e in await ledger_of(session, "card")]
        assert asked == [(True, 0), (True, 1), (False, 0)]


async def test_no_household_is_reminded_twice_within_ten_minutes(database: Database) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        a_teacher_with_a_child_here(rows)
        students, staff = await both_rounds(session, rows)
        for held in (students, staff):
            await asking.ask(session, held, rows.now)
        await _arrive(session)
        later = [rows.now + timedelta(minutes=n) for n in (0, 9, 10, 15)]
        assert await asking.remind(session, students, later[0], rung=1) == 1
        assert await asking.remind(session, staff, later[0], rung=1) == 0
        assert await asking.remind(session, staff, later[1], rung=2) == 0
        assert await asking.remind(session, staff, later[2], rung=3) == 1
        for entry in await ledger_of(session, "reminder"):
            entry.state = State.failed.value
        await session.flush()
        assert await asking.remind(session, staff, later[3], rung=4) == 1  # nothing had arrived


async def test_a_reminder_stays_while_another_round_waits_for_the_household(
    database: Database,
) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        a_teacher_with_a_child_here(rows)
        rows.family("Ben", "Maria")
        students, staff = await both_rounds(session, rows)
        for held in (students, staff):
            await asking.ask(session, held, rows.now)
        await _arrive(session)
        await asking.remind(session, students, rows.now, rung=1)
        for entry in await ledger_of(session, "reminder"):
            entry.state = State.sent.value
        await session.flush()
        await close_round(session, students, rows.now)
        assert await _reminders(session) == ["sent", "withdrawing"]  # the teacher's own, Maria's
        await close_round(session, staff, rows.now)
        assert await _reminders(session) == ["withdrawing", "withdrawing"]


async def _reminders(session: Session) -> list[str]:
    return sorted(await session.exec(select(Ledger.state).where(Ledger.kind == "reminder")))


async def test_when_a_chat_closes_the_next_in_line_is_asked_once_for_all_the_children(
    database: Database,
) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        ana, lost = rows.family("Ana", "Maria")
        carlos = rows.second_guardian(ana, "Carlos")
        ben, cleo = rows.student("Ben"), rows.student("Cleo")
        for child in (ben, cleo):
            rows.tie(lost.person_id or 0, child)
            rows.consent(child, lost.person_id or 0)
        rows.tie(carlos.person_id or 0, ben, rank=2)
        rows.consent(ben, carlos.person_id or 0)
        held = await rows.round()
        await asking.open_students(session, held)
        await asking.ask(session, held, rows.now)
        lost.state = "blocked"
        await asking.ask_instead(session, lost, rows.now)
        assert await _owed(session, held.id, "card") == sorted([lost.id, carlos.id])
        now_held = await checkins_of(session, held.id)
        assert {child: now_held[child].status for child in (ana, ben, cleo)} == {
            ana: Status.asked,
            ben: Status.asked,
            cleo: Status.unreachable,
        }


async def test_what_waits_goes_out_until_the_moved_close_of_the_rounds_that_it_is_about(
    database: Database,
) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        _, tina = rows.family("Tom", "Tina")
        wang_id, wang = rows.staff("Mr Wang", Role.class_teacher, rows.class_id)
        ana_id, maria = rows.family("Ana", "Maria")
        rows.tie(wang_id, ana_id, rank=2)
        students, staff = await rows.round(), await rows.round(Audience.staff)
        await asking.open_students(session, students)
        await asking.open_staff(session, staff, rows.school.path)
        for held in (students, staff):
            await asking.ask(session, held, rows.now)

        async def until() -> dict[int, datetime | None]:
            await session.flush()
            found = await session.exec(select(Ledger.contact_id, Ledger.not_after))
            return dict(found.all())

        await closings.move(session, students, at("07:00"))
        earlier = {tina.id: at("07:00"), maria.id: at("07:00"), wang.id: at("08:00")}
        assert await until() == earlier
        await closings.move(session, students, at("09:00"))
        later = {tina.id: at("09:00"), maria.id: at("09:00"), wang.id: at("08:00")}
        assert await until() == later


async def test_a_close_is_moved_in_as_many_statements_in_a_city_as_alone(
    database: Database,
) -> None:
    numbers = set()
    async with database.writing() as session:
        rows = await a_school(session)
        rows.family("Tom", "Tina")
        held = await rows.round()
        for others, close in ((1, "07:50"), (20, "07:55")):
            for _ in range(others):
                school = await make_school(session, "Another", SUNDAY_NIGHT, language="en")
                await Rows(session, school, 0).round()
            await session.flush()
            asked = Asked(database)
            numbers.add(len(await asked.by(closings.move(session, held, at(close)))))
    assert len(numbers) == 1
