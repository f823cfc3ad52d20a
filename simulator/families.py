"""The script: who does what when, drawn from the seed. It knows the town and the ladder, no more.

A scene is a moment of a day and what people do then. Acts of one scene go on side by side: first
everybody's first gesture, then everybody's second, as families do.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from simulator.town import STAFF, Ladder, Phone, Town

FIRST_DAY = date(2026, 4, 2)  # a Thursday: a weekend and a holiday come soon
HOLIDAYS = frozenset({date(2026, 4, 4), date(2026, 4, 5), date(2026, 4, 6)})  # 清明节
MOST_DAYS = 15  # until the next holiday, with its make-up days


def is_school_day(day: date) -> bool:
    """Say whether children are expected, as everybody in town knows."""
    return day.weekday() < 5 and day not in HOLIDAYS


def calendar(days: int, first: date = FIRST_DAY) -> list[date]:
    """Return every date from the first school day to the last of so many."""
    found: list[date] = []
    day = first
    while sum(map(is_school_day, found)) < days:
        found.append(day)
        day += timedelta(days=1)
    return found


# ---- what people do ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gesture:
    """One thing done with a phone.

    Args:
        kind: what: the name of a button, `type`, `command`, `raw`, `block`, `unblock`, `again`.
        about: whose button or whose words: a subject's key; for a raw tap another chat's number.
        text: what is typed.
        says: what it finally says about whom, (subject, what): well, absent, nurse, home.
        toast: the short answer that the tap must get, `|` between several; None when any will do.
        old: the message of the last school day is tapped.
        reminder: the button under the reminder is tapped.
        tries: done only by whoever still sees the button; nothing is missing when it is not there.
    """

    kind: str
    about: str = ""
    text: str = ""
    says: tuple[tuple[str, str], ...] = ()
    toast: str | None = None
    old: bool = False
    reminder: bool = False
    tries: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody's gestures, one after the other, and the behaviour they count as."""

    chat: int
    behaviour: str
    gestures: tuple[Gesture, ...]


@dataclass(slots=True)
class Scene:
    """A moment and what is done at it."""

    at: datetime
    name: str
    acts: list[Act] = field(default_factory=list)


def all_clear(*, toast: str = "thanks", reminder: bool = False) -> Gesture:
    """The one tap of a healthy family."""
    return Gesture("all_clear", toast=toast, reminder=reminder)


_FLOWS = {  # buttons in their order
    "home": ("fever", "none", "town", "neither"),
    "nurse": ("normal", "cough", "done", "town", "neither", "coming"),
    "absent": ("normal", "none", "town", "neither", "not_coming"),
    "well": ("normal", "none", "town", "neither", "coming"),
}


def through_the_questions(
    subject: str, what: str, *, start: Sequence[Gesture] = (), skip: int = 0, toast: str = ""
) -> tuple[Gesture, ...]:
    """Answer one question after the other about somebody; `skip` are answered already."""
    keys = _FLOWS[what][skip:]
    middle = [Gesture(key, about=subject, toast="") for key in keys[:-1]]
    last = Gesture(keys[-1], about=subject, says=((subject, what),), toast=toast)
    return (*start, *middle, last)


def opens(subject: str) -> tuple[Gesture, ...]:
    """Begin with somebody on a card that still waits."""
    return (Gesture("open", about=subject, toast=""),)


def changes(subject: str, *, of: int) -> tuple[Gesture, ...]:
    """Begin to change an answer, on a card about so many."""
    change = Gesture("change", toast="")
    return (change, Gesture("open", about=subject, toast="")) if of > 1 else (change,)


# ---- a family ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Family:
    """Those who are asked through the same people, in the same order."""

    phones: tuple[Phone, ...]
    subjects: tuple[str, ...]

    @property
    def first(self) -> Phone:
        """Who is asked first."""
        return self.phones[0]


def families_of(town: Town) -> list[Family]:
    """Return the families somebody of whom has joined; staff are families of their own."""
    by_ways: dict[tuple[int, ...], list[str]] = {}
    for subject, ways in town.ways.items():
        if ways:
            by_ways.setdefault(ways, []).append(subject)
    return [
        Family(tuple(town.phones[chat] for chat in ways), tuple(subjects))
        for ways, subjects in by_ways.items()
    ]


