"""Everyday words about several children: "Ana fine, Ben coughs a bit", "大宝咳嗽 小宝没事".

The words are those of the questionnaire, nothing is learned and nothing is guessed in silence:
what is certain is taken, what is likely is to be confirmed, and what is said of nobody in
particular is asked. Whatever sounds amiss leads to the questions; a denial ("no cough") clears
nobody.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from datetime import date

from checkin.facts import fact
from checkin.questions import Answers, Choice, Question, Questionnaire, Value
from checkin.triage import worst_so_far
from checkin.typed_numbers import HAN_NUMBER, take_number
from checkin.understanding import (
    FILLER,
    NONE_WORDS,
    NOT,
    Understood,
    choice_named,
    nearest,
    phrases_of,
    plain,
    squeezed,
    understands_all_clear,
)


@fact
class Someone:
    """One of those who may be meant."""

    key: int
    name: str
    questionnaire: Questionnaire


@fact
class Statement:
    """What words say about one person; with nothing in it, the questions are to be gone through.

    What is not `sure` is to be confirmed before it counts.
    """

    about: int
    all_clear: bool = False
    answers: Answers = field(default_factory=dict)
    sure: bool = True


@fact
class Heard:
    """What was understood: about whom, or (`of_whom`) about nobody named, or a question."""

    statements: tuple[Statement, ...] = ()
    of_whom: Statement | None = None
    question: bool = False


@fact
class _Piece:
    """What some words without a name say. `rest`: something in them was not understood."""

    all_clear: bool = False
    answers: Answers = field(default_factory=dict)
    denied: bool = False
    rest: bool = False
    empty: bool = False

    def about(self, key: int) -> Statement:
        if self.answers:
            return Statement(key, answers=self.answers, sure=not self.rest)
        if self.all_clear and not self.rest:
            return Statement(key, all_clear=True, sure=not self.denied)
        return Statement(key)


_ASKS = re.compile(
    r"\?|吗|嘛$|么$|是不是|能不能|可不可以|要不要|用不用|该不该|什么|几点|怎么|哪|谁|为何|为啥|多少|何时"
    r"|^(?:is|are|am|do|does|did|can|could|should|shall|may|will|would|must"
    r"|what|when|where|who|why|how|which)\b"
)
_BETWEEN = re.compile(
    r"[,、;/+&\n。.!，；](?!\d)|\s-\s|\b(?:and|plus|with|also|but|though)\b|还有|以及|和|跟|加上|并且|而且"
    r"|但是|但|不过|也|又|就是"
)
_SMALL_TALK = re.compile(
    r"\b(?:good morning|morning|hello|hi|dear|teacher|please|thanks|thank you|both|all|are"
    r"|were|was|feels|feeling|seems|ok with|the|kids?|children|everyone|everybody|they|of them"
    r"|my|our|for|again|now|really|quite|too|still|since|last night|and|so|temp|temperature)\b"
    r"|老师好|老师|您好|你好|早上好|早安|早|谢谢|我家|我们家|家里|孩子们|两个孩子|两个|俩|三个|他们|她们|大家|小孩"
    r"|现在|昨晚|还是|还|又|感觉|好像|开始|和|跟|与|、|都是|在"
)
_COUNTS = ((re.compile(r"\bboth\b|两个|俩|两人"), 2), (re.compile(r"\bthree\b|三个"), 3))
_EVERYONE = re.compile(
    r"\b(?:both|all|everyone|everybody|kids|children|they)\b|两个|俩|三个|他们|她们|孩子们|大家|全家|都"
)
_SOMEBODY_ELSE = re.compile(r"\bothers?\b|\brest\b|\bsiblings?\b|其他人|其他孩子|其余|别的孩子")
_NOT_BY_ITSELF = NONE_WORDS | {"n", "y", "nope", "yes", "否", "不是", "是", "去", "来"}


def understand(words: str, people: Sequence[Someone]) -> Heard:
    """Understand what somebody types about those on their card.

    Where names are given, nothing is heard about anybody else. Without a name it is about the
    only one there is, or about all ("both fine"), or it has to be asked about whom.
    """
    said = plain(words)
    if not squeezed(said) or not people:
        return Heard()
    if _ASKS.search(said):
        return Heard(question=True)
    if named := names_in(said, people):
        if understands_all_clear(said):
            return Heard()  # a name that is also a word for well-being
        return Heard(tuple(_by_name(said, people, named)))
    if len(people) == 1:
        piece = _piece(people[0].questionnaire, said)
        return Heard((piece.about(people[0].key),)) if _says_something(piece) else Heard()
    return _of_several(said, people)


def names_in(words: str, people: Sequence[Someone]) -> list[tuple[int, int, int]]:
    """Return (start, end, key) of every name, whole or a part that only one of them has."""
    said = plain(words)
    parts: dict[str, set[int]] = {}
    for one in people:
        for part in _parts(plain(one.name)):
            parts.setdefault(part, set()).add(one.key)
    found: list[tuple[int, int, int]] = []
    for part in sorted(parts, key=len, reverse=True):
        bare = r"\s*".join(map(re.escape, part.split()))
        pattern = rf"(?<![a-z]){bare}(?![a-z])(?!')" if part.isascii() else bare
        for match in re.finditer(pattern, said):
            taken = any(match.start() < end and start < match.end() for start, end, _ in found)
            if not taken:
                one_of = parts[part]
                found.append((*match.span(), next(iter(one_of)) if len(one_of) == 1 else 0))
    return sorted(each for each in found if each[2])


def _parts(name: str) -> Iterable[str]:
    yield name
    pieces = name.split()
    if len(pieces) > 1:
        yield from (piece for piece in pieces if len(piece) > 1)
    elif not name.isascii() and len(name) > 2:
        yield from (name[start:] for start in range(1, len(name) - 1))


def _by_name(
    said: str, people: Sequence[Someone], named: list[tuple[int, int, int]]
) -> Iterable[Statement]:
    """Give each name the words that follow it; names side by side share theirs."""
    by_key = {one.key: one for one in people}
    ends = [start for start, _, _ in named[1:]] + [len(said)]
    tails = [said[end:stop] for (_, end, _), stop in zip(named, ends, strict=True)]
    before = said[: named[0][0]]
    pieces: dict[int, _Piece] = {}
    if _is_nothing(before):
        group: list[int] = []
        for (_, _, key), tail in zip(named, tails, strict=True):
            group.append(key)
            if _is_nothing(tail) and tail is not tails[-1]:
                continue
            for each in group:
                piece = _piece(by_key[each].questionnaire, tail)
                pieces[each] = _both(pieces[each], piece) if each in pieces else piece
            group = []
    elif all(_is_nothing(tail) for tail in tails) or len(named) == 1:
        whole = " ".join((before, *tails))
        pieces = {key: _piece(by_key[key].questionnaire, whole) for _, _, key in named}
    else:
        pieces = {key: _Piece(rest=True) for _, _, key in named}
    for key, piece in pieces.items():
        yield piece.about(key)


def _both(one: _Piece, other: _Piece) -> _Piece:
    """Put together what was said about somebody in two places."""
    if one.empty or other.empty:
        return other if one.empty else one
    clash = {k for k in one.answers if k in other.answers and one.answers[k] != other.answers[k]}
    answers = {k: v for k, v in (one.answers | other.answers).items() if k not in clash}
    return _Piece(
        one.all_clear and other.all_clear,
        answers,
        one.denied or other.denied,
        one.rest or other.rest or bool(clash) or one.all_clear != other.all_clear,
    )


def _of_several(said: str, people: Sequence[Someone]) -> Heard:
    count = next((n for pattern, n in _COUNTS if pattern.search(said)), None)
    everyone = bool(_EVERYONE.search(said)) and count in {None, len(people)}
    pieces = [_piece(one.questionnaire, said) for one in people]
    if not all(map(_says_something, pieces)):
        return Heard()
    if (everyone or count is None) and all(p.all_clear and not p.answers for p in pieces):
        sure = not any(piece.rest for piece in pieces)
        return Heard(tuple(p.about(one.key) for one, p in zip(people, pieces, strict=True)) * sure)
    if everyone and count is not None:
        return Heard(tuple(p.about(one.key) for one, p in zip(people, pieces, strict=True)))
    if any(piece.answers or piece.denied for piece in pieces):
        return Heard(of_whom=replace(pieces[0].about(0), all_clear=False))
    return Heard()


def _says_something(piece: _Piece) -> bool:
    return bool(piece.answers or piece.denied or (piece.all_clear and not piece.rest))


def _is_nothing(text: str) -> bool:
    return not squeezed(_SMALL_TALK.sub(" ", FILLER.sub(" ", _SMALL_TALK.sub(" ", text))))


# ---- words without a name ------------------------------------------------------------------


def _piece(asked: Questionnaire, text: str) -> _Piece:
    """Understand what some words say, clause by clause; a symptom outweighs "fine"."""
    if _is_nothing(text):
        return _Piece(empty=True)
    found = _Piece(empty=True)
    for clause in filter(squeezed, _BETWEEN.split(text)):
        piece = _clause(asked, clause)
        if piece.empty:
            continue
        answers = dict(found.answers)
        clash = False
        for key, value in piece.answers.items():
            before = answers.get(key)
            if isinstance(before, list) and isinstance(value, list):
                question = asked.question(key)
                answers[key] = _in_order(question, {*before, *value})
            elif before is not None and before != value:
                del answers[key]
                clash = True
            else:
                answers[key] = value
        found = _Piece(
            found.all_clear or piece.all_clear,
            answers,
            found.denied or piece.denied,
            found.rest or piece.rest or clash,
        )
    return found


def _clause(asked: Questionnaire, clause: str) -> _Piece:
    if _SOMEBODY_ELSE.search(clause):
        return _Piece(rest=True)
    bare = _SMALL_TALK.sub(" ", clause)
    if any(understands_all_clear(each) for each in (clause, bare, FILLER.sub(" ", bare))):
        return _Piece(all_clear=True)
    if _is_nothing(clause):
        return _Piece(empty=True)
    if (number := _number(asked, clause)) is not None:
        return number
    for question in asked.questions:
        if question.kind == "one" and squeezed(bare) not in _NOT_BY_ITSELF:
            choice = choice_named(question, bare)
            if choice is not None and choice.key != question.all_clear:
                return _Piece(answers={question.key: choice.key})
    found, rest = _spelled_out(asked, clause)
    left = squeezed(FILLER.sub(" ", _SMALL_TALK.sub(" ", rest)))
    if found and understands_all_clear(left):
        return _Piece(rest=True)
    if found and NOT.search(rest):
        kept = _answers(choice for choice in found if choice[0].kind == "number")
        only_denied = squeezed(NOT.sub(" ", FILLER.sub(" ", rest)).replace("有", "")) == ""
        return _Piece(answers=kept, denied=True, rest=not only_denied)
    if found:
        return _Piece(answers=_answers(found), rest=bool(left))
    for question in asked.questions:
        if question.kind in {"several", "number"} and (near := nearest(question, bare)):
            value: Value = [near] if question.kind == "several" else near
            return _Piece(answers={question.key: value}, rest=True)
    return _Piece(rest=True)


def _number(asked: Questionnaire, clause: str) -> _Piece | None:
    if not re.search(r"\d", clause) and not HAN_NUMBER.search(clause):
        return None
    for question in asked.questions:
        if question.kind != "number":
            continue
        taken = take_number(question, clause)
        if isinstance(taken, Understood):
            return _Piece(answers={question.key: taken.value})
        if taken.suggestion is not None and re.search(r"\d", clause):
            found, _ = _spelled_out(asked, clause)
            symptoms = _answers(choice for choice in found if choice[0].kind == "several")
            return _Piece(answers={question.key: taken.suggestion, **symptoms}, rest=True)
    return None


def _spelled_out(asked: Questionnaire, clause: str) -> tuple[list[tuple[Question, Choice]], str]:
    """Return the choices that a clause names, longest phrases first, and what is left of it."""
    phrases = {
        phrase: (question, choice)
        for question in asked.questions
        if question.kind in {"several", "number"}
        for choice in question.choices
        for phrase in phrases_of(choice)
    }
    found = []
    for phrase in sorted(filter(squeezed, phrases), key=len, reverse=True):
        bare = r"\W*".join(map(re.escape, phrase.split()))
        ending = r"(?:s|es|ed|ing|y)?" if " " not in phrase and len(phrase) > 3 else ""
        pattern = rf"\b{bare}{ending}\b" if phrase.isascii() else bare
        clause, times = re.subn(pattern, " ", clause)
        if times:
            found.append(phrases[phrase])
    return found, clause


def _answers(found: Iterable[tuple[Question, Choice]]) -> Answers:
    """Put choices together; of two for one number, neither."""
    answers: Answers = {}
    clash = set()
    for question, choice in found:
        before = answers.get(question.key)
        if question.kind == "several":
            chosen = set(before) if isinstance(before, list) else set()
            answers[question.key] = _in_order(question, chosen | {choice.key})
        elif before is not None and before != choice.key:
            clash.add(question.key)
        else:
            answers[question.key] = choice.key
    return {key: value for key, value in answers.items() if key not in clash}


def _in_order(question: Question | None, chosen: set[str]) -> list[str]:
    choices = question.choices if question else ()
    return [choice.key for choice in choices if choice.key in chosen]


# ---- what was said and what was said before ------------------------------------------------


def added(asked: Questionnaire, before: Answers, said: Answers, on: date) -> Answers | None:
    """Add what was said to the answers so far; None when it would make them look better.

    Several choices are added up. Whatever takes something amiss back has to be confirmed.
    """
    after = dict(before)
    for key, value in said.items():
        question, earlier = asked.question(key), before.get(key)
        if isinstance(value, list) and isinstance(earlier, list):
            after[key] = _in_order(question, {*earlier, *value})
        else:
            after[key] = value
    was, now = (worst_so_far(asked, answers, on) for answers in (before, after))
    if was is not None and (now is None or now.severity < was.severity):
        return None
    return after
