"""The simulator: a town without differences, and an oracle that sees when there is one."""

import asyncio
import json
import os
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from typer.testing import CliRunner

from bot.command_line import app
from bot.simulate import Fate, Simulation, simulate
from bot.texts import LANGUAGES, texts
from simulator import reading, trouble
from simulator.families import Gesture, calendar, is_school_day
from simulator.forms import FORMS
from simulator.oracle import masked
from simulator.report import Report
from storage.sql import affected, table
from storage.tables import CheckIn, HistoryEntry, Ledger, Purge, SignOff

SMALL = 24  # students: enough for one mishap
COMMANDED = 60  # the fewest that the command takes
run = partial(CliRunner().invoke, app)
SOAK_ONLY = pytest.mark.skipif(not os.environ.get("ALLCLEAR_SOAK"), reason="make soak runs it")


def what_differs(report: Report) -> str:
    return "\n".join(each.line() for each in report.differences)


# ---- a town in which nothing goes wrong ----------------------------------------------------


ONE_TOWN = pytest.mark.xdist_group("the days of one town")  # they are lived once for all of these


@pytest.fixture(scope="module")
def two_days() -> Report:
    return asyncio.run(simulate(SMALL, 2, 7, keep=True))


@pytest.fixture(scope="module")
def commanded(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """One day of seed 1 by the command: its object and its transcript."""
    path = tmp_path_factory.mktemp("command") / "days.txt"
    what = {"--students": COMMANDED, "--days": 1, "--seed": 1, "--transcript": path}
    found = run(["simulate", "--json", *(str(each) for pair in what.items() for each in pair)])
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout), path.read_text()


@ONE_TOWN
def test_two_days_of_a_town_have_no_differences(two_days: Report) -> None:
    assert not two_days.differences, what_differs(two_days)
    assert (two_days.lost, two_days.duplicated, two_days.ok) == (0, 0, True)
    assert two_days.counts["asks"] > 50


@ONE_TOWN
async def test_the_same_seed_lives_the_same_day_and_another_does_not(
    commanded: tuple[dict[str, Any], str], two_days: Report
) -> None:
    document, transcript = commanded
    again = await simulate(COMMANDED, 1, 1, keep=True)
    assert again.lines == transcript.splitlines()
    assert again.transcript == document["transcript"]
    assert again.lines[0] == two_days.lines[0]  # the same morning, of another town
    assert again.lines != two_days.lines[: len(again.lines)]


def test_the_calendar_crosses_a_weekend_and_a_holiday() -> None:
    days = calendar(5)
    assert sum(map(is_school_day, days)) == 5
    assert {day.weekday() for day in days if not is_school_day(day)} == {5, 6, 0}


# ---- what the oracle must see --------------------------------------------------------------


class _OneTapIsDropped(Fate):
    dropped = 0

    def lets(self, run: Simulation, chat: int, gesture: Gesture) -> bool:
        if gesture.kind == "all_clear" and not self.dropped and not gesture.old:
            self.dropped = chat
        return chat != self.dropped


async def test_an_answer_that_is_dropped_is_lost() -> None:
    report = await simulate(SMALL, 1, 1, fate=_OneTapIsDropped())
    assert report.lost == 1
    assert "card of" in what_differs(report)
    assert not report.ok


class _SomebodyElseAnswers(Fate):
    done = False

    def lets(self, run: Simulation, chat: int, gesture: Gesture) -> bool:
        if not self.done and run.oracle.step == "reminded":
            self.done = True
            held = run.oracle.holders - run.oracle.away - {chat}
            silent = next(c for c in sorted(held) if run.oracle._waiting(run.town.phones[c]))
            run.player.do(silent, Gesture("all_clear"))
        return True


@SOAK_ONLY
async def test_an_answer_that_nobody_gave_is_seen() -> None:
    report = await simulate(SMALL, 1, 1, fate=_SomebodyElseAnswers())
    assert "card of" in what_differs(report)
    assert "answer to a tap" in what_differs(report)


class _Meddles(Fate):
    """Changes rows once, between what was decided in a step and what is sent."""

    def __init__(self, step: str, meddle: Any) -> None:
        self.step, self.meddle, self.done = step, meddle, False

    async def before_sending(self, run: Simulation) -> None:
        if run.oracle.step.startswith(self.step) and not self.done:
            async with run.app.database.writing() as session:
                self.done = await affected(session, self.meddle) > 0


