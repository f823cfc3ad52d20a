"""YAML as people write it: each value with its line, `no` and 06:30 as the words that they are."""

import yaml

from checkin.plan_files import PlanFileCode, PlanFileErrors, PlanProblem, Said

LARGEST = 64 * 1024


def read_lines(text: str) -> Said:
    """Return what a YAML text says, all of it as words.

    Raises:
        PlanFileErrors: It cannot be read, with the line.
    """
    if len(text) > LARGEST:
        raise PlanFileErrors([PlanProblem(0, PlanFileCode.too_large)])
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise PlanFileErrors([PlanProblem(1, PlanFileCode.no_plans)])
        return _said(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        raise PlanFileErrors([PlanProblem(line, PlanFileCode.not_yaml)]) from None
    except (yaml.YAMLError, RecursionError):
        raise PlanFileErrors([PlanProblem(0, PlanFileCode.not_yaml)]) from None


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        """Refuse references: they can make a small file enormous."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(None, None, None, mark)
        return super().compose_node(parent, index)  # type: ignore[arg-type]


def _said(node: yaml.Node) -> Said:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        named: dict[str, Said] = {}
        for key, value in node.value:
            at, name = key.start_mark.line + 1, str(key.value)
            if name in named:
                raise PlanFileErrors([PlanProblem(at, PlanFileCode.twice, {"word": name[:40]})])
            # At the line of its name: a list begins a line later.
            named[name] = Said(at, _said(value).value)
        return Said(line, named)
    if isinstance(node, yaml.SequenceNode):
        return Said(line, tuple(_said(each) for each in node.value))
    return Said(line, str(node.value))
