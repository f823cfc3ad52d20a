"""Every table, in the order in which a school meets them.

Times are UTC; names, phones and answers are sealed.
"""

import re
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ForeignKey,
    Index,
    MetaData,
    SmallInteger,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel

from storage.columns import (
    big,
    document,
    link,
    maybe_big,
    maybe_link,
    own_id,
    row_id,
    sealed,
)
from storage.sealing import Private

metadata: MetaData = SQLModel.metadata
metadata.naming_convention = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Row(SQLModel):
    """What the tables share: their names in snake case; sealed values are not pydantic's."""

    model_config = {"arbitrary_types_allowed": True}

    @declared_attr  # type: ignore[arg-type]
    def __tablename__(cls) -> str:
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__.removesuffix("Row")).lower()


# ---- the school ----------------------------------------------------------------------------


class Unit(Row, table=True):
    """A place in the tree: city, county, district, school, grade, class, dormitory; of any depth.

    `path` holds the ids from the root to the unit itself, `/1/7/42/`: a subtree is one prefix.
    `school_id` is the school that the unit is or lies in, and empty above schools.
    """

    id: int = own_id()
    parent_id: int | None = maybe_link("unit.id", index=True)
    school_id: int | None = maybe_link("unit.id", index=True)
    kind: str
    name: str
    path: str = Field(index=True, unique=True)
    position: int = 0
    zone: str | None = None
    country: str | None = None
    language: str | None = None
    created_at: datetime


class Term(Row, table=True):
    """A stretch of days, both ends counted: a term, or a vacation (`kind`) that has a name."""

    id: int = own_id()
    school_id: int = link("unit.id", index=True)
    kind: str = Field(default="term", sa_column_kwargs={"server_default": "term"})
    name: str
    first: date
    last: date


class CalendarDay(Row, table=True):
    """A day that differs from the calendar's rule: a snow day, a make-up day."""

    __table_args__ = (UniqueConstraint("school_id", "day"),)
    id: int = own_id()
    school_id: int = link("unit.id")
    day: date
    kind: str
    reason: str = ""


# ---- people --------------------------------------------------------------------------------


class Person(Row, table=True):
    """Anyone: a student, a guardian, a teacher; what they are is said by the rows about them."""

    id: int = own_id()
    name: Private | None = sealed("person.name")
    phone: Private | None = sealed("person.phone")
    phone_index: bytes | None = Field(default=None, index=True)
    language: str | None = None
    created_at: datetime


class Enrolment(Row, table=True):
    """A student in a class from a day on; `until` is the first day no longer there.

    `unlisted`: the last list of students did not have them; they stay until somebody says that
    they have left.
    A boarder whose dormitory is known is answered for there: its warden sees the child each
    morning, and no guardian is asked.
    """

    __table_args__ = (Index("ix_enrolment_school_id_number", "school_id", "number"),)
    id: int = own_id()
    person_id: int = link("person.id", index=True)
    unit_id: int = link("unit.id", index=True)
    school_id: int = link("unit.id")
    number: str
    boarder: bool = False
    dormitory_id: int | None = maybe_link("unit.id", index=True)
    own_account: bool = False
    unlisted: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    since: date
    until: date | None = None


class Guardianship(Row, table=True):
    """Who may answer for a student, in the order in which they are asked (rank 1 first).

    A row from the roster is a claim until the guardian has proved it in chat (`proved_at`).
    `may_see` and `may_answer` are the rights of the tie: without the second a guardian is never
    asked, without both they are a number to call. `separate` is split custody: what the others
    say about the child is not shown to this guardian, nor theirs to them.
    """

    __table_args__ = (UniqueConstraint("student_id", "guardian_id"),)
    id: int = own_id()
    student_id: int = link("person.id")
    guardian_id: int = link("person.id", index=True)
    rank: int = Field(sa_type=SmallInteger)
    may_see: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    may_answer: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    separate: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    since: date
    until: date | None = None
    proved_at: datetime | None = None


class Consent(Row, table=True):
    """A yes to being asked about a subject, by version of its words; it can be withdrawn."""

    id: int = own_id()
    subject_id: int = link("person.id", index=True)
    given_by: int = link("person.id", index=True)
    version: str
    given_at: datetime
    withdrawn_at: datetime | None = None


