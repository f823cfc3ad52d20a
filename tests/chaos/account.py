"""The account: of each message whether it came, how often, and why."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sqlmodel import col, func, select

from bot.sender import window_at
from handlers.presses import Press
from sandbox.faults import Fault
from sandbox.journal import Entry
from sandbox.records import Message
from storage.care import SENT_AGAIN
from storage.editions import EditionReason
from storage.ledger import State
from storage.tables import Card, CheckIn, Contact, HistoryEntry, Ledger, Quarantined, Received
from tests.chaos.school import BOT_ID, School

DONE = frozenset({"sent", "withdrawn"})
IN_FLIGHT = 15.0  # seconds: no message is longer on its way than this
ON_THE_WAY = 0.25  # seconds that the service may write a call down after its caller's end


@dataclass(slots=True)
class Blow:
    """Something that was done to a process, to the database or to the disk, and when.

    Nobody claims anything from `at` to `until`; what was claimed before is sent until then. Who
    kills a process that does not send `hits` no message.
    """

    at: float
    how: str
    until: float | None = None
    hits: bool = True

    def explains(self, copy: Entry, following: Entry) -> bool:
        """Say whether it came between a message and its mark."""
        until = max(self.until or 0.0, self.at + ON_THE_WAY)
        sent = self.at - IN_FLIGHT <= copy.at <= until
        return self.hits and sent and self.at <= following.at


@dataclass(slots=True)
class Account:
    """What became of a run's messages and taps. Each message is in one of the first six."""

    expected: int = 0
    ok: int = 0
    recovered: int = 0  # once, after more than one try
    duplicated: int = 0  # came more than once, each copy with its reason
    left: int = 0  # must not double, and its call ended unclear: it is not sent again
    lost: int = 0
    unexplained: int = 0
    copies: int = 0  # messages too many, in all
    by_blow: int = 0  # of these, sent just before a kill that came before their mark
    ambiguous: int = 0  # of these, whose HTTP result did not say whether they had arrived
    worst: int = 0  # copies that one blow has caused at most
    hits: int = 0  # blows that hit whoever was sending
    causes: dict[str, int] = field(default_factory=dict)  # the copies by kind of blow
    taps: int = 0
    taps_lost: int = 0
    taps_twice: int = 0
    stale: int = 0  # household cards that show another state in the chat than the rows
    why: list[str] = field(default_factory=list)  # what is unexplained, in words

    def holds(self, window: int) -> bool:
        """Say whether it is what we promise."""
        broken = self.lost or self.unexplained or self.taps_lost or self.taps_twice or self.stale
        return not broken and self.worst <= window


async def drawn_up(school: School, blows: Sequence[Blow]) -> Account:
    """Draw up the account from the service's journal and the rows."""
    account = Account(expected=school.form.messages)
    copies: dict[tuple[int, str], list[Entry]] = defaultdict(list)
    unclear: set[tuple[int, str]] = set()
    for entry in school.wire.since(method="sendMessage"):
        key = int(entry.params["chat_id"]), "reminder" if _replies(entry) else "card"
        if entry.ok:
            copies[key].append(entry)
        if _ended_unclear(entry):
            unclear.add(key)
    async with school.database.reading() as session:
        rows = await session.exec(
            select(Ledger, Contact.chat_id).join(Contact, col(Contact.id) == Ledger.contact_id)
        )
        owed = {(chat, row.kind): row for row, chat in rows}
    explained: list[tuple[float, list[int]]] = []
    for key, row in owed.items():
        _one(account, row, copies.pop(key, []), blows, explained, left=key in unclear)
    for key, strangers in copies.items():
        account.unexplained += len(strangers)
        account.why.append(f"{key}: sent without being owed")
    if again := sum(row.edition_reason == EditionReason.outage for row in owed.values()):
        account.why.append(f"{again} asked again after an outage that was none")
    if missing := account.expected - len(owed):
        account.lost += max(missing, 0)
        account.why.append(f"{missing} messages more or fewer owed than expected")
    caused = attributed(explained, blows, window_at(school.form.rate))
    account.worst = max(caused.values(), default=0)
    account.hits = sum(blow.hits for blow in blows)
    for number, many in sorted(caused.items()):
        how = blows[number].how
        account.causes[how] = account.causes.get(how, 0) + many
    await _taps(account, school)
    await _stale(account, school)
    return account


