"""The users' API: what people do in the chat, over HTTP. The chat page and tests use it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sandbox import chat_view
from sandbox.clock import BackwardsError, Step
from sandbox.errors import RefusedError
from sandbox.faults import Faults
from sandbox.params import MAX_UPLOAD
from sandbox.records import JSON
from sandbox.wire import encode
from sandbox.world import World

MAX_WAIT = 60.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def say_why(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer refusals of the users' API with a sentence; leave the Bot API alone."""
    try:
        return await handler(request)
    except RefusedError as refused:
        return answer({"error": refused.sentence}, refused.status)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        if request.path.startswith(("/bot", "/file/bot")):
            whole = {"ok": False, "error_code": error.status, "description": error.reason}
            return answer(whole, error.status)
        return answer({"error": f"{error.reason}: {request.method} {request.path}"}, error.status)


def answer(content: Any, status: int = 200) -> web.Response:
    """Answer in JSON."""
    return web.Response(
        status=status, body=encode(content).encode(), content_type="application/json"
    )


async def wishes(request: web.Request) -> JSON:
    """Read what is wanted from the body."""
    raw = await request.read()
    try:
        wish = json.loads(raw) if raw else {}
    except ValueError:
        wish = None
    if not isinstance(wish, dict):
        raise RefusedError("The body must be a JSON object.")
    return wish


def number(value: Any, name: str) -> int:
    """Read a whole number."""
    try:
        return int(value)
    except (TypeError, ValueError):
        raise RefusedError(f"{name} must be a whole number, not {value!r}.") from None


def moment(value: Any) -> datetime:
    """Read a moment with its zone."""
    try:
        read = datetime.fromisoformat(str(value))
    except ValueError:
        raise RefusedError(f"{value!r} is no moment; write 2026-03-02T07:00:00+08:00.") from None
    if read.tzinfo is None:
        raise RefusedError(f"{value!r} has no zone; write 2026-03-02T07:00:00+08:00.")
    return read.astimezone(UTC)


