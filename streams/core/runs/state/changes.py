"""One event's changes of one run: the steps that begin and end, and all that is requested. Written at its end.

The rules take it and change it; ``fold`` closes it, which writes the entries that changed and returns the commands.
"""

from collections.abc import Sequence

import msgspec

from schemas.metrics import LATE_EVENTS_TOTAL
from schemas.records.base import Json, Usage, kinds_together
from schemas.records.run_events import CancelRequested, RunSubmitted
from schemas.records.timers import Timer, timer_id
from schemas.run_states import TERMINAL_RUN, TERMINAL_STEP, RunState
from schemas.tables.runs import OTHER_CALLS, SIGNALS, SPEC, STATUS, spec_entity
from schemas.tables.signals import Signals
from streams.core.commands import Arm, Count, Disarm, Emit
from streams.core.runs.labels import steps as labels
from streams.core.runs.labels.endorsed import endorsement
from streams.core.runs.labels.pinned import Pinned
from streams.core.runs.plan.model import Plan, is_part
from streams.core.runs.state.entries import HEADER, PROGRESS, Booked, Progress, Step, step_field
from streams.core.runs.state.reader import RunReader
from streams.core.runs.transitions import ImpossibleMove, check_run_move, check_step_move
from streams.core.state import State


def late(reason: str) -> Count:
    """Return the count of an event that came too late, twice, or for something that is not ours."""
    return Count(LATE_EVENTS_TOTAL, (("reason", reason),))


class RunChanges(RunReader):
    """A run during one event, to be changed. Attributes may be assigned; steps go through ``begin`` and ``change``.

    Beside ``requests`` it asks for runs and for the ends of those (``to_other_runs``).
    """

    def move(self, status: RunState) -> None:
        """Change the run's status. Raises ``ImpossibleMove``."""
        check_run_move(self.status, status)
        self.status = status

    def labelled(self, step_id: str, step: Step) -> Step:
        """Return a step that begins with the labels of what decided it and of what it reads, in a run that has some."""
        return step if self.security is None else labels.begun(self, self.security, step_id, step)

    def begin(self, step_id: str, step: Step, *, reused: bool = False) -> None:
        """Give a step that is ready its entry. What is ``reused`` has its labels. Raises ``ImpossibleMove``."""
        known = self.step(step_id)
        if known is not None and known.state not in ("pending", "ready"):
            raise ImpossibleMove(f"step '{step_id}' starts a second time")
        check_step_move("ready", step.state)
        self.open_steps += self._takes_place(step_id, step)
        if self.security is not None and not reused:
            if step.decided is None or step.read is None:
                step = labels.begun(self, self.security, step_id, step)
            step = self._with_end(self.security, step_id, step) if step.state in TERMINAL_STEP else step
        self.changed[step_id] = step

    def skip(self, node_id: str, note: str, asked: Step | None = None) -> None:
        """Skip a node that was never requested. ``asked`` is its step as its condition saw it, if that decided.

        Raises ``ImpossibleMove``.
        """
        before = self.step(node_id) or Step(node_id, "pending")
        check_step_move(before.state, "skipped")
        now = self.now_ms
        skipped = msgspec.structs.replace(before, state="skipped", note=note, requested_at_ms=now, finished_at_ms=now)
        if self.security is not None:
            skipped = labels.skipped(self, self.security, node_id, skipped, asked)
        self.changed[node_id] = skipped

    def leave(self, step_id: str, step: Step) -> None:
        """Give a step that is not requested an entry, which says only what was spent on it."""
        self.changed[step_id] = step

    def change(self, step_id: str, old: Step, **changes: Json) -> Step:
        """Change a step and return it. Raises ``ImpossibleMove``."""
        new = msgspec.structs.replace(old, **changes)
        if new.state != old.state:
            check_step_move(old.state, new.state)
            if self.security is not None and new.state in TERMINAL_STEP:
                new = self._with_end(self.security, step_id, new)
        self.open_steps += self._takes_place(step_id, new) - self._takes_place(step_id, old)
        self.changed[step_id] = new
        return new

    def _with_end(self, security: Pinned, step_id: str, step: Step) -> Step:
        """Return a step that has just ended with the labels of what it gave; an endorsement is recorded."""
        step = labels.ended(self, security, step_id, step)
        if security.endorses and (said := endorsement(self, security, step_id, step)) is not None:
            self.commands.append(Emit(said))
        return step

    def _takes_place(self, step_id: str, step: Step) -> bool:
        """Return whether a step takes one of its run's places, see ``nodes.concurrency``.

        ``False`` where nobody counts them.
        """
        if self.plan.max_parallel is None or step.state not in ("running", "waiting"):
            return False
        if step.total is not None or step.gather is not None:
            return False
        return self.plan.nodes[step.node].work is not None or is_part(step_id)

    def set_signals(self, signals: Signals) -> None:
        """Change the signals that the run keeps."""
        self._signals = signals

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
        """Take back what was requested in this very event; ``False`` for a run that was not."""
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
        """Add the cost and the usage of an attempt to the run's."""
        self.cost_nano += cost_nano
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.kinds = kinds_together(self.kinds, usage.kinds)

    def book_other(self, call_id: str, booked: Booked) -> None:
        """Set what a call counts for the run, for none of its steps."""
        self._other_calls = {**self.other_calls, call_id: booked}

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
        if self._other_calls is not None:
            put(run_id, OTHER_CALLS, self._other_calls)
        progress = self._progress_now()
        if self.is_new or progress != self._progress:
            put(run_id, PROGRESS, progress)

    def _progress_now(self) -> Progress:
        return Progress(
            version=self.version,
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


def open_run(state: State, run_id: str, now_ms: int, offset: int, *, chain_steps: bool = False) -> RunChanges | None:
    """Return the changes of a run that is known. Raises ``ImpossibleMove`` when its entries are not whole."""
    header = state.get(run_id, HEADER)
    if header is None:
        return None
    status = state.get(run_id, STATUS)
    progress = state.get(run_id, PROGRESS)
    plan: Plan | None = state.get(spec_entity(header.spec_hash), SPEC)
    if progress is None and status in TERMINAL_RUN:
        # It ended, and all that a restore brought back of it is what tells that, see ``RunFold.lasting``.
        return None
    if status is None or progress is None or plan is None:
        raise ImpossibleMove(f"run {run_id} lacks its status, progress or plan")
    return RunChanges(
        state,
        header,
        plan,
        status=status,
        progress=progress,
        now_ms=now_ms,
        offset=offset,
        chain_steps=chain_steps,
    )