_ledger, _checkin = table(Ledger).c, table(CheckIn).c


def _one(cause: str) -> Any:
    """Lose one message that is owed."""
    wanted = select(_ledger.id).where(_ledger.cause.startswith(cause), _ledger.state == "pending")
    return delete(table(Ledger)).where(_ledger.id.in_(wanted.limit(1)))


def _an_answered_check_in() -> Any:
    wanted = select(_checkin.id).where(
        _checkin.status == "complete",
        _checkin.severity == 0,
        _checkin.unit_id != _checkin.school_id,  # a student
    )
    return (
        update(table(CheckIn))
        .where(_checkin.id.in_(wanted.limit(1)))
        .values(status="no_response", disposition=None)
    )


@pytest.mark.parametrize(
    ("step", "meddle", "seen"),
    [
        pytest.param("ask", _one("ask:"), "card to", id="a card is not sent", marks=SOAK_ONLY),
        pytest.param(
            "remind", _one("remind:"), "reminder to", id="a reminder is not sent", marks=SOAK_ONLY
        ),
        pytest.param("early", _one("flag:"), "flag", id="a flag is not told", marks=SOAK_ONLY),
        pytest.param(
            "breakfast", _one("flag:"), "to", id="a correction is not told", marks=SOAK_ONLY
        ),
        pytest.param(
            "card", _one("class:"), "class", id="a class card is not sent", marks=SOAK_ONLY
        ),
        pytest.param(
            "summary", _one("summary:"), "summary to", id="a summary is not sent", marks=SOAK_ONLY
        ),
        pytest.param(
            "breakfast",
            delete(table(HistoryEntry)),
            "as stored: expected 1, seen 0",
            id="answers are not kept",
            marks=SOAK_ONLY,
        ),
        pytest.param(
            "chase",
            _one("unsigned:"),
            "unsigned to",
            id="a signature is not asked for",
            marks=SOAK_ONLY,
        ),
        pytest.param(
            "last minute",
            _an_answered_check_in(),
            "class",
            id="a class is counted wrongly",
            marks=SOAK_ONLY,
        ),
        pytest.param(
            "summary",
            _an_answered_check_in(),
            "summary, students in",
            id="a school is counted wrongly",
        ),
        pytest.param(
            "ask",
            update(table(Ledger)).values(kind="reminder"),
            "reminder to",
            id="the wrong message is sent",
            marks=SOAK_ONLY,
        ),
        pytest.param(
            "desk",
            update(table(SignOff)).values(cases=77),
            "summary, signature",
            id="another number is signed",
            marks=SOAK_ONLY,
        ),
    ],
)
async def test_what_goes_wrong_is_named(step: str, meddle: Any, seen: str) -> None:
    fate = _Meddles(step, meddle)
    report = await simulate(SMALL, 2 if step == "chase" else 1, 1, fate=fate)
    assert fate.done
    assert seen in what_differs(report)
    assert not report.ok


class _AsksTwice(Fate):
    done = False

    async def before_sending(self, run: Simulation) -> None:
        if self.done or run.oracle.step != "early":
            return
        self.done = True
        async with run.app.database.writing() as session:
            again = update(table(Ledger)).where(_ledger.kind == "card").values(state="pending")
            await affected(session, again)


async def test_a_second_ask_is_a_duplicate() -> None:
    report = await simulate(SMALL, 1, 1, fate=_AsksTwice())
    assert report.duplicated > 10


async def test_a_behaviour_that_never_happens_fails_a_large_run() -> None:
    report = Report(students=300, days=1, seed=1, behaviours={"prompt": 9, "late": 0})
    assert report.never_seen == ("late",)
    assert not report.ok


# ---- a bad month ---------------------------------------------------------------------------

SOAK = bool(os.environ.get("ALLCLEAR_SOAK"))
MONTHS = range(1, int(os.environ.get("ALLCLEAR_SEEDS") or 200) + 1) if SOAK else []


