"""The command line: `allclear run`, `demo`, `import-roster` and what an installation needs."""

import asyncio
import errno
import json
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.table import Table

from bot.console import AsJson, Found, err, fail, in_session, known_settings, out
from bot.loops import run_quickly
from bot.parts import read_parts
from bot.quarantine import quarantine
from bot.settings import LogFormat, SettingsError
from checkin.calendar_changes import CalendarChanges, CalendarErrors
from checkin.plan_files import PlanFileErrors
from checkin.questionnaires import QuestionnaireErrors
from checkin.rosters import RosterErrors
from handlers import leaving
from handlers.calendar_files import (
    calendar_changes_document,
    import_calendar,
)
from handlers.clock import real_clock
from handlers.imports import changes_document, problem_document, template_text
from handlers.plan_files import (
    PlanChanges,
    import_plans,
    plan_changes_document,
    plan_problems_document,
)
from handlers.questionnaires import read_questionnaire_file
from handlers.roster_files import RosterFileError, read_sheets
from handlers.rosters import Changes, import_sheets
from handlers.sent_files import FileKind, open_file
from storage import audit, plans, units
from storage.backup import BackupError, back_up
from storage.database import DatabaseUrlError, Session
from storage.questionnaires import VersionTakenError, keep_questionnaire
from storage.sealing import KeyFileError
from storage.units import School
from web.server import WebPortError

if TYPE_CHECKING:
    from simulator.report import Report

app = typer.Typer(
    help="Allclear: daily health check-ins for schools, in Telegram.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


app.add_typer(quarantine, name="quarantine")


@app.command()
def run(
    roles: Annotated[
        str, typer.Option(help="listen, send, clock, web: what this process does (else all)")
    ] = "",
) -> None:
    """Run the bot on Telegram: ALLCLEAR_TOKENS says which."""
    try:
        parts = read_parts(roles)
    except SettingsError as error:
        fail(str(error))
    from bot.app import App  # noqa: PLC0415 - brings in the Telegram library, which takes seconds
    from bot.installation import first_admin  # noqa: PLC0415
    from bot.logs import set_up_logs  # noqa: PLC0415

    settings = known_settings()
    set_up_logs(as_json=settings.log_format is LogFormat.json)
    out.print("Allclear is starting ...")

    async def work() -> None:
        running = App(settings, parts=parts)
        _stop_on_signals(running.stop)
        serving = asyncio.create_task(running.run())
        ready = asyncio.create_task(running.ready.wait())
        await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if running.ready.is_set():
            name = next(each.username for each in running.transports if each.username)
            out.print(f"Allclear is running as @{name}. Ctrl-C ends it.")
            way_in = await first_admin(running.database, real_clock)
            if way_in is not None:
                proof = f"send {way_in.digits}" if way_in.digits else "send the number it has"
                out.print(
                    "Nobody is admin yet. Open this link in Telegram; when the bot asks for a "
                    f"number, {proof}:\n"
                    f"  {settings.join_url}/{name}?start={way_in.code}"
                )
        await serving

    _run(work())


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="where the chat page is")] = 8081,
    reset: Annotated[bool, typer.Option("--reset", help="start over with a fresh school")] = False,
    language: Annotated[
        str, typer.Option(help="zh or en: everybody speaks it (else each by their name)")
    ] = "",
    folder: Annotated[Path, typer.Option(help="where the demo keeps its data")] = Path("var/demo"),
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="a fresh school's first day (else the next one)"),
    ] = None,
) -> None:
    """Play a whole morning in a browser: an invented school, no token, nobody real."""
    if language not in {"", "zh", "en"}:
        fail("The demo speaks zh and en: --language zh or --language en.")
    out.print("Preparing an invented school of 240 students ...")
    from bot.demo import run_demo  # noqa: PLC0415 - takes seconds, like `run`
    from bot.logs import set_up_logs  # noqa: PLC0415

    set_up_logs(as_json=False, level=logging.WARNING)

    def tell(url: str) -> None:
        out.print(f"\n  The chat page: [bold]{url}[/]\n")
        out.print("  Pick a person, press the button that moves the clock, and answer.")
        out.print("  Ctrl-C ends it; the next start goes on where you were.\n")

    async def work() -> None:
        playing = run_demo(
            folder,
            port,
            reset=reset,
            language=language or None,
            day=day.date() if day else None,
            tell=tell,
        )
        if not await _until_stopped(playing):
            out.print("Goodbye.")

    _run(work())


