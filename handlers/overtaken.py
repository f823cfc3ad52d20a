"""Words that arrive after what their writer did later: the latest stands, the history keeps both.

Taps need none of this: a button carries the revision of its card, and whatever was done to that
since has raised it.
"""

import json

from checkin.answers import Answers, next_question
from checkin.everyday import Heard, Statement, added, understand
from checkin.questions import Disposition, Questionnaire
from checkin.triage import worst_so_far
from handlers.desk import Desk
from handlers.everyday import home_for, people_of
from handlers.household import Household, keep, show_again
from handlers.messages import Words
from handlers.wards import Ward
from storage import history
from storage.questionnaires import questionnaire
from storage.sealing import Private
from storage.tables import Contact

OVERTAKEN = "overtaken"  # the act in the history


async def wrote(desk: Desk, words: Words, contact: Contact) -> bool:
    """Keep what overtaken words say about those on a card; False without one to answer.

    They clear nobody and turn no page. What they tell of something amiss is begun to be told.
    """
    home = await home_for(desk, contact, words)
    if home is None:
        return False
    heard = await _heard(desk, words, home)
    said = heard.statements or ((heard.of_whom,) if heard.of_whom else ())
    taken = [
        await _take(desk, home, ward, statement)
        for statement in said
        if (ward := _about(home, statement)) is not None
    ]
    if heard.question:
        await desk.say(contact, words, "help.question")
    elif not taken or not all(taken):
        await desk.say(contact, words, "help.overtaken")
    await show_again(desk, words, contact, home.card)
    return True


async def _heard(desk: Desk, words: Words, home: Household) -> Heard:
    heard = understand(words.text, await people_of(desk, home.answerable))
    if not heard.statements and not heard.question and len(home.waiting) == 1:
        heard = understand(words.text, await people_of(desk, home.waiting))
    return heard


def _about(home: Household, statement: Statement) -> Ward | None:
    """Return whom words are about; nobody where it would have to be asked."""
    ward = home.ward(statement.about)
    if ward is None and len(home.waiting or home.answerable) == 1:
        return (home.waiting or home.answerable)[0]
    return ward


async def _take(desk: Desk, home: Household, ward: Ward, statement: Statement) -> bool:
    """Keep a statement in the history; return whether it counts beside what was done since."""
    asked = await questionnaire(desk.session, ward.entry.round.questionnaire_id)
    said = asked.all_clear() if statement.all_clear else statement.answers
    if statement.sure and await _raised(desk, home, ward, asked, said):
        return True
    _remember(desk, ward, asked, said)
    return _begun(ward, asked, said)  # what may be meant is asked on


async def _raised(
    desk: Desk, home: Household, ward: Ward, asked: Questionnaire, said: Answers
) -> bool:
    """Let a complete answer become worse, where nothing more has to be asked for it."""
    if not ward.complete:
        return False
    told, day = ward.told(), ward.entry.round.day
    after = added(asked, told.answers, said, day)
    if after is None or next_question(asked, after) is not None:
        return False
    if _severity(asked, after, ward) <= told.standing.severity:
        return False
    await keep(desk, ward, after, home.via)
    return True


def _begun(ward: Ward, asked: Questionnaire, said: Answers) -> bool:
    """Put something amiss into the draft, if that makes it worse than what was said since."""
    draft = ward.draft
    after = added(asked, draft.answers, said, ward.entry.round.day)
    known = ward.told().standing.severity if ward.complete else 0
    if after is None or _severity(asked, after, ward) <= max(
        known, _severity(asked, draft.answers, ward)
    ):
        return False
    draft.answers = after
    draft.keep(ward.checkin)
    return True


def _severity(asked: Questionnaire, answers: Answers, ward: Ward) -> int:
    worst = worst_so_far(asked, answers, ward.entry.round.day)
    return worst.severity if worst else 0


def _remember(desk: Desk, ward: Ward, asked: Questionnaire, said: Answers) -> None:
    worst = worst_so_far(asked, said, ward.entry.round.day)
    disposition = worst.disposition if worst else Disposition.cleared
    history.remember(
        desk.session,
        check_in_id=ward.id,
        subject_id=ward.checkin.subject_id,
        act=OVERTAKEN,
        by=ward.reader_id,
        at=desk.now,
        severity=worst.severity if worst else 0,
        disposition=disposition.value,
        answers=Private.of(ward.checkin.subject_id, json.dumps(said)),
    )