class Pause(Row, table=True):
    """Days on which nobody is asked about a subject; `until` is the day of return.

    `kind` is `family` (a guardian said so) or `school` (a teacher or nurse excused the child);
    `reason` is a key of `checkin.pauses`.
    """

    id: int = own_id()
    subject_id: int = link("person.id", index=True)
    school_id: int = link("unit.id")
    kind: str
    reason: str
    since: date
    until: date
    made_by: int = link("person.id")
    made_at: datetime
    ended_at: datetime | None = None


class RoleGrant(Row, table=True):
    """A role of a person at a unit from a day on; `until` is the first day without it."""

    id: int = own_id()
    person_id: int = link("person.id", index=True)
    unit_id: int = link("unit.id", index=True)
    role: str
    number: str | None = None
    since: date
    until: date | None = None
    granted_by: int | None = maybe_link("person.id")


# ---- the way to people ---------------------------------------------------------------------


class Bot(Row, table=True):
    """A bot of ours, by Telegram's id; the token is never kept.

    `pace` is how many messages of the bulk it sent a second, as measured at `pace_at`; until
    `rests_until` Telegram lets none out. One that nobody serves any more is `retired`.
    """

    id: int = Field(
        primary_key=True, sa_type=big().sa_type, sa_column_kwargs={"autoincrement": False}
    )
    username: str
    seen_at: datetime
    pace: float | None = None
    pace_allowed: float | None = None
    pace_at: datetime | None = None
    retired: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    rests_until: datetime | None = None


class Contact(Row, table=True):
    """A person in one chat of one bot; starts and blocks are per bot.

    `person_id` is empty for a stranger who has not joined. `window` is when they like to be asked:
    in the `morning`, or the `evening` before, the same in all their chats. `dialogue` is where
    joining or another errand stands; the morning's questions never live here but in the check-in.
    `last_update` is the newest update that was handled for the chat, at `last_update_at`;
    `last_tap` the button that was tapped last, at `last_tap_at`, if it brings a message each time.
    """

    __table_args__ = (UniqueConstraint("bot_id", "chat_id"),)
    id: int = own_id()
    bot_id: int = link("bot.id")
    chat_id: int = big()
    person_id: int | None = maybe_link("person.id", index=True)
    state: str = "active"
    window: str = Field(default="morning", sa_column_kwargs={"server_default": "morning"})
    language: str | None = None
    dialogue: dict[str, Any] = document()
    created_at: datetime
    changed_at: datetime
    last_update: int | None = maybe_big()
    last_update_at: datetime | None = None
    last_tap: str | None = None
    last_tap_at: datetime | None = None


class Invitation(Row, table=True):
    """A link that lets people in: for a class, or for one person. Only the code's hash is kept."""

    id: int = own_id()
    code_hash: str = Field(unique=True)
    kind: str
    unit_id: int = link("unit.id", index=True)
    person_id: int | None = maybe_link("person.id")
    uses_left: int
    expires_at: datetime
    created_by: int | None = maybe_link("person.id")
    created_at: datetime


class JoinAttempt(Row, table=True):
    """A wrong code or a wrong proof, so that guessing stops after a few."""

    __table_args__ = (Index("ix_join_attempt_bot_id_chat_id", "bot_id", "chat_id"),)
    id: int = row_id()
    bot_id: int = big()
    chat_id: int = big()
    at: datetime


# ---- what is asked, and when ---------------------------------------------------------------


class QuestionnaireVersion(Row, table=True):
    """A questionnaire as it stood: answers stay readable after its next version."""

    __table_args__ = (UniqueConstraint("key", "version"),)
    id: int = own_id()
    key: str
    version: int
    content: dict[str, Any] = document()
    created_at: datetime


class PlanRow(Row, table=True):
    """A plan: questionnaire, audience, recurrence and the day's steps of one school.

    `look_at` is when the clock looks at it next, None for at once; `changes` counts how often
    something changed that its times follow from, so that who looked before writes nothing after.
    """

    id: int = own_id()
    school_id: int = link("unit.id", index=True)
    questionnaire: str
    audience: str
    content: dict[str, Any] = document()
    active: bool = True
    look_at: datetime | None = None
    changes: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class Occurrence(Row, table=True):
    """A step that fell due on a day: done, or skipped with its reason; its key makes it once."""

    __table_args__ = (UniqueConstraint("plan_id", "round_date", "step"),)
    id: int = row_id()
    plan_id: int = link("plan.id")
    school_id: int = link("unit.id")
    round_date: date
    step: str
    due_at: datetime
    decided_at: datetime
    state: str
    reason: str | None = None
    counts: dict[str, Any] = document()


