"""aiogram, imported in a fraction of its time: a type's form is made when it is first used.

On import aiogram makes the forms, pydantic's validators, of all its some 350 types, which was
three quarters of what a cold start took. A bot uses an update's and those of a few calls.

Importing this module is enough; what was imported before it stays as it is.
"""

import sys
from typing import Any

from pydantic import BaseModel

_make: Any = BaseModel.__dict__["model_rebuild"].__func__


def _import() -> None:
    """Import aiogram while its types put off making their forms, and let each make its own."""
    names: dict[str, Any] = {}  # what the types call each other

    def put_off(_: type[BaseModel], *, _types_namespace: Any = None, **__: object) -> None:
        names.update(_types_namespace or {})

    def when_used(each: type[BaseModel], **options: Any) -> bool | None:
        """Make a form, as pydantic asks for where there is none yet."""
        options.setdefault("_types_namespace", names)
        made: bool | None = _make(each, **options)
        return made

    _let(BaseModel, put_off)
    try:
        from aiogram.methods import Response, TelegramMethod  # noqa: PLC0415
        from aiogram.types import TelegramObject  # noqa: PLC0415
    finally:
        _let(BaseModel, _make)
    for family in (TelegramObject, TelegramMethod, Response):
        _let(family, when_used)


def _let(family: type[BaseModel], make: Any) -> None:
    family.model_rebuild = classmethod(make)  # type: ignore[method-assign,assignment]


if "aiogram" not in sys.modules:
    _import()