def test_every_bad_month_has_every_silence_and_both_clock_changes() -> None:
    days = [day for day in trouble.calendar(30) if is_school_day(day)]
    assert len(days) == 30
    assert min(days) < date(2026, 3, 29) < date(2026, 10, 25) < max(days)
    for seed in range(1, 201):
        silences = trouble.bad_month(days, seed).silences
        lasted = {s.until.astimezone(UTC) - s.since.astimezone(UTC) for s in silences}
        assert lasted >= set(trouble.LENGTHS), seed


async def test_two_days_of_trouble_lose_nobody_and_ask_nobody_twice() -> None:
    """Refusals, hangs and lost answers, and twenty minutes in which nobody is heard."""
    report = await simulate(SMALL, 2, 7, trouble=True)
    assert not report.differences, what_differs(report)
    assert (report.lost, report.duplicated, report.ok) == (0, 0, True)
    assert report.counts["asked again"] > 0
    assert report.counts["copies"] > 0


@pytest.mark.parametrize("seed", MONTHS)
async def test_a_bad_month_of_thirty_school_days(seed: int) -> None:
    """Silences of minutes, hours, a day and eight days, and both clock changes, beside it all."""
    report = await simulate(SMALL, 30, seed, trouble=True)
    assert not report.differences, what_differs(report)
    assert (report.lost, report.duplicated, report.ok) == (0, 0, True)
    assert report.counts["copies"] > 0


@SOAK_ONLY
async def test_who_is_not_asked_again_after_a_silence_is_named() -> None:
    fate = _Meddles("heard again", delete(table(Ledger)).where(_ledger.edition > 0))
    report = await simulate(SMALL, 2, 7, fate=fate, trouble=True)
    assert fate.done
    assert "again to" in what_differs(report)


@SOAK_ONLY
async def test_a_reminder_that_is_left_without_a_record_is_named() -> None:
    unclear = delete(table(Ledger)).where(_ledger.kind == "reminder", _ledger.state == "unclear")
    fate = _Meddles("", unclear)
    report = await simulate(SMALL, 4, 3, fate=fate, trouble=True)
    assert fate.done
    assert "on record as not sent" in what_differs(report)


@SOAK_ONLY
async def test_what_is_forgotten_without_a_word_is_named() -> None:
    fate = _Meddles("heard again", _one("alarm:purge"))
    report = await simulate(SMALL, 12, 1, fate=fate, trouble=True)
    assert fate.done
    assert "forgetting to" in what_differs(report)


@SOAK_ONLY
async def test_what_is_kept_longer_than_was_said_is_named() -> None:
    keep_on = update(table(Purge)).values(done_at=datetime(2026, 10, 15, tzinfo=UTC))
    fate = _Meddles("heard again", keep_on)
    report = await simulate(SMALL, 12, 1, fate=fate, trouble=True)
    assert fate.done
    assert "oldest day on record: expected 2026-10-15" in what_differs(report)


# ---- the words -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", FORMS)
def test_the_oracle_reads_the_words_that_the_bot_says(key: str) -> None:
    for language in LANGUAGES:
        for words in texts(language).words[key]:
            first = reading.plain(words.split("\n")[0])
            assert first in FORMS[key], f"{key}: write {first!r} into simulator/forms.py"


def test_names_are_masked_as_the_school_does() -> None:
    from checkin.names import mask

    for name in ("王伟", "王小伟", "Ana Lima", "沈知秋", "Bo", "Li Na", "X"):
        assert masked(name) == mask(name)


# ---- the command ---------------------------------------------------------------------------


@ONE_TOWN
def test_the_command_prints_one_object_and_keeps_the_transcript(
    commanded: tuple[dict[str, Any], str],
) -> None:
    document, transcript = commanded
    assert document.keys() == {
        *("ok", "students", "days", "seed", "counts", "behaviours", "left_out"),
        *("differences", "lost", "duplicated", "transcript", "seconds"),
    }
    assert document["differences"] == []
    assert document["behaviours"]["never"] > 0
    assert transcript.startswith("@ ")


@pytest.mark.parametrize("wrong", [["--students", "3"], ["--days", "0"], ["--days", "400"]])
def test_a_town_that_cannot_be_is_refused_in_a_sentence(wrong: list[str]) -> None:
    found = run(["simulate", *wrong])
    assert found.exit_code == 2
    assert "town" in found.stderr
