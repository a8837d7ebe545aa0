"""A workflow as the fold reads it: order, neighbours, parsed arguments, and the work of each node. Immutable data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from schemas.privacy.wants import Want
from schemas.records.steps import FunctionCall, LlmCall, ToolCall
from schemas.spec.conditions import Condition
from schemas.spec.loops import iteration_prefix, iteration_step
from schemas.spec.model import Join, NodeKind, OnChildError, ResolvedSpec
from schemas.spec.policy import Policy
from schemas.spec.rules_version import FIRST
from streams.core.runs.plan.arguments import Value
from streams.core.runs.transitions import ImpossibleMove

Work = LlmCall | ToolCall | FunctionCall


@dataclass(frozen=True, slots=True)
class Other:
    """The call of a node with another version of its prompt, and the tools of an agent with that."""

    call: LlmCall
    tools: tuple[str, ...] = ()


OwnT = TypeVar("OwnT")

#: Children of one map that are open at once unless the node says otherwise. More would only wait on the lane, and an
#: event that asks for tens of thousands at once would hold up the other runs of its partition.
MAX_OPEN = 1_000
#: Nodes of iterations that a plan remembers; the oldest iterations of a long loop are over.
MADE_MOST = 5_000


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One node. ``args`` are bound in order; ``takes_run_inputs`` puts the run's inputs below them.

    ``items`` is what a ``parallel`` node maps over. ``next`` is the node that may follow it in a chain. ``alone``:
    while it runs nothing else of its run does, since every other node is before or after it. ``work`` is what a worker
    does for it; a node that no worker works on has ``own`` instead, data of its kind. ``call`` is the model's call, of
    a node that asks one. ``switches`` are the predecessors that are switches. ``early``: it may run while one of its
    ``ancestors`` (known only then) still does, because of its own join or of one before it. ``is_listed``: some node
    takes its output as a whole. ``label`` is that by which it names its prompt, and ``others`` are its calls with other
    versions of that, which the spec of a run with an arm of a rollout has. ``cases`` are the conditions by which a
    switch chooses, in their order. ``wants`` are what rules will ask of its output, where that is sealed.

    ``body`` are the nodes inside of a loop, as for any iteration, and ``gives`` is the one whose output is an
    iteration's. ``loop``, ``iteration`` and ``place`` (the order inside) are set of the nodes that one iteration has
    (``in_iteration``): their ids are those of their steps, their ``name`` is that in the document.

    ``open_versions`` are those of its prompt that a quarantined node is never asked with: free text has room in them.

    ``known`` is what was found out of the node and would be found again, see ``labels.arguments``. It decides nothing.
    """

    id: str
    position: int
    kind: NodeKind
    policy: Policy
    work: Work | None
    parallel: bool
    items: Value | None
    args: tuple[tuple[str, Value], ...]
    arg_names: frozenset[str]
    takes_run_inputs: bool
    predecessors: tuple[str, ...]
    successors: tuple[str, ...]
    next: str | None = None
    alone: bool = False
    join: Join | None = None
    early: bool = False
    ancestors: tuple[str, ...] = ()
    own: object | None = None
    call: LlmCall | None = None
    condition: Condition | None = None
    switches: tuple[str, ...] = ()
    queue: str = ""
    max_parallel: int | None = None
    max_items: int | None = None
    on_child_error: OnChildError = "fail"
    is_listed: bool = False
    compensates: bool = False
    name: str = ""
    body: Mapping[str, "PlanNode"] | None = None
    gives: str = ""
    loop: str | None = None
    iteration: int = 0
    place: int = 0
    label: str = ""
    others: Mapping[int, Other] = field(default_factory=dict)
    cases: tuple[Condition, ...] = ()
    wants: tuple[Want, ...] = ()
    open_versions: frozenset[int] = frozenset()
    known: dict[object, Any] = field(default_factory=dict, repr=False, compare=False)

    def in_iteration(self, loop: "PlanNode", number: int) -> "PlanNode":
        """Return the node of a loop's body as one iteration has it. Numbers count from 1."""
        prefix = iteration_prefix(loop.id, number)

        def named(ids: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(f"{prefix}{id_}" if id_ in (loop.body or ()) else id_ for id_ in ids)

        return replace(
            self,
            id=f"{prefix}{self.id}",
            position=loop.position,
            place=self.position,
            loop=loop.id,
            iteration=number,
            predecessors=named(self.predecessors),
            successors=named(self.successors),
            ancestors=named(self.ancestors),
            switches=named(self.switches),
        )

    @property
    def most_open(self) -> int:
        """How many children of a mapped node are open at once, at most."""
        return self.max_parallel or MAX_OPEN

    def data(self, kind: type[OwnT]) -> OwnT:
        """Return what the node's kind knows of it, of that type. Raises ``ImpossibleMove``."""
        if not isinstance(self.own, kind):
            raise ImpossibleMove(f"'{self.id}' is of type {self.kind}, and a rule takes it for a {kind.__name__}")
        return self.own

    @property
    def asked(self) -> Work:
        """The work that a worker gets. Raises ``ImpossibleMove`` for a node that no worker works on."""
        if self.work is None:
            raise ImpossibleMove(f"no worker works on '{self.id}', which is of type {self.kind}")
        return self.work


class PlanNodes(dict[str, PlanNode]):
    """The nodes of a plan by their ids; those inside of loops are found by the ids of their steps, and not listed."""

    def __init__(self, nodes: Mapping[str, PlanNode]) -> None:
        super().__init__(nodes)
        self._made: dict[str, PlanNode] = {}

    def __missing__(self, step_id: str) -> PlanNode:
        made = self._made.get(step_id)
        if made is None:
            made = self._make(step_id)
            if len(self._made) >= MADE_MOST:
                self._made.clear()
            self._made[step_id] = made
        return made

    def _make(self, step_id: str) -> PlanNode:
        place = iteration_step(step_id)
        loop = None if place is None else self.get(place[0])
        if place is None or loop is None or loop.body is None:
            raise KeyError(step_id)
        return loop.body[place[2]].in_iteration(loop, place[1])


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled workflow. ``nodes`` are in topological order; ``resolved`` is what it was compiled from.

    Those inside of loops are found in ``nodes`` by their steps' ids, see ``PlanNodes``. ``rules_version`` is the number
    of the rules that it needs. ``apart`` are the nodes that only compensate; ``roots`` and ``sinks`` are of the others.
    ``pins_prompts``: it, or a workflow that it starts, asks models by prompts; no other run has arms of rollouts.
    """

    resolved: ResolvedSpec
    nodes: Mapping[str, PlanNode]
    roots: tuple[PlanNode, ...]
    sinks: tuple[PlanNode, ...]
    rules_version: int = FIRST
    apart: frozenset[str] = frozenset()
    on_failure: tuple[str, ...] = ()
    on_cancel: tuple[str, ...] = ()
    max_parallel: int | None = None
    deadline_ms: int | None = None
    pins_prompts: bool = False

    @property
    def size(self) -> int:
        """How many nodes decide how the run ends."""
        return len(self.nodes) - len(self.apart)


#: What stands between the step id of an agent and that of its turns, which no other step id has.
TURN = "/turn-"


def is_part(step_id: str) -> bool:
    """Return whether a step is part of an agent: a turn, or a call that one requested."""
    return TURN in step_id