class Round(Row, table=True):
    """One plan on one day for one school; `cancelled_at` when the day turned out to have none.

    `evening` is true until the morning asks, of a round that the evening before has opened.
    """

    __table_args__ = (UniqueConstraint("school_id", "day", "plan_id"),)
    id: int = row_id()
    school_id: int = link("unit.id")
    day: date
    plan_id: int = link("plan.id")
    slot: str
    questionnaire_id: int = link("questionnaire_version.id")
    opened_at: datetime
    closes_at: datetime
    late_until: datetime
    closed_at: datetime | None = None
    cancelled_at: datetime | None = None
    evening: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class CheckIn(Row, table=True):
    """One subject in one round: where it stands, and the standing answer.

    `answers` is the standing answer, `draft` one that is being given; both are JSON, sealed to the
    subject. Severity 0 is all clear. `asked_for` is an answer that lowers a flag and waits for the
    teacher's or nurse's release. `excuse` is why nobody was asked. `presence` is what an adult
    saw at school, `here` or `missing`; `via` how the standing answer came: in the `chat`, by
    `phone`, or with the whole `class`.
    """

    __table_args__ = (
        UniqueConstraint("round_id", "subject_id"),
        Index("ix_check_in_round_id_unit_id", "round_id", "unit_id"),
        Index(
            "ix_check_in_pending",
            "round_id",
            "subject_id",
            sqlite_where=text("status IN ('due', 'asked', 'partial')"),
            postgresql_where=text("status IN ('due', 'asked', 'partial')"),
        ),
        Index(  # the few that a later day may have to carry on
            "ix_check_in_cases",
            "round_id",
            "subject_id",
            sqlite_where=text("severity > 0"),
            postgresql_where=text("severity > 0"),
        ),
    )
    id: int = row_id()
    round_id: int = link("round.id")
    subject_id: int = link("person.id")
    unit_id: int = link("unit.id")
    school_id: int = link("unit.id")
    dormitory_id: int | None = maybe_link("unit.id")
    status: str
    severity: int = Field(default=0, sa_type=SmallInteger)
    floor: int = Field(default=0, sa_type=SmallInteger)
    disposition: str | None = None
    reasons: str = ""
    absent: bool = False
    late: bool = False
    valid_until: date | None = None
    respondent_id: int | None = maybe_link("person.id")
    answered_at: datetime | None = None
    answers: Private | None = sealed("check_in.answers")
    draft: Private | None = sealed("check_in.draft")
    asked_for: Private | None = sealed("check_in.asked_for")
    asked_for_by: int | None = maybe_link("person.id")
    via: str = Field(default="chat", sa_column_kwargs={"server_default": "chat"})
    excuse: str | None = None
    presence: str | None = None
    presence_by: int | None = maybe_link("person.id")
    presence_at: datetime | None = None


class HistoryEntry(Row, table=True):
    """What happened to a check-in, by a closed list of acts; what each respondent said is kept.

    On PostgreSQL the table is parted by the moment.
    """

    id: int = row_id()
    check_in_id: int = link("check_in.id", index=True)
    subject_id: int = link("person.id")
    act: str
    by: int | None = maybe_link("person.id")
    at: datetime
    severity: int = Field(default=0, sa_type=SmallInteger)
    disposition: str | None = None
    via: str = Field(default="chat", sa_column_kwargs={"server_default": "chat"})
    answers: Private | None = sealed("history_entry.answers")


class Flag(Row, table=True):
    """A case that the school was told of, until somebody there says that they have seen it.

    `kind` and `decision` are those of `checkin.flags`: the case was told, and how it ended. The
    partial index holds those that nobody has seen and that have not gone to the lead yet.
    """

    __table_args__ = (
        Index("ix_flag_unseen", "raised_at",
              sqlite_where=text("acknowledged_at IS NULL AND decided_at IS NULL "
                                "AND escalated_at IS NULL"),
              postgresql_where=text("acknowledged_at IS NULL AND decided_at IS NULL "
                                    "AND escalated_at IS NULL")),
    )  # fmt: skip
    id: int = row_id()
    check_in_id: int = link("check_in.id", index=True)
    school_id: int = link("unit.id")
    unit_id: int = link("unit.id")
    kind: str
    severity: int = Field(default=0, sa_type=SmallInteger)
    valid_until: date | None = None
    raised_at: datetime
    raised_by: int | None = maybe_link("person.id")
    acknowledged_by: int | None = maybe_link("person.id")
    acknowledged_at: datetime | None = None
    escalated_at: datetime | None = None
    decision: str | None = None
    decided_by: int | None = maybe_link("person.id")
    decided_at: datetime | None = None


