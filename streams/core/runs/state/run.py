"""One event's turn at one run: what was read, what changed, what is asked for. It is written at its end.

The verbs of the other modules take a turn and change it; ``fold`` closes it, which writes the entries that
changed and returns the commands.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from schemas.ids import CHILD_SOURCE, child_step_id, forked_from
from schemas.metrics import LATE_EVENTS_TOTAL
from schemas.payload import Payload, Reference, inline
from schemas.records.base import ErrorInfo, Json, Usage, kinds_together
from schemas.records.parents import Parent
from schemas.records.run_events import CancelRequested, RunSubmitted
from schemas.records.steps import StepRequest
from schemas.records.timers import Timer, timer_id
from schemas.run_states import TERMINAL_RUN, TERMINAL_STEP, RunState
from schemas.tables.runs import (
    HEADER,
    INPUTS,
    PARENT,
    PROGRESS,
    REUSED,
    SIGNALS,
    SPEC,
    STATUS,
    STEP_PREFIX,
    STORED_INPUTS,
    spec_entity,
    step_field,
)
from schemas.tables.signals import Signals
from streams.core.commands import Arm, Command, Count, Disarm
from streams.core.runs.plan.arguments import Output, Outputs
from streams.core.runs.plan.compile import Plan, PlanNode
from streams.core.runs.plan.waiting_nodes import is_part
from streams.core.runs.state.entries import Header, Progress, Step
from streams.core.runs.transitions import ImpossibleMove, check_run_move, check_step_move
from streams.core.state import State


def late(reason: str) -> Count:
    """Return the count of an event that came too late, twice, or for something that is not ours."""
    return Count(LATE_EVENTS_TOTAL, (("reason", reason),))


class Turn:
    """A run during one event. Attributes may be assigned; steps go through ``begin`` and ``change``.

    Beside ``requests`` it asks for runs and for the ends of those (``to_other_runs``).
    """

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
        self.error: ErrorInfo | None = progress.error
        self.started_at_ms = progress.started_at_ms
        self.finished_at_ms = progress.finished_at_ms
        self.ended = False
        self.is_new = False
        self.changed: dict[str, Step] = {}
        self.shown: dict[str, None] = {}
        self.requests: list[StepRequest] = []
        self.children_nano = progress.children_nano
        self.kinds = progress.kinds
        # Hardly any turn has some, and two more containers a turn can be measured.
        self._children: dict[str, RunSubmitted] | None = None
        self._ended_children: list[CancelRequested] | None = None
        self.commands: list[Command] = []
        self._progress = progress
        self._was = status
        self._signals: Signals | None = None

    @property
    def run_id(self) -> str:
        """The run."""
        return self.header.run_id

    @property
    def inputs(self) -> dict[str, Any]:
        """The run's inputs, null where they are stored."""
        return cast("dict[str, Any]", self._state.get(self.run_id, INPUTS))

    @property
    def stored_inputs(self) -> Mapping[str, Reference] | None:
        """Those of the run's inputs that are stored, ``None`` if there are none."""
        return cast("Mapping[str, Reference] | None", self._state.get(self.run_id, STORED_INPUTS))

    @property
    def reused(self) -> tuple[str, ...]:
        """The nodes whose results come from another run."""
        if forked_from(self.header.source) is None:
            return ()
        return cast("tuple[str, ...]", self._state.get(self.run_id, REUSED) or ())

    @property
    def parent(self) -> Parent | None:
        """The step that started the run, if one did."""
        # Every view asks, and hardly any run has one.
        if not self.header.source.startswith(CHILD_SOURCE):
            return None
        return cast("Parent | None", self._state.get(self.run_id, PARENT))

    @property
    def left_nano(self) -> int | None:
        """What the run's own cap leaves; ``None`` without one. What awaited children did cost counts, too."""
        budget = self.header.budget_nano
        return None if budget is None else max(0, budget - self.cost_nano - self.children_nano)

    @property
    def signals(self) -> Signals:
        """The signals that the run keeps."""
        return self._signals or cast("Signals | None", self._state.get(self.run_id, SIGNALS)) or Signals()

    @signals.setter
    def signals(self, signals: Signals) -> None:
        self._signals = signals

    @property
    def is_over(self) -> bool:
        """Whether the run is in a terminal state."""
        return self.status in TERMINAL_RUN

    def move(self, status: RunState) -> None:
        """Change the run's status. Raises ``ImpossibleMove``."""
        check_run_move(self.status, status)
        self.status = status

    def step(self, step_id: str) -> Step | None:
        """Return a step as it is now, ``None`` while it is pending."""
        changed = self.changed.get(step_id)
        if changed is not None:
            return changed
        return cast("Step | None", self._state.get(self.run_id, step_field(step_id)))

    def recorded(self, step_id: str) -> Step:
        """Return a step that must have an entry. Raises ``ImpossibleMove``."""
        step = self.step(step_id)
        if step is None:
            raise ImpossibleMove(f"step '{step_id}' has no entry, and another entry says that it was requested")
        return step

    def begin(self, step_id: str, step: Step) -> None:
        """Give a step that is ready its entry. Raises ``ImpossibleMove``."""
        known = self.step(step_id)
        if known is not None and known.state not in ("pending", "ready"):
            raise ImpossibleMove(f"step '{step_id}' starts a second time")
        check_step_move("ready", step.state)
        self.open_steps += self._takes_place(step_id, step)
        self.changed[step_id] = step

    def skip(self, node_id: str, note: str) -> None:
        """Skip a node that was never asked for. Raises ``ImpossibleMove``."""
        before = self.step(node_id) or Step(node_id, "pending")
        check_step_move(before.state, "skipped")
        now = self.now_ms
        self.changed[node_id] = msgspec.structs.replace(
            before, state="skipped", note=note, requested_at_ms=now, finished_at_ms=now
        )

    def leave(self, step_id: str, step: Step) -> None:
        """Give a step that is not asked for an entry, which says only what was spent on it."""
        self.changed[step_id] = step

    def change(self, step_id: str, old: Step, **changes: Json) -> Step:
        """Change a step and return it. Raises ``ImpossibleMove``."""
        new = msgspec.structs.replace(old, **changes)
        if new.state != old.state:
            check_step_move(old.state, new.state)
        self.open_steps += self._takes_place(step_id, new) - self._takes_place(step_id, old)
        self.changed[step_id] = new
        return new

    def _takes_place(self, step_id: str, step: Step) -> bool:
        """Return whether a step takes one of its run's places, see ``places``; ``False`` where nobody counts them."""
        if self.plan.max_parallel is None or step.state not in ("running", "waiting"):
            return False
        if step.total is not None or step.gather is not None:
            return False
        return self.plan.nodes[step.node].dynamic is None or is_part(step_id)

    def steps(self) -> Iterator[tuple[str, Step]]:
        """Yield every step that has an entry, in the order of the plan, children by index."""
        prefix = len(STEP_PREFIX)
        names = self._state.fields(self.run_id)
        stored = {name[prefix:] for name in names if name.startswith(STEP_PREFIX)}
        found = [(step_id, self.step(step_id)) for step_id in stored | self.changed.keys()]
        known = [(step_id, step) for step_id, step in found if step is not None]
        yield from sorted(known, key=lambda one: self._place(*one))

    def _place(self, step_id: str, step: Step) -> tuple[int, int, int, str]:
        position = self.plan.nodes[step.node].position
        if step.gather is not None:
            return position, 1, step.gather[0], step_id
        return position, 0, -1 if step.index is None else step.index, step_id

    def node_of(self, step: Step) -> PlanNode:
        """Return a step's node."""
        return self.plan.nodes[step.node]

    def succeeded(self, node_id: str) -> bool:
        """Return whether a node is done."""
        step = self.step(node_id)
        return step is not None and step.state == "succeeded"

    def begun(self, node_id: str) -> bool:
        """Return whether a node was asked for, decided or skipped."""
        step = self.step(node_id)
        return step is not None and step.state != "pending"

    def settled(self, node_id: str) -> bool:
        """Return whether nothing more will come of a node."""
        step = self.step(node_id)
        return step is not None and step.state in TERMINAL_STEP

    def output(self, node_id: str) -> Output:
        """Return the output of a settled node; of a mapped one its children's outputs, in order.

        It is ``None`` for a node that gave none: it was skipped, or it is optional and failed.
        """
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

    def _one_output(self, step_id: str, step: Step | None) -> Payload:
        output = step.output if step is not None else None
        if output is None:
            raise ImpossibleMove(f"step '{step_id}' succeeded without an output")
        return output

    @property
    def to_other_runs(self) -> Sequence[RunSubmitted | CancelRequested]:
        """What other runs are told: that they begin, and that they are to end."""
        if self._children is None and self._ended_children is None:
            return ()
        return [*(self._children or {}).values(), *(self._ended_children or ())]

    def start_run(self, submission: RunSubmitted) -> None:
        """Ask for another run."""
        if self._children is None:
            self._children = {}
        self._children[submission.run_id] = submission

    def withdraw_run(self, run_id: str) -> bool:
        """Take back what was asked for in this very turn; ``False`` for a run that was not."""
        return self._children is not None and self._children.pop(run_id, None) is not None

    def end_run(self, request: CancelRequested) -> None:
        """Ask for the end of another run."""
        if self._ended_children is None:
            self._ended_children = []
        self._ended_children.append(request)

    def arm(self, timer: Timer, due_ms: int) -> None:
        """Let a timer of the run fire."""
        self.commands.append(Arm(self.run_id, timer_id(timer), due_ms))

    def disarm(self, step: Step) -> None:
        """Forget the timer of a step, if it has one."""
        if step.timer is not None:
            self.commands.append(Disarm(self.run_id, timer_id(step.timer)))

    def pay(self, cost_nano: int, usage: Usage) -> None:
        """Add what an attempt did cost and use to the run."""
        self.cost_nano += cost_nano
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.kinds = kinds_together(self.kinds, usage.kinds)

    @property
    def usage(self) -> Usage:
        """What the run used until now."""
        return Usage(input_tokens=self.input_tokens, output_tokens=self.output_tokens, **(self.kinds or {}))

    @property
    def visibly_changed(self) -> bool:
        """Whether a reader would see something new."""
        return bool(self.changed) or self.status != self._was or self.is_new

    def write(self) -> None:
        """Write every entry that changed."""
        put, run_id = self._state.put, self.run_id
        if self.is_new:
            put(run_id, HEADER, self.header)
        if self.is_new or self.status != self._was:
            put(run_id, STATUS, self.status)
        for step_id, step in self.changed.items():
            put(run_id, step_field(step_id), step)
        if self._signals is not None:
            put(run_id, SIGNALS, self._signals)
        progress = self._progress_now()
        if self.is_new or progress != self._progress:
            put(run_id, PROGRESS, progress)

    def _progress_now(self) -> Progress:
        return Progress(
            version=self.offset if self.visibly_changed else self._progress.version,
            done=self.done,
            cost_nano=self.cost_nano,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            error=self.error,
            started_at_ms=self.started_at_ms,
            finished_at_ms=self.finished_at_ms,
            maps=self.maps,
            open_steps=self.open_steps,
            ready=tuple(self.ready),
            deadline_ms=self.deadline_ms,
            children_nano=self.children_nano,
            kinds=self.kinds,
        )


