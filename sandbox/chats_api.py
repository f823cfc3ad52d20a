"""The users' API, first half: people and their chats."""

import asyncio

from aiohttp import web

from sandbox import chat_view, web_apps
from sandbox.answers import answer, number, seconds, wishes
from sandbox.errors import RefusedError
from sandbox.params import MAX_UPLOAD
from sandbox.records import JSON
from sandbox.world import World

MAX_WAIT = 60.0


class ChatsApi:
    """Answers the people."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> list[web.RouteDef]:
        """List what it answers to."""
        chat = r"/sandbox/chats/{user_id:-?\d+}"
        return [
            web.get("/sandbox/bots", self.bots),
            web.post("/sandbox/bots", self.add_bot),
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
            web.get("/sandbox/web_app", self.web_app),
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

    async def users(self, request: web.Request) -> web.Response:
        """List the people, or only those asked for."""
        everyone = self.world.users
        found = list(everyone.values())
        if "ids" in request.query:
            wanted = [number(id, "each of ids") for id in request.query["ids"].split(",")]
            found = [everyone[id] for id in wanted if id in everyone]
        return answer([chat_view.user(self.world, user) for user in found])

    async def add_user(self, request: web.Request) -> web.Response:
        """Let a person join, or change one."""
        wish = await wishes(request)
        user_id = wish.pop("id", None)
        known = self.world.users.get(user_id) if isinstance(user_id, int) else None
        name = str(wish.pop("name", None) or (known.name if known else "")).strip()
        if not name:
            raise RefusedError("A user needs a name.")
        language = str(wish.pop("language", None) or (known.language if known else "en"))
        labels = {"username", "role", "note", "emoji", "deactivated", "crowd"}
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
            wait = seconds(request.query.get("wait", "25"), MAX_WAIT)
            after = number(request.query["after"], "after")
            await self.world.changed(chat, after, wait)
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
            shown["answer"] = await self.world.answer_to(tap, seconds(wish["wait"], MAX_WAIT))
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

    async def web_app(self, request: web.Request) -> web.Response:
        """Open a Mini App as a person: on to the bot's page, with signed start data."""
        query = request.query
        url = query.get("url", "")
        if not url.startswith(("http://", "https://")):
            raise RefusedError("url must be the address of the Mini App.")
        bot_id = number(query["bot"], "bot") if query.get("bot") else None
        chat = self.world.chat(number(query.get("user"), "user"), bot_id)
        data = web_apps.init_data(chat, self.world.clock.timestamp(), self.world.new_query_id())
        return web.Response(status=302, headers={"Location": web_apps.address(url, data)})

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
