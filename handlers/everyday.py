"""What a family types: an answer to the question that is open, or everyday words."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from checkin.answers import (
    Question,
    Understood,
    agrees,
    next_question,
    take_words,
    takes_suggestion,
    understands_all_clear,
)
from checkin.everyday import Heard, Someone, Statement, added, names_in, understand
from checkin.questions import Questionnaire
from checkin.triage import worst_so_far
from handlers.desk import Desk
from handlers.household import (
    Household,
    clear,
    go_on,
    is_belated,
    is_past,
    load_household,
    may_be_cleared,
    question_at_hand,
    settle_guess,
    show_again,
    turn_to_next,
    unfinished,
)
from handlers.messages import Event, Unsupported, Words
from handlers.wards import Ward, load_households
from storage import cards, people, rounds
from storage.questionnaires import questionnaire
from storage.rounds import Entry
from storage.tables import Card, Contact


async def wrote_answer(desk: Desk, words: Words, contact: Contact) -> bool:
    """Take typed words as the answer to the question that is open; False when none is.

    Words with a name of the card in them are about that child, whatever is open; "both fine" is
    about both.
    """
    home = await home_of(desk, contact, words)
    if home is None:
        return False
    ward, asked, question = await question_at_hand(desk, home)
    if ward is None or asked is None or question is None:
        return False
    if question.kind != "text":
        people = await people_of(desk, home.answerable)
        heard = understand(words.text, people)
        if heard.question:
            await desk.say(contact, words, "help.question")
            await show_again(desk, words, contact, home.card)
            return True
        of_all = len(heard.statements) > 1 and not understands_all_clear(words.text)
        if of_all or names_in(words.text, people):
            return False
    await typed_answer(desk, words, home, ward, asked, question)
    return True


async def wrote_freely(desk: Desk, words: Words, contact: Contact) -> bool:
    """Take typed words as said to the card; False when there is no card to answer."""
    home = await home_for(desk, contact, words)
    if home is None:
        belated = await _wrote_belated(desk, words, contact)
        return belated or await _wrote_between(desk, words, contact)
    heard = understand(words.text, await people_of(desk, home.answerable))
    if await _settled_guess(desk, words, home, heard):
        await show_again(desk, words, home.contact, home.card)
        return True
    if not heard.statements and not heard.question and len(home.waiting) == 1:
        heard = understand(words.text, await people_of(desk, home.waiting))
    if heard.of_whom is not None:
        await _ask_whom(desk, home, heard.of_whom)
    elif heard.statements:
        await _take(desk, home, heard.statements)
    else:
        key = "help.question" if heard.question else "help.card"
        await desk.say(contact, words, key)
    await show_again(desk, words, home.contact, home.card)
    return True


async def _settled_guess(desk: Desk, words: Words, home: Household, heard: Heard) -> bool:
    """Take a typed yes or no, or a name by itself, as the button of the guess that is on offer."""
    focus = home.card.focus
    if focus.get("whom"):
        named = heard.statements[0] if len(heard.statements) == 1 else None
        ward = home.ward(named.about) if named and not named.all_clear else None
        if ward is None or named is None or named.answers or ward.draft.heard is None:
            return False
        await settle_guess(desk, home, ward, agreed=True)
        return True
    ward = home.ward(focus.get("check_in", 0)) if focus.get("confirm") else None
    agreed = agrees(words.text)
    if ward is None or ward.draft.heard is None or agreed is None:
        return False
    await settle_guess(desk, home, ward, agreed=agreed)
    return True


async def people_of(desk: Desk, wards: Sequence[Ward]) -> list[Someone]:
    """Return whom words may be about, with what is asked of each."""
    return [await _someone(desk, ward.entry) for ward in wards]


async def _someone(desk: Desk, entry: Entry) -> Someone:
    asked = await questionnaire(desk.session, entry.round.questionnaire_id)
    return Someone(entry.checkin.id, entry.name, asked)


async def home_for(desk: Desk, contact: Contact, words: Words) -> Household | None:
    """Return the card that words are said to; who was not asked is given today's for them."""
    if await _newest(desk, contact) is None:
        await _give_card(desk, contact, words)
    return await home_of(desk, contact, words)


async def _give_card(desk: Desk, contact: Contact, words: Words) -> None:
    """Make the card to which words can be said, if they are about somebody on it.

    Who may answer need not have been asked: another guardian was, or the child is away, or lives
    in a dormitory, or answers for themself, or the morning went by.
    """
    if contact.person_id is None:
        return
    subjects = await people.consented_subjects(desk.session, contact.person_id)
    yesterday = desk.now.date() - timedelta(days=1)
    held = await rounds.rounds_about(desk.session, subjects, since=yesterday)
    for day, slot in sorted({(h.day, h.slot) for h in held if desk.now <= h.late_until}):
        may = await people.answers_for(desk.session, contact.person_id, day)
        entries = await rounds.household(desk.session, may, day, slot)
        theirs = [await _someone(desk, entry) for entry in entries]
        if _is_of_somebody(understand(words.text, theirs)):
            await cards.card_of(desk.session, contact, day, "household", slot)
            return


