"""Joining: a link, the child's name and the end of the student number, consent, the first card.

A link's holder is never shown a list of children. A wrong code and a wrong proof read alike, and
after a few of them a chat has to wait. Where joining stands lives in the contact's own row.
"""

from datetime import date, timedelta

from checkin.access import Reach
from checkin.checkins import Status
from checkin.invitations import (
    NEED_DIGITS,
    InvitationKind,
    Match,
    Usable,
    check_claim,
    check_invitation,
    code_hash,
    may_try,
    parse_claim,
)
from checkin.names import mask, same_digits, same_name
from handlers.desk import Desk
from handlers.handing import hand_own_houses
from handlers.household import show_again
from handlers.messages import Command, Event, Tap, Words
from handlers.presses import Press, Verb
from storage import asking, cards, contacts, merging, people, rounds, units
from storage.ids import new_id
from storage.invitations import invitation_by_hash, keep_attempt, wrong_attempts
from storage.people import Pupil, name_of
from storage.sealing import Private
from storage.tables import Consent, Contact, Guardianship, Invitation, Person, Unit

CONSENT_VERSION = "1"
ANYWHERE = Reach(("/",))
OPEN_STEPS = frozenset({"claim", "proof", "guardian", "consent"})


async def start(desk: Desk, command: Command, contact: Contact) -> None:
    """Greet someone; with a code in the link, begin to let them in."""
    if not command.rest:
        key = "start.again" if contact.person_id else "start.stranger"
        await desk.say(contact, command, key)
        return
    if not await _may_try(desk, command, contact):
        return
    invitation = await invitation_by_hash(desk.session, code_hash(command.rest.strip()))
    if invitation is None or not _lets_in(desk, invitation):
        await _wrong(desk, command, contact, "join.bad_link")
        return
    unit = await desk.session.get_one(Unit, invitation.unit_id)
    if invitation.kind == InvitationKind.class_link:
        contact.dialogue = {"step": "claim", "invitation": invitation.id}
        await desk.say(contact, command, "join.which_child", unit=unit.name)
    else:
        contact.dialogue = {"step": "proof", "invitation": invitation.id}
        await desk.say(contact, command, "join.prove_oneself", unit=unit.name)


def _lets_in(desk: Desk, invitation: Invitation) -> bool:
    usable = check_invitation(
        InvitationKind(invitation.kind),
        desk.now,
        expires_at=invitation.expires_at,
        uses_left=invitation.uses_left,
    )
    return isinstance(usable, Usable)


async def _may_try(desk: Desk, event: Event, contact: Contact) -> bool:
    wrong = await wrong_attempts(desk.session, contact.bot_id, contact.chat_id, desk.now)
    if may_try(wrong, desk.now) is True:
        return True
    await desk.say(contact, event, "join.wait")
    return False


async def _wrong(desk: Desk, event: Event, contact: Contact, key: str) -> None:
    await keep_attempt(desk.session, contact.bot_id, contact.chat_id, desk.now)
    desk.record("join refused", contact.person_id, None, contact=contact.id)
    await desk.say(contact, event, key)


async def wrote(desk: Desk, words: Words, contact: Contact) -> bool:
    """Take typed words as a step of joining; False when no step is open that takes words."""
    step = contact.dialogue.get("step")
    if step == "claim":
        await _claim(desk, words, contact, await _invited_pupils(desk, contact))
    elif step == "proof":
        await _prove(desk, words, contact)
    elif step in OPEN_STEPS:
        await desk.say(contact, words, "join.tap_please")
    else:
        return False
    return True


async def wrote_another_child(desk: Desk, words: Words, contact: Contact) -> bool:
    """Take "Ben Lima 0415" from a guardian as one more child of the schools that know them.

    A temperature beside a name is not a claim: it takes four digits. A wrong one leaves the chat
    as it was, for the morning goes on.
    """
    claim = parse_claim(words.text)
    if contact.person_id is None or claim is None or not _is_number_end(claim[1]):
        return False
    guarded = await _own_pupils(desk, contact.person_id)
    if not guarded:
        return False
    schools = [await units.school(desk.session, pupil.school_id) for pupil in guarded]
    reach = Reach(tuple(dict.fromkeys(school.path for school in schools)))
    everyone = await people.pupils(desk.session, reach, desk.now)
    asked_about = await people.consented_subjects(desk.session, contact.person_id)
    known = check_claim([p for p in everyone if p.person_id in asked_about], *claim)
    if isinstance(known, Match):
        await desk.say(contact, words, "join.already", name=known.student.name)
    else:
        await _claim(desk, words, contact, everyone)
    return True


