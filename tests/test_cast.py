"""The larger school of the stage: everybody whom a whole morning needs is there."""

from sqlmodel import col, select

from storage import people
from storage.tables import Enrolment, Guardianship, Person, RoleGrant, Unit
from tests.play import Stage


async def test_the_boarding_school_has_everybody_whom_a_morning_needs(stage: Stage) -> None:
    await stage.opens_boarding_school("en")
    async with stage.database.reading() as session:
        names = {p.id: people.name_of(p) for p in await session.exec(select(Person))}
        units = {u.id: u for u in await session.exec(select(Unit))}
        roles = {
            (names[grant.person_id], grant.role, units[grant.unit_id].name)
            for grant in await session.exec(select(RoleGrant))
        }
        ties = {
            (names[t.guardian_id], names[t.student_id]): (t.may_see, t.may_answer, t.separate)
            for t in await session.exec(select(Guardianship))
        }
        boarders = await session.exec(
            select(Enrolment).where(col(Enrolment.dormitory_id).is_not(None))
        )
        housed = {
            names[e.person_id]: units[e.dormitory_id or 0].name for e in boarders if e.boarder
        }
    assert {
        ("Mr Wang", "class_teacher", "3-2"),
        ("林岚", "school_lead", "Green Shoots School"),
        ("方青", "deputy_lead", "Green Shoots School"),
        ("许静", "doctor", "Green Shoots School"),
        ("Mr Lee", "grade_leader", "3"),
        ("Mrs Song", "dormitory_warden", "Maple House"),
    } <= roles
    assert {role for who, role, _ in roles if who in {"Mr Lee", "Mrs Song"}} == {
        "grade_leader",
        "dormitory_warden",
    }
    assert housed == {"Leo": "Maple House", "何禾": "Maple House"}
    assert ties["Ruth", "Mia"] == ties["Paul", "Mia"] == (True, True, True)
    assert ties["Oleg", "Tom"] == (True, False, False)
    assert ties["Rosa", "Ana"] == ties["Rosa", "Ben"] == (False, False, False)
    assert ties["Maria", "Ana"] == (True, True, False)
