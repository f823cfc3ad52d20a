"""What the commands share: a sentence for people, and the installation's settings and database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn, TypeVar

import typer
from rich.console import Console

from bot.settings import Settings, SettingsError, read_settings
from storage.database import Database, DatabaseUrlError, Session
from storage.sealing import KeyFileError, Keyring, use_keyring

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Found = TypeVar("Found")
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object, for scripts")]


def fail(sentence: str) -> NoReturn:
    """End with a sentence that says what to do."""
    err.print(sentence, markup=False)
    raise typer.Exit(2)


def known_settings() -> Settings:
    """Read the settings and take up the keys, or say what is wrong with them."""
    try:
        settings = read_settings()
        use_keyring(Keyring.from_file(settings.key_file))
    except (SettingsError, KeyFileError) as error:
        fail(str(error))
    return settings


def with_database(settings: Settings, work: Callable[[Database], Awaitable[Found]]) -> Found:
    """Do something with the installation's database, its tables up to date."""

    async def all_of_it() -> Found:
        try:
            database = Database(settings.database_url)
        except DatabaseUrlError as error:
            fail(str(error))
        try:
            await database.migrate()
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(all_of_it())


def in_session(work: Callable[[Session], Awaitable[Found]], *, keep: bool = True) -> Found:
    """Do something in one transaction, beside a bot at work; without `keep` it only reads."""

    async def within(database: Database) -> Found:
        if keep:
            return await database.write(work)
        async with database.reading() as session:
            return await work(session)

    return with_database(known_settings(), within)
