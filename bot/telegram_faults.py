"""What Telegram's refusals mean, by their words.

One library hands the words through, the other changes the case of letters: they are compared
without it.
"""

from handlers.messages import Delivered, Rejected, SendResult, TargetGone, Unreachable, Wait

_CHAT_GONE = (
    "chat not found",
    "user not found",
    "user is deactivated",
    "peer_id_invalid",
    "group chat was deleted",
)
_TARGET_GONE = (
    "message to edit not found",
    "message can't be edited",
    "message to delete not found",
    "message_id_invalid",
)
_SOON = Wait(1.0)  # what is too fast, when nobody says for how long


def bad_request(description: str) -> SendResult:
    """Sort a 400: the chat is gone, the message is gone, or the request was wrong."""
    reason = description.removeprefix("Bad Request: ")
    words = description.casefold()
    if any(gone in words for gone in _CHAT_GONE):
        return Unreachable(reason)
    if any(gone in words for gone in _TARGET_GONE):
        return TargetGone()
    return Rejected(reason)


def other_refusal(description: str) -> SendResult | None:
    """Sort what neither library has a kind for: None when its words say nothing certain."""
    words = description.casefold()
    if words.startswith("too many requests"):
        return _SOON
    if words.startswith("request entity too large"):
        return Rejected(description)
    return None


def unless_unchanged(result: SendResult, message_id: int) -> SendResult:
    """Count an edit that would change nothing as delivered."""
    unchanged = (
        isinstance(result, Rejected) and "message is not modified" in result.reason.casefold()
    )
    return Delivered(message_id) if unchanged else result
