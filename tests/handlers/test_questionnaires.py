from pathlib import Path

import pytest

from checkin.questionnaires import (
    Questionnaire,
    QuestionnaireErrors,
    parse_questionnaire,
    to_document,
)
from handlers.questionnaires import read_questionnaire_file, shipped

SMALL = """\
key: small
version: 1
title: {en: Small, zh: 小问卷}
questions:
  - key: attending
    kind: one
    text:
      en: Coming today?
      zh: 今天来吗？
    choices:
      - key: yes
        label: {en: "Yes", zh: 来}
      - key: no
        label: {en: Not today, zh: 不来}
    all_clear: yes
"""


def problem(text: str) -> str:
    """The one problem of a file, as it is told."""
    with pytest.raises(QuestionnaireErrors) as refused:
        read_questionnaire_file(text)
    [only] = refused.value.problems
    return str(only)


def test_we_ship_one_for_students_and_one_for_staff() -> None:
    assert [questionnaire.key for questionnaire in shipped()] == ["student", "staff"]


@pytest.mark.parametrize("questionnaire", shipped(), ids=lambda questionnaire: questionnaire.key)
def test_what_we_ship_asks_five_questions_that_can_be_stored(
    questionnaire: Questionnaire,
) -> None:
    assert len(questionnaire.questions) == 5
    assert parse_questionnaire(to_document(questionnaire)) == questionnaire
    assert all(question.short for question in questionnaire.questions)


def test_a_student_is_asked_for_by_name_and_staff_for_themselves() -> None:
    student, staff = shipped()
    assert all("{name}" in text for q in student.questions for text in q.text.values())
    assert not any("{name}" in text for q in staff.questions for text in q.text.values())
    assert all("您" in q.text["zh"] for q in staff.questions)


def test_staff_and_students_are_weighed_by_the_same_rules() -> None:
    student, staff = shipped()
    assert student.rules == staff.rules


def test_yes_and_no_need_no_quotes() -> None:
    questionnaire = read_questionnaire_file(SMALL)
    assert [choice.key for choice in questionnaire.questions[0].choices] == ["yes", "no"]


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert read_questionnaire_file(path) == read_questionnaire_file(SMALL)


def test_a_problem_is_told_with_its_line_and_column() -> None:
    told = problem(SMALL.replace("zh: 来}", "zh: 来来来来来来来来来来来来来}"))
    assert told == (
        "line 12, column 28: questions[0].choices[0].label.zh: "
        "Shorten this to 12 characters, to fit a phone; it has 13."
    )


def test_something_missing_is_told_where_it_belongs() -> None:
    told = problem(SMALL.replace("      zh: 今天来吗？\n", ""))
    assert told == "line 7, column 5: questions[0].text.zh: Say it in Chinese too."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("key: [", "line 1, column 7: Expected the node content"),
        ("key: small\n\tversion: 1", "line 2, column 1: Tabs cannot indent here; use spaces."),
        ("key: a\nkey: b", "line 2, column 1: Key is written twice here; keep one."),
        ("key: &a b\nversion: *a", "line 2, column 10: Write this out in full"),
        ("key: !!python/object:os.system x", "line 1, column 6: "),
        ("", "Write names and values here"),
        ("- 1", "line 1, column 1: Write names and values here"),
        ("key: a\n---\nkey: b", "line 2, column 1: "),
        ("\x00", "This is not a YAML text"),
        ("[" * 5000, ""),
        ("x" * 70000, "This text is too large"),
    ],
)
def test_what_is_not_yaml_is_told_kindly(text: str, told: str) -> None:
    with pytest.raises(QuestionnaireErrors) as refused:
        read_questionnaire_file(text)
    assert str(refused.value).startswith(told)


def test_a_file_in_another_encoding_is_told_kindly(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    path.write_bytes(SMALL.encode("gb18030"))
    with pytest.raises(QuestionnaireErrors, match="UTF-8"):
        read_questionnaire_file(path)


def test_a_huge_file_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"#" * 70000)
    with pytest.raises(QuestionnaireErrors, match="too large"):
        read_questionnaire_file(path)