# ---- a day ---------------------------------------------------------------------------------

SCENES = {  # minutes after which step
    "early": ("ask", 1, 6),
    "slips": ("ask", 1, 12),
    "breakfast": ("ask", 1, 24),
    "reminded": ("remind", 1, 4),
    "second": ("ask", 2, 4),
    "class": ("card", 1, 6),
    "last minute": ("close", 1, -6),
    "late": ("close", 1, 10),
    "desk": ("close", 1, 20),
    "signing": ("close", 1, 40),
    "afterwards": ("close", 1, 75),
    "deputy": ("deputy", 1, 6),
    "later": ("close", 1, 90),
}
WITHOUT = {"second": "reminded", "class": "reminded"}  # where the ladder has no such step

AT_SCHOOL = frozenset({"class", "desk", "signing", "deputy", "later"})  # nobody at home acts then
OFTEN = 0.3  # how many look at their phone at each scene of a day that is not as usual

FAMILY_WEIGHTS = {
    "prompt": 60,
    "after the reminder": 14,
    "never": 5,
    "late": 4,
}


class Script:
    """Draws the days one after the other; what happened yesterday weighs on today."""

    def __init__(self, town: Town, ladder: Ladder, seed: int, rare: float = 1.0) -> None:
        """`rare` is the share of the rare behaviours that a day has."""
        self.town = town
        self.ladder = ladder
        self.seed = seed
        self._rare = rare
        self.families = families_of(town)
        self.blocked: set[int] = set()
        self.silent_yesterday: list[Family] = []
        self.ill_yesterday: dict[str, date] = {}  # who was to stay home, and on which day
        shared: dict[int, int] = {}
        for family in self.families:
            for phone in family.phones:
                shared[phone.chat] = shared.get(phone.chat, 0) + 1
        self._shared = {chat for chat, times in shared.items() if times > 1}
        self._chance = random.Random(f"{seed}")  # noqa: S311 - people, not secrets
        self._scenes: dict[str, Scene] = {}
        self._corrections: list[str] = []
        self._flagged: list[str] = []
        self._returning: set[int] = set()  # blocked still, in the early morning
        self._silent: list[Family] = []
        self._ill: set[str] = set()
        self._held: set[str] = set()

    def day(self, day: date, place: int) -> list[Scene]:
        """Return the scenes of a school day; `place` counts the school days from 0."""
        self._chance = random.Random(f"{self.seed} {day}")  # noqa: S311
        self._scenes = {name: Scene(at, name) for name, at in self.scenes_of(day)}
        self._corrections = []
        self._flagged = []
        self._returning = set()
        self._silent = []
        self._ill = set()
        self._held = {s for s, on in self.ill_yesterday.items() if day - on == timedelta(days=1)}
        held = [f for f in self.families if self._held & set(f.subjects)]
        free = [f for f in self._unshared() if f not in held]
        self._chance.shuffle(free)
        dealt = self._deal(free, place)
        for number, family in enumerate(held):
            dealt.add(id(family))
            self._was_ill(family, number + place)
        for family in self.families:
            if id(family) not in dealt:
                self._ordinary(family)
        self._school(place)
        self.silent_yesterday = self._silent
        self.ill_yesterday = dict.fromkeys(self._ill, day)
        return sorted(self._scenes.values(), key=lambda scene: scene.at)

    def disturbed(self, day: date, scenes: Sequence[tuple[str, datetime]]) -> list[Scene]:
        """Return the scenes of a day that is not as usual: people do what they find to do.

        Whoever looks at their phone answers when they still see the button, and those in charge
        sign. Nobody knows whether the bot hears them.
        """
        self._chance = random.Random(f"{self.seed} {day} disturbed")  # noqa: S311
        self.silent_yesterday = []
        self.ill_yesterday = {}
        found = []
        for name, at in scenes:
            scene = Scene(at, name)
            for phone in self.town.phones.values():
                if phone.chat in self.blocked or self._chance.random() > OFTEN:
                    continue
                in_charge = phone.holds("school_lead") or phone.holds("deputy_lead")
                if name not in AT_SCHOOL:
                    gesture = Gesture("all_clear", tries=True)
                elif in_charge:
                    gesture = Gesture("sign", tries=True)
                else:
                    continue
                scene.acts.append(Act(phone.chat, "tries", (gesture,)))
            found.append(scene)
        return sorted(found, key=lambda scene: scene.at)

    def scenes_of(self, day: date) -> list[tuple[str, datetime]]:
        """Return when the scenes of a day are."""
        found = []
        for name, (action, rung, minutes) in SCENES.items():
            at = self.ladder.at(day, action, rung)
            if at is not None:
                found.append((name, at + timedelta(minutes=minutes)))
        return found

    def _unshared(self) -> list[Family]:
        return [f for f in self.families if not {p.chat for p in f.phones} & self._shared]

    def _was_ill(self, family: Family, turn: int) -> None:
        """A case of yesterday still holds: most say how it goes, one does not."""
        ill = next(subject for subject in family.subjects if subject in self._held)
        if turn % 3 == 0:
            flow = through_the_questions(ill, "home", start=opens(ill))
            others = (all_clear(),) if len(family.subjects) > 1 else ()
            self._add("early", family.first, "ill yesterday, and still", *flow, *others)
            self._ill.add(ill)
        elif turn % 3 == 1:
            well = all_clear(toast="correction_asked")
            self._add("early", family.first, "ill yesterday, well again", well)
            self._corrections.append(ill)
        else:
            self._silent.append(family)
            self._scenes["afterwards"].acts.append(
                Act(family.first.chat, "ill yesterday, silent", ())
            )

    def _add(self, scene: str, phone: Phone, behaviour: str, *gestures: Gesture) -> None:
        self._scenes[self._known(scene)].acts.append(Act(phone.chat, behaviour, gestures))

    def _known(self, scene: str) -> str:
        while scene not in self._scenes:
            scene = WITHOUT[scene]
        return scene

    def _deal(self, free: list[Family], place: int) -> set[int]:
        """Give each rare behaviour to a family that can show it, and some more to chance."""
        dealt: set[int] = set()
        extra = len(free) // 150  # a larger town has more of everything
        for name, (fits, plays) in _RARE.items():
            if self._rare < 1 and self._chance.random() > self._rare:
                continue
            wanted = 1 + (self._chance.randrange(extra + 1) if extra else 0)
            for family in free:
                if wanted == 0:
                    break
                if id(family) in dealt or not fits(self, family):
                    continue
                dealt.add(id(family))
                plays(self, family, name, place)
                wanted -= 1
        return dealt

    def _ordinary(self, family: Family) -> None:
        """Most families: prompt, some only after the reminder, a few late or never."""
        awake = self._awake(family)
        if not awake:
            return
        names = list(FAMILY_WEIGHTS)
        habit = self._chance.choices(names, [FAMILY_WEIGHTS[name] for name in names])[0]
        phone = awake[0]
        if self._shared & {p.chat for p in family.phones}:
            habit, phone = "prompt", family.first
            if phone.chat in self.blocked or family is not self._first_with(phone):
                return
        getattr(self, f"_{habit.replace(' ', '_')}")(family, phone)

    def _first_with(self, phone: Phone) -> Family:
        return next(f for f in self.families if f.first == phone)

    def _awake(self, family: Family) -> list[Phone]:
        return [phone for phone in family.phones if phone.chat not in self.blocked]

    # ---- the ordinary ----------------------------------------------------------------------

    def _prompt(self, family: Family, phone: Phone) -> None:
        name = "prompt"
        if phone.oneself:
            name = "staff" if phone.roles else "own account"
        elif len(phone.subjects) > 1:
            name = "several children"
        scene = self._chance.choice(("early", "early", "slips", "breakfast"))
        self._add(scene, phone, name, all_clear())

    def _after_the_reminder(self, family: Family, phone: Phone) -> None:
        self._add("reminded", phone, "after the reminder", all_clear(reminder=True))

    def _never(self, family: Family, phone: Phone) -> None:
        self._silent.append(family)
        self._scenes["afterwards"].acts.append(Act(phone.chat, "never", ()))

    def _late(self, family: Family, phone: Phone) -> None:
        self._add("late", phone, "late", all_clear())

    # ---- the rare --------------------------------------------------------------------------

    def _alone(self, family: Family) -> bool:
        return (
            self._awake(family) == list(family.phones)
            and len(family.first.subjects) == 1
            and not family.first.oneself
        )

    def _twice(self, family: Family, name: str, _place: int) -> None:
        first, again = all_clear(), Gesture("same_again", toast="already_answered")
        self._add("early", family.first, name, first, again)

    def _worse(self, family: Family, name: str, _place: int) -> None:
        child = family.subjects[0]
        self._add("early", family.first, name, all_clear())
        flow = through_the_questions(child, "home", start=changes(child, of=1))
        self._add("breakfast", family.first, "", *flow)
        self._ill.add(child)

    def _better(self, family: Family, name: str, _place: int) -> None:
        child = family.subjects[0]
        flow = through_the_questions(child, "home", start=opens(child))
        self._add("early", family.first, name, *flow)
        flow = through_the_questions(
            child, "well", start=changes(child, of=1), toast="correction_asked"
        )
        self._add("breakfast", family.first, "", *flow)
        self._corrections.append(child)

    def _slip(self, family: Family, name: str, _place: int) -> None:
        child = family.subjects[0]
        flow = through_the_questions(child, "home", start=opens(child))
        self._add("early", family.first, name, *flow)
        flow = through_the_questions(child, "well", start=changes(child, of=1))
        self._add("slips", family.first, "", *flow)

    def _stale(self, family: Family, name: str, _place: int) -> None:
        child = family.subjects[0]
        stale = Gesture("first_seen", toast="card_was_old")
        self._flagged.append(child)
        flow = through_the_questions(child, "nurse", start=(*opens(child), stale))
        self._add("early", family.first, name, *flow)

    def _yesterday(self, family: Family, name: str, _place: int) -> None:
        old = Gesture("all_clear", old=True, toast="too_late")
        self._add("early", family.first, name, old)
        self._add("breakfast", family.first, "", all_clear())

    def _foreign(self, family: Family, name: str, _place: int) -> None:
        away = {*self.blocked, *self._returning, family.first.chat}
        other = next(f for f in self.families if f.first.chat not in away)
        raw = Gesture("raw", about=str(other.first.chat), toast="not_yours")
        self._add("early", family.first, name, raw, all_clear())

    def _blocks(self, family: Family, name: str, _place: int) -> None:
        self._add("early", family.first, name, Gesture("block"))
        self.blocked.add(family.first.chat)
        for second in family.phones[1:2]:  # who is asked at once, or when the next message fails
            self._add("second", second, "", all_clear())

    def _returns(self, family: Family, name: str, _place: int) -> None:
        self.blocked.discard(family.first.chat)
        self._returning.add(family.first.chat)
        back = (Gesture("unblock"), Gesture("command", text="/today"), all_clear())
        self._add("breakfast", family.first, name, *back)

    def _second(self, family: Family, name: str, _place: int) -> None:
        self._add("second", family.phones[1], name, all_clear())

    def _both(self, family: Family, name: str, _place: int) -> None:
        second = family.phones[1]
        self._add("early", second, name, Gesture("command", text="/today"))
        self._add("slips", family.first, "", all_clear())
        again = Gesture("all_clear", toast="already_answered|other_answered")
        self._add("slips", second, "", again)

    def _typed_clear(self, family: Family, name: str, _place: int) -> None:
        words = {"zh": "都好", "en": "all good"}[family.first.language]
        self._add("early", family.first, name, Gesture("type", text=words, says=_well(family)))

    def _typed_number(self, family: Family, name: str, _place: int) -> None:
        child = family.subjects[0]
        typed = (Gesture("type", text="36.5", about=child),)
        flow = through_the_questions(child, "well", start=typed, skip=1)
        self._add("early", family.first, name, *flow)

    def _typed_fever(self, family: Family, name: str, _place: int) -> None:
        child = family.subjects[0]
        words = {"zh": "发烧", "en": "has a fever"}[family.first.language]
        typed = (Gesture("type", text=words, about=child),)
        flow = through_the_questions(child, "home", start=typed, skip=1)
        self._add("early", family.first, name, *flow)
        self._flagged.append(child)
        self._ill.add(child)

    def _one_ill(self, family: Family, name: str, _place: int) -> None:
        ill = family.subjects[self._chance.randrange(2)]
        self._flagged.append(ill)
        flow = through_the_questions(ill, "home", start=opens(ill))
        self._add("early", family.first, name, *flow, all_clear())
        self._ill.add(ill)

    def _absent(self, family: Family, name: str, _place: int) -> None:
        child = family.subjects[0]
        flow = through_the_questions(child, "absent", start=opens(child))
        self._add("early", family.first, name, *flow)

    def _redelivered(self, family: Family, name: str, _place: int) -> None:
        self._add("early", family.first, name, all_clear(), Gesture("again"))

    def _own_account_ill(self, family: Family, name: str, place: int) -> None:
        """There are few of them: well on one day, unwell on the next."""
        if place % 2:
            self._prompt(family, family.first)
            return
        subject = family.first.oneself or ""
        flow = through_the_questions(subject, "nurse", start=opens(subject))
        self._add("early", family.first, name, *flow)

    def _late_ill(self, family: Family, name: str, _place: int) -> None:
        child = family.subjects[0]
        flow = through_the_questions(child, "home", start=opens(child))
        self._add("afterwards", family.first, name, *flow)
        self._ill.add(child)

    def _very_late(self, family: Family, name: str, _place: int) -> None:
        self._add("afterwards", family.first, name, all_clear())

    # ---- the school ------------------------------------------------------------------------

    def _school(self, place: int) -> None:
        for number, child in enumerate(self._corrections):
            unit = self.town.subjects[child].unit
            teacher = self._one("class_teacher", unit) or self._one("doctor", STAFF)
            if teacher is None:
                continue
            if (number + place) % 2 == 0:
                name, decides = "releases", Gesture("release", child, toast="released")
            else:
                name, decides = "leaves as it is", Gesture("keep_flag", child, toast="flag_kept")
                self._ill |= {child} - self._held
            self._add("class", teacher, name, Gesture("details", child, toast="reasons"), decides)
        teachers = [p for p in self.town.phones.values() if self._teaches(p)]
        for teacher in self._chance.sample(teachers, min(len(teachers), 3)):
            self._add("late", teacher, "refreshes", Gesture("refresh", toast="refreshed"))
        self._look_at_flags()
        self._call()
        self._sign(place)

    def _call(self) -> None:
        """One teacher rings a family that never joined; another says who is in the room."""
        if "class" not in self._scenes:
            return
        called: Phone | None = None
        for child in never_joined(self.town):
            if self._has_namesake(child):
                continue  # a button would say no more than the name
            called = self._one("class_teacher", self.town.subjects[child].unit)
            if called is not None:
                well = Gesture("well_by_phone", says=((child, "well"),), toast="kept_by_phone")
                steps = (Gesture("call_list", toast=""), Gesture("open", child, toast=""), well)
                self._add("last minute", called, "answers by phone", *steps, Gesture("back"))
                break
        for teacher in self.town.phones.values():
            if self._teaches(teacher) and teacher is not called:
                self._add("desk", teacher, "all are here", Gesture("all_here", toast="all_here"))
                break

    def _has_namesake(self, child: str) -> bool:
        who = self.town.subjects[child]
        everybody = self.town.subjects.values()
        return sum((o.unit, o.name) == (who.unit, who.name) for o in everybody) > 1

    def _look_at_flags(self) -> None:
        """Every second flag is looked at in time; one is cleared up by telephone."""
        for number, child in enumerate(self._flagged):
            teacher = self._one("class_teacher", self.town.subjects[child].unit)
            if teacher is None or number % 2 or self._has_namesake(child):
                continue  # of two of one name a person might take either
            seen = Gesture("seen", child, toast="seen")
            self._add("slips", teacher, "looks at a flag", seen)
            if number == 0:
                because = Gesture("because", child, toast="")
                call = Gesture("call", child, toast="let_go")
                self._add("class", teacher, "releases after a call", because, call)
                self._ill.discard(child)

    def _sign(self, place: int) -> None:
        """The lead signs in time, or when chased, or leaves it to the deputy."""
        lead, deputy = self._one("school_lead", STAFF), self._one("deputy_lead", STAFF)
        sign = Gesture("sign", toast="signed")
        if place % 3 == 2 and deputy is not None and "deputy" in self._scenes:
            self._add("deputy", deputy, "the deputy signs", sign)
        elif lead is not None:
            scene, name = (("desk", "signs"), ("signing", "signs when chased"))[place % 2]
            self._add(scene, lead, name, sign)
            if place % 3 == 0:
                picture = Gesture("picture", toast="picture_comes")
                self._add("later", lead, "asks for the picture", picture)

    def _teaches(self, phone: Phone) -> bool:
        return any(role == "class_teacher" for role, _ in phone.roles)

    def _one(self, role: str, unit: str) -> Phone | None:
        return next((p for p in self.town.phones.values() if p.holds(role, unit)), None)