def _is_of_somebody(heard: Heard) -> bool:
    return bool(heard.statements) or heard.of_whom is not None


async def home_of(desk: Desk, contact: Contact, words: Words) -> Household | None:
    """Return the newest card that words may be about, if it can still be answered.

    What was written before its day began, or was asked about, is about the one before it.
    """
    for card in await cards.latest_households(desk.session, contact.id, 2):
        home = await _answerable(desk, contact, card)
        if home is None or not await _is_belated(desk, words, home):
            return home
    return None


async def _newest(desk: Desk, contact: Contact) -> Household | None:
    """Return the newest card, if it can still be answered."""
    card = await cards.latest_household(desk.session, contact.id)
    return await _answerable(desk, contact, card) if card else None


async def _answerable(desk: Desk, contact: Contact, card: Card) -> Household | None:
    home = await load_household(desk, contact, card)
    return home if any(not is_past(desk, ward) for ward in home.answerable) else None


async def _is_belated(desk: Desk, words: Words, home: Household) -> bool:
    """Say whether words are of before for any of a card's people: they may mean just those."""
    return any([await is_belated(desk, words, ward) for ward in home.answerable])


async def _wrote_belated(desk: Desk, words: Words, contact: Contact) -> bool:
    """Say of words that come a day late that they do not answer for today; False of others.

    They clear nobody, and what they tell of something amiss is asked about.
    """
    home = await _newest(desk, contact)
    if home is None or not await _is_belated(desk, words, home):
        return False
    await desk.say(contact, words, "help.belated")
    heard = understand(words.text, await people_of(desk, home.answerable))
    said = heard.statements or ((heard.of_whom,) if heard.of_whom else ())
    amiss = [replace(each, sure=False) for each in said if await _is_amiss(desk, home, each)]
    if amiss and heard.of_whom is not None:
        await _ask_whom(desk, home, amiss[0])
    elif amiss:
        await _take(desk, home, amiss)
    await show_again(desk, words, contact, home.card)
    return True


async def _is_amiss(desk: Desk, home: Household, said: Statement) -> bool:
    """Say whether a statement tells of something amiss, or may: not all of it was understood."""
    held = (home.ward(said.about) or home.answerable[0]).entry.round
    asked = await questionnaire(desk.session, held.questionnaire_id)
    unclear = not said.all_clear and not said.answers
    return unclear or worst_so_far(asked, said.answers, held.day) is not None


async def _wrote_between(desk: Desk, words: Words, contact: Contact) -> bool:
    """Say that the check-in is over or was stopped, to whoever goes on answering it in words."""
    card = await cards.latest_household(desk.session, contact.id)
    if card is None:
        return False
    loaded = await load_households(desk.session, [(card, contact)], desk.now)
    wards = [*loaded.wards[card.id], *loaded.stopped[card.id]]
    heard = understand(words.text, await people_of(desk, [w for w in wards if w.right.may_answer]))
    if not _is_of_somebody(heard):
        return False
    if not await _showed_no_school(desk, words, contact):
        await desk.say(contact, words, "help.between")
    return True


async def _showed_no_school(desk: Desk, event: Event, contact: Contact) -> bool:
    """Show the card again that says that today has no school; False when it does not."""
    card = await cards.latest_household(desk.session, contact.id)
    if card is None:
        return False
    loaded = await load_households(desk.session, [(card, contact)], desk.now)
    if all(is_past(desk, ward) for ward in loaded.stopped[card.id]):
        return False
    await show_again(desk, event, contact, card)
    return True


async def _take(desk: Desk, home: Household, statements: Sequence[Statement]) -> None:
    """Keep what is certain, and open what has to be gone through or confirmed."""
    then: list[int] = []
    kept: list[int] = []
    for statement in statements:
        ward = home.ward(statement.about)
        if ward is None:
            continue
        if not statement.all_clear:
            await _note(desk, ward, statement)
            then.append(ward.id)
        elif await may_be_cleared(desk, ward):
            if statement.sure:
                await clear(desk, ward)
                kept.append(ward.id)
            else:
                await _note(desk, ward, statement)
                then.append(ward.id)
        elif not ward.complete or ward.told().standing.severity:
            then.append(ward.id)  # something is amiss: the questions tell what has changed
    # Whoever was being asked about with something amiss is asked on: a fever does not vanish.
    then += [w.id for w in home.answerable if w.id not in then and await unfinished(desk, w)]
    await turn_to_next(desk, home, then, kept)