def _is_number_end(digits: str) -> bool:
    return len(digits) >= NEED_DIGITS and digits.isdigit()


async def _own_pupils(desk: Desk, person_id: int) -> list[Pupil]:
    """Return the students whom someone answers for as a guardian."""
    ties = {tie.student_id: tie for tie in await people.ties_of(desk.session, person_id)}
    found = await people.pupils(desk.session, ANYWHERE, desk.now, person_ids=ties)
    return [p for p in found if people.holds(ties[p.person_id], p.today)]


async def _invited_pupils(desk: Desk, contact: Contact) -> list[Pupil]:
    """Return those whom the contact's open invitation may be used for."""
    invitation = await desk.session.get(Invitation, contact.dialogue.get("invitation") or 0)
    if invitation is None or not _lets_in(desk, invitation):
        return []
    unit = await desk.session.get_one(Unit, invitation.unit_id)
    return await people.pupils(desk.session, Reach((unit.path,)), desk.now)


async def _claim(desk: Desk, words: Words, contact: Contact, pupils: list[Pupil]) -> None:
    if not await _may_try(desk, words, contact):
        return
    claim = parse_claim(words.text)
    if claim is None:
        await desk.say(contact, words, "join.claim_form")
        return
    found = check_claim(pupils, *claim)
    if not isinstance(found, Match):
        await _wrong(desk, words, contact, "join.no_match")
        return
    pupil = found.student
    options = [
        guardian.person_id
        for guardian in await people.guardians_of(desk.session, pupil.person_id, pupil.today)
        if not guardian.proved
    ]
    if contact.person_id is not None:
        # Known already: they stay who they are, and only the tie to this child is new.
        await _ask_consent(desk, words, contact, pupil, contact.person_id)
    elif options:
        contact.dialogue = {**contact.dialogue, "step": "guardian", "student": pupil.person_id,
                            "options": options}  # fmt: skip
        names = await people.names(desk.session, options)
        await desk.say(
            contact,
            words,
            "join.which_guardian",
            name=pupil.name,
            options=[
                {"place": place, "name": mask(names[person])}
                for place, person in enumerate(options)
            ],
        )
    else:
        await _ask_consent(desk, words, contact, pupil, 0)


async def _ask_consent(
    desk: Desk, event: Event, contact: Contact, pupil: Pupil, guardian_id: int
) -> None:
    part = await _part(desk, pupil, guardian_id)
    if part is None:
        contact.dialogue = {}
        await desk.say(contact, event, "join.number_only", name=pupil.name)
        return
    contact.dialogue = {
        "step": "consent",
        "invitation": contact.dialogue.get("invitation"),
        "student": pupil.person_id,
        "guardian": guardian_id,
    }
    school = await units.school(desk.session, pupil.school_id)
    await desk.say(
        contact,
        event,
        f"join.consent{part}",
        name=pupil.name,
        unit=pupil.unit_name,
        school=school.name,
    )


async def _part(desk: Desk, pupil: Pupil, guardian_id: int) -> str | None:
    """Return which words say a guardian's part: to answer, to see, or beside a warden.

    None: the roster has them as a number to call, and gives them nothing to see or to answer.
    """
    ties = await people.guardianships_of(desk.session, pupil.person_id)
    tie = next((tie for tie in ties if tie.guardian_id == guardian_id), None)
    if tie is not None and not tie.may_answer:
        return "_to_see" if tie.may_see else None
    return "_boarder" if pupil.boards else ""


