"""What a family types: an answer to the question that is open, or words in passing."""

from checkin.answers import (
    Question,
    Understood,
    next_question,
    take_words,
    understands_all_clear,
)
from checkin.names import same_name
from checkin.questions import Questionnaire
from handlers.desk import Desk
from handlers.household import (
    Household,
    clear,
    go_on,
    is_past,
    load_household,
    may_be_cleared,
    question_at_hand,
    show_again,
    turn_to,
)
from handlers.messages import Words
from handlers.wards import Ward
from storage import cards
from storage.questionnaires import questionnaire
from storage.tables import Contact


async def wrote_answer(desk: Desk, words: Words, contact: Contact) -> bool:
    """Take typed words as the answer to the question that is open; False when none is."""
    home = await _home_of(desk, contact)
    if home is None:
        return False
    ward, asked, question = await question_at_hand(desk, home)
    if ward is None or asked is None or question is None:
        return False
    await _typed_answer(desk, words, home, ward, asked, question)
    return True


async def wrote_freely(desk: Desk, words: Words, contact: Contact) -> bool:
    """Take typed words as said to the card; False when there is no card to answer."""
    home = await _home_of(desk, contact)
    if home is None:
        return False
    if understands_all_clear(words.text):
        await _typed_all_clear(desk, words, home)
    else:
        await _typed_freely(desk, words, home)
    return True


async def _home_of(desk: Desk, contact: Contact) -> Household | None:
    """Return the newest card that can still be answered."""
    card = await cards.latest_household(desk.session, contact.id)
    if card is None:
        return None
    home = await load_household(desk, contact, card)
    answerable = any(not is_past(desk, ward) for ward in home.answerable)
    return home if answerable else None


async def _typed_answer(
    desk: Desk,
    words: Words,
    home: Household,
    ward: Ward,
    asked: Questionnaire,
    question: Question,
) -> None:
    draft = ward.draft
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


async def _typed_all_clear(desk: Desk, words: Words, home: Household) -> None:
    wanted = [ward for ward in home.waiting if await may_be_cleared(desk, ward)]
    for ward in wanted:
        await clear(desk, ward)
    home.show(desk)
    await show_again(desk, words, home.contact, home.card)


async def _typed_freely(desk: Desk, words: Words, home: Household) -> None:
    named = [ward for ward in home.answerable if same_name(ward.entry.name, words.text)]
    waiting = home.waiting
    if named:
        await turn_to(desk, home, named[0])
    elif len(waiting) == 1 and await _starts_with(desk, home, waiting[0], words):
        pass
    else:
        await desk.say(home.contact, words, "help.card")
    await show_again(desk, words, home.contact, home.card)


async def _starts_with(desk: Desk, home: Household, ward: Ward, words: Words) -> bool:
    """Take "36.5" as the first answer when only one person is left to answer for."""
    asked = await questionnaire(desk.session, ward.entry.round.questionnaire_id)
    draft = ward.draft
    question = next_question(asked, draft.answers)
    if question is None:
        return False
    taken = take_words(question, words.text, on=ward.entry.round.day)
    if not isinstance(taken, Understood):
        return False
    draft.answers[question.key] = taken.value
    await go_on(desk, home, ward, asked, draft)
    return True