async def _note(desk: Desk, ward: Ward, statement: Statement) -> None:
    """Put what was said into the draft, or aside until it is confirmed."""
    asked = await questionnaire(desk.session, ward.entry.round.questionnaire_id)
    draft = ward.draft
    draft.heard = None
    if statement.all_clear:
        draft.heard = asked.all_clear()
    elif statement.answers:
        after = added(asked, draft.answers, statement.answers, ward.entry.round.day)
        if after is None or not statement.sure:
            draft.heard = statement.answers
        else:
            draft.answers = after
            draft.keep(ward.checkin)
            return
    draft.note(ward.checkin)


async def _ask_whom(desk: Desk, home: Household, statement: Statement) -> None:
    """Ask about which child something was said; until then it stands aside, sealed, with each."""
    candidates = home.waiting or home.answerable
    if len(candidates) == 1:
        only = Statement(candidates[0].id, answers=statement.answers, sure=statement.sure)
        await _take(desk, home, [only])
        return
    for ward in candidates:
        draft = ward.draft
        draft.heard = statement.answers or None
        draft.note(ward.checkin)
    home.show(desk, whom=True)


async def sent_picture(desk: Desk, sent: Unsupported, contact: Contact) -> bool:
    """Answer a picture: it is not read, so the number is asked; False without a card to answer."""
    home = await _newest(desk, contact)
    if home is None:
        return await _showed_no_school(desk, sent, contact)
    await desk.say(contact, sent, "help.photo")
    left = [] if desk.overtaken(sent, contact) else home.waiting
    if len(left) == 1:
        await turn_to_next(desk, home, [left[0].id])
    elif left:
        home.show(desk, whom=True)
    await show_again(desk, sent, contact, home.card)
    return True


async def sent_something(desk: Desk, sent: Unsupported, contact: Contact) -> bool:
    """Answer a voice message or a sticker with a kind word and the card; False without one."""
    home = await _newest(desk, contact)
    if home is None:
        return await _showed_no_school(desk, sent, contact)
    await desk.say(contact, sent, "help.unsupported")
    await show_again(desk, sent, contact, home.card)
    return True


async def typed_answer(
    desk: Desk,
    words: Words,
    home: Household,
    ward: Ward,
    asked: Questionnaire,
    question: Question,
) -> None:
    """Take typed words as the answer to an open question, or say what was not clear."""
    draft = ward.draft
    if await _took_suggestion(desk, words, home, ward, asked, question):
        return
    if await _said_more(desk, words, home, ward, asked, question):
        return
    taken = take_words(question, words.text, on=ward.entry.round.day)
    if isinstance(taken, Understood):
        draft.answers[question.key] = taken.value
        await go_on(desk, home, ward, asked, draft)
        await show_again(desk, words, home.contact, home.card)
        return
    draft.suggested = taken.suggestion
    if taken.suggestion is not None or ward.checkin.draft is not None:
        draft.keep(ward.checkin)  # so that an older guess does not stay on offer
    home.show(
        desk,
        check_in=ward.id,
        question=question.key,
        doubt=taken.reason.value,
        # Numbers only: what someone typed does not stand in the open.
        doubt_args={k: v for k, v in taken.args.items() if not isinstance(v, str)},
    )
    await show_again(desk, words, home.contact, home.card)


async def _took_suggestion(
    desk: Desk,
    words: Words,
    home: Household,
    ward: Ward,
    asked: Questionnaire,
    question: Question,
) -> bool:
    """Take a typed yes as a tap on the guess that is on offer, and a no as none of it."""
    draft = ward.draft
    taken = None if draft.suggested is None else takes_suggestion(question, words.text)
    if taken is None or draft.suggested is None:
        return False
    if taken:
        draft.answers[question.key] = draft.suggested
        await go_on(desk, home, ward, asked, draft)
    else:
        draft.suggested = None
        draft.keep(ward.checkin)
        home.show(desk, check_in=ward.id, question=question.key)
    await show_again(desk, words, home.contact, home.card)
    return True


async def _said_more(
    desk: Desk,
    words: Words,
    home: Household,
    ward: Ward,
    asked: Questionnaire,
    question: Question,
) -> bool:
    """Take words that answer another question than the one that is open ("cough" for a place)."""
    if question.kind == "text":
        return False
    heard: Heard = understand(words.text, await people_of(desk, [ward]))
    said = heard.statements[0] if heard.statements else None
    if said is None or not said.sure or not said.answers.keys() - {question.key}:
        return False
    draft = ward.draft
    after = added(asked, draft.answers, said.answers, ward.entry.round.day)
    if after is None:
        return False
    draft.answers = after
    if next_question(asked, after) is None:
        await go_on(desk, home, ward, asked, draft)
    else:
        draft.suggested = draft.heard = None
        draft.keep(ward.checkin)
        await turn_to_next(desk, home, [ward.id, *home.card.focus.get("then", [])])
    await show_again(desk, words, home.contact, home.card)
    return True