class UsersApi:
    """Answers the people."""

    def __init__(self, world: World, on_faults: Callable[[], None]) -> None:
        self.world = world
        self.on_faults = on_faults

    def routes(self) -> list[web.RouteDef]:
        """List what it answers to."""
        chat = r"/sandbox/chats/{user_id:-?\d+}"
        return [
            web.get("/sandbox/bots", self.bots),
            web.post("/sandbox/bots", self.add_bot),
            web.post(r"/sandbox/bots/{bot_id:\d+}/updates", self.inject),
            web.get("/sandbox/users", self.users),
            web.post("/sandbox/users", self.add_user),
            web.post("/sandbox/groups", self.add_group),
            web.post(r"/sandbox/groups/{group_id:-\d+}/migrate", self.migrate_group),
            web.get(chat, self.chat),
            web.post(chat + "/messages", self.write),
            web.post(chat + "/taps", self.tap),
            web.post(chat + "/files", self.upload),
            web.post(chat + "/read", self.read),
            web.post(chat + "/block", self.block),
            web.get("/sandbox/files/{unique_id}", self.file),
            web.get("/sandbox/log", self.log),
            web.get("/sandbox/faults", self.faults),
            web.post("/sandbox/faults", self.set_faults),
            web.get("/sandbox/clock", self.clock),
            web.post("/sandbox/clock", self.set_clock),
            web.get("/sandbox/events", self.events),
            web.get("/t.me/{username}", self.deep_link),
        ]

    def _who(self, request: web.Request) -> tuple[int, int | None]:
        bot = request.query.get("bot")
        user_id = int(request.match_info["user_id"])
        return user_id, number(bot, "bot") if bot else None

    async def bots(self, request: web.Request) -> web.Response:
        """List the bots."""
        return answer([chat_view.bot(bot) for bot in self.world.bots.values()])

    async def add_bot(self, request: web.Request) -> web.Response:
        """Register a bot."""
        wish = await wishes(request)
        token = str(wish.get("token", ""))
        bot = self.world.add_bot(token, wish.get("username"), wish.get("name"))
        return answer(chat_view.bot(bot))

    async def inject(self, request: web.Request) -> web.Response:
        """Put any update into a bot's queue, or an earlier one again."""
        queue = self.world.bot(int(request.match_info["bot_id"])).queue
        wish = await wishes(request)
        if "redeliver" in wish:
            update_id = number(wish["redeliver"], "redeliver")
            if not queue.redeliver(update_id):
                raise RefusedError(f"There was no update {update_id}.", 404)
        elif isinstance(wish.get("raw"), str):
            try:
                content = json.loads(wish["raw"])
            except ValueError:
                content = None
            if isinstance(content, dict) and "update_id" not in content:
                update_id = queue.put_filled(content)
            else:
                update_id = queue.put_raw(wish["raw"].encode(), content)
        elif isinstance(wish.get("update"), dict):
            if "update_id" in wish["update"]:
                raw = encode(wish["update"]).encode()
                update_id = queue.put_raw(raw, wish["update"])
            else:
                update_id = queue.put_filled(wish["update"])
        else:
            raise RefusedError("Give an update (an object), raw (a text) or redeliver (an id).")
        return answer({"update_id": update_id})

    async def users(self, request: web.Request) -> web.Response:
        """List the people."""
        return answer([chat_view.user(self.world, user) for user in self.world.users.values()])

    async def add_user(self, request: web.Request) -> web.Response:
        """Let a person join, or change one."""
        wish = await wishes(request)
        user_id = wish.pop("id", None)
        known = self.world.users.get(user_id) if isinstance(user_id, int) else None
        name = str(wish.pop("name", None) or (known.name if known else "")).strip()
        if not name:
            raise RefusedError("A user needs a name.")
        language = str(wish.pop("language", None) or (known.language if known else "en"))
        labels = {"username", "role", "note", "emoji", "deactivated"}
        if unknown := set(wish) - labels:
            raise RefusedError(f"A user has no {', '.join(sorted(unknown))}.")
        for label in ("role", "note"):
            if isinstance(wish.get(label), str):
                wish[label] = {"en": wish[label], "zh": wish[label]}
        given_id = None if user_id is None else number(user_id, "id")
        user = self.world.add_user(name, language, id=given_id, **wish)
        return answer(chat_view.user(self.world, user))

    async def add_group(self, request: web.Request) -> web.Response:
        """Make a group and put a bot into it."""
        wish = await wishes(request)
        bot = self.world.bot(number(wish["bot"], "bot") if "bot" in wish else None)
        group_id = number(wish["id"], "id") if "id" in wish else None
        group = self.world.add_group(str(wish.get("title") or "Group"), bot.id, id=group_id)
        return answer({"id": group.id, "title": group.title})

    async def migrate_group(self, request: web.Request) -> web.Response:
        """Turn a group into a supergroup."""
        group_id = int(request.match_info["group_id"])
        if group_id not in self.world.groups:
            raise RefusedError(f"There is no group {group_id}.", 404)
        return answer({"id": self.world.migrate_group(group_id)})

    async def chat(self, request: web.Request) -> web.Response:
        """Show a chat, at once or when it has changed."""
        chat = self.world.find_chat(*self._who(request))
        if "after" in request.query:
            try:
                wait = float(request.query.get("wait", "25"))
            except ValueError:
                raise RefusedError("wait must be a number of seconds.") from None
            after = number(request.query["after"], "after")
            await self.world.changed(chat, after, min(wait, MAX_WAIT))
        return answer(chat_view.chat(chat))

    async def write(self, request: web.Request) -> web.Response:
        """Let a person write."""
        user_id, bot_id = self._who(request)
        wish = await wishes(request)
        if "start" in wish:
            message, update_id = self.world.start(user_id, str(wish["start"] or ""), bot_id)
        else:
            message, update_id = self.world.write(user_id, str(wish.get("text") or ""), bot_id)
        return answer({"message_id": message.id, "update_id": update_id})

    async def tap(self, request: web.Request) -> web.Response:
        """Let a person tap a button."""
        user_id, bot_id = self._who(request)
        wish = await wishes(request)
        message_id = number(wish.get("message_id"), "message_id")
        tap = self.world.tap(
            user_id,
            message_id,
            text=wish.get("text"),
            data=wish.get("data"),
            raw=bool(wish.get("raw")),
            bot_id=bot_id,
        )
        shown: JSON = {"update_id": tap.update_id, "callback_id": tap.id}
        if wish.get("wait"):
            seconds = min(float(wish["wait"]), MAX_WAIT)
            shown["answer"] = await self.world.answer_to(tap, seconds)
        return answer(shown)

    async def upload(self, request: web.Request) -> web.Response:
        """Let a person send a file."""
        user_id, bot_id = self._who(request)
        if request.content_type != "multipart/form-data":
            raise RefusedError("Send the file as multipart/form-data, in the field file.")
        form = await request.post()
        file = form.get("file")
        if not isinstance(file, web.FileField):
            raise RefusedError("Send the file in the field file.")
        content = await asyncio.to_thread(file.file.read)
        if len(content) > MAX_UPLOAD:
            raise RefusedError("The file is larger than 50 MB.", 413)
        kind = str(form.get("kind", "document"))
        if kind not in {"document", "photo"}:
            raise RefusedError("kind is document or photo.")
        message, update_id = self.world.upload(
            user_id,
            content,
            file.filename,
            kind=kind,
            caption=str(form.get("caption", "")),
            bot_id=bot_id,
        )
        return answer({"message_id": message.id, "update_id": update_id})

    async def read(self, request: web.Request) -> web.Response:
        """Let a person read all that there is."""
        self.world.read(*self._who(request))
        return answer({"unread": 0})

    async def block(self, request: web.Request) -> web.Response:
        """Let a person block or unblock a bot."""
        user_id, bot_id = self._who(request)
        blocked = (await wishes(request)).get("blocked")
        if not isinstance(blocked, bool):
            raise RefusedError('Say {"blocked": true} or {"blocked": false}.')
        update_id = self.world.block(user_id, blocked, bot_id)
        return answer({"blocked": blocked, "update_id": update_id})

    async def file(self, request: web.Request) -> web.Response:
        """Serve a file that was sent in some chat."""
        file = self.world.files.get(request.match_info["unique_id"])
        if file is None:
            raise RefusedError("There is no such file.", 404)
        headers = {"X-Content-Type-Options": "nosniff"}
        if file.kind != "photo":  # a sent page must not run as ours
            headers["Content-Disposition"] = "attachment"
        mime = file.mime if file.mime.isascii() else "application/octet-stream"
        return web.Response(body=file.content, content_type=mime.split(";")[0], headers=headers)

    async def log(self, request: web.Request) -> web.Response:
        """List the calls the bots made."""
        query = request.query
        entries = self.world.journal.since(
            number(query.get("after", 0), "after"),
            number(query["bot"], "bot") if query.get("bot") else None,
            query.get("method"),
        )
        return answer([entry.shown() for entry in entries])

    async def faults(self, request: web.Request) -> web.Response:
        """Show the fault knobs."""
        now = self.world.monotonic()
        return answer((self.world.faults or Faults()).shown(now))

    async def set_faults(self, request: web.Request) -> web.Response:
        """Set the fault knobs; an empty object clears them."""
        wish = await wishes(request)
        now = self.world.monotonic()
        self.world.faults = Faults.read(wish, now) if wish else None
        self.on_faults()
        return answer((self.world.faults or Faults()).shown(now))

    async def clock(self, request: web.Request) -> web.Response:
        """Show the clock."""
        return answer(chat_view.clock(self.world.clock))

    async def set_clock(self, request: web.Request) -> web.Response:
        """Move the clock, or give it the steps of a day."""
        wish = await wishes(request)
        clock = self.world.clock
        force = bool(wish.get("force"))
        if isinstance(wish.get("zone"), str):
            clock.zone = wish["zone"]
        if isinstance(wish.get("steps"), list):
            clock.plan([_step(step) for step in wish["steps"]])
        try:
            if "now" in wish:
                clock.jump_to(moment(wish["now"]), force=force)
            elif "shift" in wish:
                clock.shift(float(wish["shift"]), force=force)
            elif wish.get("jump") == "next" and clock.jump_to_next_step() is None:
                raise RefusedError("There is no step ahead.", 409)
        except BackwardsError as error:
            raise RefusedError(f"{error}.", 409) from error
        except (TypeError, ValueError, OverflowError) as error:
            raise RefusedError(f"The clock cannot be moved: {error}.") from error
        if wish.get("running") is False:
            clock.stop()
        elif wish.get("running") is True:
            clock.run()
        self.world.hub.tell("clock")
        return answer(chat_view.clock(clock))

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Tell the page what changes, as server-sent events."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )
        queue = self.world.hub.join()
        try:
            await response.prepare(request)
            await response.write(b": here\n\n")
            while True:
                try:
                    async with asyncio.timeout(15):
                        event = await queue.get()
                except TimeoutError:
                    await response.write(b": still here\n\n")
                    continue
                if event is None:
                    break
                await response.write(f"data: {encode(event)}\n\n".encode())
        except ConnectionError:
            pass
        finally:
            self.world.hub.leave(queue)
        return response

    async def deep_link(self, request: web.Request) -> web.Response:
        """Send t.me links to the page."""
        username = request.match_info["username"].lower()
        for bot in self.world.bots.values():
            if bot.username.lower() == username:
                page = request.url.origin().with_path("/").with_query({"bot": str(bot.id)})
                if request.query.get("start"):
                    page = page.update_query(start=request.query["start"])
                raise web.HTTPFound(page.relative())
        raise RefusedError(f"There is no bot @{username}.", 404)


def _step(wish: Any) -> Step:
    if not isinstance(wish, dict) or "at" not in wish:
        raise RefusedError(
            'A step is {"at": "2026-03-02T07:00:00+08:00", "label": {"en": "..."}}.'
        )
    label = wish.get("label") or {}
    return Step(moment(wish["at"]), {"en": label} if isinstance(label, str) else dict(label))
