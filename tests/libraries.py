"""The two libraries that talk to Telegram, by their names in the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.settings import Settings, TransportName
from bot.telegram_messages import CONNECT_TIMEOUT
from bot.transports import make_transport
from tests.play import TOKEN

if TYPE_CHECKING:
    from bot.transports import BotTransport

LIBRARIES = [name.value for name in TransportName]


def a_transport(
    library: str, url: str, token: str = TOKEN, *, connect_timeout: float = CONNECT_TIMEOUT
) -> BotTransport:
    """Make a library's transport for a bot, as the settings would."""
    settings = Settings(_env_file=None, transport=TransportName(library), api_url=url)
    return make_transport(settings, token, connect_timeout=connect_timeout)
