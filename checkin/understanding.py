"""Words in general: one spelling for all, whole phrases, and what choices are called."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import field
from difflib import get_close_matches
from enum import StrEnum, auto

from checkin.facts import fact
from checkin.questions import Choice, Question, Value


class Doubt(StrEnum):
    """Why an answer is not taken as it is. The sentence to say is chosen where words live."""

    empty = auto()
    no_such_choice = auto()
    not_all_known = auto()
    not_a_number = auto()
    several_numbers = auto()
    out_of_range = auto()
    not_a_date = auto()
    no_such_date = auto()
    which_date = auto()
    which_year = auto()
    not_a_place = auto()
    too_long = auto()


@fact
class Understood:
    """Words that are an answer."""

    value: Value


@fact
class Unclear:
    """Words that are not an answer yet: why, with numbers for the sentence, and a guess to offer.

    A suggestion is offered as a button and never taken by itself.
    """

    reason: Doubt
    suggestion: Value | None = None
    args: Mapping[str, str | float] = field(default_factory=dict)


_SAYS_ALL_CLEAR = """
    ok okay okok allok allokay allclear allgood allfine allwell alliswell fine good healthy
    wearefine wereallfine allarefine everyoneisfine everyonesfine everyoneiswell everythingisfine
    everythingok allhealthy nosymptoms noproblems normal allnormal
    很好 挺好 都好 都很好 都挺好 全好 一切好 一切都好 一切安好 大家都好 孩子都好 全家都好
    没事 都没事 全都没事 都没问题 沒事 都沒事 都沒問題
    健康 都健康 很健康 全部健康 全都健康 全家健康 身体健康 一切健康 平安 都平安
    正常 都正常 全部正常 全都正常 一切正常 一切都正常 体温正常 身体正常 均正常
    无异常 没有异常 均无异常 無異常 沒有異常 无不适 没有不适 没有不舒服 无症状
"""
_SAYS_NONE = """
    no none nothing nope nil na noneofthese noneofthem neither
    没 没有 没有的 都没有 全没有 无 都无 全无 均无 以上都没有 以上均无 沒 沒有 都沒有 無
"""
_SAYS_NO_PLACE = """
    yes y yeah yep sure maybe hi hello hey help thanks thankyou goodmorning
    是 是的 有 有的 对 去过 有去过 嗯 好 好的 收到 你好 您好 谢谢 早 早上好 早安 老师好
"""
_SAYS_YES = """
    yes y yeah yep yup yesplease yesitis yesthatsright thatsright thatsit itis right correct
    exactly sure ok okay okok
    是 是的 是啊 是呀 是滴 就是 对 对的 对啊 对呀 对对 對 對的 嗯 嗯嗯 恩 好 好的 好滴 行 可以
    没错 正确 确认 確認
"""
_SAYS_NOT_THAT = """
    no n nope nah notthat notthis noitisnt noitsnot notright wrong incorrect
    不 不是 不是的 不对 不对的 不是这个 否 错 错了 错误 不對
"""
_YES_SIGNS, _NO_SIGNS = frozenset("👍👌✅✔☑🆗"), frozenset("👎❌✖🙅")
_SAYS_SKIP = "skip pass nothing none no 跳过 略 略过 无 没有 沒有 無"
_ALL_CLEAR = frozenset(_SAYS_ALL_CLEAR.split())
NONE_WORDS = frozenset(_SAYS_NONE.split())
YES_WORDS = frozenset(_SAYS_YES.split())
NOT_THAT_WORDS = frozenset(_SAYS_NOT_THAT.split())
SKIP_WORDS = frozenset(_SAYS_SKIP.split())
NO_PLACE = NONE_WORDS | frozenset(_SAYS_NO_PLACE.split())
_BENIGN = frozenset("👍👌🙏🙂😊😀😃😄☺❤💪✅✔☑👏🌞☀🌹🌸🎉💯🆗~")
NOT = re.compile(
    r"不|没|沒|无|無|未|别|否|\b(?:no|not|non|without|never|neither|nor|hardly|isnt|doesnt|dont|wont)\b"
    r"|n't\b|n’t\b"
)


FILLER = re.compile(
    r"(?:\b(?:a|an|the|bit|little|of|some|mild|slight|slightly|has|have|had|he|she|they|i|we|it|is|'s"
    r"|im|my|his|her|got|today|this|morning|only|just|very)\b"
    r"|有一点儿?|有点儿?|一点儿?|有些|轻微|稍微|今早|今天|早上|孩子|他|她|我|只是|只有|有|了|啦|的|呢|症状|\s|['!~-])+"
)


def plain(words: str) -> str:
    """One width, one case, single spaces."""
    folded = unicodedata.normalize("NFKC", words).casefold()
    return " ".join(folded.replace("\u2019", "'").replace("\u2212", "-").split())


def squeezed(said: str) -> str:
    """Without spaces, punctuation and friendly signs: how whole phrases are compared."""
    return "".join(
        character
        for character in said
        if unicodedata.category(character)[0] not in "PZC"
        and unicodedata.category(character) not in {"Sk", "Mn"}
        and character not in _BENIGN
    )


def understands_all_clear(words: str) -> bool:
    """Whether words say by themselves that all is well.

    Only whole phrases count, after width, case, spaces, punctuation and friendly signs are put
    aside. A question ("all good?"), a negation ("not ok") and a mere "will do" (好的) do not.
    """
    if "?" in unicodedata.normalize("NFKC", words):
        return False
    return squeezed(plain(words)) in _ALL_CLEAR


def agrees(words: str) -> bool | None:
    """Whether words are by themselves the yes or the no to "is it this?"; None for anything else.

    Only whole phrases count: "no cough" is no answer to "cough?" but something to be understood.
    """
    if "?" in unicodedata.normalize("NFKC", words):
        return None
    said = squeezed("".join(c for c in plain(words) if c not in _NO_SIGNS))
    signs = set(words)
    if said in YES_WORDS or (not said and signs & _YES_SIGNS and not signs & _NO_SIGNS):
        return True
    if said in NOT_THAT_WORDS or (not said and signs & _NO_SIGNS and not signs & _YES_SIGNS):
        return False
    return None


def phrases_of(choice: Choice) -> Iterator[str]:
    """Everything a choice answers to: its key, its labels and the words given for it."""
    for phrase in (choice.key.replace("_", " "), *choice.label.values(), *choice.words):
        yield plain(phrase)


def phrasebook(question: Question) -> dict[str, list[Choice]]:
    """Every phrase the choices of a question answer to."""
    book: dict[str, list[Choice]] = {}
    for choice in question.choices:
        for phrase in dict.fromkeys(squeezed(phrase) for phrase in phrases_of(choice)):
            book.setdefault(phrase, []).append(choice)
    return book


def choice_named(question: Question, said: str) -> Choice | None:
    """The choice that words name as a whole, with nothing but small talk around it."""
    if "?" in said:
        return None
    book = phrasebook(question)
    named = book.get(squeezed(said)) or book.get(squeezed(FILLER.sub(" ", said))) or []
    return named[0] if len(named) == 1 else None


def nearest(question: Question, said: str) -> str | None:
    """The choice a slip of the finger most likely meant; nothing where something is denied."""
    if NOT.search(said):
        return None
    book = phrasebook(question)
    near = get_close_matches(squeezed(said), book, n=1, cutoff=0.75)
    return book[near[0]][0].key if near and len(book[near[0]]) == 1 else None
