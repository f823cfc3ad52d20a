"""Names and numbers as people write them: masked for wider lists, compared kindly."""

import hmac
import re
import unicodedata

_GAPS = re.compile(r"([\s·•・‧∙⋅]+)")


def mask(name: str) -> str:
    """Hide most of a name: 王小伟 is 王*伟, 王伟 is 王*, Ana Lima is A** L***.

    Nothing that is shown identifies anybody alone, and never is a whole name left standing.
    """
    parts = _GAPS.split(unicodedata.normalize("NFC", name.strip()))
    return "".join(part if _GAPS.fullmatch(part) else _mask_part(part) for part in parts)


def same_name(one: str, other: str) -> bool:
    """Whether two spellings are the same name, whatever their width, case, spaces and dots."""
    return _plain_name(one) == _plain_name(other) != ""


def same_digits(number: str, typed: str, *, need: int = 4) -> bool:
    """Whether somebody knows the end of a student number: at least `need` characters of it.

    A number shorter than that has to be known whole; an empty one proves nothing. The comparison
    takes as long for a wrong end as for a right one.
    """
    known, said = _plain_number(number), _plain_number(typed)
    if not known or len(said) < min(need, len(known)) or len(said) > len(known):
        return False
    return hmac.compare_digest(known[-len(said) :].encode(), said.encode())


def _mask_part(part: str) -> str:
    if len(part) <= 1:
        return "*" * len(part)
    if len(part) > 2 and _is_han(part[0]):
        return part[0] + "*" * (len(part) - 2) + part[-1]
    return part[0] + "*" * (len(part) - 1)


def _is_han(character: str) -> bool:
    return unicodedata.name(character, "").startswith("CJK")


def _plain_name(name: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(
        character
        for character in _GAPS.sub("", folded)
        if unicodedata.category(character) not in {"Cf", "Cc"}
    )


def _plain_number(number: str) -> str:
    folded = unicodedata.normalize("NFKC", number).upper()
    return "".join(c for c in folded if c.isascii() and c.isalnum())
