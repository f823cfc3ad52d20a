"""The users' API, second half: the strings behind the scene, for tests and the demo."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox import chat_view
from sandbox.answers import answer, moment, number, wishes
from sandbox.clock import BackwardsError, Step
from sandbox.errors import RefusedError
from sandbox.faults import Faults
from sandbox.guide import read_steps
from sandbox.tally import tallies
from sandbox.wire import encode
from sandbox.world import World


class ControlsApi:
    """Answers whoever directs the play."""

    def __init__(self, world: World, on_faults: Callable[[], None]) -> None:
        self.world = world
        self.on_faults = on_faults

    def routes(self) -> list[web.RouteDef]:
        """List what it answers to."""
        return [
            web.post(r"/sandbox/bots/{bot_id:\d+}/updates", self.inject),
            web.get("/sandbox/log", self.log),
            web.get("/sandbox/faults", self.faults),
            web.post("/sandbox/faults", self.set_faults),
            web.get("/sandbox/clock", self.clock),
            web.post("/sandbox/clock", self.set_clock),
            web.get("/sandbox/tally", self.tally),
            web.get("/sandbox/guide", self.guide),
            web.post("/sandbox/guide", self.set_guide),
            web.get("/sandbox/events", self.events),
        ]

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

    async def tally(self, request: web.Request) -> web.Response:
        """Count what the bots did since each step of the day."""
        found = tallies(self.world.journal, self.world.clock)
        return answer([tally.shown() for tally in found])

    async def guide(self, request: web.Request) -> web.Response:
        """Show the guided walk."""
        return answer(self.world.guide.shown())

    async def set_guide(self, request: web.Request) -> web.Response:
        """Write the walk, or say in which language somebody begins it."""
        wish = await wishes(request)
        guide = self.world.guide
        if "steps" in wish:
            guide.steps = read_steps(wish["steps"])
        if "language" in wish:
            guide.language = str(wish["language"]) if wish["language"] else None
        self.world.hub.tell("guide")
        return answer(guide.shown())

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


def _step(wish: Any) -> Step:
    if not isinstance(wish, dict) or "at" not in wish:
        raise RefusedError(
            'A step is {"at": "2026-03-02T07:00:00+08:00", "label": {"en": "..."}}.'
        )
    label = wish.get("label") or {}
    return Step(moment(wish["at"]), {"en": label} if isinstance(label, str) else dict(label))
