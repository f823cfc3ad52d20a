"""One event to the one handler that it is for. Whoever is behind it is asked of the rows alone."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta

from checkin.access import Role
from handlers import (
    classes,
    closings,
    everyday,
    household,
    imports,
    invitations,
    joining,
    leaving,
    overtaken,
    pausing,
    plans,
    releases,
    school_days,
    sending,
    setup,
    stopping,
    substitutes,
    summaries,
    why,
    windows,
)
from handlers.desk import Desk
from handlers.handing import hand_own_houses
from handlers.health import Duties, health
from handlers.messages import (
    Command,
    Event,
    Membership,
    Tap,
    Unsupported,
    Upload,
    Words,
)
from handlers.presses import Press, PressError, Verb
from handlers.proofs import arrived
from storage import asking, cards, contacts, flags, people, rounds, units
from storage.tables import Card, Contact

Handle = Callable[[Desk, Command, Contact], Awaitable[None]]
Tapped = Callable[[Desk, Tap, Contact, Press], Awaitable[None]]

_ON_CARDS = frozenset(
    {Verb.all_clear, Verb.open_subject, Verb.pick, Verb.done, Verb.back, Verb.home, Verb.change}
)


class Router:
    """Knows which handler takes which event."""

    def __init__(self, duties: Duties = tuple, *, join_url: str = "https://t.me") -> None:
        self._duties = duties
        self._join_url = join_url
        self._commands: dict[str, Handle] = {
            "start": joining.start,
            "help": help_,
            "today": today,
            "stop": stopping.stop,
            "when": windows.when,
            "pause": pausing.pause,
            "language": choose_language,
            "class": classes.show_classes,
            "summary": summaries.show_summary,
            "substitute": substitutes.substitute,
            "setup": setup.setup,
            "plan": plans.plan,
            "calendar": school_days.calendar,
            "invite": invitations.invite,
            "import": imports.how,
            "roster": leaving.roster,
            "left": leaving.left,
            "why": why.why,
            "sending": sending.show,
            "health": self._health,
        }

    async def __call__(self, desk: Desk, event: Event) -> None:
        """Handle one event at the desk."""
        desk.join_url = self._join_url
        contact = await desk.contact(event)
        if not isinstance(event, Tap):
            desk.households = None  # words and commands may change what somebody answers for
        if isinstance(event, Membership):
            await _membership(desk, event, contact)
            return
        if not event.private:
            # Health is nobody else's business: in a group we say only where to go.
            if isinstance(event, Command):
                await desk.say(contact, event, "help.private_only")
            return
        if contact.state != "active":
            await _opened_again(desk, contact)  # whoever writes can be reached
        if not isinstance(event, Tap):
            contacts.keep_tap(contact, None, desk.now)
        match event:
            case Tap():
                await self._tap(desk, event, contact)
            case Command():
                handle = self._commands.get(event.name, help_)
                await handle(desk, event, contact)
            case Words():
                await self._words(desk, event, contact)
            case Upload():
                await imports.uploaded(desk, event, contact)
            case Unsupported():
                await _unsupported(desk, event, contact)

    async def _tap(self, desk: Desk, tap: Tap, contact: Contact) -> None:
        try:
            press = Press.unpack(tap.data)
        except PressError:
            desk.record("button refused", contact.person_id, None, contact=contact.id)
            desk.toast(tap, contact, "toast.not_yours", alert=True)
            return
        if press.verb not in _ON_CARDS:
            desk.households = None
        once = f"{tap.message_id}:{tap.data}" if press.verb in _HANDLED_ONCE else None
        if not contacts.keep_tap(contact, once, desk.now):
            desk.toast(tap, contact, "toast.silent")
            return
        handle = _TAPPED.get(press.verb, _card_tap)
        await handle(desk, tap, contact, press)

    async def _words(self, desk: Desk, words: Words, contact: Contact) -> None:
        if await joining.wrote(desk, words, contact):
            return
        if await school_days.wrote(desk, words, contact):
            return
        if await classes.wrote(desk, words, contact):
            return
        if desk.overtaken(words, contact) and await overtaken.wrote(desk, words, contact):
            return
        if await everyday.wrote_answer(desk, words, contact):
            return
        if await joining.wrote_another_child(desk, words, contact):
            return
        if await everyday.wrote_freely(desk, words, contact):
            return
        await help_(desk, words, contact)

    async def _health(self, desk: Desk, command: Command, contact: Contact) -> None:
        await health(desk, command, contact, self._duties)


async def _unsupported(desk: Desk, event: Unsupported, contact: Contact) -> None:
    take = everyday.sent_picture if event.what == "photo" else everyday.sent_something
    if not await take(desk, event, contact):
        await desk.say(contact, event, "help.unsupported")


async def _card_tap(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    """Hand a tap to its card, if the card is this chat's own."""
    card = desk.cards.get(press.row) or await desk.session.get(Card, press.row)
    if card is None or card.contact_id != contact.id or card.kind == flags.CARD:
        desk.record("button refused", contact.person_id, None, card=press.row)
        desk.toast(tap, contact, "toast.not_yours", alert=True)
        return
    await arrived(desk, tap, contact, card)
    if card.kind == "household":
        await household.tapped(desk, tap, contact, card, press)
    elif card.kind == "class":
        await classes.tapped(desk, tap, contact, card, press)
    else:
        await summaries.tapped(desk, tap, contact, card, press)