async def _prove(desk: Desk, words: Words, contact: Contact) -> None:
    """Check that a personal link is in the right hands: number, phone, or else the name."""
    if not await _may_try(desk, words, contact):
        return
    invitation = await desk.session.get(Invitation, contact.dialogue.get("invitation") or 0)
    if invitation is None or not _lets_in(desk, invitation) or invitation.person_id is None:
        contact.dialogue = {}
        await _wrong(desk, words, contact, "join.bad_link")
        return
    person = await desk.session.get_one(Person, invitation.person_id)
    if not await _proves(desk, person, words.text):
        await _wrong(desk, words, contact, "join.no_match_oneself")
        return
    unit = await desk.session.get_one(Unit, invitation.unit_id)
    school = await units.school(desk.session, unit.school_id or unit.id)
    if await _is_somebody_elses(desk, contact, person.id, desk.today(school.zone)):
        contact.dialogue = {}
        desk.record("join refused", contact.person_id, school.id, contact=contact.id)
        await desk.say(contact, words, "join.another_person")
        return
    contact.dialogue = {
        "step": "consent",
        "invitation": invitation.id,
        "student": person.id,
        "guardian": person.id,
    }
    await desk.say(
        contact, words, "join.consent_oneself", name=name_of(person), school=school.name
    )


async def _is_somebody_elses(desk: Desk, contact: Contact, person_id: int, day: date) -> bool:
    """Say whether a chat cannot also be this person's: a student is nobody but themself.

    Grown-ups may be known twice: by the console's link, as a guardian, and on the list of staff.
    """
    if contact.person_id in {None, person_id}:
        return False
    both = [contact.person_id or 0, person_id]
    return await merging.is_student(desk.session, both, day)


async def _proves(desk: Desk, person: Person, said: str) -> bool:
    numbers = await people.numbers_of(desk.session, person.id)
    phone = person.phone.read(person.id) if person.phone else None
    known = [*numbers, *([phone] if phone else [])]
    if known:
        return any(same_digits(number, said, need=4) for number in known)
    return same_name(name_of(person), said)


# ---- taps ----------------------------------------------------------------------------------