class ExposureRow(Row, table=True):
    """A place out of the ordinary, so that a new key area is matched back in seconds."""

    __table_args__ = (Index("ix_exposure_code_since", "code", "since"),)
    id: int = row_id()
    check_in_id: int = link("check_in.id", index=True)
    subject_id: int = link("person.id")
    school_id: int = link("unit.id")
    code: str | None = None
    place: Private | None = sealed("exposure.place")
    place_index: bytes | None = Field(default=None, index=True)
    since: date
    until: date


class SignOff(Row, table=True):
    """A lead's signature: the counts as they stood, and the ids of those unaccounted for."""

    __table_args__ = (UniqueConstraint("unit_id", "day", "slot"),)
    id: int = own_id()
    unit_id: int = link("unit.id")
    day: date
    slot: str
    signed_by: int = link("person.id")
    signed_at: datetime
    cases: int
    counts: dict[str, Any] = document()
    unaccounted: list[Any] = document(list)


class Correction(Row, table=True):
    """A check-in that changed after its day was signed; the signature keeps what it said.

    Kept are those parts of it that a summary shows. `told_at` is when the signer had word of it.
    """

    __table_args__ = (
        Index("ix_correction_untold", "sign_off_id", sqlite_where=text("told_at IS NULL"),
              postgresql_where=text("told_at IS NULL")),
    )  # fmt: skip
    id: int = row_id()
    sign_off_id: int = link("sign_off.id", index=True)
    check_in_id: int = link("check_in.id")
    at: datetime
    status_before: str
    severity_before: int = Field(default=0, sa_type=SmallInteger)
    absent_before: bool = False
    presence_before: str | None = None
    status_after: str
    severity_after: int = Field(default=0, sa_type=SmallInteger)
    absent_after: bool = False
    presence_after: str | None = None
    told_at: datetime | None = None


# ---- what is said --------------------------------------------------------------------------


class Card(Row, table=True):
    """What one recipient sees for one day, edited in place until `shown` has reached `revision`.

    `kind` is household, class or summary; `about_id` is the unit of the last two and 0 for a
    household. `focus` says which subject and question a household card has open.
    """

    __table_args__ = (
        UniqueConstraint("contact_id", "day", "kind", "slot", "about_id"),
        Index("ix_card_about_id", "about_id", "day",
              sqlite_where=text("about_id <> 0"), postgresql_where=text("about_id <> 0")),
        Index("ix_card_sending", "day", sqlite_where=text("kind = 'sending'"),
              postgresql_where=text("kind = 'sending'")),
        Index("ix_card_behind", "bot_id", "id",
              sqlite_where=text("shown < revision AND message_id IS NOT NULL"),
              postgresql_where=text("shown < revision AND message_id IS NOT NULL")),
    )  # fmt: skip
    id: int = row_id()
    bot_id: int = link("bot.id")
    contact_id: int = link("contact.id")
    day: date
    kind: str
    slot: str
    about_id: int = Field(default=0, sa_type=big().sa_type)
    revision: int = 1
    shown: int = 0
    shown_at: datetime | None = None
    message_id: int | None = maybe_big()
    focus: dict[str, Any] = document()


