"""Updates: signals whose sender gets an answer, the output of a node that runs after the signal's.

An update is a signal, and there is no state of it but which step got it, which the run's table remembers
(``Signals.given``). So it is taken once by its id, and its answer is the recorded output of a step: a repeat with
the same id gets the same one, for as long as the table has the run.

    an update is    when
    pending         it is kept for a step to come, or the answering step has not ended
    answered        the answering step has succeeded
    failed          that step failed, was skipped or canceled, or the run ended before it began
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from cachetools import LRUCache

from connectors.postgres.history.run_steps import RunSteps
from connectors.postgres.history.runs import Runs, StoredStep
from connectors.postgres.workflows import Workflows
from connectors.redis.readers.signals import SignalsReader
from schemas.errors import InvalidInput, NotFound, Problem
from schemas.payload import PathPart
from schemas.run_states import TERMINAL_RUN
from schemas.spec.answers import Answering, answering_step, answers_of
from schemas.spec.model import WorkflowSpec

#: A version of a workflow never changes, so its answers are remembered.
REMEMBERED = 1_000
#: Between two looks: soon at first, since most answers take some tens of milliseconds, then seldom.
FIRST_PAUSE_S = 0.01
LONGEST_PAUSE_S = 0.25
GROWTH = 1.4

UpdateState = Literal["pending", "answered", "failed"]


@dataclass(frozen=True, slots=True)
class Update:
    """An update as of now. ``step`` is the answering one, as far as it is known, and ``path`` leads into its output."""

    state: UpdateState
    step: StoredStep | None = None
    path: list[PathPart] = field(default_factory=list)
    run_ended: str = ""


class Updates:
    """Reads what became of updates. Every method raises ``Unavailable`` when a store does not answer."""

    def __init__(
        self,
        history: Runs,
        steps: RunSteps,
        workflows: Workflows,
        signals: SignalsReader,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._history = history
        self._steps = steps
        self._workflows = workflows
        self._signals = signals
        self._monotonic = monotonic
        self._answers: LRUCache[tuple[str, str, int], Mapping[str, Answering]] = LRUCache(REMEMBERED)

    async def check_answers(self, org_id: str, workflow: str, version: int, name: str) -> None:
        """Raise ``InvalidInput`` for a signal that no node of a workflow answers."""
        known = {one.name for one in (await self._of(org_id, workflow, version)).values()}
        if name not in known:
            said = f"no node of {workflow} version {version} that waits for the signal {name!r} has an `answer`"
            fix = f"updates are {', '.join(sorted(known))}" if known else "send it as a signal, or give the node one"
            raise InvalidInput.of(Problem("path.name", said, fix))

    async def find(self, org_id: str, run_id: str, signal_id: str) -> Update | None:
        """Return an update, ``None`` for an id that the run has not taken, or does not remember."""
        signals = await self._signals.kept(run_id)
        run = await self._history.status(org_id, run_id)
        if run is None:
            # A run that history does not have yet may have taken it; one of another organisation may not be read.
            return None
        step_id = signals.step_of(signal_id)
        if step_id is None:
            if signal_id not in signals.ids:
                return None
            ended = run.status in TERMINAL_RUN
            return Update("failed", run_ended=run.status) if ended else Update("pending")
        found = answering_step(await self._of(org_id, run.workflow_name, run.workflow_version), step_id)
        if found is None:
            return None
        answering, answer_id = found
        steps = await self._steps.some(org_id, run_id, [answer_id])
        return _of_step(steps[0] if steps else None, answering, run.status)

    async def wait(self, org_id: str, run_id: str, signal_id: str, timeout_s: float) -> Update:
        """Return an update when it has ended, or as it is after ``timeout_s``."""
        until, pause_s = self._monotonic() + timeout_s, FIRST_PAUSE_S
        while True:
            found = await self.find(org_id, run_id, signal_id)
            left_s = until - self._monotonic()
            if (found is not None and found.state != "pending") or left_s <= 0:
                return found or Update("pending")
            await asyncio.sleep(min(pause_s, left_s))
            pause_s = min(pause_s * GROWTH, LONGEST_PAUSE_S)

    async def _of(self, org_id: str, workflow: str, version: int) -> Mapping[str, Answering]:
        key = (org_id, workflow, version)
        known = self._answers.get(key)
        if known is None:
            stored = await self._workflows.get(org_id, workflow, version)
            known = self._answers[key] = answers_of(WorkflowSpec.model_validate(stored.spec))
        return known


def _of_step(step: StoredStep | None, answering: Answering, status: str) -> Update:
    path = list(answering.reference.path)
    if step is not None and step.status == "succeeded":
        return Update("answered", step, path)
    if step is not None and step.status in ("failed", "skipped", "canceled"):
        return Update("failed", step, path)
    if status in TERMINAL_RUN:
        return Update("failed", step, path, run_ended=status)
    return Update("pending", step, path)


def unknown_update(run_id: str, update_id: str) -> NotFound:
    """Return the error of an update that a run does not know."""
    why = "it was not sent, or the run has left its table, an hour after its end"
    return NotFound(f"run {run_id} knows no update {update_id}: {why}")
