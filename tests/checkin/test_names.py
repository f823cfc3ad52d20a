import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkin.names import mask, same_digits, same_name


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("王小伟", "王*伟"),
        ("王伟", "王*"),
        ("王", "*"),
        ("欧阳小伟", "欧**伟"),
        ("阿依古丽·买买提", "阿**丽·买*提"),
        ("Ana Lima", "A** L***"),
        ("  Ana  ", "A**"),
        ("José Ángel", "J*** Á****"),
        ("J.", "J*"),
        ("", ""),
    ],
)
def test_a_masked_name_tells_little(name: str, masked: str) -> None:
    assert mask(name) == masked


@given(st.text("王小伟欧阳abcXYZé '-", max_size=20))
def test_no_part_of_a_name_is_left_whole(name: str) -> None:
    masked = mask(name)
    assert len(masked) == len(name.strip())
    for part in masked.split():
        assert "*" in part
        assert len(part.replace("*", "")) <= 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana Lima", "ana  lima"),
        ("Ａｎａ Ｌｉｍａ", "Ana Lima"),
        ("王 小伟", "王小伟"),
        ("阿依古丽·买买提", "阿依古丽•买买提"),
        ("阿依古丽・买买提", "阿依古丽买买提"),
        ("王小伟\u200b", "王小伟"),
        ("José", "Jose\u0301"),
        ("STRASSE", "straße"),
    ],
)
def test_the_same_name_is_recognised_however_it_is_typed(one: str, other: str) -> None:
    assert same_name(one, other)
    assert same_name(other, one)


@pytest.mark.parametrize(
    ("one", "other"), [("Ana", "Anna"), ("王伟", "王玮"), ("", ""), (" ", "·")]
)
def test_another_name_is_another_name(one: str, other: str) -> None:
    assert not same_name(one, other)


@pytest.mark.parametrize(
    ("number", "typed"),
    [
        ("20260417", "0417"),
        ("20260417", "２０２６０４１７"),
        ("G3302-0417", "0417"),
        ("G3302-0417", "g3302 0417"),
        ("44052420150302123X", "123x"),
        ("17", "17"),
    ],
)
def test_the_end_of_a_student_number_proves_knowing_it(number: str, typed: str) -> None:
    assert same_digits(number, typed)


@pytest.mark.parametrize(
    ("number", "typed"),
    [
        ("20260417", "417"),
        ("20260417", "0418"),
        ("20260417", "2026"),
        ("20260417", "120260417"),
        ("20260417", ""),
        ("17", "7"),
        ("", ""),
        ("", "0000"),
    ],
)
def test_less_or_other_than_the_end_proves_nothing(number: str, typed: str) -> None:
    assert not same_digits(number, typed)
