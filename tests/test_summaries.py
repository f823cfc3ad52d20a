"""The end of the morning as the lead sees it: the summary, its picture, the signature, after it.

Buttons are tapped by their place where the words differ by language: the transcript shows them.
"""

from collections.abc import Callable

import pytest

from checkin.pauses import FAMILY
from storage.tables import Pause
from tests.play import MONDAY, TUESDAY, Someone, Stage

Golden = Callable[[str, str], None]
BOTH = pytest.mark.parametrize("language", ["en", "zh"])

ROSTER = """kind,number,name,class,role,phone,order
student,20250101,Ana,1-1,,,
student,20250102,Ben,1-1,,,
student,20250103,Cleo,1-1,,,
student,20250104,Dai,1-2,,,
student,20250105,Emil,1-2,,,
student,20250106,Fay,1-2,,,
guardian,20250101;20250104,Maria,,,13900000001,1
guardian,20250102,Bruno,,,13900000002,1
guardian,20250103,Clara,,,13900000003,1
guardian,20250105,Elsa,,,13900000005,1
guardian,20250106,Finn,,,13900000006,1
staff,T003,林岚,,school lead,13900000013,
staff,T004,何川,,deputy head,13900000014,
staff,T005,顾宁,,doctor,13900000015,
"""
FAMILIES = ("Maria", "Bruno", "Clara", "Elsa", "Finn")
STAFF = ("林岚", "何川", "顾宁")


async def a_morning(stage: Stage, language: str) -> dict[str, Someone]:
    """Let everybody join and be asked; the lead and the deputy answer for themselves."""
    stage.language = language
    await stage.a_school(ROSTER)
    cast = {name: await stage.joined(name) for name in (*FAMILIES, *STAFF)}
    await stage.at("06:30")
    await answer_well(stage, cast, *STAFF)
    return cast


async def answer_well(stage: Stage, cast: dict[str, Someone], *names: str) -> None:
    for name in names:
        await stage.taps_first(cast[name], 0)


async def is_closed_and_handed_over(stage: Stage) -> None:
    await stage.at("08:00")
    await stage.at("08:05")


def from_now(stage: Stage) -> None:
    """Begin the transcript here: what came before is told by other mornings."""
    stage.lines.clear()


# ---- the specification ---------------------------------------------------------------------


@BOTH
async def test_a_day_without_a_case_and_nobody_left_out(
    stage: Stage, golden: Golden, language: str
) -> None:
    cast = await a_morning(stage, language)
    await answer_well(stage, cast, *FAMILIES)
    from_now(stage)
    await is_closed_and_handed_over(stage)
    await stage.taps_first(cast["林岚"], 0)  # sign
    await stage.at("08:30")
    await stage.at("09:00")
    golden(f"summary_zero.{language}", stage.transcript())


@BOTH
async def test_cases_absences_and_the_silent_by_name(
    stage: Stage, golden: Golden, language: str
) -> None:
    cast = await a_morning(stage, language)
    await stage.reports_fever(cast["Bruno"])
    await stage.taps_first(cast["顾宁"], 0)  # the doctor has seen it
    await answer_well(stage, cast, "Clara")
    await stage.taps_first(cast["Elsa"], 1)  # Emil…
    await answer_well(stage, cast, *["Elsa"] * 4)
    await stage.taps_first(cast["Elsa"], 1)  # not coming today
    from_now(stage)
    await is_closed_and_handed_over(stage)
    await stage.taps_first(cast["林岚"], 0)  # sign
    golden(f"summary_cases.{language}", stage.transcript())


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "Excused: 3 (ill 2, asked for by the family 1)"),
        ("zh", "免填：3人（病假2人、家长请假1人）"),
    ],
)
async def test_the_excused_are_counted_by_reason(stage: Stage, language: str, line: str) -> None:
    stage.language = language
    school = await stage.a_school(ROSTER)
    lead = await stage.joined("林岚")
    for name, reason in (("Ana", FAMILY), ("Ben", "ill"), ("Emil", "ill")):
        person = await stage.person_id(name)
        async with stage.database.writing() as session:
            session.add(
                Pause(
                    subject_id=person,
                    school_id=school.id,
                    kind="school",
                    reason=reason,
                    since=MONDAY,
                    until=TUESDAY,
                    made_by=person,
                    made_at=stage.now,
                )
            )
    await stage.at("06:30")
    await stage.says(lead, "/summary")
    assert line in (await stage.chat(lead))[-1]["text"]


@BOTH
async def test_a_late_answer_edits_the_summary_until_it_is_signed(
    stage: Stage, golden: Golden, language: str
) -> None:
    cast = await a_morning(stage, language)
    await answer_well(stage, cast, "Bruno", "Clara", "Elsa")
    await is_closed_and_handed_over(stage)
    from_now(stage)
    await stage.at("08:20")
    await answer_well(stage, cast, "Finn")
    await stage.taps_first(cast["林岚"], 0)  # sign
    golden(f"summary_late.{language}", stage.transcript())


