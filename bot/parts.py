"""What a process does of the work: all of it, or the parts named on the command line."""

from enum import StrEnum

from bot.settings import SettingsError


class Part(StrEnum):
    """A part of the work; the command line calls it a role."""

    listen = "listen"
    send = "send"
    clock = "clock"
    web = "web"


EVERY_PART = frozenset(Part)


def read_parts(said: str) -> frozenset[Part]:
    """Read parts with commas between them; nothing said is all of them.

    Raises:
        SettingsError: a word is none of them.
    """
    words = [word.strip() for word in said.split(",") if word.strip()]
    unknown = [word for word in words if word not in list(Part)]
    if unknown:
        raise SettingsError(
            f"There is no role {', '.join(map(repr, unknown))}. The roles are "
            f"{', '.join(Part)}; name one or more, with commas between: --roles listen,send"
        )
    return frozenset(Part(word) for word in words) or EVERY_PART
