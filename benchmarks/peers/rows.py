"""What the peers keep: one plain row a chat, upserted and committed as durably as ours."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import aiosqlite
import psycopg

from benchmarks.databases import Engine

Rows = Sequence[tuple[int, str | None]]
Keep = Callable[[Rows], Awaitable[None]]

CONNECTIONS = 10  # of a pool as it is usual for PostgreSQL; SQLite has one writer at a time
_TABLE = "CREATE TABLE answer (chat BIGINT PRIMARY KEY, data TEXT)"


@asynccontextmanager
async def plain_rows(engine: Engine, count: int) -> AsyncIterator[Keep]:
    """Give what keeps rows in a commit of its own; so many there must be in the end."""
    keeping = _on_sqlite if engine.is_sqlite else _on_postgresql
    async with keeping(engine.bare(), count) as keep:
        yield keep


@asynccontextmanager
async def _on_sqlite(path: str, count: int) -> AsyncIterator[Keep]:
    upsert = "INSERT INTO answer VALUES (?, ?) ON CONFLICT (chat) DO UPDATE SET data=excluded.data"
    async with aiosqlite.connect(path) as database:
        await database.execute("PRAGMA journal_mode=WAL")
        await database.execute("PRAGMA synchronous=FULL")
        await database.execute(_TABLE)
        turn = asyncio.Lock()  # one connection: a commit must be its own update's

        async def keep(rows: Rows) -> None:
            async with turn:
                if len(rows) == 1:
                    await database.execute(upsert, rows[0])
                else:
                    await database.executemany(upsert, rows)
                await database.commit()

        yield keep
        found = await database.execute_fetchall("SELECT count(*) FROM answer")
        assert next(iter(found))[0] == count


@asynccontextmanager
async def _on_postgresql(address: str, count: int) -> AsyncIterator[Keep]:
    upsert = (
        "INSERT INTO answer VALUES (%s, %s) ON CONFLICT (chat) DO UPDATE SET data=excluded.data"
    )
    free: asyncio.Queue[psycopg.AsyncConnection] = asyncio.Queue()
    every = [await psycopg.AsyncConnection.connect(address) for _ in range(CONNECTIONS)]
    await every[0].execute(_TABLE)
    await every[0].commit()
    for each in every:
        free.put_nowait(each)

    async def keep(rows: Rows) -> None:
        connection = await free.get()
        try:
            if len(rows) == 1:
                await connection.execute(upsert, rows[0])
            else:
                async with connection.cursor() as cursor:
                    await cursor.executemany(upsert, rows)
            await connection.commit()
        finally:
            free.put_nowait(connection)

    yield keep
    found = await (await every[0].execute("SELECT count(*) FROM answer")).fetchone()
    assert found == (count,)
    for each in every:
        await each.close()