@BOTH
async def test_after_the_signature_a_case_is_told_at_once_and_the_rest_together(
    stage: Stage, golden: Golden, language: str
) -> None:
    cast = await a_morning(stage, language)
    await answer_well(stage, cast, "Bruno", "Clara")
    await is_closed_and_handed_over(stage)
    await stage.taps_first(cast["林岚"], 0)  # sign
    from_now(stage)
    await stage.at("08:12")
    await answer_well(stage, cast, "Elsa")
    await stage.at("08:14")
    await stage.reports_fever(cast["Finn"])
    await stage.taps_first(cast["顾宁"], 0)  # the doctor has seen it
    await stage.at("08:18")
    await answer_well(stage, cast, "Maria")
    await stage.at("08:22")
    await stage.at("08:33")
    golden(f"summary_corrected.{language}", stage.transcript())


@BOTH
async def test_a_summary_that_nobody_signs_falls_to_the_deputy(
    stage: Stage, golden: Golden, language: str
) -> None:
    cast = await a_morning(stage, language)
    await answer_well(stage, cast, *FAMILIES)
    await is_closed_and_handed_over(stage)
    from_now(stage)
    await stage.at("08:30")
    await stage.at("09:00")
    await stage.taps_first(cast["何川"], 0)  # sign
    golden(f"summary_deputy.{language}", stage.transcript())


async def said(stage: Stage, who: Someone) -> list[str]:
    return [m["text"] for m in await stage.chat(who) if m["from"] == "bot"]


async def test_a_day_closed_between_two_closes_hands_over_what_had_closed(stage: Stage) -> None:
    await stage.opens_school("en")
    gu, lin = await stage.joined("Gu"), await stage.joined("林岚")
    await stage.joined("Tina")
    await stage.says(gu, "/plan staff 06:30 09:00")
    for clock in ("06:30", "07:10", "08:00", "08:05", "08:10"):
        await stage.at(clock)
    assert not any("Students:" in text for text in await said(stage, lin))
    await stage.says(gu, "/calendar closed today snow")
    await stage.taps_first(gu, 0)
    assert sum("Students:" in text for text in await said(stage, lin)) == 1


async def test_every_chase_of_the_ladder_is_sent(stage: Stage) -> None:
    await stage.opens_school("en")
    gu, lin = await stage.joined("Gu"), await stage.joined("林岚")
    await stage.says(
        gu, "/plan ask 06:30 close 08:00 summary 08:05 chase 08:20 chase 08:40 deputy 09:00"
    )
    for clock in ("06:30", "08:00", "08:05", "08:20", "08:40"):
        await stage.at(clock)
    assert sum("not signed yet" in text for text in await said(stage, lin)) == 2


async def test_a_lead_who_comes_back_has_the_summary_and_not_a_word_about_it(
    stage: Stage,
) -> None:
    await stage.opens_boarding_school("en")
    lin, fang = await stage.joined("林岚"), await stage.joined("方青")
    stage.sandbox.world.block(lin.user_id, True)
    for clock in ("06:30", "08:00", "08:05"):
        await stage.at(clock)
    stage.sandbox.world.block(lin.user_id, False)
    await stage.at("08:30")
    texts = await said(stage, lin)
    assert any("Students:" in text for text in texts)
    assert not any("not signed yet" in text for text in texts)
    assert any("not signed yet" in text for text in await said(stage, fang))


async def test_a_machine_back_at_ten_leaves_the_lead_the_time_that_the_plan_leaves(
    stage: Stage,
) -> None:
    await stage.opens_boarding_school("en")
    lin, fang = await stage.joined("林岚"), await stage.joined("方青")
    await stage.at("06:30")
    told = []  # nobody was there for the close, the summary, the chase and the deputy
    for clock in ("10:00", "10:24", "10:25", "10:54", "10:55"):
        await stage.at(clock)
        told.append((clock, await pressed(stage, lin, fang)))
    assert told == [
        ("10:00", (1, 0, 0)),
        ("10:24", (1, 0, 0)),
        ("10:25", (1, 1, 0)),
        ("10:54", (1, 1, 0)),
        ("10:55", (1, 1, 1)),
    ]


@pytest.mark.parametrize("close", ["07:30", "08:25"])
async def test_the_lead_has_that_time_as_well_when_staff_close_at_another_time(
    stage: Stage, close: str
) -> None:
    await stage.opens_boarding_school("en")
    gu, lin, fang = [await stage.joined(name) for name in ("Gu", "林岚", "方青")]
    await stage.says(gu, f"/plan staff 06:30 {close}")
    await stage.at("06:30")
    await stage.at("07:50")
    told = []  # away from eight to ten
    for clock in ("10:00", "10:24", "10:25", "10:54", "10:55"):
        await stage.at(clock)
        told.append(await pressed(stage, lin, fang))
    assert told == [(1, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 0), (1, 1, 1)]


async def test_a_clock_that_was_ahead_keeps_nobody_from_being_chased(stage: Stage) -> None:
    await stage.opens_boarding_school("en")
    lin, fang = await stage.joined("林岚"), await stage.joined("方青")
    await stage.at("06:30")
    await stage.at("12:06")
    await stage.at("08:31")
    assert await pressed(stage, lin, fang) == (1, 1, 0)


async def pressed(stage: Stage, lead: Someone, deputy: Someone) -> tuple[int, int, int]:
    """Count the lead's summaries and reminders, and the deputy's summaries."""
    texts = await said(stage, lead)
    return (
        sum("Students:" in text for text in texts),
        sum("not signed yet" in text for text in texts),
        sum("Students:" in text for text in await said(stage, deputy)),
    )