async def _membership(desk: Desk, event: Membership, contact: Contact) -> None:
    """Keep whether a chat is open to us; of two that come in the wrong order the later stands."""
    if desk.overtaken(event, contact):
        return
    if not event.blocked:
        await _opened_again(desk, contact)
        return
    contact.state, contact.changed_at = "blocked", desk.now
    if contact.person_id is not None:
        await asking.ask_instead(desk.session, contact, desk.now)


async def _opened_again(desk: Desk, contact: Contact) -> None:
    """Keep that a chat is open to us; its cards could not be edited while it was closed.

    Those of a week may also have been passed over by what went only to those in reach.
    """
    contact.state, contact.changed_at = "active", desk.now
    await cards.show_anew(desk.session, contact.id, since=desk.now.date() - timedelta(days=7))
    if contact.person_id is not None:
        await asking.ask_who_is_back(desk.session, contact, desk.now)
        await hand_own_houses(desk, contact)


async def help_(desk: Desk, event: Event, contact: Contact) -> None:
    """Say what can be done here, by what the person is."""
    lines: list[list[object]] = []
    if contact.person_id is None:
        lines.append(["help.stranger", {}])
    else:
        access = await desk.access(contact)
        roles = access.roles()
        lines.append(["help.guardian", {}])
        if roles & {Role.class_teacher, Role.doctor}:
            lines.append(["help.teacher", {}])
        if roles & {Role.school_lead, Role.deputy_lead}:
            lines.append(["help.lead", {}])
        if Role.admin in roles:
            lines.append(["help.admin", {}])
    await desk.say(contact, event, "help.title", lines=lines)


async def today(desk: Desk, command: Command, contact: Contact) -> None:
    """Bring today's card, or say that there is none."""
    if contact.person_id is None:
        await desk.say(contact, command, "today.not_joined")
        return
    subjects = await people.consented_subjects(desk.session, contact.person_id)
    yesterday = desk.now.date() - timedelta(days=1)
    shown: set[tuple[date, str]] = set()
    for held in await rounds.rounds_about(desk.session, subjects, since=yesterday):
        school = await units.school(desk.session, held.school_id)
        if held.day < desk.today(school.zone) or (held.day, held.slot) in shown:
            continue
        card = await cards.card_of(desk.session, contact, held.day, "household", held.slot)
        home = await household.load_household(desk, contact, card)
        if home.wards or held.cancelled_at is not None:
            shown.add((held.day, held.slot))
            await household.show_again(desk, command, contact, card)
    if not shown:
        await desk.say(contact, command, "today.nothing")


async def choose_language(desk: Desk, command: Command, contact: Contact) -> None:
    """Offer the languages that we speak."""
    await desk.say(contact, command, "language.choose")


async def _set_language(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    contact.language = {1: "zh", 2: "en"}.get(press.row, contact.language)
    await cards.show_anew(desk.session, contact.id, since=desk.now.date() - timedelta(days=1))
    desk.menus.add(contact.id)
    desk.toast(tap, contact, "toast.silent")
    await desk.say(contact, tap, "language.set")


_WITH_CLASSES = frozenset(
    {
        *(Role.class_teacher, Role.doctor, Role.school_lead, Role.deputy_lead),
        *(Role.grade_leader, Role.dormitory_warden),
    }
)


def menu_of(roles: frozenset[Role], *, known: bool) -> tuple[str, ...]:
    """Return the commands that a chat's menu shows to someone with these roles."""
    names = ["today"] if known else []
    if roles & _WITH_CLASSES:
        names.append("class")
    if roles & {Role.class_teacher, Role.school_lead, Role.admin}:
        names.append("substitute")
    if roles & {Role.school_lead, Role.deputy_lead}:
        names.append("summary")
    if Role.admin in roles:
        names += ["setup", "import", "roster", "invite", "plan", "calendar", "sending", "health"]
    elif Role.class_teacher in roles:
        names.append("invite")
    if roles & {Role.admin, Role.class_teacher, Role.school_lead}:
        names.append("why")
    names += ["when", "pause"] if known else []
    return (*names, "language", *(["stop"] if known else []), "help")


# Which handler takes which button; what is not here stands on a card.
_TAPPED: dict[Verb, Tapped] = {
    **dict.fromkeys((Verb.join_as, Verb.agree, Verb.decline), joining.tapped),
    **dict.fromkeys((Verb.pause, Verb.end_pause), pausing.tapped),
    **dict.fromkeys((Verb.stop, Verb.go_on), stopping.tapped),
    Verb.substitute: substitutes.tapped,
    **dict.fromkeys(releases.VERBS, releases.tapped),
    **dict.fromkeys(leaving.VERBS, leaving.tapped),
    **dict.fromkeys((Verb.set_day, Verb.leave_day), closings.tapped),
    Verb.language: _set_language,
    Verb.window: windows.tapped,
    Verb.invite: invitations.tapped,
    Verb.read_as: imports.tapped,
    Verb.sending: sending.tapped,
}

# Each tap on these brings a message. What else is tapped again finds a card, a case or an errand
# that has changed, and hears so.
_HANDLED_ONCE = frozenset(
    {
        *(Verb.picture, Verb.group_line, Verb.pause, Verb.end_pause, Verb.stop, Verb.substitute),
        *(Verb.language, Verb.window, Verb.invite, Verb.open_class),
        *leaving.VERBS,
    }
)
