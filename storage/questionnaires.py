"""Questionnaires as they stood: a version is kept once and never changed."""

from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.questionnaires import parse_questionnaire, to_document
from checkin.questions import Questionnaire
from storage.tables import QuestionnaireVersion

_read: dict[int, Questionnaire] = {}  # versions never change, so reading one once is enough


class VersionTakenError(Exception):
    """A questionnaire was changed without a new version number."""

    def __init__(self, key: str, version: int) -> None:
        super().__init__(
            f"Questionnaire {key!r} version {version} is already in use with other content. "
            f"Give the changed one version {version + 1}."
        )


async def keep_questionnaire(
    session: AsyncSession, questionnaire: Questionnaire, now: datetime
) -> int:
    """Keep a version and return its id; the same one again changes nothing.

    Raises:
        VersionTakenError: other content under the same version.
    """
    document = to_document(questionnaire)
    found = await session.exec(
        select(QuestionnaireVersion).where(
            QuestionnaireVersion.key == questionnaire.key,
            QuestionnaireVersion.version == questionnaire.version,
        )
    )
    kept = found.first()
    if kept is None:
        kept = QuestionnaireVersion(
            key=questionnaire.key,
            version=questionnaire.version,
            content=document,
            created_at=now,
        )
        session.add(kept)
        await session.flush()
    elif kept.content != document:
        raise VersionTakenError(questionnaire.key, questionnaire.version)
    return kept.id


async def known_keys(session: AsyncSession) -> set[str]:
    """Return the keys of all questionnaires."""
    return set(await session.exec(select(QuestionnaireVersion.key).distinct()))


async def latest_version(session: AsyncSession, key: str) -> int | None:
    """Return the id of the newest version of a questionnaire."""
    found = await session.exec(
        select(QuestionnaireVersion.id)
        .where(QuestionnaireVersion.key == key)
        .order_by(col(QuestionnaireVersion.version).desc())
        .limit(1)
    )
    return found.first()


async def questionnaire(session: AsyncSession, version_id: int) -> Questionnaire:
    """Return a kept version."""
    if version_id not in _read:
        kept = await session.get_one(QuestionnaireVersion, version_id)
        _read[version_id] = parse_questionnaire(kept.content)
    return _read[version_id]
