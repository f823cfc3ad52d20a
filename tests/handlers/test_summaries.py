"""The lead signs what is true: a late all-clear does not stop a signature, a new case does."""

from sqlmodel import select

from storage.tables import Correction, SignOff
from tests.play import Someone, Stage


async def a_closed_morning(stage: Stage) -> tuple[Someone, Someone, int, str]:
    """Close a morning with Tom silent; return Tina, the lead, and the lead's button."""
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    lead = await stage.joined("林岚")
    await stage.at("06:30")
    await stage.taps_first(lead, 0)
    await stage.at("08:00")
    await stage.at("08:05")
    summary = (await stage.chat(lead))[-1]
    return tina, lead, summary["id"], summary["buttons"][0][0]["data"]


async def signatures(stage: Stage) -> list[SignOff]:
    async with stage.database.reading() as session:
        return list(await session.exec(select(SignOff)))


async def test_a_late_answer_does_not_stop_the_lead_from_signing(stage: Stage) -> None:
    tina, lead, message_id, button = await a_closed_morning(stage)
    await stage.taps_first(tina, 0)
    await stage.taps_raw(lead, message_id, button)
    (signed,) = await signatures(stage)
    assert signed.cases == 0
    assert signed.counts["students"]["in_"] == 1
    assert len(signed.unaccounted) == 6


async def test_a_new_case_is_shown_before_it_can_be_signed(stage: Stage) -> None:
    tina, lead, message_id, button = await a_closed_morning(stage)
    await stage.reports_fever(tina)
    await stage.taps_raw(lead, message_id, button)
    assert await signatures(stage) == []
    await stage.taps(lead, "Sign: 1 case")
    (signed,) = await signatures(stage)
    assert signed.cases == 1


async def test_another_case_is_shown_before_it_can_be_signed(stage: Stage) -> None:
    """The numbers are the same: Tom is well by now, and Ana is not."""
    await stage.opens_school("en")
    tina, maria = await stage.joined("Tina"), await stage.joined("Maria")
    wang, lead = await stage.joined("Mr Wang"), await stage.joined("林岚")
    await stage.at("06:30")
    await stage.reports_fever(tina)
    await stage.taps(maria, "All clear for both")
    await stage.at("08:00")
    await stage.at("08:05")
    await stage.presses(wang, "rb")  # release…
    await stage.says(maria, "Ana has 39")
    for _ in range(2):
        await stage.taps_first(maria, 0)
    with stage.nobody_hears():
        await stage.presses(wang, "rb", 3)  # entered by mistake
        await stage.taps_first(maria, 0)
        await stage.taps(lead, "Sign: 1 case")
    await stage.settle()
    assert await signatures(stage) == []
    summary = (await stage.chat(lead))[-1]
    assert "A** (3-2)" in summary["text"]
    assert "T** (3-2)" not in summary["text"]
    await stage.taps(lead, "Sign: 1 case")
    (signed,) = await signatures(stage)
    assert signed.cases == 1


async def test_somebody_else_not_heard_from_is_shown_before_it_can_be_signed(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina, wang = await stage.joined("Tina"), await stage.joined("Mr Wang")
    lead = await stage.joined("林岚")
    for clock in ("06:30", "07:30"):
        await stage.at(clock)
    for button in ("Excuse…", "周子昂…", "family matter", "Today only"):
        await stage.taps(wang, button)
    for clock in ("08:00", "08:05"):
        await stage.at(clock)
    await stage.taps(wang, "Excuse…")
    with stage.nobody_hears():
        await stage.taps(wang, "↩ 周子昂: not excused")
        await stage.taps(tina, "All clear")
        await stage.taps(lead, "Sign: zero cases")
    await stage.settle()
    assert await signatures(stage) == []
    assert "周*昂" in (await stage.chat(lead))[-1]["text"]


async def test_a_day_is_signed_once(stage: Stage) -> None:
    _, lead, message_id, button = await a_closed_morning(stage)
    await stage.taps_raw(lead, message_id, button)
    await stage.taps_raw(lead, message_id, button)
    assert len(await signatures(stage)) == 1


async def test_nobody_signs_before_the_morning_is_closed(stage: Stage) -> None:
    await stage.opens_school("en")
    lead = await stage.joined("林岚")
    await stage.at("06:30")
    await stage.says(lead, "/summary")
    summary = (await stage.chat(lead))[-1]
    assert all("Sign" not in b["text"] for row in summary["buttons"] for b in row)


async def test_a_fresh_picture_comes_when_it_is_asked_for(stage: Stage) -> None:
    _, lead, _, _ = await a_closed_morning(stage)
    await stage.taps(lead, "Picture")
    last = (await stage.chat(lead))[-1]
    assert last["photo"]["width"] == 1080
    assert last["caption"] == "Green Shoots School · Mon 2 Mar · as of 08:05"


async def test_a_late_answer_after_the_signature_is_a_correction(stage: Stage) -> None:
    tina, lead, message_id, button = await a_closed_morning(stage)
    await stage.taps_raw(lead, message_id, button)
    await stage.taps_first(tina, 0)
    async with stage.database.reading() as session:
        (correction,) = list(await session.exec(select(Correction)))
    assert (correction.status_before, correction.status_after) == ("no_response", "complete")
    assert correction.told_at is None
    summary = next(m for m in await stage.chat(lead) if m["id"] == message_id)
    assert "Students: 0 of 4 answered" in summary["text"]  # as it was signed
    assert "Since the signature: 1 answered late" in summary["text"]


async def test_nothing_is_said_of_what_was_undone_after_the_signature(stage: Stage) -> None:
    _, lead, message_id, button = await a_closed_morning(stage)
    wang = await stage.joined("Mr Wang")
    await stage.taps_raw(lead, message_id, button)
    signed = (await stage.chat(lead))[-1]["text"]
    await stage.says(wang, "/class")
    for tapped in ("Excuse…", "Tom…", "family matter", "Today only"):
        await stage.taps(wang, tapped)
    assert "Since the signature: 1 excused" in (await stage.chat(lead))[-1]["text"]
    for tapped in ("Excuse…", "↩ Tom: not excused"):
        await stage.taps(wang, tapped)
    assert (await stage.chat(lead))[-1]["text"] == signed
