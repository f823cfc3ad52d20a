"""Settings: one validated type, read from the environment and `.env`."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

LEAST_KEPT_DAYS = 30
_TOKEN = re.compile(r"\d{5,16}:[A-Za-z0-9_-]{30,64}")

FREE_LIMIT = 30.0  # messages a second that Telegram allows a bot for nothing


class SettingsError(Exception):
    """A setting is missing or wrong; the sentence says which and how to mend it."""


class TransportName(StrEnum):
    """The library that talks to Telegram."""

    aiogram = "aiogram"
    ptb = "ptb"


class LogFormat(StrEnum):
    """How the log looks."""

    plain = "plain"
    json = "json"


class Settings(BaseSettings):
    """Everything that an installation can set; each field is `ALLCLEAR_` and its name."""

    model_config = SettingsConfigDict(
        env_prefix="ALLCLEAR_", env_file=".env", extra="ignore", frozen=True
    )

    tokens: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), description="the bots' tokens from @BotFather, one or more, comma between"
    )
    api_url: str = Field(
        default="https://api.telegram.org", description="the Bot API server to talk to"
    )
    database_url: str = Field(
        default="sqlite:///var/allclear.sqlite3", description="where answers are kept"
    )
    key_file: Path = Field(
        default=Path("var/allclear.keys"),
        description="the keys of names and answers; made on the first start, keep a copy apart",
    )
    transport: TransportName = Field(
        default=TransportName.aiogram,
        description="the library that talks to Telegram: aiogram or ptb (python-telegram-bot)",
    )
    web_host: str = Field(
        default="127.0.0.1", description="where health, metrics and the webhook listen"
    )
    web_port: int = Field(
        default=8080, ge=0, le=65535, description="the port of health, metrics and the webhook"
    )
    public_url: str = Field(
        default="",
        description="the https address that Telegram reaches us at: set it to use a webhook",
    )
    bulk_rate: float = Field(
        default=28.0,
        gt=0,
        le=1000,
        description="messages a second for each bot's bulk; above 30 they are Telegram's paid "
        "broadcast and cost Stars",
    )
    keep_messages_days: int = Field(
        default=90,
        description="days for which is kept what was sent to whom; 30 or more, 0 for ever",
    )
    keep_history_days: int = Field(
        default=0,
        description="days for which each word about a check-in is kept; 30 or more, 0 for ever",
    )
    join_url: str = Field(default="https://t.me", description="what invitation links start with")
    log_format: LogFormat = Field(
        default=LogFormat.plain,
        description="logs as `plain` lines or `json`, an object a line",
    )

    @field_validator("tokens", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part for part in re.split(r"[\s,;]+", value) if part)
        return value

    @field_validator("tokens")
    @classmethod
    def _are_tokens(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for place, token in enumerate(value, start=1):
            if not _TOKEN.fullmatch(token.get_secret_value()):
                raise ValueError(
                    f"number {place} is not a bot token. A token looks like 123456789:AA...; "
                    "copy it whole from @BotFather"
                )
        ids = [token.get_secret_value().partition(":")[0] for token in value]
        if len(set(ids)) != len(ids):
            raise ValueError("the same bot is named twice; name each once")
        return value

    @field_validator("keep_messages_days", "keep_history_days")
    @classmethod
    def _is_long_enough(cls, value: int) -> int:
        if value < 0 or 0 < value < LEAST_KEPT_DAYS:
            raise ValueError(f"it must be {LEAST_KEPT_DAYS} days or more, or 0 to keep them all")
        return value

    @field_validator("api_url", "join_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("it must be an address like https://api.telegram.org")
        return value.rstrip("/")

    @field_validator("public_url")
    @classmethod
    def _is_public(cls, value: str) -> str:
        parts = urlsplit(value)
        loopback = parts.hostname in {"127.0.0.1", "localhost"}
        if value and (not parts.hostname or (parts.scheme != "https" and not loopback)):
            raise ValueError("it must begin with https:// , as Telegram asks, or be left empty")
        return value.rstrip("/")

    @property
    def pays_for_bulk(self) -> bool:
        """Whether the bulk is sent by Telegram's paid broadcast."""
        return self.bulk_rate > FREE_LIMIT

    @property
    def secret_tokens(self) -> tuple[str, ...]:
        """The tokens as text, for the transports only."""
        return tuple(token.get_secret_value() for token in self.tokens)


def read_settings(**given: Any) -> Settings:
    """Read the settings; arguments win over the environment.

    Raises:
        SettingsError: one is wrong; the sentence names it and never shows a token.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(problem) for problem in error.errors())) from None


def _sentence(problem: Any) -> str:
    name = "ALLCLEAR_" + str(problem["loc"][0]).upper() if problem["loc"] else "A setting"
    reason = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "enum":
        reason = f"it must be one of: {problem['ctx']['expected']}"
    return f"{name}: {reason}."