async def tapped(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    """Handle a tap of joining; the contact's own row says what is open, never the button."""
    step = contact.dialogue.get("step")
    if press.verb is Verb.join_as and step == "guardian":
        await _as_guardian(desk, tap, contact, press)
    elif press.verb is Verb.agree and step == "consent":
        desk.toast(tap, contact, "toast.silent")
        await _agree(desk, tap, contact)
    elif press.verb is Verb.decline and step == "consent":
        contact.dialogue = {}
        desk.toast(tap, contact, "toast.silent")
        await desk.say(contact, tap, "join.declined")
    else:
        desk.toast(tap, contact, "toast.join_is_over")


async def _as_guardian(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    options: list[int] = contact.dialogue.get("options", [])
    if press.row > len(options):
        desk.toast(tap, contact, "toast.not_yours", alert=True)
        return
    guardian_id = options[press.row - 1] if press.row else 0
    student_id = contact.dialogue["student"]
    found = await people.pupils(desk.session, ANYWHERE, desk.now, person_ids=[student_id])
    desk.toast(tap, contact, "toast.silent")
    if found:
        await _ask_consent(desk, tap, contact, found[0], guardian_id)


async def _agree(desk: Desk, tap: Tap, contact: Contact) -> None:
    """Keep the consent, the tie and who is behind the chat; then the morning may begin."""
    dialogue, contact.dialogue = contact.dialogue, {}
    invitation = await desk.session.get(Invitation, dialogue.get("invitation") or 0)
    if dialogue.get("invitation") is not None:
        if invitation is None or not _lets_in(desk, invitation):
            await desk.say(contact, tap, "join.bad_link")
            return
        invitation.uses_left -= 1
    subject_id, guardian_id = int(dialogue["student"]), int(dialogue["guardian"])
    found = await people.pupils(desk.session, ANYWHERE, desk.now, person_ids=[subject_id])
    oneself = guardian_id == subject_id
    if not oneself and not found:
        await desk.say(contact, tap, "join.bad_link")  # the child has left meanwhile
        return
    person = await _person_behind(desk, tap, contact, guardian_id)
    if oneself and person.id != subject_id:
        if not await _made_one(desk, contact, person, subject_id):
            await desk.say(contact, tap, "join.another_person")
            return
        subject_id = person.id
    if not oneself:
        await _tie(desk, person, found[0])
    desk.session.add(
        Consent(
            subject_id=subject_id,
            given_by=person.id,
            version=CONSENT_VERSION,
            given_at=desk.now,
        )
    )
    desk.forget_access(person.id)
    desk.menus.add(contact.id)
    school_id = found[0].school_id if found else invitation.unit_id if invitation else None
    desk.record("joined", person.id, school_id, subject=subject_id)
    await desk.session.flush()
    names = await people.names(desk.session, [subject_id])
    if oneself:
        await desk.say(contact, tap, "join.done_oneself", name=names[subject_id])
        for key in await _role_keys(desk, contact):
            await desk.say(contact, tap, key)
    else:
        part = await _part(desk, found[0], person.id)
        await desk.say(contact, tap, f"join.done{part or ''}", name=names[subject_id])
    await cards.refresh_own(desk.session, contact.id, since=desk.now.date() - timedelta(days=1))
    await join_today(desk, tap, contact, subject_id)


async def _person_behind(desk: Desk, tap: Tap, contact: Contact, guardian_id: int) -> Person:
    chosen = contact.person_id or guardian_id
    if chosen:
        person = await desk.session.get_one(Person, chosen)
    else:
        person = Person(id=new_id(), created_at=desk.now, language=contact.language)
        person.name = Private.of(person.id, tap.sender or "?")
        desk.session.add(person)
        await desk.session.flush()
    if contact.person_id is None:
        for other in await contacts.chats_of(desk.session, person.id):
            contact.window = other.window  # as they have chosen before
    contact.person_id = person.id
    contact.changed_at = desk.now
    return person


async def _made_one(desk: Desk, contact: Contact, person: Person, other_id: int) -> bool:
    """Make one person of the one behind the chat and the one whom the roster knows."""
    other = await desk.session.get_one(Person, other_id)
    grants = await people.access_of(desk.session, other_id, desk.now)
    unit = await desk.session.get_one(Unit, grants.grants[0].unit_id) if grants.grants else None
    school = await units.school(desk.session, unit.school_id or unit.id) if unit else None
    day = desk.today(school.zone) if school else desk.now.date()
    if await _is_somebody_elses(desk, contact, other_id, day):
        return False
    await merging.merge(desk.session, person, other, day)
    desk.record("people made one", person.id, school.id if school else None, other=other_id)
    desk.households = None
    desk.forget_access(other_id)
    return True


async def _tie(desk: Desk, person: Person, pupil: Pupil) -> None:
    """Prove the tie that the roster names, or make one; an ended tie is not revived by a link."""
    guardians = await people.guardianships_of(desk.session, pupil.person_id)
    for tie in guardians:
        if tie.guardian_id == person.id:
            tie.proved_at = tie.proved_at or desk.now
            return
    desk.session.add(
        Guardianship(
            student_id=pupil.person_id,
            guardian_id=person.id,
            rank=1 + max((tie.rank for tie in guardians), default=0),
            since=pupil.today,
            proved_at=desk.now,
        )
    )


async def _role_keys(desk: Desk, contact: Contact) -> list[str]:
    access = await desk.access(contact)
    order = ("admin", "school_lead", "class_teacher", "doctor")
    held = {role.value for role in access.roles()}
    return [f"join.role_{role}" for role in order if role in held]


async def join_today(desk: Desk, event: Event, contact: Contact, subject_id: int) -> None:
    """Ask at once whoever joins while the morning's round is open; a boarder's warden is asked."""
    if contact.person_id == subject_id:
        await hand_own_houses(desk, contact)
    for checkin, held in await rounds.open_check_ins(desk.session, subject_id):
        if checkin.dormitory_id is not None and contact.person_id != subject_id:
            continue
        if subject_id not in await people.answers_for(
            desk.session, contact.person_id or 0, held.day
        ):
            continue  # who may only see is not asked, and the child is not asked about by that
        if checkin.status in {Status.due, Status.unreachable}:
            checkin.status = Status.asked.value
            await desk.session.flush()
        if not await asking.ask_contact(desk.session, contact.id, held, desk.now):
            # The card is in the chat already, somewhere above: bring it with the new child.
            card = await cards.card_of(desk.session, contact, held.day, "household", held.slot)
            await show_again(desk, event, contact, card)