def _one(
    account: Account,
    row: Ledger,
    copies: list[Entry],
    blows: Sequence[Blow],
    explained: list[tuple[float, list[int]]],
    *,
    left: bool,
) -> None:
    """Put one message where it belongs; `left` is whether it may have been, its call unclear."""
    reasons = []
    left = left and row.state == State.unclear and row.kind not in SENT_AGAIN
    if row.state not in DONE and not left:
        reasons.append(f"stands at {row.state}: {row.error}")
    elif (
        copies
        and not left
        and row.message_id not in {copy.result["message_id"] for copy in copies}
    ):
        reasons.append("the row names another message")
    if len(copies) > row.attempts:
        reasons.append(f"{len(copies)} copies of {row.attempts} tries")
    for copy, following in pairwise(copies):
        account.copies += 1
        those = [n for n, blow in enumerate(blows) if blow.explains(copy, following)]
        if _ended_unclear(copy):
            account.ambiguous += 1
        elif those:
            account.by_blow += 1
            explained.append((copy.at, those))
        else:
            reasons.append(f"a copy at {copy.at:.2f} that nothing explains, {_near(copy, blows)}")
    verdict = "left" if left and not reasons else _verdict(row, copies, reasons)
    setattr(account, verdict, getattr(account, verdict) + 1)
    if verdict in {"lost", "unexplained"}:
        account.why.append(f"{row.cause} ({row.id}), {len(copies)} copies: {', '.join(reasons)}")


def _verdict(row: Ledger, copies: list[Entry], reasons: list[str]) -> str:
    """Return the one name for what became of a message."""
    if not copies:
        return "lost"
    if reasons:
        return "unexplained"
    if len(copies) > 1:
        return "duplicated"
    return "recovered" if row.attempts > 1 else "ok"


def _ended_unclear(entry: Entry) -> bool:
    """Say whether whoever made this call could not know what became of it."""
    said = entry.description or ""
    return said.startswith("fault: ") and not said.endswith(Fault.TOO_MANY)


def attributed(
    explained: Iterable[tuple[float, list[int]]], blows: Sequence[Blow], window: int
) -> Counter[int]:
    """Return how many copies each blow has caused, of when each was sent and what explains it.

    It is the first blow that came between a message and its mark. Only what the service wrote down
    after that blow may be the next process's, which was killed in its turn: where another takes
    over within a quarter of a second nobody can tell, and the blow that has its window full is not
    asked for more.
    """
    caused: Counter[int] = Counter()
    doubtful = []
    for sent_at, those in sorted(explained):
        if sent_at <= blows[those[0]].at or len(those) == 1:
            caused[those[0]] += 1
        else:
            doubtful.append(those)
    for those in doubtful:
        caused[next((n for n in those if caused[n] < window), those[0])] += 1
    return caused


def _near(copy: Entry, blows: Sequence[Blow]) -> str:
    """Say how far from it the nearest blows are."""
    near = sorted(blows, key=lambda blow: abs(blow.at - copy.at))[:2]
    return ", ".join(f"{blow.how} {blow.at - copy.at:+.2f} s" for blow in near) or "no blow at all"


async def _taps(account: Account, school: School) -> None:
    """Hold what was tapped against what is stored; one tap is one answer of one child."""
    offered, queue = school.crowd.offered, school.sandbox.world.bots[BOT_ID].queue
    async with school.database.reading() as session:
        received = set(await session.exec(select(Received.update_id)))
        set_aside = set(await session.exec(select(Quarantined.update_id)))
        said = await session.exec(
            select(HistoryEntry.by, func.count()).group_by(col(HistoryEntry.by))
        )
        times: dict[Any, int] = dict(said.all())
        complete = await session.exec(
            select(CheckIn.respondent_id).where(CheckIn.status == "complete")
        )
        answered = set(complete)
        chats = await session.exec(select(Contact.chat_id, Contact.person_id))
        person = dict(chats.all())
    taken = [update for update in offered if update not in queue.pending]
    account.taps = len(taken)
    for update in taken:
        who = person[offered[update]]
        if update not in received or update in set_aside or who not in answered:
            account.taps_lost += 1
            account.why.append(f"tap {update}: not stored")
        elif times.get(who, 0) != 1:
            account.taps_twice += 1
            account.why.append(f"tap {update}: stored {times.get(who, 0)} times")


async def _stale(account: Account, school: School) -> None:
    """Hold what each household reads in its chat against the rows: a card's buttons say it."""
    async with school.database.reading() as session:
        found = await session.exec(
            select(Card, Contact.chat_id)
            .join(Contact, col(Contact.id) == Card.contact_id)
            .where(Card.kind == "household", col(Card.message_id).is_not(None))
        )
        cards = list(found)
    for card, chat in cards:
        stands = _revision(school.sandbox.world.chat(chat).messages.get(card.message_id or 0))
        if not stands == card.shown == card.revision:
            account.stale += 1
            account.why.append(
                f"card {card.id}: {stands} in the chat, {card.shown} shown, {card.revision} kept"
            )


def _revision(message: Message | None) -> int | None:
    """Return the revision that a card's first button carries; None where there is no button."""
    rows = (message.markup or {}).get("inline_keyboard", []) if message else []
    return Press.unpack(rows[0][0]["callback_data"]).revision if rows else None


def _replies(entry: Entry) -> bool:
    return "reply_parameters" in entry.params or "reply_to_message_id" in entry.params
