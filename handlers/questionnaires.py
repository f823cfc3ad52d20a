"""Questionnaire files: the ones we ship and the ones a school writes."""

import re
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from checkin.questionnaires import (
    Problem,
    Questionnaire,
    QuestionnaireErrors,
    parse_questionnaire,
)

LARGEST_FILE = 64 * 1024
_SHIPPED = ("student", "staff")


@cache
def shipped() -> tuple[Questionnaire, ...]:
    """The questionnaires that come with Allclear: for students, and for teachers and staff."""
    folder = files("checkin.shipped")
    return tuple(
        read_questionnaire_file((folder / f"{key}.yaml").read_text("utf-8")) for key in _SHIPPED
    )


def read_questionnaire_file(source: Path | str) -> Questionnaire:
    """Read a questionnaire from a file (a path) or from its text (a string).

    Raises:
        QuestionnaireErrors: with all problems found, each with its line and column.
    """
    try:
        loader = _Loader(_text(source))
        node = loader.get_single_node()
        document = loader.construct_document(node) if node else None
    except yaml.MarkedYAMLError as error:
        raise QuestionnaireErrors((_syntax(error),)) from None
    except (yaml.YAMLError, RecursionError):
        raise _unreadable("This is not a YAML text; save it as plain text in UTF-8.") from None
    try:
        return parse_questionnaire(document)
    except QuestionnaireErrors as errors:
        raise QuestionnaireErrors(
            tuple(_placed(problem, node) for problem in errors.problems)
        ) from None


def _text(source: Path | str) -> str:
    if isinstance(source, Path):
        if source.stat().st_size > LARGEST_FILE:
            raise _unreadable("This file is too large for a questionnaire (64 KB at most).")
        try:
            source = source.read_text("utf-8-sig")
        except UnicodeDecodeError:
            raise _unreadable("This is not a YAML text; save it as plain text in UTF-8.") from None
    if len(source) > LARGEST_FILE:
        raise _unreadable("This text is too large for a questionnaire (64 KB at most).")
    return source


class _Loader(yaml.SafeLoader):
    """Safe YAML in which `no` is a word, a date is a word, and nothing is said twice."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse references: they can make a small file enormous."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(None, None, "write this out in full, without * and &", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that is written twice: YAML would quietly drop the first."""
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    None, None, f"{key.value} is written twice here; keep one", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_READ_AS_WORDS = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _READ_AS_WORDS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$", re.IGNORECASE), list("tTfF")
)


def _syntax(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    sentence = error.problem or "This cannot be read"
    if "\\t" in sentence:
        sentence = "tabs cannot indent here; use spaces"
    return Problem(
        path="",
        sentence=f"{sentence[0].upper()}{sentence[1:]}.",
        line=mark.line + 1 if mark else None,
        column=mark.column + 1 if mark else None,
    )


def _unreadable(sentence: str) -> QuestionnaireErrors:
    return QuestionnaireErrors((Problem("", sentence),))


def _placed(problem: Problem, root: yaml.Node | None) -> Problem:
    """Point at the deepest part of the problem's path that is written in the file."""
    node, mark = root, root.start_mark if root else None
    for step in re.findall(r"[^.\[\]]+", problem.path):
        found = _child(node, step)
        if found is None:
            break
        node, mark = found
    if mark is None:
        return problem
    return replace(problem, line=mark.line + 1, column=mark.column + 1)


def _child(node: yaml.Node | None, step: str) -> tuple[yaml.Node, yaml.Mark] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return value, key.start_mark
    if isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
        return node.value[int(step)], node.value[int(step)].start_mark
    return None
