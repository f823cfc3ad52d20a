"""The words, per language, in gettext catalogues; rendered when a message is sent."""

import html
from collections.abc import Callable
from functools import cache
from gettext import c2py
from importlib.resources import files
from typing import Any

from babel.messages.pofile import read_po

from checkin.facts import fact

LANGUAGES = ("en", "zh")
DEFAULT = "en"


class MissingWordsError(LookupError):
    """A key has no words in a language (a test holds the catalogues complete)."""


@fact
class Texts:
    """One language's words by key; what goes into a message is escaped."""

    language: str
    words: dict[str, tuple[str, ...]]
    plural: Callable[[int], int]

    def __call__(self, key: str, **params: Any) -> str:
        """Return the words of `key` as HTML; `n` chooses the plural where the key has forms."""
        return self._fill(key, params, escape=True)

    def plain(self, key: str, **params: Any) -> str:
        """Return the words of `key` as plain text, for buttons and toasts."""
        return self._fill(key, params, escape=False)

    def form(self, key: str, n: int = 1) -> str:
        """Return the words of `key` with their gaps, for whoever fills them by the thousand."""
        forms = self.words.get(key)
        if forms is None:
            raise MissingWordsError(f"{key} ({self.language})")
        return forms[self.plural(n) if len(forms) > 1 else 0]

    def _fill(self, key: str, params: dict[str, Any], *, escape: bool) -> str:
        form = self.form(key, params.get("n", 1))
        if "{" not in form:
            return form
        if escape:
            for name, value in params.items():
                if isinstance(value, str) and not value.isalnum():
                    params[name] = html.escape(value, quote=False)
        return form.format_map(params)


@cache
def texts(language: str | None) -> Texts:
    """Return the words of a language; of the default one where we do not speak it."""
    chosen = language if language in LANGUAGES else DEFAULT
    with (files("bot.texts") / f"{chosen}.po").open("rb") as file:
        catalogue = read_po(file, locale=chosen)
    words: dict[str, tuple[str, ...]] = {}
    for message in catalogue:
        if message.id:  # the header has none
            key, *_ = _forms(message.id)
            words[key] = _forms(message.string)
    return Texts(chosen, words, c2py(catalogue.plural_expr))


def _forms(said: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the forms of a key or of its words: one, or one for each plural."""
    return (said,) if isinstance(said, str) else tuple(said or ())
