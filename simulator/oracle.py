"""What must be true, worked out from the script alone and held against what the bot has sent.

It knows the school's rules as a sentence each, not their code: it imports nothing of ours and sees
only the script and the log of the messenger.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from simulator import reading
from simulator.families import Gesture
from simulator.flags import Flag, Flags
from simulator.lateness import MISSED, QUIET, moment_of, why_not
from simulator.reading import Button
from simulator.standing import (
    Day,
    Standing,
    Weighed,
    differs,
    is_urgent,
    names_by_class,
    release,
    weigh,
)
from simulator.town import Ladder, Phone, Rung, Subject, Town
from simulator.trouble import MESSAGES_KEPT, TAPS_KEPT

MOST_CASES, MOST_CLASSES, MOST_NAMES = 20, 12, 6  # named on a summary; the others are counted
KEPT_FOR_GOOD = timedelta(days=2)  # then the messenger takes no message away any more
GATHERED = timedelta(minutes=10)  # what can wait is told to the signer together
ON_RECORD = timedelta(days=90)  # what was sent; then it goes, month by month
ANNOUNCED = timedelta(days=7)  # how long before that the admins are told
_SETTLED = frozenset(
    {"card", "reminder", "again", "class", "summary", "flag", "correction", "corrected"}
)
_ASKS = ("card", "reminder", "again")  # what nobody may get after the close
_NEVER_TWICE = frozenset({"reminder", "again", "unsigned", "picture"})
_SENDS = frozenset({"sendMessage", "sendPhoto"})
FORBIDDEN, TOO_MANY = 403, 429
_REMINDERS = frozenset({"reminder", "again"})
FAULT = "fault: "  # how the log says that a call went wrong on the wire


class Call(Protocol):
    """One call of the bot, as the messenger's log has it."""

    method: str
    params: dict[str, Any]
    ok: bool
    error_code: int | None
    description: str | None
    result: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it must be."""

    day: str
    step: str
    what: str
    expected: str
    seen: str

    def line(self) -> str:
        """Say it in a line."""
        return f"{self.day} {self.step}: {self.what}: expected {self.expected}, seen {self.seen}"


@dataclass(slots=True)
class Shown:
    """A message as it stands in a chat."""

    text: str
    buttons: tuple[Button, ...]
    kind: str
    day: date
    reply: bool = False
    copy: bool = False  # it arrived, and the bot was not told so
    stays: bool = False  # too old for the messenger to take it away


Expected = Counter[tuple[int, str, str]]  # (chat, kind of message, about)


@dataclass(frozen=True, slots=True)
class Signature:
    """A summary that was signed: by whom, and the day as it was then."""

    at: str
    chat: int
    day: Day


@dataclass(slots=True)
class Tally:
    """What a day has come to, for the report."""

    asks: int = 0
    reminders: int = 0
    answers: int = 0
    flags: int = 0
    lost: int = 0
    duplicated: int = 0
    copies: int = 0  # of messages of which the bot was not told that they had arrived
    again: int = 0  # asked again after a silence
    refused: int = 0  # by people who had blocked the bot
    left: int = 0  # reminders and pictures that were left, for they might have come twice


class Oracle:
    """Follows the script and the log side by side, and names every difference."""

    def __init__(self, town: Town, ladder: Ladder) -> None:
        self.town = town
        self.ladder = ladder
        self.differences: list[Difference] = []
        self._known: set[tuple[str, str, str, str]] = set()
        self.tally = Tally()
        self.checks = 0
        self.blocked: set[int] = set()
        self.heard_at: datetime | None = None  # when the bot last heard whoever spoke
        self.silent = False  # nothing gets through: what is owed now comes later
        self.since = date.min
        self.lost = False  # what was sent since then went into the void
        self.decided: dict[tuple[date, str], str] = {}  # what became of each step
        self.chats: dict[int, dict[int, Shown]] = defaultdict(dict)
        self.unasked: list[date] = []  # the days since anybody was asked, gone by whole
        self.calls: Counter[str] = Counter()
        self.on_record: set[date] = set()  # the days of which the bot still knows what it sent
        self._announced: dict[date, datetime] = {}  # before when it will be forgotten: told when
        self._answer_for: dict[str, list[int]] = defaultdict(list)
        for phone in town.phones.values():
            for subject in phone.subjects:
                self._answer_for[subject].append(phone.chat)
        self._by_unit: dict[str, list[Subject]] = defaultdict(list)
        for who in town.subjects.values():
            self._by_unit[who.unit].append(who)
            if who.house:
                self._by_unit[who.house].append(who)
        self._begin(date.min)

    # ---- the day ---------------------------------------------------------------------------

    def _begin(self, day: date) -> None:
        self.day = day
        self.step = ""
        self.now = datetime.min.replace(tzinfo=UTC)
        self.standing: dict[str, Standing] = {key: Standing() for key in self.town.subjects}
        self.holders: set[int] = set()  # of a card of today
        self.classes: set[tuple[int, str]] = set()  # who was sent the card of which unit
        self.leads: set[int] = set()
        self.closed = False
        self.signed: Signature | None = None
        self.untold: datetime | None = None  # the oldest change that its signer has not heard of
        self.changed: dict[str, Standing] = {}  # as it was before this step, under a signature
        self.away: set[int] = set()  # blocked at some time today: their cards may be behind
        self.expected: Expected = Counter()
        self.seen: Expected = Counter()
        self.toasts: dict[str, tuple[int, str]] = {}
        self.asked: set[int] = set()
        self.flags = Flags(self.town, self._is_reached, self._expect_flag)
        self.said: list[tuple[int, str]] = []
        self.opened = False  # somebody was asked
        self.asked_at: datetime | None = None
        self.handed_at: datetime | None = None
        self.brought: Counter[int] = Counter()  # cards that somebody wanted to see, on their way
        self.question: dict[int, datetime] = {}  # who was asked, since when the question is there
        self.had: dict[int, datetime] = {}  # who knows the bot has had today's card, since when
        self.reminded: dict[int, datetime] = {}
        self.unclear: Expected = Counter()  # what may come once more
        self.doubted: Expected = Counter()  # what the bot cannot know to have arrived, or not
        self.given: Counter[tuple[str, int]] = Counter()  # answers, about whom and by which chat
        if not self.silent:
            self.since = day
            self.skipped: Counter[tuple[int, str]] = Counter()  # what was due and never came
            self.again: Counter[int] = Counter()  # who was asked once more

    def begin_day(self, day: date) -> None:
        """Turn to another day: nothing is known of anybody yet."""
        away, yesterday = set(self.blocked), self.standing
        owed, came, unclear, doubted = self.expected, self.seen, self.unclear, self.doubted
        self.unasked = [] if self.opened else [*self.unasked, self.day]
        self.miss([self.day])
        self._begin(day)
        if self.silent:  # it comes later; a question of yesterday does not
            self.expected = owed
            self._skip(key for key in owed if key[1] in _ASKS)
            self.seen, self.unclear, self.doubted = came, unclear, doubted
        self.standing = {key: held.carried_to(day) for key, held in yesterday.items()}
        self.away |= away

    def at(self, moment: datetime, step: str) -> None:
        """Let it be a moment of the day."""
        self.now, self.step = moment, step

    def looks_at_the_clock(self) -> None:
        """Let what was waiting for its time be due."""
        self._gathered()
        self.flags.pass_on(self.now)
        self._forget()

    def _forget(self) -> None:
        """Let what is long on record go by whole months; a week before the admins hear of it."""
        ends = (self.now.astimezone(UTC) - ON_RECORD).date().replace(day=1)
        if ends not in self._announced and any(day < ends for day in self.on_record):
            self._announced[ends] = self.now
            for phone in self._holders("admin"):
                self.expected[phone.chat, "forgetting", ""] += 1
        for before, told_at in self._announced.items():
            if self.now - told_at >= ANNOUNCED:
                self.on_record = {day for day in self.on_record if day >= before}

    def differs(self, what: str, expected: object, seen: object) -> None:
        """Keep a difference, once a day: what stays wrong is not told at every step."""
        found = Difference(self.day.isoformat(), self.step, what, str(expected), str(seen))
        known = (found.day, what, found.expected, found.seen)
        if known not in self._known:
            self._known.add(known)
            self.differences.append(found)

    def check(self, what: str, expected: object, seen: object) -> None:
        """Hold one thing against another."""
        self.checks += 1
        if expected != seen:
            self.differs(what, expected, seen)

    # ---- the ladder ------------------------------------------------------------------------

    def fall_due(self, days: Iterable[date]) -> None:
        """Let every step whose time has come be done, or be too late.

        Of other days than today's only the evening before is of any concern.
        """
        for day in sorted({self.day, *days} - {date.min}):
            for rung in self.ladder.rungs:
                if (day, rung.key) in self.decided or (day != self.day and not rung.day_offset):
                    continue
                if self.now < moment_of(self.ladder, day, rung, self.handed_at):
                    continue
                why = why_not(self.ladder, day, rung, self.now, self.asked_at)
                self.decided[day, rung.key] = why or "done"
                if why is None:
                    self.rung(rung)
                elif rung.action == "close":
                    self._shut()  # nobody was there to close it; its silence is kept as silence
                if rung.action == "close":
                    self._too_late_to_ask()

    def miss(self, days: Iterable[date]) -> None:
        """Let whatever was not done on these days be missed."""
        for day in days:
            for rung in self.ladder.rungs:
                self.decided.setdefault((day, rung.key), MISSED)

    def rung(self, rung: Rung) -> None:
        """Let a step of the ladder be done, and expect what it must lead to."""
        does = getattr(self, f"_{rung.action}", None)
        if does is None:
            self.differs("step", "one that the oracle knows", rung.name)
        else:
            does(rung)

    def ways(self, subject: str) -> list[int]:
        """Return the chats through which somebody can be asked now, the first one first."""
        return [chat for chat in self.town.ways[subject] if chat not in self.blocked]

    def _ask(self, rung: Rung) -> None:
        whom: dict[int, bool] = {}
        self.opened, self.asked_at = True, self.now
        for key, standing in self.standing.items():
            if standing.state not in ({"due"} if rung.place == 1 else {"due", "asked"}):
                continue
            ways = self.ways(key)
            whom |= dict.fromkeys(ways[: 1 if standing.state == "due" else rung.place], True)
            if standing.state == "due" and (ways or not self.town.subjects[key].house):
                standing.state = "asked" if ways else "out of reach"
        self._hand_cards("dormitory_warden")
        for chat in whom:
            self._expect_card(chat)

    def _expect_card(self, chat: int) -> None:
        """Expect the day's question in a chat that has not had it: nobody is asked twice."""
        if chat not in self.asked:
            self.expected[chat, "card", ""] += 1
            self.asked.add(chat)
            self.holders.add(chat)

    def _remind(self, _rung: Rung) -> None:
        """Remind the first who has the question, unless it has only just come."""
        if self.opened:
            self._hand_cards("dormitory_warden")
        for key, standing in self.standing.items():
            if standing.state != "asked":
                continue
            for chat in [chat for chat in self.ways(key) if chat in self.had][:1]:
                lately = (self.question.get(chat), self.reminded.get(chat))
                if all(before is None or self.now - before >= QUIET for before in lately):
                    self.expected[chat, "reminder", ""] = 1
                    if not self.lost:
                        self.reminded[chat] = self.now

    def heard(self, now: datetime) -> None:
        """Let the bot hear whoever speaks, after it has heard nobody for a while.

        Taps of more than 150 seconds ago are lost, and messages of more than a day ago. So whoever
        had the card by then and is still silent is asked again; who was reminded since is not.
        """
        now, self.now = now.astimezone(UTC), now
        before, self.heard_at = self.heard_at, now
        if before is None or now - before <= TAPS_KEPT:
            return
        if now - before > MESSAGES_KEPT:
            for phone in self._holders("admin"):
                self.expected[phone.chat, "gap", ""] += 1
        close = self.ladder.at(self.day, "close")
        if not self.opened or self.closed or (close is not None and close <= now):
            return
        for chat in sorted(self.holders):
            had, reminded = self.had.get(chat), self.reminded.get(chat)
            if had is None or had > now - TAPS_KEPT or (reminded and reminded > before):
                continue
            waiting = (key for key, held in self._of_chat(chat) if held.state == "asked")
            if any(chat in self.ways(key) for key in waiting):
                self.expected[chat, "again", ""] += 1
                self.reminded[chat] = now
                self.tally.again += 1
                self.again[chat] += 1

    def _of_chat(self, chat: int) -> list[tuple[str, Standing]]:
        return self._of(self.town.phones[chat])

    def _too_late_to_ask(self) -> None:
        """Expect no question any more that has not gone out by the close."""
        for chat, kind, about in list(self.expected):
            if kind in _ASKS:
                self._skip([(chat, kind, about)])
                if kind == "card" and chat not in self.had:
                    self.holders.discard(chat)

    def _skip(self, keys: Iterable[tuple[int, str, str]]) -> None:
        """Let what was due not be sent any more; the bot must have that on record."""
        for key in list(keys):
            owed = self.expected.pop(key, 0)
            self.skipped[key[0], "reminder" if key[1] == "again" else key[1]] += max(
                owed - self.seen[key], 0
            )

    def _shut(self) -> None:
        for standing in self.standing.values():
            if self.opened and standing.state in {"due", "asked"}:
                standing.state = "silent"
        self.closed = self.opened

    def _close(self, rung: Rung) -> None:
        if not self.opened:
            self._nobody_was_asked()
        self._shut()
        self._card(rung)  # the staff's morning has no step for it: who has none yet has it now
        if not self.ladder.has("summary"):
            self._summary(rung)

    def _nobody_was_asked(self) -> None:
        """Let a morning that went by without an ask be known as that: nobody in it was silent."""
        self.opened = True
        for key, standing in self.standing.items():
            if standing.state == "due":
                reached = self.ways(key) or self.town.subjects[key].house
                standing.state = "not asked" if reached else "out of reach"
        self._hand_cards("dormitory_warden")

    def _card(self, _rung: Rung) -> None:
        if self.opened:
            self._hand_cards("class_teacher")

    def _hand_cards(self, wanted: str) -> None:
        for phone in self._holders(wanted):
            for role, unit in phone.roles:
                if role == wanted and (phone.chat, unit) not in self.classes:
                    self.classes.add((phone.chat, unit))
                    self.expected[phone.chat, "class", unit] += 1

    def _evening(self, _rung: Rung) -> None:
        """Nobody in town has chosen the evening before."""

    def _summary(self, _rung: Rung) -> None:
        self.handed_at = self.now
        if self.opened:
            self._hand_over("school_lead")

    def _chase(self, _rung: Rung) -> None:
        if self.opened and self.signed is None:
            for phone in self._holders("school_lead"):
                self.expected[phone.chat, "unsigned", ""] += 1

    def _deputy(self, _rung: Rung) -> None:
        if self.opened and self.signed is None:
            self._hand_over("deputy_lead")
            for role, kind in (("deputy_lead", "yours now"), ("school_lead", "fell")):
                for phone in self._holders(role):
                    self.expected[phone.chat, kind, ""] += 1

    def _hand_over(self, role: str) -> None:
        for phone in self._holders(role):
            self.leads.add(phone.chat)
            self.expected[phone.chat, "summary", ""] += 1
            self.expected[phone.chat, "picture", ""] += 1

    def _holders(self, role: str, unit: str | None = None) -> list[Phone]:
        return [
            phone
            for phone in self.town.phones.values()
            if phone.chat not in self.blocked
            and any(role == held and unit in {None, at} for held, at in phone.roles)
        ]

    # ---- what people do --------------------------------------------------------------------

    def did(
        self,
        chat: int,
        gesture: Gesture,
        callback: str | None = None,
        *,
        told: str | None = None,
        on: int = 0,
    ) -> None:
        """Let somebody have done something, in the order in which it reached the bot.

        `told` is what they were told of a tap `on` a message. On a day that is not as usual this
        may be that the card was old by then: they see the fresh one, and nothing else has changed.
        """
        phone = self.town.phones[chat]
        message = self.chats[chat].get(on)
        if message is not None and message.copy:
            self.unclear[chat, "card", ""] += 1  # their card comes anew, below what they tapped
        if gesture.tries and told == "card_was_old":
            self.toasts[callback or ""] = (chat, "any")
            return
        if callback is not None:
            self.toasts[callback] = (chat, gesture.toast or "")
            if gesture.toast is None:
                self.toasts[callback] = (chat, "any")
        does = getattr(self, f"_does_{gesture.kind}", None)
        earlier = message is not None and not reading.is_of(message.text, self.day)
        if does is not None and not (gesture.kind == "sign" and earlier):
            does(phone, gesture)  # a summary of before that came today is signed for its own day
        for subject, what in gesture.says:
            self._say(phone, subject, what)

    def _does_all_clear(self, phone: Phone, gesture: Gesture) -> None:
        if gesture.old:
            return  # too late for that day
        for subject in phone.subjects:
            if self.standing[subject].waits:
                self._say(phone, subject, "well")

    def _does_type(self, phone: Phone, _gesture: Gesture) -> None:
        self.expected[phone.chat, "card", ""] += 1
        self.brought[phone.chat] += 1

    def _does_command(self, phone: Phone, gesture: Gesture) -> None:
        if gesture.text == "/today":
            self.expected[phone.chat, "card", ""] += 1
            self.brought[phone.chat] += 1
            self.holders.add(phone.chat)

    def _does_block(self, phone: Phone, _gesture: Gesture) -> None:
        self.blocked.add(phone.chat)
        self.away.add(phone.chat)
        if phone.chat not in self.had:
            self.asked.discard(phone.chat)  # their question will be refused
        for subject in phone.subjects:
            standing = self.standing[subject]
            if self.closed or standing.state != "asked":
                continue
            ways = self.ways(subject)
            if not ways:
                standing.state = "out of reach"
            elif self.asked.isdisjoint(ways):  # else somebody who is left has the question
                self._expect_card(ways[0])

    def _does_unblock(self, phone: Phone, _gesture: Gesture) -> None:
        """Whom nobody could be asked about is asked about at once, until the close."""
        self.blocked.discard(phone.chat)
        close = self.ladder.at(self.day, "close")
        if not self.opened or self.closed or (close is not None and close <= self.now):
            return
        for subject in phone.subjects:
            standing = self.standing[subject]
            if standing.state == "out of reach" and phone.chat in self.ways(subject):
                standing.state = "asked"
                self._expect_card(phone.chat)

    def _does_release(self, phone: Phone, gesture: Gesture) -> None:
        held = self._touched(gesture.about)
        if held.wanted:
            release(held, phone.chat, self.now)
            kinds = ("correction",) if held.severity else ("flag", "correction")
            self.flags.decided(gesture.about, "done_agreed", phone.chat, self.now, *kinds)

    def _does_keep_flag(self, phone: Phone, gesture: Gesture) -> None:
        held = self.standing[gesture.about]
        if held.wanted:
            held.wanted = ""
            self.flags.decided(gesture.about, "done_left", phone.chat, self.now, "correction")
            name = self.town.subjects[gesture.about].name
            self.expected[held.asked_by, "left", name] += 1

    def _does_seen(self, phone: Phone, gesture: Gesture) -> None:
        self.flags.looked_at(gesture.about, phone.chat, self.now)

    def _does_call(self, phone: Phone, gesture: Gesture) -> None:
        """Release a flag after a telephone call, without having been asked."""
        held = self._touched(gesture.about)
        held.wanted = "well"
        release(held, phone.chat, self.now)
        kinds = ("flag", "correction")
        self.flags.decided(gesture.about, "done_call", phone.chat, self.now, *kinds)

    def _does_sign(self, phone: Phone, _gesture: Gesture) -> None:
        if self.closed and self.signed is None:
            day = Day.of(self.town, self.standing).frozen()
            self.signed = Signature(f"{self.now:%H:%M}", phone.chat, day)

    def _does_picture(self, phone: Phone, _gesture: Gesture) -> None:
        self.expected[phone.chat, "picture", ""] += 1

    def _say(self, phone: Phone, subject: str, what: str) -> None:
        """Let somebody say something about somebody, and expect word of it where it is due."""
        self.tally.answers += 1
        self.given[subject, phone.chat] += 1
        self.said.append((phone.chat, subject))
        held = self._touched(subject)
        by, now = phone.chat, self.now
        match weigh(held, by, what, now, closed=self.closed):
            case Weighed.raised:
                self.flags.raised(subject, what, held.severity, by, now)
            case Weighed.undone:
                self.flags.undone(subject, held.severity, by, now)
            case Weighed.asked_for:
                self.flags.asked_for(subject, held.severity, by, now)

    def _touched(self, subject: str) -> Standing:
        """Return what stands about somebody, about to change."""
        held = self.standing[subject]
        if self.signed is not None:
            self.changed.setdefault(subject, replace(held))
        return held

    def _is_reached(self, phone: Phone) -> bool:
        return phone.chat not in self.blocked

    def _expect_flag(self, chat: int, kind: str, about: str) -> None:
        self.tally.flags += 1
        self.expected[chat, kind, about] += 1

    def _tell_signer(self) -> None:
        """Expect word to whoever signed: of what is graver at once, of the rest in a while."""
        if self.signed is None:
            return
        told = [(before, self.standing[key]) for key, before in self.changed.items()]
        self.changed = {}
        if any(is_urgent(before, after) for before, after in told):
            self.expected[self.signed.chat, "corrected", ""] += 1
        if any(differs(b, after) and not is_urgent(b, after) for b, after in told):
            self.untold = self.untold or self.now

    def _gathered(self) -> None:
        if self.signed and self.untold and self.now - self.untold >= GATHERED:
            self.expected[self.signed.chat, "corrected", ""] += 1
            self.untold = None

    # ---- what the bot did ------------------------------------------------------------------

    def watch(self, calls: Iterable[Call]) -> None:
        """Take in what the bot has sent, in order."""
        for call in calls:
            self.calls[call.method] += 1
            wrong = (call.description or "").startswith(FAULT)
            if call.method == "answerCallbackQuery":
                self._answered(call)
            elif call.method in _METHODS and call.ok:
                _METHODS[call.method](self, call)
            elif call.method in _METHODS and not wrong:
                self._refused(call)
            elif call.method in _SENDS and call.error_code != TOO_MANY:
                self.doubted[self._key(call)] += 1  # the bot cannot know that it never arrived

    def _refused(self, call: Call) -> None:
        """Only who blocked the bot may not be written to; saying the same again is no harm."""
        same = "not modified" in (call.description or "")
        chat = int(call.params["chat_id"])
        if call.error_code == FORBIDDEN:
            self._found_blocked(chat)
        gone = False
        if call.method == "deleteMessage":
            message = self.chats[chat].get(int(call.params["message_id"]))
            gone = message is None or self.day - message.day >= KEPT_FOR_GOOD
            if message is not None and gone:
                message.stays = True
        if not same and not gone and chat not in self.away:
            self.differs("a call that the messenger took", call.method, call.description)

    def _found_blocked(self, chat: int) -> None:
        """Let the bot learn from a refusal that somebody has blocked it: it asks another."""
        self.tally.refused += 1
        if chat not in self.blocked:
            self._skip(key for key in self.expected if key[0] == chat)
            self._does_block(self.town.phones[chat], Gesture("block"))

    def _answered(self, call: Call) -> None:
        chat, expected = self.toasts.pop(call.params["callback_query_id"], (0, None))
        seen = reading.toast_of(call.params.get("text") or "")
        if expected is None:
            self.differs("answer to a tap", "one for each tap", f"one more: {seen}")
        elif expected != "any":
            self.checks += 1
            if seen not in expected.split("|"):
                name = self.town.phones[chat].name
                self.differs(f"answer to a tap of {name}", expected or "silence", seen)

    def _sent(self, call: Call) -> None:
        chat = int(call.params["chat_id"])
        text = reading.plain(call.params.get("text") or call.params.get("caption") or "")
        kind = reading.kind_of(text)
        reply = bool(call.params.get("reply_parameters"))
        buttons = reading.buttons_of(call.params)
        copy = (call.description or "").startswith(FAULT)
        message = Shown(text, buttons, kind, self.day, reply, copy)
        self.chats[chat][call.result["message_id"]] = message
        self.on_record.add(self.day)
        if kind == "card" and not copy:
            self.had[chat] = self.now
            if self.brought[chat]:
                self.brought[chat] -= 1
            else:
                self.question[chat] = self.now
        if kind in _REMINDERS:
            self._reminder(chat, text)
        key = self._key(call)
        self.seen[key] += 1
        if copy:
            self.unclear[key] += 1
            self.doubted[key] += 1

    def _key(self, call: Call) -> tuple[int, str, str]:
        """Say what a call sends: to which chat, of which kind, about what."""
        text = reading.plain(call.params.get("text") or call.params.get("caption") or "")
        kind, about = reading.kind_of(text), ""
        if kind == "class":
            about = reading.class_card(text).unit
        elif kind in {"flag", "correction"}:
            flag = reading.flag(text)
            about = f"{flag.name} {flag.what}"
        elif kind == "left":
            about = reading.about_left(text)
        return int(call.params["chat_id"]), kind, about

    def _reminder(self, chat: int, text: str) -> None:
        """Nobody is reminded of somebody who was answered for before."""
        phone = self.town.phones[chat]
        waited = sorted(self._short(phone, key) for key in self._waiting(phone))
        self.check(f"names in the reminder of {phone.name}", tuple(waited), reading.reminded(text))

    def _edited(self, call: Call) -> None:
        message = self.chats[int(call.params["chat_id"])].get(int(call.params["message_id"]))
        if message is not None:
            text = call.params.get("text") or call.params.get("caption") or ""
            message.text = reading.plain(text)
            message.copy = False  # the bot knows it after all
            message.buttons = reading.buttons_of(call.params)
            if message.kind == "card":
                message.kind = reading.kind_of(message.text)

    def _deleted(self, call: Call) -> None:
        self.chats[int(call.params["chat_id"])].pop(int(call.params["message_id"]), None)

    # ---- the comparison --------------------------------------------------------------------

    def compare_sends(self) -> None:
        """Hold what was sent in this step against what had to be, chat by chat."""
        self._tell_signer()
        if self.silent:
            self.toasts = {}  # a tap may be kept without an answer
            return
        for key, times in self.unclear.items():
            copies = min(times, max(self.seen[key] - self.expected[key], 0))
            self.seen[key] -= copies
            self.tally.copies += copies
        self.unclear = Counter()
        for key, owed in list(self.expected.items()):
            chat, kind, _ = key
            came = self.seen[key]
            if came >= owed or (came and kind != "card"):
                continue
            answered = self._is_answered(chat, kind)
            in_doubt = kind in _NEVER_TWICE and (self.lost or self.doubted[key])
            if answered or in_doubt:  # before it went out; or it is left rather than sent twice
                self._skip([key])
                self.expected[key] = came
                self.tally.left += in_doubt
        self.doubted, self.lost = Counter(), False
        self.expected, self.seen = +self.expected, +self.seen
        self.checks += len(self.expected | self.seen)
        if self.expected != self.seen:
            for key in sorted(self.expected.keys() | self.seen.keys()):
                self._compare_send(key, self.expected[key], self.seen[key])
        for (_, kind, _), times in self.seen.items():
            self.tally.asks += times * (kind == "card")
            self.tally.reminders += times * (kind == "reminder")
        for chat, expected in self.toasts.values():
            name = self.town.phones[chat].name
            self.differs(f"answer to a tap of {name}", expected or "silence", "none at all")
        self.expected, self.seen, self.toasts = Counter(), Counter(), {}

    def _compare_send(self, key: tuple[int, str, str], expected: int, seen: int) -> None:
        if expected == seen:
            return
        chat, kind, about = key
        phone = self.town.phones.get(chat)
        what = f"{kind} {about}".strip() + f" to {phone.name if phone else chat}"
        self.differs(what, _times(expected), _times(seen))
        if seen > expected and kind in _SETTLED:
            self.tally.duplicated += seen - expected

    def compare_cards(self) -> None:
        """Hold every card, class card and summary of today against what must stand there."""
        lost = set()
        for chat in sorted(self.holders - self.away):
            if not self._compare_card(chat):
                lost.add(chat)
        self.tally.lost += sum(chat in lost for chat, _ in self.said)
        self.said = []
        for chat, unit in sorted(self.classes):
            if chat not in self.away:
                self._compare_class(chat, unit)
        for chat in self.leads - self.away:
            self._compare_summary(chat)
        for flag in self.flags.all:
            for chat in flag.told.keys() - self.away:
                self._compare_flag(flag, chat)

    def _latest(self, chat: int, kind: str, about: str = "") -> Shown | None:
        return next(
            (
                message
                for message in reversed(self.chats[chat].values())
                if message.kind == kind and message.day == self.day and about in message.text
            ),
            None,
        )

    def _compare_card(self, chat: int) -> bool:
        phone = self.town.phones[chat]
        message = self._latest(chat, "card")
        if message is None:
            self.differs(f"card of {phone.name}", "there", "gone")
            return False
        results = tuple(
            sorted(
                (self._short(phone, key), f"{held.at:%H:%M}", held.what, self._who(phone, key))
                for key, held in self._of(phone)
                if held.at is not None and not held.waits
            )
        )
        waiting = tuple(sorted(self._short(phone, key) for key in self._waiting(phone)))
        wanted = any(held.wanted for _, held in self._of(phone)) and not waiting
        held = tuple(sorted(self._short(phone, key) for key, it in self._of(phone) if it.held))
        expected = reading.Card(results, waiting, held, wanted, self.closed and bool(waiting))
        seen = reading.card(message.text)
        self.check(f"card of {phone.name}", expected, seen)
        reminders = [
            m
            for m in self.chats[chat].values()
            if m.kind in _REMINDERS and not (m.copy or m.stays)
        ]
        if (not waiting or self.closed) and reminders:
            self.differs(f"reminders left with {phone.name}", 0, len(reminders))
        return set(results) <= set(seen.results)

    def _compare_flag(self, flag: Flag, chat: int) -> None:
        """Everybody who was told of a case sees what has become of it."""
        name = flag.subject.name
        shown = [
            reading.flag(message.text)
            for message in self.chats[chat].values()
            if message.kind == flag.kind and message.day == self.day and name in message.text
        ]
        expected = reading.Flag(
            name,
            flag.what,
            self.flags.told_as(flag, chat),
            self.flags.became(flag, chat),
        )
        self.checks += 1
        if expected not in shown:
            what = f"{flag.kind} about {name} with {self._name(chat)}"
            self.differs(what, expected, shown or "gone")

    def _who(self, phone: Phone, key: str) -> str:
        """Name who else of the family has answered; the school is not named."""
        by = self.standing[key].by
        return "" if by == phone.chat or by not in self.town.ways[key] else self._name(by)

    def _name(self, chat: int) -> str:
        return self.town.phones[chat].name

    def _of(self, phone: Phone) -> list[tuple[str, Standing]]:
        return [(key, self.standing[key]) for key in phone.subjects]

    def _waiting(self, phone: Phone) -> list[str]:
        return [key for key, held in self._of(phone) if held.waits]

    def nothing_to_answer(self, chat: int) -> bool:
        """Say whether somebody of the family has answered everything that this phone was asked."""
        return not self._waiting(self.town.phones[chat])

    def _is_answered(self, chat: int, kind: str) -> bool:
        """Say whether what waits to be sent of this kind asks for nothing any more.

        Who has not had the card yet is shown by it what the others have said.
        """
        asks = kind in _REMINDERS or (kind == "card" and chat in self.had)
        return asks and self.nothing_to_answer(chat)

    def _short(self, phone: Phone, key: str) -> str:
        return "oneself" if phone.oneself == key else self.town.subjects[key].name

    # ---- class cards and summaries ---------------------------------------------------------

    def _compare_class(self, chat: int, unit: str) -> None:
        message = self._latest(chat, "class", unit)
        if message is None:
            self.differs(f"class card {unit}", "there", "gone")
            return
        seen = reading.class_card(message.text)
        expected = self._class(unit)
        self.check(f"class {unit}, counts", expected.counts, seen.counts)
        for group in expected.groups.keys() | seen.groups.keys():
            told, stands = expected.groups.get(group, ()), seen.groups.get(group, ())
            self.check(f"class {unit}, {group}", told, stands)
        self.check(f"class {unit}, closed", self.closed, seen.closed)

    def _class(self, unit: str) -> reading.Class:
        held = [(subject, self.standing[subject.key]) for subject in self._by_unit[unit]]

        def names(of: Iterable[tuple[Subject, Standing]]) -> tuple[str, ...]:
            return tuple(sorted(subject.name for subject, _ in of))

        groups = {
            "stay_home": names(each for each in held if each[1].what == "home"),
            "see_nurse": names(each for each in held if each[1].what == "nurse"),
            "correction": names(each for each in held if each[1].wanted),
            "absent": names(each for each in held if each[1].what == "absent"),
            "silent": names(e for e in held if e[1].state in {"due", "asked", "silent"}),
            "nobody_asked": names(each for each in held if each[1].state == "not asked"),
            "unreachable": names(each for each in held if each[1].state == "out of reach"),
        }
        counts = {"in": sum(not each.waits for _, each in held), "of": len(held)}
        unwell = len(groups["stay_home"]) + len(groups["see_nurse"])
        counts |= {"unwell": unwell} if unwell else {}
        for group in ("silent", "nobody_asked", "unreachable", "absent"):
            counts |= {group: len(groups[group])} if groups[group] else {}
        return reading.Class(unit, counts, {k: v for k, v in groups.items() if v}, self.closed)

    def _compare_summary(self, chat: int) -> None:
        message = self._latest(chat, "summary")
        if message is None:
            self.differs("summary", "there", "gone")
            return
        seen = reading.summary(message.text, message.buttons)
        now = Day.of(self.town, self.standing)
        day = self.signed.day if self.signed else now
        for key, number in day.numbers().items():
            self.check(f"summary, {key}", number, seen.counts.get(key, 0))
        cases = [(masked(who.name), who.unit, day.held[who.key].what) for who in day.cases]
        self.check("summary, cases by name", tuple(cases[:MOST_CASES]), seen.cases)
        self._compare_unheard(day, seen)
        for earlier in sorted({day for day, _ in self.decided if date.min < day < self.day}):
            told = reading.is_of(seen.unasked, earlier)
            self.check(f"summary, nobody asked on {earlier}", earlier in self.unasked, told)
        if self.signed is None:
            self.check("summary, signed", None, seen.signed)
            offered = len(day.cases) if self.closed else None
            self.check("summary, cases on the button", offered, seen.offered)
        else:
            name = self.town.phones[self.signed.chat].name
            signed = (self.signed.at, name, len(day.cases), len(day.unheard))
            self.check("summary, signature", signed, seen.signed)
            since = dict(now.changes_since(day))
            self.check("summary, since the signature", since, dict(seen.since))

    def _compare_unheard(self, day: Day, seen: reading.Summary) -> None:
        silent = day.silent_classes
        self.check("summary, classes unheard", silent, dict(seen.silent_classes))
        rest = names_by_class(who for who in day.unheard if who.unit not in silent)
        shown = dict(list(rest.items())[:MOST_CLASSES])
        counts = {unit: len(names) for unit, names in shown.items()}
        self.check("summary, not heard from by class", counts, dict(seen.unheard))
        names = tuple(
            (unit, masked(name)) for unit, those in shown.items() for name in those[:MOST_NAMES]
        )
        self.check("summary, names of those not heard from", names, seen.named)


_METHODS = {
    "sendMessage": Oracle._sent,
    "sendPhoto": Oracle._sent,
    "editMessageText": Oracle._edited,
    "editMessageCaption": Oracle._edited,
    "deleteMessage": Oracle._deleted,
}


def masked(name: str) -> str:
    """Hide most of a name, as the school's wider lists do: 王*伟, 王*, A** L***."""
    if " " in name:
        return " ".join(masked(part) for part in name.split(" "))
    if len(name) > 2 and "\u4e00" <= name[0] <= "\u9fff":
        return name[0] + "*" * (len(name) - 2) + name[-1]
    return name[:1] + "*" * (len(name) - 1) if len(name) > 1 else "*" * len(name)


def _times(number: int) -> str:
    return {0: "none", 1: "one"}.get(number, str(number))