@app.command()
def simulate(
    students: Annotated[int, typer.Option(help="how many, from 60 to 5000")] = 300,
    days: Annotated[int, typer.Option(help="school days, from 1 to 15")] = 2,
    seed: Annotated[int, typer.Option(help="the same seed, the same days")] = 1,
    trouble: Annotated[
        bool,
        typer.Option(
            "--trouble",
            help="a bad month: refusals, hangs, outages of minutes and days, both clock changes;"
            " up to 30 days",
        ),
    ] = False,
    transcript: Annotated[
        Path | None, typer.Option(help="write down all that was said", dir_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Live through school days at speed and check every count; exit 1 when anything differs."""
    from simulator.families import MOST_DAYS as USUALLY  # noqa: PLC0415
    from simulator.report import summary_lines  # noqa: PLC0415
    from simulator.trouble import MOST_DAYS as IN_TROUBLE  # noqa: PLC0415

    most = IN_TROUBLE if trouble else USUALLY
    if not 60 <= students <= 5000:
        fail("A town has 60 to 5000 students: --students 1200.")
    if not 1 <= days <= most:
        fail(f"The calendar of the town knows 1 to {most} school days: --days 5.")
    from bot.logs import set_up_logs  # noqa: PLC0415 - takes seconds, like `run`
    from bot.simulate import simulate as live  # noqa: PLC0415

    set_up_logs(as_json=False, level=logging.ERROR)
    reports: list[Report] = []

    async def work() -> None:
        tell = _unheard if as_json else _tell_plainly
        keep = transcript is not None
        report = await live(students, days, seed, tell=tell, keep=keep, trouble=trouble)
        reports.append(report)

    _run(_until_stopped(work()))
    if not reports:
        err.print("Stopped; nothing is kept.")
        raise typer.Exit(130)
    if transcript is not None:
        transcript.write_text("\n".join(reports[0].lines) + "\n")
    if as_json:
        out.print_json(json.dumps(reports[0].document()))
    else:
        for line in summary_lines(reports[0]):
            _tell_plainly(line)
    raise typer.Exit(0 if reports[0].ok else 1)


def _tell_plainly(line: str) -> None:
    out.print(line, markup=False)


def _unheard(_line: str) -> None:
    """Say nothing: a script wants the object at the end alone."""


@app.command("import-roster")
def import_roster(
    file: Annotated[
        Path, typer.Argument(help="CSV, XLSX, XLS or ODS", exists=True, dir_okay=False)
    ],
    school: Annotated[str, typer.Option(help="the school's name, where there are several")] = "",
    language: Annotated[str, typer.Option(help="en or zh, for what is said of problems")] = "en",
    leave_missing: Annotated[
        bool, typer.Option("--leave-missing", help="students not in the file leave after today")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take over a roster: students, guardians, staff. All or nothing; twice changes nothing."""

    async def work(session: Session, chosen: School) -> Changes:
        sheets = read_sheets(file.name, file.read_bytes())
        now = real_clock()
        changes = await import_sheets(session, chosen, sheets, now, actor_id=None)
        if leave_missing:
            changes.left = await leaving.leave_missing(session, chosen, now)
            changes.not_in_file -= changes.left
        return changes

    try:
        with err.status("Reading the roster ..."), _readable(language, as_json=as_json):
            changes = _at_school(school, work)
    except RosterErrors as errors:
        documents = [problem_document(each) for each in errors.problems]
        said = {"count": errors.count, "problems": documents}
        _refuse(said, _every_problem(said, language), as_json=as_json)
    document = changes_document(changes)
    _tell(document, _taken_over(document, language, nothing=changes.nothing), as_json=as_json)


def _taken_over(document: dict[str, Any], language: str, *, nothing: bool) -> str:
    from bot.texts import texts  # noqa: PLC0415

    words = texts(language)
    lines = [words.plain("roster.unchanged" if nothing else "roster.done", **document)]
    if document["not_in_file"]:
        lines.append(words.plain("roster.not_in_file", n=document["not_in_file"]))
    if document["left"]:
        lines.append(words.plain("leave.done", n=document["left"]))
    return _bare("\n".join(lines))


def _every_problem(said: dict[str, Any], language: str) -> str:
    """Return all that is wrong with a roster: a terminal is longer than a message."""
    from bot.render_message import problem  # noqa: PLC0415
    from bot.texts import texts  # noqa: PLC0415

    words = texts(language)
    lines = [words.plain("roster.problems", n=said["count"])]
    lines += ["  " + problem(each, words) for each in said["problems"]]
    return _bare("\n".join([*lines, words.plain("roster.nothing_changed")]))


@app.command("new-school")
def new_school(
    name: str,
    zone: Annotated[str, typer.Option(help="its time zone")] = units.DEFAULT_ZONE,
    country: Annotated[str, typer.Option(help="whose holidays it keeps: CN, DE-BY")] = "CN",
    language: Annotated[str, typer.Option(help="zh or en")] = "zh",
) -> None:
    """Make a school with the default plan.

    Ask 06:30, remind the first guardian 07:10, the second guardian 07:20, the class teacher's
    card 07:30, close 08:00, the lead's summary 08:05; unsigned, it is chased at 08:30 and goes to
    the deputy at 09:00.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415

    from handlers.setup import make_school  # noqa: PLC0415

    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        fail(f"{zone!r} is not a time zone. Write it like Asia/Shanghai or Europe/Berlin.")

    async def work(session: Session) -> None:
        if any(school.name == name for school in await units.schools(session)):
            fail(f"There is a school named {name!r} already.")
        await make_school(
            session, name, real_clock(), zone=zone, country=country, language=language
        )

    in_session(work)
    out.print(f"Made {name}. Next: allclear import-roster FILE --school {name!r}", markup=False)


@app.command("roster-template")
def roster_template(
    file: Annotated[Path, typer.Argument(help="where to write it")] = Path("roster.csv"),
) -> None:
    """Write an empty roster to fill in, with headers in both languages."""
    if file.exists():
        fail(f"{file} exists already; name another file.")
    file.write_text(template_text(), encoding="utf-8-sig")
    out.print(f"Wrote {file}: fill it in, then: allclear import-roster {file}", markup=False)


@app.command("import-calendar")
def import_calendar_file(
    file: Annotated[
        Path, typer.Argument(help="CSV, XLSX, ODS or ICS", exists=True, dir_okay=False)
    ],
    school: Annotated[str, typer.Option(help="the school's name, where there are several")] = "",
    language: Annotated[str, typer.Option(help="en or zh, for what is said of it")] = "en",
    as_json: AsJson = False,
) -> None:
    """Take over terms, vacations and single days. All or nothing; twice changes nothing."""

    async def work(session: Session, chosen: School) -> CalendarChanges:
        sent = open_file(file.name, file.read_bytes(), FileKind.calendar)
        return await import_calendar(session, chosen, sent.calendar, real_clock(), actor_id=None)

    try:
        with _readable(language, as_json=as_json):
            changes = _at_school(school, work)
    except CalendarErrors as errors:
        documents = [problem_document(each) for each in errors.problems]
        said = {"count": len(documents), "problems": documents}
        _refuse(said, _rendered("calendar.problems", said, language), as_json=as_json)
    document = calendar_changes_document(changes)
    key = "calendar.unchanged" if changes.nothing else "calendar.done"
    _tell(document, _rendered(key, document, language), as_json=as_json)


@app.command("export-plan")
def export_plan(
    file: Annotated[Path, typer.Argument(help="where to write it")] = Path("plan.yaml"),
    school: Annotated[str, typer.Option(help="the school's name, where there are several")] = "",
    language: Annotated[str, typer.Option(help="en or zh: the words of the file")] = "en",
) -> None:
    """Write who is asked, how often and at what times, to edit and take over again."""
    if file.exists():
        fail(f"{file} exists already; name another file.")

    async def work(session: Session, chosen: School) -> str:
        from bot.render_plans import file_text  # noqa: PLC0415
        from bot.texts import texts  # noqa: PLC0415

        running = await plans.plans(session, chosen.id)
        return file_text(running, chosen.name, texts(language))

    file.write_text(_at_school(school, work, keep=False), encoding="utf-8")
    out.print(f"Wrote {file}: edit it, then: allclear import-plan {file}", markup=False)


@app.command("import-plan")
def import_plan(
    file: Annotated[Path, typer.Argument(help="YAML", exists=True, dir_okay=False)],
    school: Annotated[str, typer.Option(help="the school's name, where there are several")] = "",
    language: Annotated[str, typer.Option(help="en or zh, for what is said of it")] = "en",
    as_json: AsJson = False,
) -> None:
    """Take over who is asked, how often and when. All or nothing; twice changes nothing."""

    async def work(session: Session, chosen: School) -> PlanChanges:
        text = file.read_bytes().decode("utf-8-sig", "replace")
        return await import_plans(session, chosen, text, real_clock(), actor_id=None)

    try:
        changes = _at_school(school, work)
    except PlanFileErrors as errors:
        said = plan_problems_document(errors.problems)
        _refuse(said, _rendered("plan.problems", said, language), as_json=as_json)
    document = plan_changes_document(changes)
    key = "plan.unchanged" if changes.nothing else "plan.changed"
    _tell(document, _rendered(key, document, language), as_json=as_json)


@app.command("import-questionnaire")
def import_questionnaire(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    check_only: Annotated[bool, typer.Option("--check", help="only look for problems")] = False,
) -> None:
    """Take over a questionnaire from YAML; the next round asks its newest version."""
    try:
        asked = read_questionnaire_file(file)
    except QuestionnaireErrors as errors:
        for problem in errors.problems:
            err.print(f"  {problem}", markup=False)
        fail(f"{file} has {len(errors.problems)} problem(s); nothing was changed.")
    if check_only:
        out.print(f"{asked.key} version {asked.version}: {len(asked.questions)} questions, fine.")
        return

    async def work(session: Session) -> None:
        await keep_questionnaire(session, asked, real_clock())

    try:
        in_session(work)
    except VersionTakenError as error:
        fail(str(error))
    out.print(f"{asked.key} version {asked.version} is kept and asked from the next round on.")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="where to; must not exist yet", dir_okay=False)],
) -> None:
    """Copy the SQLite database while the bot runs. The keys are not in it: keep them apart."""
    try:
        size = back_up(known_settings().database_url, file)
    except (BackupError, DatabaseUrlError) as error:
        fail(str(error))
    out.print(f"Wrote {file} ({size:,} bytes). The key file belongs elsewhere.", markup=False)


@app.command("verify-audit")
def verify_audit(as_json: AsJson = False) -> None:
    """Check that nobody has altered the audit: each school's chain from its first act on."""

    async def work(session: Session) -> dict[str, int | None]:
        breaks = {"(no school)": await audit.first_break(session, None)}
        for school in await units.schools(session):
            breaks[school.name] = await audit.first_break(session, school.id)
        return breaks

    breaks = in_session(work, keep=False)
    if as_json:
        out.print_json(json.dumps(breaks))
    else:
        table = Table("school", "audit")
        for name, at in breaks.items():
            table.add_row(name, "whole" if at is None else f"[red]altered at act {at}[/]")
        out.print(table)
    if any(at is not None for at in breaks.values()):
        raise typer.Exit(1)


# ---- shared --------------------------------------------------------------------------------


def _at_school(
    name: str, work: Callable[[Session, School], Awaitable[Found]], *, keep: bool = True
) -> Found:
    """Do something about the school of this name, or about the only one."""

    async def at_it(session: Session) -> Found:
        return await work(session, await _chosen_school(session, name))

    return in_session(at_it, keep=keep)


async def _chosen_school(session: Session, name: str) -> School:
    found = [each for each in await units.schools(session) if name in {"", each.name}]
    if len(found) != 1:
        known = ", ".join(each.name for each in await units.schools(session)) or "none yet"
        fail(
            f"Which school? Name it with --school. Known: {known}. "
            "A new one is made by `allclear new-school NAME`."
        )
    return found[0]


@contextmanager
def _readable(language: str, *, as_json: bool) -> Iterator[None]:
    """Say why a file cannot be opened at all."""
    try:
        yield
    except RosterFileError as error:
        said = {"refused": error.code.value, **error.args_of_code}
        sentence = _rendered(f"roster.file_{error.code.value}", error.args_of_code, language)
        _refuse(said, sentence, as_json=as_json)


def _refuse(said: dict[str, Any], sentence: str, *, as_json: bool) -> NoReturn:
    if as_json:
        out.print_json(json.dumps(said))
        raise typer.Exit(2)
    fail(sentence)


def _tell(document: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps(document))
    else:
        out.print(sentence, markup=False)


def _rendered(key: str, params: Mapping[str, Any], language: str) -> str:
    """Return a message of the chat as plain lines."""
    from bot.render_message import message  # noqa: PLC0415
    from bot.texts import texts  # noqa: PLC0415

    return _bare(message(key, params, texts(language)).text)


def _bare(html: str) -> str:
    """Take the chat's markup out of a sentence."""
    import html as entities  # noqa: PLC0415
    import re  # noqa: PLC0415

    return entities.unescape(re.sub(r"</?(?:b|i|code|a)[^>]*>", "", html))


def _run(work: Coroutine[Any, Any, object]) -> None:
    """Run until the end; what a person can mend is said in a sentence."""
    try:
        run_quickly(work)
    except (SettingsError, KeyFileError, DatabaseUrlError, WebPortError) as error:
        fail(str(error))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        fail(
            "That port is taken. Stop what listens there (another demo?), or choose another: "
            "make demo PORT=8082"
        )
    except KeyboardInterrupt:
        out.print("Goodbye.")


async def _until_stopped(work: Coroutine[Any, Any, object]) -> bool:
    """Do something that a signal may end; say whether it came to its own end."""
    task = asyncio.current_task()
    if task is not None:
        _stop_on_signals(task.cancel)
    try:
        await work
    except asyncio.CancelledError:
        return False
    return True


def _stop_on_signals(stop: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(name, stop)
