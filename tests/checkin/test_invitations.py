import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkin.invitations import (
    InvitationKind,
    Match,
    NoMatch,
    NotNow,
    Refused,
    RefusedReason,
    Usable,
    check_claim,
    check_invitation,
    code_hash,
    may_try,
    new_code,
    parse_claim,
    terms_of,
)

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    number: str


ANA = Child("Ana Lima", "20240412")
XIAOMING = Child("王小明", "20240413")
NAMESAKE = Child("王小明", "20240427")
CLASS = [ANA, XIAOMING, NAMESAKE]


@given(st.binary(min_size=16, max_size=48))
def test_a_code_fits_a_deep_link_and_only_its_hash_is_kept(random: bytes) -> None:
    code = new_code(random)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22,64}", code)
    assert code not in code_hash(code)
    assert code_hash(code) != code_hash(code + "x")


@given(st.sets(st.binary(min_size=16, max_size=16), min_size=2, max_size=5))
def test_two_codes_are_never_the_same(randoms: set[bytes]) -> None:
    assert len({new_code(random) for random in randoms}) == len(randoms)


@pytest.mark.parametrize("size", [0, 15, 49])
def test_fewer_than_128_bits_make_no_code(size: int) -> None:
    with pytest.raises(ValueError, match="16 to 48 random bytes"):
        new_code(bytes(size))


def test_a_class_link_opens_for_the_class_and_a_personal_code_once() -> None:
    assert terms_of(InvitationKind.class_link, 40).uses == 120
    assert terms_of(InvitationKind.class_link).uses == 3
    assert terms_of(InvitationKind.class_link, 40).lives == timedelta(days=14)
    for kind in (InvitationKind.student, InvitationKind.staff):
        assert terms_of(kind, 40).uses == 1
        assert terms_of(kind, 40).lives == timedelta(days=7)


def test_a_code_stops_at_its_end_its_uses_or_a_word_from_the_admin() -> None:
    kind, later = InvitationKind.class_link, NOW + timedelta(minutes=1)
    assert check_invitation(kind, NOW, expires_at=later, uses_left=1) == Usable(needs_claim=True)
    assert check_invitation(kind, NOW, expires_at=NOW, uses_left=1) == Refused(
        RefusedReason.expired
    )
    assert check_invitation(kind, NOW, expires_at=later, uses_left=0) == Refused(
        RefusedReason.used_up
    )
    assert check_invitation(kind, NOW, expires_at=later, uses_left=1, revoked=True) == Refused(
        RefusedReason.revoked
    )


def test_staff_need_no_second_proof_and_families_do() -> None:
    later = NOW + timedelta(days=1)
    staff = check_invitation(InvitationKind.staff, NOW, expires_at=later, uses_left=1)
    student = check_invitation(InvitationKind.student, NOW, expires_at=later, uses_left=1)
    assert (staff, student) == (Usable(needs_claim=False), Usable(needs_claim=True))


def test_the_sixth_wrong_try_within_an_hour_has_to_wait() -> None:
    wrong = [NOW - timedelta(minutes=minutes) for minutes in (50, 40, 30, 20)]
    assert may_try(wrong, NOW)
    refused = may_try([*wrong, NOW - timedelta(minutes=1)], NOW)
    assert refused == NotNow(NOW + timedelta(minutes=10))
    assert not refused
    assert may_try([*wrong, NOW - timedelta(minutes=1)], NOW + timedelta(minutes=10))


@given(st.lists(st.integers(-7200, 600), max_size=40))
def test_no_hour_has_more_than_five_wrong_tries(seconds: list[int]) -> None:
    wrong: list[datetime] = []
    for second in sorted(seconds):
        now = NOW + timedelta(seconds=second)
        if may_try(wrong, now):
            wrong.append(now)
    for first in wrong:
        within = [moment for moment in wrong if first <= moment < first + timedelta(hours=1)]
        assert len(within) <= 5


def test_a_clock_set_back_gives_no_new_tries() -> None:
    wrong = [NOW + timedelta(minutes=30)] * 5
    assert may_try(wrong, NOW) == NotNow(NOW + timedelta(hours=1))


def test_the_child_is_found_by_name_and_the_end_of_the_number() -> None:
    assert check_claim(CLASS, "ana lima", "0412") == Match(ANA)
    assert check_claim(CLASS, "Ana Lima", "20240412") == Match(ANA)


def test_two_of_the_same_name_are_told_apart_by_their_digits() -> None:
    assert check_claim(CLASS, "王小明", "0413") == Match(XIAOMING)
    assert check_claim(CLASS, "王小明", "0427") == Match(NAMESAKE)


@pytest.mark.parametrize(
    ("name", "digits"),
    [
        ("Ana Lima", "0413"),
        ("Ben Lima", "0412"),
        ("Ana", "0412"),
        ("Ana Lima", "412"),
        ("", "0412"),
        ("Ana Lima", ""),
    ],
)
def test_whatever_is_wrong_the_answer_is_the_same(name: str, digits: str) -> None:
    assert check_claim(CLASS, name, digits) == NoMatch()


def test_two_alike_in_name_and_digits_are_nobody_until_more_is_said() -> None:
    twins = [Child("李华", "20240412"), Child("李华", "20250412")]
    assert check_claim(twins, "李华", "0412") == NoMatch()
    assert check_claim(twins, "李华", "20250412") == Match(twins[1])


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("Ana Lima 0412", ("Ana Lima", "0412")),
        ("Ana Lima, 0412", ("Ana Lima", "0412")),
        ("Ana Lima (0412)", ("Ana Lima", "0412")),
        ("Ana Lima #0412.", ("Ana Lima", "0412")),
        ("0412 Ana Lima", ("Ana Lima", "0412")),
        ("Ana Lima, last four digits 0412", ("Ana Lima", "0412")),
        ("My child is Ana Lima, student number 20240412", ("Ana Lima", "20240412")),
        ("Isa No 0412", ("Isa No", "0412")),
        ("Nicano 0412", ("Nicano", "0412")),
        ("İpek 0412", ("İpek", "0412")),
        ("O'Neil-Ruiz 412a", ("O'Neil-Ruiz", "412A")),
        ("王小明 0412", ("王小明", "0412")),
        ("王小明0412", ("王小明", "0412")),
        ("王小明，学号后四位0412", ("王小明", "0412")),
        ("王小明，学号后4位是：0412", ("王小明", "0412")),
        ("王小明的学号是20240412", ("王小明", "20240412")),
        ("姓名：王小明　学号：０４１２", ("王小明", "0412")),
        ("我是王小明的妈妈 0412", ("王小明", "0412")),
        ("学号后四位0412 王小明", ("王小明", "0412")),
        ("王为 0412", ("王为", "0412")),
        ("Ana Lima", None),
        ("0412", None),
        ("", None),
        ("04 12", None),
        ("x" * 200 + " 0412", None),
    ],
)
def test_name_and_digits_are_read_as_families_write_them(
    text: str, claim: tuple[str, str] | None
) -> None:
    assert parse_claim(text) == claim


@given(st.text(max_size=150))
def test_any_text_is_a_claim_or_none(text: str) -> None:
    claim = parse_claim(text)
    assert claim is None or (claim[0].strip() and any(mark.isdigit() for mark in claim[1]))
