"""What Telegram's refusals mean, by their words; both libraries hand them through unchanged."""

from handlers.messages import Rejected, SendResult, TargetGone, Unreachable

_CHAT_GONE = (
    "chat not found",
    "user not found",
    "user is deactivated",
    "PEER_ID_INVALID",
    "group chat was deleted",
)
_TARGET_GONE = (
    "message to edit not found",
    "message can't be edited",
    "message to delete not found",
    "MESSAGE_ID_INVALID",
)


def bad_request(description: str) -> SendResult:
    """Sort a 400: the chat is gone, the message is gone, or the request was wrong."""
    reason = description.removeprefix("Bad Request: ")
    if any(words in description for words in _CHAT_GONE):
        return Unreachable(reason)
    if any(words in description for words in _TARGET_GONE):
        return TargetGone()
    return Rejected(reason)
