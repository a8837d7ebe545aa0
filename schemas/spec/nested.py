"""Nested workflows: the ones that a workflow reaches, and cycles among them. Pure.

A name stands for all its versions here: a workflow that reaches any version of itself is refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from schemas.errors import Problem
from schemas.spec.check.shape import similar
from schemas.spec.loops import every_node, placed_nodes
from schemas.spec.model import PinnedPrompt, ResolvedSpec, WorkflowConfig, WorkflowNode, WorkflowSpec

#: Maximum depth of nesting, the outermost workflow counted.
MAX_DEPTH = 8
#: Maximum number of workflows that one may reach: they all travel in the record that submits a run.
MAX_MEMBERS = 100


@dataclass(frozen=True)
class Member:
    """A version of a workflow that another one reaches, with its prompts by ``prompt_ref`` as written."""

    spec: WorkflowSpec
    prompts: Mapping[str, PinnedPrompt]


@dataclass(frozen=True)
class Family:
    """The workflows that a workflow reaches, by ``name@version``. ``newest`` are the versions of names without one."""

    members: Mapping[str, Member] = field(default_factory=dict)
    newest: Mapping[str, int] = field(default_factory=dict)

    def find(self, config: WorkflowConfig) -> Member | None:
        """Return the workflow that a node names, if any."""
        version = config.version or self.newest.get(config.workflow)
        return None if version is None else self.members.get(member_key(config.workflow, version))


def member_key(name: str, version: int) -> str:
    """Return the key of a version of a workflow."""
    return f"{name}@{version}"


def workflow_nodes(spec: WorkflowSpec) -> list[WorkflowNode]:
    """Return the nodes that run other workflows."""
    return [node for node in every_node(spec.dag.nodes) if isinstance(node, WorkflowNode)]


def pinned_key(config: WorkflowConfig, pins: Mapping[str, int]) -> str:
    """Return the key of the workflow that a resolved node runs. Raises ``KeyError`` if it is not pinned."""
    return member_key(config.workflow, config.version or pins[config.workflow])


def child_spec(whole: ResolvedSpec, key: str) -> ResolvedSpec:
    """Return one of a resolved workflow's children as its run carries it: with every workflow that it reaches.

    Raises ``KeyError`` if one is not pinned.
    """
    child = whole.children[key]
    reached: dict[str, ResolvedSpec] = {}
    waiting = [child]
    for one in waiting:
        for node in workflow_nodes(one.spec):
            named = pinned_key(node.config, one.pins)
            if named not in reached:
                reached[named] = whole.children[named]
                waiting.append(reached[named])
    ordered = {name: reached[name] for name in sorted(reached)}
    return child.model_copy(update={"children": ordered}) if ordered else child


def family_problems(spec: WorkflowSpec, family: Family) -> Iterator[Problem]:
    """Yield the problems of a workflow's nested workflows: unknown ones, cycles, too many."""
    below = _names_below(spec, family)
    heights: dict[str, int] = {}
    for place, node in placed_nodes(spec):
        if isinstance(node, WorkflowNode):
            path = f"{place}.config.workflow"
            yield from _node_problems(path, node.config, spec.name, family) or _way_problems(
                path, node.config.workflow, spec.name, below, heights
            )
    for member in family.members.values():
        yield from _member_problems(member.spec, spec.name, family)
    if len(family.members) > MAX_MEMBERS:
        said = f"more than {MAX_MEMBERS} workflows are reached from here"
        yield Problem("dag.nodes", said, "let fewer workflows run others")


def _names_below(spec: WorkflowSpec, family: Family) -> dict[str, list[str]]:
    """Return the names that workflows name, those of all their versions together."""
    below: dict[str, list[str]] = {}
    for one in (spec, *(member.spec for member in family.members.values())):
        names = below.setdefault(one.name, [])
        names += [name for node in workflow_nodes(one) if (name := node.config.workflow) not in names]
    return below


def _node_problems(path: str, config: WorkflowConfig, itself: str, family: Family) -> list[Problem]:
    if config.workflow == itself or family.find(config) is not None:
        return []
    return [Problem(path, f"there is no workflow {_said(config)}", _hint(config, family))]


def _member_problems(spec: WorkflowSpec, itself: str, family: Family) -> Iterator[Problem]:
    for node in workflow_nodes(spec):
        if node.config.workflow != itself and family.find(node.config) is None:
            said = f"workflow '{spec.name}' version {spec.version} runs {_said(node.config)}, which does not exist"
            yield Problem("dag.nodes", said, "register it first")


def _way_problems(
    path: str, name: str, start: str, below: Mapping[str, list[str]], heights: dict[str, int]
) -> Iterator[Problem]:
    try:
        height = 1 + _height(name, [start], below, heights)
    except _Round as exc:
        way = " -> ".join(exc.way)
        yield Problem(path, f"'{exc.way[0]}' would run itself: {way}", "remove one step of this cycle")
        return
    if height > MAX_DEPTH:
        said = f"workflows are nested {height} deep from here, the maximum is {MAX_DEPTH}"
        yield Problem(path, said, "let one of them do the work of two")


class _Round(Exception):
    """Nested workflows have a cycle."""

    def __init__(self, way: list[str]) -> None:
        super().__init__()
        self.way = way


def _height(name: str, way: list[str], below: Mapping[str, list[str]], heights: dict[str, int]) -> int:
    """Return the depth of nesting from ``name`` on. Raises ``_Round``."""
    if name in way:
        raise _Round([*way[way.index(name) :], name])
    if name not in heights:
        further = [_height(one, [*way, name], below, heights) for one in below.get(name, ())]
        heights[name] = 1 + max(further, default=0)
    return heights[name]


def _said(config: WorkflowConfig) -> str:
    return f"'{config.workflow}'" if config.version is None else f"'{config.workflow}' version {config.version}"


def _hint(config: WorkflowConfig, family: Family) -> str:
    known = {key.rpartition("@")[0] for key in family.members}
    return similar(config.workflow, known) if known - {config.workflow} else "register it first"
