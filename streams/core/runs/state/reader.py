"""One run as an event finds it, and as the rules have changed it so far: the side that is only read.

``changes.RunChanges`` is the side that changes it. A function that takes a ``RunReader`` changes nothing.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.ids import CHILD_SOURCE, child_step_id, forked_from
from schemas.payload import Payload, Reference, inline
from schemas.records.base import Usage
from schemas.records.parents import Parent
from schemas.records.rollouts.arms import RunArm
from schemas.records.run_events import CancelRequested, RunSubmitted
from schemas.records.steps import StepRequest
from schemas.run_states import TERMINAL_RUN, TERMINAL_STEP, RunState
from schemas.spec.loops import iteration_prefix
from schemas.spec.rules_version import ARMS as RULES_OF_ARMS
from schemas.spec.rules_version import LABELS as RULES_OF_LABELS
from schemas.tables.runs import (
    ARMS,
    BOUNDS,
    CAPS,
    INPUTS,
    OTHER_CALLS,
    PARENT,
    REUSED,
    SECURITY,
    SIGNALS,
    STEP_PREFIX,
    STORED_INPUTS,
)
from schemas.tables.signals import Signals
from streams.core.commands import Command
from streams.core.runs.labels.pinned import Found, Pinned
from streams.core.runs.plan.arguments import Output, Outputs
from streams.core.runs.plan.model import Plan, PlanNode
from streams.core.runs.state.entries import Booked, Header, Progress, Step
from streams.core.runs.transitions import ImpossibleMove
from streams.core.state import State


class RunReader:
    """A run during one event, to be read. Only ``RunChanges`` assigns the attributes.

    ``ended``: this event ended it. ``is_new``: this event submitted it. ``changed`` are the steps that it changed,
    ``shown`` those that a reader is to see again all the same, ``paid_late`` those of which nothing but the cost
    changed. ``requests`` and ``commands`` are the output so far. ``security`` is there in runs whose data has
    labels, and ``labels`` are those of arguments that the event has found so far, by step.
    """

    _arms: tuple[RunArm, ...] | None = None

    def __init__(
        self,
        state: State,
        header: Header,
        plan: Plan,
        *,
        status: RunState,
        progress: Progress,
        now_ms: int,
        offset: int,
        chain_steps: bool = False,
    ) -> None:
        self._state = state
        self.chain_steps = chain_steps
        self.header = header
        self.run_id = header.run_id
        self.plan = plan
        self.now_ms = now_ms
        self.offset = offset
        self.status = status
        self.done = progress.done
        self.maps = dict(progress.maps)
        self.open_steps = progress.open_steps
        self.ready = list(progress.ready)
        self.deadline_ms = progress.deadline_ms
        self.cost_nano = progress.cost_nano
        self.input_tokens = progress.input_tokens
        self.output_tokens = progress.output_tokens
        self.error = progress.error
        self.started_at_ms = progress.started_at_ms
        self.finished_at_ms = progress.finished_at_ms
        self.ended = self.is_new = False
        self.changed: dict[str, Step] = {}
        self.shown: dict[str, None] = {}
        self.paid_late: frozenset[str] = frozenset()
        self.children_nano = progress.children_nano
        self.kinds = progress.kinds
        self._progress = progress
        self._was = status
        self._signals: Signals | None = None
        self.security: Pinned | None = (
            state.get(self.run_id, SECURITY) if header.rules_version >= RULES_OF_LABELS else None
        )
        self.labels = Found()
        self.requests: list[StepRequest] = []
        self.commands: list[Command] = []
        # Hardly any event asks for some, and two more containers an event can be measured.
        self._children: dict[str, RunSubmitted] | None = None
        self._ended_children: list[CancelRequested] | None = None
        self._other_calls: Mapping[str, Booked] | None = None

    @property
    def inputs(self) -> dict[str, Any]:
        """The run's inputs, null where they are stored."""
        return self._state.get(self.run_id, INPUTS) or {}

    @property
    def stored_inputs(self) -> Mapping[str, Reference] | None:
        """Those of the run's inputs that are stored, ``None`` if there are none."""
        return self._state.get(self.run_id, STORED_INPUTS)

    @property
    def reused(self) -> tuple[str, ...]:
        """The nodes whose results come from another run."""
        if forked_from(self.header.source) is None:
            return ()
        return self._state.get(self.run_id, REUSED) or ()

    @property
    def parent(self) -> Parent | None:
        """The step that started the run, if one did."""
        # Every view asks, and hardly any run has one.
        if not self.header.source.startswith(CHILD_SOURCE):
            return None
        return self._state.get(self.run_id, PARENT)

    @property
    def arms(self) -> tuple[RunArm, ...]:
        """The arms of rollouts that the run has."""
        # Every view asks, and hardly any run has some.
        if self._arms is None:
            none = not self.plan.pins_prompts or self.header.rules_version < RULES_OF_ARMS
            self._arms = () if none else self._state.get(self.run_id, ARMS) or ()
        return self._arms

    @property
    def left_nano(self) -> int | None:
        """What the run's own cap leaves; ``None`` without one. The cost of awaited children counts, too."""
        budget = self.header.budget_nano
        return None if budget is None else max(0, budget - self.cost_nano - self.children_nano)

    @property
    def caps(self) -> dict[str, int]:
        """The caps that the run's calls count against, by run: its own, and those of the runs that started it."""
        budget = self.header.budget_nano
        if budget is None:
            return {}
        above = self._state.get(self.run_id, CAPS) if self.header.source.startswith(CHILD_SOURCE) else None
        return {**(above or {}), self.run_id: budget}

    @property
    def bounds(self) -> dict[str, int]:
        """What the run's nodes cost at most; empty in a run without a budget."""
        return {} if self.header.budget_nano is None else self._state.get(self.run_id, BOUNDS) or {}

    @property
    def signals(self) -> Signals:
        """The signals that the run keeps."""
        return self._signals or self._state.get(self.run_id, SIGNALS) or Signals()

    @property
    def other_calls(self) -> Mapping[str, Booked]:
        """The calls that count for the run and for none of its steps, by id."""
        return self._other_calls or self._state.get(self.run_id, OTHER_CALLS) or {}

    @property
    def booked_other(self) -> bool:
        """Whether the event changed the calls that count for none of its steps."""
        return self._other_calls is not None

    @property
    def is_over(self) -> bool:
        """Whether the run is in a terminal state."""
        return self.status in TERMINAL_RUN

    def step(self, step_id: str) -> Step | None:
        """Return a step as it is now, ``None`` while it is pending."""
        changed = self.changed.get(step_id)
        if changed is not None:
            return changed
        # The rules ask for steps ten times an event, so this neither casts nor calls what names the entry.
        found: Step | None = self._state.get(self.run_id, f"{STEP_PREFIX}{step_id}")  # type: ignore[arg-type]
        return found

    def recorded(self, step_id: str) -> Step:
        """Return a step that must have an entry. Raises ``ImpossibleMove``."""
        step = self.step(step_id)
        if step is None:
            raise ImpossibleMove(f"step '{step_id}' has no entry, and another entry says that it was requested")
        return step

    def steps(self) -> Iterator[tuple[str, Step]]:
        """Yield every step that has an entry, in the order of the plan, children by index."""
        prefix = len(STEP_PREFIX)
        names = self._state.fields(self.run_id)
        stored = {name[prefix:] for name in names if name.startswith(STEP_PREFIX)}
        found = [(step_id, self.step(step_id)) for step_id in stored | self.changed.keys()]
        known = [(step_id, step) for step_id, step in found if step is not None]
        yield from sorted(known, key=lambda one: self._place(*one))

    def _place(self, step_id: str, step: Step) -> tuple[int, int, int, int, int, str]:
        node = self.plan.nodes[step.node]
        within = (node.position, node.iteration, node.place)
        if step.gather is not None:
            return *within, 1, step.gather[0], step_id
        return *within, 0, -1 if step.index is None else step.index, step_id

    def node_of(self, step: Step) -> PlanNode:
        """Return a step's node."""
        return self.plan.nodes[step.node]

    def succeeded(self, node_id: str) -> bool:
        """Return whether a node is done."""
        step = self.step(node_id)
        return step is not None and step.state == "succeeded"

    def begun(self, node_id: str) -> bool:
        """Return whether a node was requested, decided or skipped."""
        step = self.step(node_id)
        return step is not None and step.state != "pending"

    def settled(self, node_id: str) -> bool:
        """Return whether nothing more will come of a node."""
        step = self.step(node_id)
        return step is not None and step.state in TERMINAL_STEP

    def output(self, node_id: str) -> Output:
        """Return the output of a settled node; of a mapped one its children's outputs, in order.

        It is ``None`` for a node that gave none: it was skipped, or it is optional and failed. ``refine.outputs`` are
        those of all iterations of a loop.
        """
        if "." in node_id:
            return self._iteration_outputs(node_id.partition(".")[0])
        step = self.step(node_id)
        if step is None or step.state not in TERMINAL_STEP:
            raise ImpossibleMove(f"the output of '{node_id}' is read before it is there")
        if step.state != "succeeded":
            return None
        if step.total is None:
            return self._one_output(node_id, step)
        return outputs_of(self, step)

    def child_output(self, step_id: str) -> Payload:
        """Return the output of a mapped node's child; of one that failed its error, as the node asks."""
        step = self.step(step_id)
        if step is not None and step.state == "failed" and step.error is not None:
            return inline({"error": {"code": step.error.code, "message": step.error.message}})
        return self._one_output(step_id, step)

    def iteration_output(self, loop: PlanNode, number: int) -> Payload | None:
        """Return the output of a loop's iteration that ended; ``None`` before the first, or if its node was skipped."""
        step = self.step(f"{iteration_prefix(loop.id, number)}{loop.gives}") if number else None
        return step.output if step is not None and step.state == "succeeded" else None

    def _iteration_outputs(self, loop_id: str) -> Outputs | None:
        if not self.succeeded(loop_id):
            return None
        loop = self.plan.nodes[loop_id]
        return Outputs(self.maps[loop_id].ended, lambda i: self.iteration_output(loop, i + 1) or inline(None))

    def _one_output(self, step_id: str, step: Step | None) -> Payload:
        output = step.output if step is not None else None
        if output is None:
            raise ImpossibleMove(f"step '{step_id}' succeeded without an output")
        return output

    @property
    def usage(self) -> Usage:
        """What the run used until now."""
        return Usage(input_tokens=self.input_tokens, output_tokens=self.output_tokens, **(self.kinds or {}))

    @property
    def stored_version(self) -> int:
        """The offset of the last event that changed what readers see, as the table has it."""
        return self._progress.version

    @property
    def visibly_changed(self) -> bool:
        """Whether a reader would see something new."""
        return bool(self.changed) or self.status != self._was or self.is_new or self.paid_more

    @property
    def paid_more(self) -> bool:
        """Whether the event changed the cost of the run or of those that it started."""
        progress = self._progress
        return self.cost_nano != progress.cost_nano or self.children_nano != progress.children_nano

    @property
    def version(self) -> int:
        """The offset of the last event that changed what readers see, this one included."""
        return self.offset if self.visibly_changed else self.stored_version


def outputs_of(run: RunReader, parent: Step) -> Outputs:
    """Return the outputs of a mapped node's children without those that are left out."""
    node_id, total, left_out = parent.node, parent.total or 0, parent.left_out
    if not left_out:
        return Outputs(total, lambda i: run.child_output(child_step_id(node_id, i)), parent.output)

    def at(position: int) -> Payload:
        before = bisect_right(range(len(left_out)), position, key=lambda k: left_out[k] - k)
        return run.child_output(child_step_id(node_id, position + before))

    return Outputs(total - len(left_out), at, parent.output)
