"""Which library talks to Telegram: chosen by a setting, imported only then."""

from typing import Protocol

from bot.settings import Settings, TransportName
from bot.telegram_messages import CONNECT_TIMEOUT
from handlers.messages import Transport


class BotTransport(Transport, Protocol):
    """A transport that can also choose between polling and a webhook."""

    async def use_webhook(self, url: str, secret: str) -> None:
        """Have updates delivered to `url`."""

    async def use_polling(self) -> None:
        """Have updates kept for `fetch`."""


def make_transport(
    settings: Settings, token: str, *, connect_timeout: float = CONNECT_TIMEOUT
) -> BotTransport:
    """Return the chosen library's transport for one bot."""
    match settings.transport:
        case TransportName.aiogram:
            # Each library takes seconds to import: not before it is chosen.
            from bot.aiogram_transport import AiogramTransport  # noqa: PLC0415

            return AiogramTransport(token, settings.api_url, connect_timeout=connect_timeout)
        case TransportName.ptb:
            from bot.ptb_transport import PtbTransport  # noqa: PLC0415

            return PtbTransport(token, settings.api_url, connect_timeout=connect_timeout)
