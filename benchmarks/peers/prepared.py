"""aiohttp with a body that was prepared beforehand: what Python's HTTP itself costs, the limit."""

from aiohttp import ClientSession
from multidict import CIMultiDict
from yarl import URL

from benchmarks.measure import Spent, spent
from benchmarks.peers.side_by_side import side_by_side
from benchmarks.peers.words import prepared_card
from benchmarks.town import TOKEN

JSON = CIMultiDict({"Content-Type": "application/json"})


async def send(server: str, count: int, at_a_time: int) -> Spent:
    """Send a card to so many chats; of the answer only the status is looked at."""
    url = URL(f"{server}/bot{TOKEN}/sendMessage")
    async with ClientSession() as http:

        async def one(chat: int) -> None:
            async with http.post(url, data=prepared_card(chat), headers=JSON) as response:
                await response.read()
                response.raise_for_status()

        await one(0)
        with spent() as measured:
            await side_by_side(count, at_a_time, one)
    return measured
