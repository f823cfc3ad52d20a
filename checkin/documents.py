"""Reading a document somebody wrote by hand: each problem is noted, with its place and remedy."""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches

from checkin.facts import fact
from checkin.questions import LANGUAGES, Words

LANGUAGE_NAMES = {"en": "English", "zh": "Chinese"}
KEY = re.compile(r"[a-z][a-z0-9_]{0,19}")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@fact
class Problem:
    """Something to mend: where it is and a sentence that says how. Lines are counted from 1."""

    path: str
    sentence: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}" if self.line else ""
        return ": ".join(filter(None, (where, self.path, self.sentence)))


class Reader:
    """Takes values out of a document and notes what is wrong with them, instead of stopping.

    Every method answers with something of the right type, so that reading goes on and all
    problems are found in one pass.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def note(self, path: str, sentence: str) -> None:
        """Note a problem, once."""
        problem = Problem(path, sentence)
        if problem not in self.problems:
            self.problems.append(problem)

    def mapping(
        self, value: object, path: str, known: Collection[str], needed: Collection[str] = ()
    ) -> dict[str, object]:
        """A mapping with only known keys; unknown ones are answered with the nearest known."""
        if not isinstance(value, Mapping):
            self.note(path, f"Write names and values here, such as {_listed(known)}.")
            return {}
        for key in value:
            if key not in known:
                self.note(_join(path, str(key)), _unknown(str(key), known))
        for key in needed:
            if key not in value:
                self.note(_join(path, key), f"Add {key}: it is needed here.")
        return {key: value[key] for key in value if key in known}

    def items(
        self, value: object, path: str, *, least: int, most: int, what: str
    ) -> Iterator[tuple[str, object]]:
        """The entries of a list, each with its path."""
        if not isinstance(value, list):
            self.note(path, f"Write a list of {what}, one after each dash.")
            return
        if len(value) < least:
            self.note(path, f"Write at least {_number(least)} {_few(what, least)}.")
        if len(value) > most:
            self.note(
                path,
                f"Keep to {_number(most)} {what} at most; there are {len(value)}. "
                "Short is what gets answered every morning.",
            )
        for index, item in enumerate(value):
            yield f"{path}[{index}]", item

    def key(self, value: object, path: str) -> str:
        """A short name for the machine."""
        if isinstance(value, str) and KEY.fullmatch(value):
            return value
        if isinstance(value, bool):
            self.note(path, "This was read as true or false. Put quotes around it, like 'no'.")
        else:
            self.note(
                path,
                "Use a short key of small letters, digits and _ that begins with a letter "
                "(at most 20), like sore_throat.",
            )
        return ""

    def choice(self, value: object, path: str, known: Collection[str]) -> str:
        """One of a few words."""
        if isinstance(value, str) and value in known:
            return value
        self.note(path, _unknown(str(value), known))
        return ""

    def words(
        self,
        value: object,
        path: str,
        longest: Mapping[str, int],
        placeholders: Collection[str] = (),
    ) -> Words:
        """The same thing said in every language."""
        if isinstance(value, str):
            self.note(
                path, f"Say it in each language: {_listed(LANGUAGES)}, each on its own line."
            )
            return {}
        said = self.mapping(value, path, LANGUAGES)
        if not isinstance(value, Mapping):
            return {}
        words: dict[str, str] = {}
        for language in LANGUAGES:
            here = _join(path, language)
            text = said.get(language)
            if text is None:
                self.note(here, f"Say it in {LANGUAGE_NAMES[language]} too.")
            elif not isinstance(text, str):
                self.note(here, f"Put quotes around {text} so that it is read as words.")
            elif not text.strip():
                self.note(here, f"This is empty; say it in {LANGUAGE_NAMES[language]}.")
            elif len(text) > longest[language]:
                self.note(
                    here,
                    f"Shorten this to {longest[language]} characters, to fit a phone; "
                    f"it has {len(text)}.",
                )
            else:
                words[language] = text
                self._placeholders(text, here, placeholders)
        found = {language: set(_PLACEHOLDER.findall(text)) for language, text in words.items()}
        if len({frozenset(names) for names in found.values()}) > 1:
            self.note(path, "Use the same placeholders, like {name}, in every language.")
        return words

    def whole(self, value: object, path: str, least: int, most: int) -> int:
        """A whole number within a range."""
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.note(path, f"Write a whole number from {least} to {most}.")
        return least

    def number(self, value: object, path: str) -> float | None:
        """Any number."""
        finite = isinstance(value, int | float) and abs(value) < 1e9
        if finite and not isinstance(value, bool):
            return value  # type: ignore[return-value]  # just checked
        self.note(path, "Write a number, without quotes or unit.")
        return None

    def yes(self, value: object, path: str) -> bool:
        """True or false."""
        if isinstance(value, bool):
            return value
        self.note(path, "Write true or false.")
        return False

    def texts(self, value: object, path: str, *, what: str, most: int = 40) -> tuple[str, ...]:
        """A list of plain words."""
        found = []
        for here, item in self.items(value, path, least=0, most=most, what=what):
            if isinstance(item, str) and item.strip():
                found.append(item)
            else:
                self.note(here, f"Put quotes around {item} so that it is read as words.")
        return tuple(found)

    def _placeholders(self, text: str, path: str, known: Collection[str]) -> None:
        for name in _PLACEHOLDER.findall(text):
            if name not in known:
                allowed = _listed([f"{{{name}}}" for name in known])
                remedy = (
                    f"only {allowed} can stand here"
                    if known
                    else "nothing can stand in braces here"
                )
                self.note(path, f"{{{name}}} is not known: {remedy}.")
        if "{" in (rest := _PLACEHOLDER.sub("", text)) or "}" in rest:
            self.note(path, "A brace { or } is left open; close it or take it out.")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _unknown(key: str, known: Collection[str]) -> str:
    near = get_close_matches(key, known, n=1, cutoff=0.6)
    if near:
        return f"{key} is not known here. Did you mean {near[0]}?"
    return (
        f"{key} is not known here. Known are {_listed(known)}."
        if known
        else f"{key} is not known here."
    )


def _listed(names: Collection[str]) -> str:
    *most, last = names or [""]
    return f"{', '.join(most)} and {last}" if most else last


def _number(number: int) -> str:
    return ("no", "one", "two", "three", "four", "five")[number] if number <= 5 else str(number)


def _few(what: str, number: int) -> str:
    return what.removesuffix("s") if number == 1 else what
