"""What a kind of node is made of. Each kind is one file here and one row of ``kinds.NODE_KINDS``.

| part | is asked |
|---|---|
| ``compile`` | once, when a plan is made: what the kind adds to its ``PlanNode`` |
| ``start`` | when a step of the node is ready: ask for what it does, and return the step as it is then |
| ``on_timer`` | when a timer is due that the step waits for |
| ``on_result`` | when something has come that a worker did not say of the step itself: its part, run or signal |
| ``outstanding`` | after a restore: ask once more for what the step waits for, from state alone |
| ``give_up`` | when an open step is no longer waited for: whether its cost may still come |

The functions decide, and ask for what is needed. What follows from the end of a step is not theirs: they return
``Ended``, and ``events.step_end`` continues from there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from schemas.metrics import STEP_SLA_MISSES_TOTAL
from schemas.payload import Payload
from schemas.records.base import ErrorInfo, Json
from schemas.records.steps import LlmCall
from schemas.records.timers import StepTimer
from schemas.spec.conditions import Condition
from schemas.spec.model import Edge, ResolvedSpec
from streams.core.commands import Count
from streams.core.runs.plan.arguments import Datum
from streams.core.runs.plan.model import Other, PlanNode, Work
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Step

MadeT = TypeVar("MadeT")

#: The fields of a step that waits for nothing any more.
NO_TIMER: Mapping[str, Any] = {"timer": None, "due_ms": None, "waiting_for": None, "asks": None}


@dataclass(frozen=True, slots=True)
class Ended:
    """A step that has ended without a worker's word for it: with an output, or with an error.

    ``changes`` are the fields that its end sets; ``None`` for the time and nothing to wait for.
    """

    step_id: str
    output: Payload | None = None
    error: ErrorInfo | None = None
    changes: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Compiling:
    """What a node is compiled within. ``above`` are the nodes whose outputs it may name."""

    resolved: ResolvedSpec
    above: frozenset[str]
    _made: dict[str, Any]
    _body: Callable[[frozenset[str], Sequence[Any], Sequence[Edge]], dict[str, PlanNode]]

    def body(self, documents: Sequence[Any], edges: Sequence[Edge]) -> dict[str, PlanNode]:
        """Return the nodes inside of a loop, which see what it sees."""
        return self._body(self.above, documents, edges)

    def once(self, name: str, make: Callable[[], MadeT]) -> MadeT:
        """Return what nodes of one workflow share, made for the first of them."""
        if name not in self._made:
            self._made[name] = make()
        made: MadeT = self._made[name]
        return made


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a kind adds to a node of the plan: ``work`` for workers, or data of its ``own``.

    ``call`` is the model's call, if it asks one. ``args`` are bound beside the node's inputs, as written.
    ``takes_inputs``: outputs of predecessors, or the run's inputs, are its inputs if the node names none. ``body`` are
    the nodes inside of it, and ``gives`` is the one whose output is an iteration's. ``label`` and ``others`` are of its
    prompt, see ``PlanNode``. ``cases`` are the conditions that choose its successors, in their order.
    ``open_versions`` are of a quarantined node, see ``PlanNode``.
    """

    work: Work | None = None
    own: object | None = None
    call: LlmCall | None = None
    args: Mapping[str, Json] = field(default_factory=dict)
    takes_inputs: bool = False
    body: Mapping[str, PlanNode] | None = None
    gives: str = ""
    label: str = ""
    others: Mapping[int, Other] = field(default_factory=dict)
    cases: tuple[Condition, ...] = ()
    open_versions: frozenset[int] = frozenset()


Compile = Callable[[Any, Compiling], Compiled]
Start = Callable[[RunChanges, PlanNode, str, Step, Datum | None], Step]
OnTimer = Mapping[type[StepTimer], Callable[[RunChanges, str, Step], Ended | None]]
OnResult = Callable[[RunChanges, str, Step, Any], Ended | None]


def judged(run: RunChanges, step: Step) -> dict[str, Any]:
    """Return what the end of a step says of its target, from its first request to now, and count a miss."""
    target_ms, since_ms = run.node_of(step).policy.sla_ms, step.asked_first_ms
    if target_ms is None or since_ms is None or step.gather is not None or run.now_ms - since_ms <= target_ms:
        return {}
    labels = (("workflow", run.header.workflow_name), ("node", run.node_of(step).name))
    run.commands.append(Count(STEP_SLA_MISSES_TOTAL, labels))
    return {"sla_missed": True}


def no_result(run: RunChanges, step_id: str, step: Step, _result: Any) -> Ended | None:
    """Take nothing: steps of this kind have no parts, and wait for nothing from outside but a worker."""
    raise AssertionError(f"'{step_id}' of type {run.node_of(step).kind} takes no results of this kind")


def nothing_outstanding(run: RunChanges, step_id: str, step: Step) -> None:
    """Ask for nothing: what the step waits for is a timer, or a step of its own."""


def nothing_open(_turn: RunChanges, _step_id: str, _step: Step) -> bool:
    """Return that no more cost can come."""
    return False


@dataclass(frozen=True, slots=True)
class KindRules:
    """One row of ``NODE_KINDS``. ``chooses``: its output says which of its successors run, as a switch's."""

    compile: Compile
    start: Start
    on_timer: OnTimer = field(default_factory=dict)
    on_result: OnResult = no_result
    outstanding: Callable[[RunChanges, str, Step], None] = nothing_outstanding
    give_up: Callable[[RunChanges, str, Step], bool] = nothing_open
    chooses: bool = False
