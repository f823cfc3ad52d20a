"""The office and the roster in chat: a list with everything in it, and students who leave."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from checkin.rosters import Sheet
from handlers.rosters import import_sheets
from handlers.setup import make_school
from storage import leaving, people
from storage.rosters import known_roster
from storage.tables import AuditEntry, CheckIn, Enrolment
from tests.play import MONDAY, ROSTER, TUESDAY, Someone, Stage

Golden = Callable[[str, str], None]
BOTH = pytest.mark.parametrize("language", ["en", "zh"])

WIDE = """类别,学号/工号,姓名,班级,年级,宿舍,职务,手机,顺序,权限,开始日期,截止日期,分开监护
学生,20250440,Mia,3-2,3,,,,,,,,
学生,20250450,Leo,3-2,3,Maple House,,,,,,,
家长,20250440,Ruth,,,,,13900000007,1,可查看可填报,,,是
家长,20250440,Paul,,,,,13900000008,2,仅查看,2026-03-01,2026-06-30,是
家长,20250450,Lena,,,,,13900000021,1,,,,
教职工,T005,方青,,,,副校长,13900000015,,,,,
教职工,T007,Mr Lee,,,,三年级组长,13900000017,,,,,
教职工,T008,Mrs Song,,,,宿管 Maple,13900000018,,,,,
"""
BROKEN = (
    WIDE.replace("仅查看", "看情况")
    .replace("2026-03-01", "3/4/2026")
    .replace("三年级组长", "四年级组长")
    .replace("宿管 Maple", "宿管 9号楼")
)
WITHOUT_BEN = "\n".join(row for row in ROSTER.splitlines() if "415" not in row)


async def last(stage: Stage, who: Someone) -> str:
    return str((await stage.chat(who))[-1]["text"])


async def numbers(stage: Stage, *, on: int = 1) -> set[str]:
    assert stage.school is not None
    async with stage.database.reading() as session:
        day = MONDAY + timedelta(days=on)
        return set((await known_roster(session, stage.school.id, day)).enrolments)


async def acts(stage: Stage, act: str) -> list[AuditEntry]:
    async with stage.database.reading() as session:
        return list(await session.exec(select(AuditEntry).where(AuditEntry.act == act)))


@BOTH
async def test_a_list_with_rights_and_dormitories_is_taken_over_or_named(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    gu = await stage.joined("Gu")
    await stage.at("06:00")
    await stage.sends_file(gu, "boarders.csv", BROKEN.encode())
    await stage.sends_file(gu, "boarders.csv", WIDE.encode())
    await stage.sends_file(gu, "boarders.csv", WIDE.encode())
    await stage.says(gu, "/roster")
    golden(f"import_wide.{language}", stage.transcript())


@BOTH
async def test_students_leave_by_the_list_or_by_number(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    gu = await stage.joined("Gu")
    zhou = await stage.joined("周敏")
    await stage.at("06:00")
    await stage.sends_file(gu, "school.csv", WITHOUT_BEN.encode())
    await stage.taps_first(gu, 0)  # show them
    await stage.taps_first(gu, 0)  # they have left
    await stage.taps_first(gu, 0)  # yes, from tomorrow
    await stage.says(gu, "/left")
    await stage.says(gu, "/left 20259999")
    await stage.says(gu, "/left 20250420")
    await stage.taps_first(gu, 1)  # no
    await stage.says(gu, "/left 20250420")
    await stage.taps_first(gu, 0)
    await stage.at("06:30")  # today still counts
    await stage.at("06:30", day=TUESDAY)
    await stage.says(zhou, "/today")
    await stage.says(gu, "/roster")
    golden(f"leaving.{language}", stage.transcript())


async def test_a_guardian_of_nobody_any_more_answers_for_nobody(stage: Stage) -> None:
    await stage.a_school()
    gu = await stage.joined("Gu")
    maria, zhou = await stage.joined("Maria"), await stage.joined("周敏")
    await stage.says(gu, "/left 20250420 20250412")
    await stage.taps_first(gu, 0)
    async with stage.database.reading() as session:
        for day, of_maria, of_zhou in ((MONDAY, 2, 1), (TUESDAY, 1, 0)):
            assert len(await people.answers_for(session, maria.person_id or 0, day)) == of_maria
            assert len(await people.answers_for(session, zhou.person_id or 0, day)) == of_zhou
    assert await numbers(stage) == {"20250415", "20250431"}
    [entry] = await acts(stage, "students left")
    assert len(entry.about["students"]) == 2
    assert entry.actor_id == gu.person_id


async def test_who_has_left_is_on_no_card_that_asked_the_evening_before(stage: Stage) -> None:
    await stage.opens_school("en")
    gu, maria, tina = [await stage.joined(who) for who in ("Gu", "Maria", "Tina")]
    await stage.at("12:00")
    for who in (maria, tina):
        await stage.says(who, "/when")
        await stage.taps_first(who, 1)  # the evening before
    await stage.at("19:00")
    of_maria, of_tina = [(await stage.chat(who))[-1] for who in (maria, tina)]
    assert "Ana (3-2)" in of_maria["text"]
    await stage.says(gu, "/left 20250431 20250412")  # Tom and Ana
    await stage.taps_first(gu, 0)
    of_maria, of_tina = [(await stage.chat(who))[-1] for who in (maria, tina)]
    assert "Ana" not in of_maria["text"]
    assert [b["text"] for row in of_maria["buttons"] for b in row] == ["All clear", "Ben…"]
    assert of_tina["text"].startswith("Nothing for you to answer here now")
    assert not of_tina["buttons"]


async def test_what_is_asked_today_of_a_child_who_leaves_stays_until_the_evening(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    gu, tina = await stage.joined("Gu"), await stage.joined("Tina")
    await stage.at("06:30")
    before = await stage.chat(tina)
    await stage.says(gu, "/left 20250431")
    await stage.taps_first(gu, 0)
    assert await stage.chat(tina) == before


async def test_whoever_is_on_a_later_list_comes_back_with_their_family(stage: Stage) -> None:
    await stage.a_school()
    gu, zhou = await stage.joined("Gu"), await stage.joined("周敏")
    await stage.says(gu, "/left 20250420")
    await stage.taps_first(gu, 0)
    await stage.at("09:00", day=TUESDAY)
    assert "20250420" not in await numbers(stage)
    await stage.sends_file(gu, "back.csv", b"kind,number,name,class\nstudent,20250420,\xe5\x91\xa8"
                           b"\xe5\xad\x90\xe6\x98\x82,3-2\n")  # fmt: skip
    async with stage.database.reading() as session:
        wards = await people.answers_for(session, zhou.person_id or 0, TUESDAY)
        kept = {e.person_id for e in await session.exec(
            select(Enrolment).where(Enrolment.number == "20250420"))}  # fmt: skip
    assert set(wards) == kept  # the same child, proved and agreed to as before


async def test_a_number_given_to_another_child_opens_nobody_s_door(stage: Stage) -> None:
    await stage.a_school()
    gu, zhou = await stage.joined("Gu"), await stage.joined("周敏")
    await stage.says(gu, "/left 20250420")
    await stage.taps_first(gu, 0)
    await stage.at("09:00", day=TUESDAY)
    await stage.sends_file(gu, "new.csv", b"kind,number,name,class\nstudent,20250420,Zoe,3-2\n")
    async with stage.database.reading() as session:
        assert await people.answers_for(session, zhou.person_id or 0, TUESDAY) == []


async def test_the_button_says_how_many_and_another_number_is_asked_again(stage: Stage) -> None:
    await stage.a_school()
    gu = await stage.joined("Gu")
    await stage.sends_file(gu, "school.csv", WITHOUT_BEN.encode())
    await stage.taps(gu, "They have left")
    old = (await stage.chat(gu))[-1]["id"]
    fewer = "\n".join(row for row in WITHOUT_BEN.splitlines() if "431" not in row)
    await stage.sends_file(gu, "school.csv", fewer.encode())
    await stage.taps(gu, "Yes, from tomorrow", message_id=old)
    assert "20250415" in await numbers(stage)
    assert "Have 2 students left" in await last(stage, gu)
    await stage.taps(gu, "Yes, from tomorrow")
    assert await numbers(stage) == {"20250412", "20250420"}
    await stage.taps(gu, "Yes, from tomorrow")  # twice is once
    assert len(await acts(stage, "students left")) == 1


async def test_nobody_but_an_admin_puts_anybody_off_the_roster(stage: Stage) -> None:
    await stage.a_school()
    gu, wang = await stage.joined("Gu"), await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.says(wang, "/left 20250412")
    await stage.says(wang, "/roster")
    assert "not open to you" in await last(stage, wang)
    message = (await stage.chat(wang))[0]["id"]
    for data in ("rl:0:0", "rs:0:0", "rc:1:0", "rk:0:0"):
        await stage.taps_raw(wang, message, data)
    assert len(await acts(stage, "button refused")) == 4
    assert "20250412" in await numbers(stage)
    assert gu


async def test_whoever_leaves_is_out_of_a_round_of_tomorrow_that_is_open_already(
    stage: Stage,
) -> None:
    school = await stage.a_school()
    await stage.at("06:30", day=TUESDAY)
    async with stage.database.writing() as session:  # as if the evening before had opened it
        [leaver] = await leaving.enrolled(session, school.id, MONDAY, ["20250420"])
        assert leaver.person_id in set(await session.exec(select(CheckIn.subject_id)))
        await leaving.end(session, [leaver], TUESDAY)
    async with stage.database.reading() as session:
        assert leaver.person_id not in set(await session.exec(select(CheckIn.subject_id)))


async def test_who_leaves_one_school_is_still_asked_about_by_the_other(stage: Stage) -> None:
    """A child is on the lists of two schools for a while, when moving: one lets them go."""
    school = await stage.a_school()
    async with stage.database.writing() as session:
        other = await make_school(
            session, "Hill School", stage.now, zone="Asia/Shanghai", language="en"
        )
        rows: list[list[Any]] = [line.split(",") for line in ROSTER.strip().splitlines()]
        await import_sheets(session, other, [Sheet("roster", rows)], stage.now, actor_id=None)
        [leaver] = await leaving.enrolled(session, school.id, MONDAY, ["20250412"])
        theirs = select(Enrolment).where(
            Enrolment.school_id == other.id, Enrolment.number == "20250412"
        )
        (await session.exec(theirs)).one().person_id = leaver.person_id
    await stage.at("06:30", day=TUESDAY)
    about = select(CheckIn.school_id).where(CheckIn.subject_id == leaver.person_id)
    async with stage.database.writing() as session:
        assert set(await session.exec(about)) == {school.id, other.id}
        await leaving.end(session, [leaver], TUESDAY)
    async with stage.database.reading() as session:
        assert set(await session.exec(about)) == {other.id}


async def test_a_child_imported_while_the_round_is_open_is_asked_about_at_once(
    stage: Stage,
) -> None:
    """The list comes at 06:50, the family joins at 06:52: they are asked at 06:52."""
    await stage.a_school()
    gu, eve = await stage.joined("Gu"), await stage.phone("Eve's mother")
    await stage.at("06:30")
    await stage.at("06:50")
    await stage.sends_file(gu, "new.csv", b"kind,number,name,class\nstudent,20250499,Eve,3-2\n")
    code = await stage.class_link("3-2")
    await stage.at("06:52")
    await stage.opens(eve, code)
    await stage.says(eve, "Eve 0499")
    await stage.taps_first(eve, 0)
    assert "Eve" in await last(stage, eve)
    assert any("All clear" in button["text"] for message in await stage.chat(eve)
               for row in message["buttons"] for button in row)  # fmt: skip


async def heard(stage: Stage, who: Someone) -> list[str]:
    return [m["text"] for m in await stage.chat(who) if m["from"] == "bot"]


@pytest.mark.parametrize(
    ("plan", "clock"),
    [("", "07:25"), ("/plan students ask 06:30 remind 07:10 close 08:00", "06:45")],
)
async def test_the_family_of_a_child_who_is_back_is_asked_before_the_close(
    stage: Stage, plan: str, clock: str
) -> None:
    """`/left` by mistake: the list that has Tom again is sent at once."""
    stage.now -= timedelta(days=7)
    await stage.opens_school("en")
    gu, tina = await stage.joined("Gu"), await stage.joined("Tina")
    await stage.at("12:00", MONDAY - timedelta(days=4))
    if plan:
        await stage.says(gu, plan)
    await stage.says(gu, "/left 20250431")
    await stage.taps_first(gu, 0)
    await stage.at("06:30")
    await stage.at(clock)
    await stage.sends_file(gu, "school.csv", ROSTER.encode())
    for later in ("07:10", "07:20", "07:30", "07:59"):
        if later > clock:
            await stage.at(later)
    assert any("Tom" in text for text in await heard(stage, tina))


async def test_a_child_whose_guardian_is_back_on_the_list_is_silent_on_the_class_card_at_once(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    gu, wang = await stage.joined("Gu"), await stage.joined("Mr Wang")
    await stage.joined("Tina")
    await stage.at("06:30")
    await stage.at("07:30")
    columns = "kind,number,name,phone,order,since,until\n"
    for until, clock, said in (
        ("2026-03-01", "07:31", "out of reach: Ana, Tom, 周子昂"),
        ("2026-06-30", "07:32", "Silent: Tom\n"),
    ):
        tie = f"guardian,20250431,Tina,13900000004,1,2026-02-01,{until}\n"
        await stage.sends_file(gu, "tie.csv", (columns + tie).encode())
        await stage.at(clock)
        [card] = [text for text in await heard(stage, wang) if "Class 3-2" in text]
        assert said in card
