"""`allclear quarantine`: look at updates that were set aside, and let them in again.

What somebody wrote is shown only when it is asked for, and that is on record.
"""

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from bot.console import AsJson, fail, in_session, known_settings, out, with_database
from bot.listener import FloodGuard, arrivals_of
from bot.settings import Settings
from handlers.clock import real_clock
from handlers.inbox import Inbox
from handlers.router import Router
from storage import audit, inbox
from storage.database import Database, Session
from storage.tables import Quarantined

quarantine = typer.Typer(
    help="Updates that could not be read or handled: look at them, let them in again.",
    no_args_is_help=True,
    add_completion=False,
)
Which = Annotated[str, typer.Argument(metavar="N", help="its number in `quarantine list`, or all")]
_FIELDS = ("number", "bot", "update", "at", "kind", "reason")


@quarantine.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show what stands in quarantine: number, bot, time, kind and reason; no words of anybody."""
    found = [_shown(row) for row in in_session(inbox.in_quarantine, keep=False)]
    if as_json:
        out.print_json(json.dumps(found))
    elif not found:
        out.print("The quarantine is empty.")
    else:
        table = Table(*_FIELDS)
        for each in found:
            table.add_row(*(str(each[name]) for name in _FIELDS))
        out.print(table)


@quarantine.command()
def show(
    which: Which,
    text: Annotated[
        bool, typer.Option("--text", help="the whole update, words and all; this is on record")
    ] = False,
) -> None:
    """Show one; what somebody wrote only with --text."""

    async def work(session: Session) -> list[dict[str, Any]]:
        shown = []
        for row in await _chosen(session, which):
            about = _shown(row)
            if text:
                _record(session, "update opened", row)
                about["content"] = inbox.content_of(row)
            shown.append(about)
        return shown

    for about in in_session(work):
        out.print_json(json.dumps(about))


@quarantine.command()
def replay(which: Which) -> None:
    """Handle it once more, as if it came now; what can be handled leaves the quarantine."""
    settings = known_settings()

    async def work(database: Database) -> int:
        async with database.reading() as session:
            rows = await _chosen(session, which)
        stays = 0
        for row in rows:
            reason = await _replayed(settings, database, row)
            stays += reason is not None
            said = "handled; it has left the quarantine" if reason is None else f"stays: {reason}"
            out.print(f"{row.id}: {said}", markup=False)
        return stays

    if with_database(settings, work):
        raise typer.Exit(1)
    out.print("Whatever is to be said now is sent by the running bot.")


@quarantine.command()
def drop(which: Which) -> None:
    """Take it out unhandled: nothing will come of it any more."""

    async def work(session: Session) -> int:
        rows = await _chosen(session, which)
        for row in rows:
            _record(session, "update dropped", row)
        return await inbox.release(session, [row.id for row in rows])

    out.print(f"Dropped: {in_session(work)}")


async def _replayed(settings: Settings, database: Database, row: Quarantined) -> str | None:
    """Send one through the inbox of the running bot's own kind; return why it stays, if so."""
    from bot.transports import make_transport  # noqa: PLC0415 - the library takes seconds

    tokens = [t for t in settings.secret_tokens if t.partition(":")[0] == str(row.bot_id)]
    if not tokens:
        fail(f"It came to the bot {row.bot_id}, whose token is not in ALLCLEAR_TOKENS.")
    transport = make_transport(settings, tokens[0])
    try:
        raw = {**inbox.content_of(row), "update_id": row.update_id}
        [arrival] = arrivals_of(transport, [raw], FloodGuard())
        router = Router(join_url=settings.join_url)
        return await Inbox(database, real_clock, router).replay(row.id, arrival)
    finally:
        await transport.close()


async def _chosen(session: Session, which: str) -> list[Quarantined]:
    rows = await inbox.in_quarantine(session)
    chosen = [row for row in rows if which in {"all", str(row.id)}]
    if not chosen and which != "all":
        fail(f"{which} is not in quarantine. `allclear quarantine list` shows what is.")
    return chosen


def _record(session: Session, act: str, row: Quarantined) -> None:
    audit.record(session, act, real_clock(), actor_id=None, school_id=None, quarantined=row.id)


def _shown(row: Quarantined) -> dict[str, Any]:
    """Return what may be seen of it by whoever looks after the machine."""
    kinds = [key for key in inbox.content_of(row) if key != "update_id"]
    known = [kind for kind in kinds if kind in {"message", "callback_query", "my_chat_member"}]
    return {
        "number": row.id,
        "bot": row.bot_id,
        "update": row.update_id,
        "at": row.at.isoformat(timespec="seconds"),
        "kind": ", ".join(known) or "other",
        "reason": row.reason,
    }