def outputs_of(turn: Turn, parent: Step) -> Outputs:
    """Return the outputs of a mapped node's children without those that are left out."""
    node_id, total, left_out = parent.node, parent.total or 0, parent.left_out
    if not left_out:
        return Outputs(total, lambda i: turn.child_output(child_step_id(node_id, i)), parent.output)

    def at(position: int) -> Payload:
        before = bisect_right(range(len(left_out)), position, key=lambda k: left_out[k] - k)
        return turn.child_output(child_step_id(node_id, position + before))

    return Outputs(total - len(left_out), at, parent.output)


def open_turn(state: State, run_id: str, now_ms: int, offset: int, *, chain_steps: bool = False) -> Turn | None:
    """Return the turn of a run that is known. Raises ``ImpossibleMove`` when its entries are not whole."""
    header = cast("Header | None", state.get(run_id, HEADER))
    if header is None:
        return None
    status = cast("RunState | None", state.get(run_id, STATUS))
    progress = cast("Progress | None", state.get(run_id, PROGRESS))
    plan = cast("Plan | None", state.get(spec_entity(header.spec_hash), SPEC))
    if progress is None and status in TERMINAL_RUN:
        # It ended, and all that a restore brought back of it is what tells that, see ``RunFold.lasting``.
        return None
    if status is None or progress is None or plan is None:
        raise ImpossibleMove(f"run {run_id} lacks its status, progress or plan")
    return Turn(
        state,
        header,
        plan,
        status=status,
        progress=progress,
        now_ms=now_ms,
        offset=offset,
        chain_steps=chain_steps,
    )