class Ledger(Row, table=True):
    """A message owed: a row before it is sent, marked after.

    The states are `storage.ledger.State`. `day` is the one that the cause names, so it takes
    nothing from what the key promises; on PostgreSQL the table is parted by it, and on both it
    keeps a morning's keys side by side. `turn` is the order within the bulk of a bot, which its
    schools share; `school_id` is whose bulk it is.
    """

    __table_args__ = (
        UniqueConstraint("day", "bot_id", "contact_id", "cause", "rung", "edition"),
        Index("ix_ledger_pending", "bot_id", "lane", "turn", "id",
              sqlite_where=text("state = 'pending'"), postgresql_where=text("state = 'pending'")),
        Index("ix_ledger_expiring", "bot_id", "not_after",
              sqlite_where=text("state = 'pending'"), postgresql_where=text("state = 'pending'")),
        Index("ix_ledger_school", "school_id", "created_at",
              sqlite_where=text("school_id IS NOT NULL"),
              postgresql_where=text("school_id IS NOT NULL")),
        Index("ix_ledger_stopped", "school_id",
              sqlite_where=text("state = 'stopped'"), postgresql_where=text("state = 'stopped'")),
        Index("ix_ledger_sending", "bot_id", "lease_until",
              sqlite_where=text("state IN ('sending', 'unknown', 'withdrawing')"),
              postgresql_where=text("state IN ('sending', 'unknown', 'withdrawing')")),
        Index("ix_ledger_not_sent", "created_at", "bot_id", "state",
              sqlite_where=text("state IN ('stopped', 'unclear', 'failed', 'expired')"),
              postgresql_where=text("state IN ('stopped', 'unclear', 'failed', 'expired')")),
        Index("ix_ledger_card_id", "card_id"),
    )  # fmt: skip
    id: int = row_id()
    bot_id: int = link("bot.id")
    contact_id: int = link("contact.id")
    day: date
    cause: str
    rung: int = Field(default=0, sa_type=SmallInteger)
    edition: int = Field(default=0, sa_type=SmallInteger)
    edition_reason: str | None = None
    kind: str
    lane: int = Field(default=1, sa_type=SmallInteger)
    turn: int = Field(default=0, sa_type=big().sa_type, sa_column_kwargs={"server_default": "0"})
    school_id: int | None = maybe_big()
    card_id: int | None = maybe_link("card.id")
    payload: Private | None = sealed("ledger.payload")
    state: str = "pending"
    owner: str | None = None
    lease_until: datetime | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    attempts: int = Field(default=0, sa_type=SmallInteger)
    message_id: int | None = maybe_big()
    error: str | None = None
    created_at: datetime
    sent_at: datetime | None = None


class BotLease(Row, table=True):
    """Which process listens or sends (`part`) for a bot, until when by the database's clock."""

    bot_id: int = Field(
        primary_key=True,
        sa_type=big().sa_type,
        sa_column_args=[ForeignKey("bot.id", deferrable=True, initially="DEFERRED")],
        sa_column_kwargs={"autoincrement": False},
    )
    part: str = Field(primary_key=True)
    owner: str
    lease_until: datetime


# ---- what came in --------------------------------------------------------------------------


class Received(Row, table=True):
    """An update that was handled, for as long as it could be delivered again."""

    bot_id: int = Field(
        primary_key=True, sa_type=big().sa_type, sa_column_kwargs={"autoincrement": False}
    )
    update_id: int = Field(
        primary_key=True, sa_type=big().sa_type, sa_column_kwargs={"autoincrement": False}
    )
    at: datetime = Field(index=True)


class Quarantined(Row, table=True):
    """An update that could not be read or handled: set aside with its reason."""

    id: int = own_id()
    bot_id: int = big()
    update_id: int = big()
    reason: str
    update: Private | None = sealed("quarantined.update")
    at: datetime


class RosterJob(Row, table=True):
    """A roster that an admin sent in chat, to be fetched and read outside the batch."""

    id: int = own_id()
    contact_id: int = link("contact.id")
    person_id: int = link("person.id")
    school_id: int = link("unit.id")
    file_id: str
    file_name: str
    state: str = "waiting"
    created_at: datetime


class Purge(Row, table=True):
    """Rows that are outlived (`what`, from before a day): announced first, and then let go."""

    __table_args__ = (UniqueConstraint("what", "before"),)
    id: int = own_id()
    what: str
    before: date
    announced_at: datetime
    done_at: datetime | None = None


# ---- trust ---------------------------------------------------------------------------------


class AuditEntry(Row, table=True):
    """An act, kept in the act's own transaction; ids only, so that erasure leaves the chain whole.

    `position` and `seal` are filled in afterwards by the sealing job, one chain a school.
    """

    __table_args__ = (
        UniqueConstraint("school_id", "position"),
        Index("ix_audit_entry_unsealed", "id", sqlite_where=text("seal IS NULL"),
              postgresql_where=text("seal IS NULL")),
    )  # fmt: skip
    id: int = own_id()
    school_id: int | None = maybe_link("unit.id")
    actor_id: int | None = maybe_big()
    act: str
    about: dict[str, Any] = document()
    at: datetime
    position: int | None = maybe_big()
    seal: bytes | None = None