def _well(family: Family) -> tuple[tuple[str, str], ...]:
    return tuple((subject, "well") for subject in family.first.subjects)


Fits = Callable[[Script, Family], bool]
Plays = Callable[[Script, Family, str, int], None]

_alone: Fits = Script._alone


def _two_parents(script: Script, family: Family) -> bool:
    return _alone(script, family) and len(family.phones) > 1


def _second_is_asked(script: Script, family: Family) -> bool:
    return script.ladder.has("ask", 2) and _two_parents(script, family)


def _one_parent(script: Script, family: Family) -> bool:
    return _alone(script, family) and len(family.phones) == 1


def _two_children(script: Script, family: Family) -> bool:
    return (
        script._awake(family) == list(family.phones)
        and len(family.subjects) == 2
        and family.first.wards == family.subjects
    )


def _own(script: Script, family: Family) -> bool:
    first = family.first
    return bool(first.oneself) and not first.roles and first.chat not in script.blocked


def _is_away(script: Script, family: Family) -> bool:
    return family.first.chat in script.blocked


def _was_silent(script: Script, family: Family) -> bool:
    return _alone(script, family) and family in script.silent_yesterday


_RARE: dict[str, tuple[Fits, Plays]] = {
    "unblocks and comes back": (_is_away, Script._returns),
    "yesterday's card": (_was_silent, Script._yesterday),
    "one of two ill": (_two_children, Script._one_ill),
    "own account, unwell": (_own, Script._own_account_ill),
    "the second guardian answers": (_second_is_asked, Script._second),
    "both parents at once": (_two_parents, Script._both),
    "blocks, another is asked": (_two_parents, Script._blocks),
    "blocks, out of reach": (_one_parent, Script._blocks),
    "the same twice": (_alone, Script._twice),
    "well, then ill": (_alone, Script._worse),
    "ill, then well": (_alone, Script._better),
    "a slip undone": (_alone, Script._slip),
    "a stale button": (_alone, Script._stale),
    "somebody else's button": (_alone, Script._foreign),
    "typed: all good": (_alone, Script._typed_clear),
    "typed: a number": (_alone, Script._typed_number),
    "typed: a fever": (_alone, Script._typed_fever),
    "not coming": (_alone, Script._absent),
    "delivered twice": (_alone, Script._redelivered),
    "ill after the signature": (_alone, Script._late_ill),
    "well after the signature": (_alone, Script._very_late),
}
BEHAVIOURS = (
    "prompt",
    "several children",
    "own account",
    "staff",
    "after the reminder",
    "late",
    "never",
    "never joined",
    *_RARE,
    "ill yesterday, and still",
    "ill yesterday, well again",
    "ill yesterday, silent",
    "releases",
    "leaves as it is",
    "refreshes",
    "asks for the picture",
    "answers by phone",
    "all are here",
    "looks at a flag",
    "releases after a call",
    "signs",
    "signs when chased",
    "the deputy signs",
)


def never_joined(town: Town) -> Iterator[str]:
    """Name the subjects of whom nobody has joined."""
    return (key for key, ways in town.ways.items() if not ways and not town.subjects[key].house)
