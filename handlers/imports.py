"""A file that an admin sends in chat: noted in the batch, fetched and read outside it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from checkin.access import Act
from checkin.calendar_changes import CalendarErrors, CalendarProblem
from checkin.plan_files import PlanFileErrors
from checkin.rosters import Problem, RosterErrors, template_rows
from handlers.calendar_files import (
    calendar_changes_document,
    import_calendar,
)
from handlers.clock import Clock
from handlers.desk import Desk
from handlers.messages import Command, FetchFailedError, Tap, Upload
from handlers.plan_files import (
    import_plans,
    plan_changes_document,
    plan_problems_document,
)
from handlers.presses import Press
from handlers.roster_files import MOST_BYTES, RosterFileError
from handlers.rosters import Changes, import_sheets
from handlers.sent_files import FileKind, SentFile, open_file
from storage import jobs, ledger, people, units
from storage.database import Database, Session, is_outage
from storage.tables import Contact, RosterJob

log = structlog.get_logger()

Download = Callable[[int, str], Awaitable[bytes]]


_READ_AS = {1: FileKind.roster, 2: FileKind.calendar}


class _NoLongerAdminError(Exception):
    """Whoever sent the file was an admin then, and is none now."""


async def how(desk: Desk, command: Command, contact: Contact) -> None:
    """Say how a roster is sent, with an empty one to fill in."""
    access = await desk.access(contact)
    if not access.reach(Act.manage_roster):
        await desk.say(contact, command, "admin.not_for_you")
        return
    await desk.say(contact, command, "roster.how", content=template_text())


def template_text() -> str:
    """Return an empty roster as CSV, headers in both languages."""
    import csv  # noqa: PLC0415
    import io  # noqa: PLC0415

    text = io.StringIO()
    csv.writer(text).writerows(template_rows())
    return text.getvalue()


async def uploaded(desk: Desk, upload: Upload, contact: Contact) -> None:
    """Note a roster file to be read; a file from anybody else is declined kindly."""
    access = await desk.access(contact)
    found = await units.units_within(desk.session, access.reach(Act.manage_roster), "school")
    if not found or contact.person_id is None:
        await desk.say(contact, upload, "help.no_files")
        return
    if upload.size > MOST_BYTES:
        await desk.say(contact, upload, "roster.file_too_big", size=upload.size, most=MOST_BYTES)
        return
    desk.session.add(
        RosterJob(
            contact_id=contact.id,
            person_id=contact.person_id,
            school_id=found[0].id,
            file_id=upload.file_id,
            file_name=upload.file_name[:200],
            created_at=desk.now,
        )
    )
    desk.jobs = True
    await desk.say(contact, upload, "roster.reading")


async def work(database: Database, clock: Clock, download: Download) -> dict[str, int]:
    """Fetch and take over the rosters that wait; what goes wrong is told to who sent it."""
    async with database.reading() as session:
        waiting = await jobs.waiting(session)
    counts: dict[str, int] = {}
    for job, bot_id in waiting:
        state = await _one(database, clock, download, job, bot_id)
        counts[state] = counts.get(state, 0) + 1
    return counts


async def _one(
    database: Database, clock: Clock, download: Download, job: RosterJob, bot_id: int
) -> str:
    try:
        content = await download(bot_id, job.file_id)
        said = job.state.removeprefix(jobs.WAITING_AS)
        kind = FileKind(said) if said != job.state else None
        sent = await asyncio.to_thread(open_file, job.file_name, content, kind)
        if sent.kind is FileKind.unclear:
            return await _end(database, clock, job, jobs.UNCLEAR, "file.which", {"job": job.id})
        key, params = await _taken_over(database, clock, job, sent)
    except _NoLongerAdminError:
        return await _end(database, clock, job, "refused", "admin.not_for_you", {})
    except FetchFailedError:
        log.warning("file could not be fetched", job=job.id)
        return await _end(database, clock, job, "failed", "roster.not_fetched", {})
    except RosterFileError as error:
        return await _end(
            database,
            clock,
            job,
            "refused",
            f"roster.file_{error.code.value}",
            dict(error.args_of_code),
        )
    except RosterErrors as errors:
        params = {
            "count": errors.count,
            "problems": [problem_document(problem) for problem in errors.problems[:60]],
        }
        return await _end(database, clock, job, "refused", "roster.problems", params)
    except CalendarErrors as wrong:
        params = {
            "count": len(wrong.problems),
            "problems": [problem_document(problem) for problem in wrong.problems[:60]],
        }
        return await _end(database, clock, job, "refused", "calendar.problems", params)
    except PlanFileErrors as bad:
        params = plan_problems_document(bad.problems)
        return await _end(database, clock, job, "refused", "plan.problems", params)
    except Exception as error:
        if is_outage(error):
            raise
        # A fault of ours: whoever waits is told, and the next file has its turn.
        log.exception("file not read", job=job.id)
        return await _end(database, clock, job, "failed", "roster.not_fetched", {})
    return await _end(database, clock, job, "done", key, params)


async def _taken_over(
    database: Database, clock: Clock, job: RosterJob, sent: SentFile
) -> tuple[str, dict[str, Any]]:
    """Take a file over by the rights that its sender has now; return what to say of it."""
    act = Act.manage_roster if sent.kind is FileKind.roster else Act.manage_plan

    async def take_over(session: Session) -> tuple[str, dict[str, Any]]:
        school = await units.school(session, job.school_id)
        access = await people.access_of(session, job.person_id, clock())
        if not access.may(act, school.path):
            raise _NoLongerAdminError
        if sent.kind is FileKind.calendar:
            changed = await import_calendar(
                session, school, sent.calendar, clock(), actor_id=job.person_id
            )
            key = "calendar.unchanged" if changed.nothing else "calendar.done"
            return key, calendar_changes_document(changed)
        if sent.kind is FileKind.plan:
            plans = await import_plans(session, school, sent.text, clock(), actor_id=job.person_id)
            key = "plan.unchanged" if plans.nothing else "plan.changed"
            return key, plan_changes_document(plans)
        changes = await import_sheets(
            session, school, list(sent.sheets), clock(), actor_id=job.person_id
        )
        return "roster.unchanged" if changes.nothing else "roster.done", changes_document(changes)

    return await database.write(take_over)


async def tapped(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    """Take the word of who sent a file for what it is."""
    job = await desk.session.get(RosterJob, press.row)
    kind = _READ_AS.get(press.details[0]) if press.details else None
    if job is None or job.contact_id != contact.id or kind is None:
        desk.record("button refused", contact.person_id, None, contact=contact.id)
        desk.toast(tap, contact, "toast.not_yours", alert=True)
        return
    desk.toast(tap, contact, "toast.silent")
    if job.state != jobs.UNCLEAR:
        return
    job.state = f"{jobs.WAITING_AS}{kind.value}"
    desk.jobs = True
    await desk.say(contact, tap, "roster.reading")


async def _end(
    database: Database,
    clock: Clock,
    job: RosterJob,
    state: str,
    key: str,
    params: dict[str, Any],
) -> str:
    async def end(session: Session) -> None:
        await jobs.finish(session, job.id, state)
        contact = await session.get_one(Contact, job.contact_id)
        await ledger.owe(
            session,
            contact,
            "text",
            f"roster:{job.id}",
            clock(),
            rung=int(key == "file.which"),
            payload={"key": key, "params": params},
        )

    await database.write(end)
    return state


def problem_document(problem: Problem | CalendarProblem) -> dict[str, Any]:
    """Return a problem as plain JSON, to be put into words later."""
    return {
        "sheet": problem.sheet,
        "row": problem.row,
        "column": problem.column,
        "code": problem.code.value,
        "args": dict(problem.args),
    }


def changes_document(changes: Changes) -> dict[str, Any]:
    """Return what an import did as plain JSON."""
    return {
        "students": changes.students,
        "guardians": changes.guardians,
        "staff": changes.staff,
        "classes": changes.classes,
        "changed": changes.changed,
        "not_in_file": changes.not_in_file,
        "left": changes.left,
    }
