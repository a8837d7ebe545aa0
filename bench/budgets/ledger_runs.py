"""A run beside its ledger: both folds in memory, a worker that dies at random, records in any order and repeated."""

import random
from collections.abc import Iterator
from typing import Any

from msgspec import structs

from schemas.payload import inline
from schemas.records.base import ErrorInfo
from schemas.records.money import CallStarted, CostEvent
from schemas.records.run_events import CallSettled, RunSubmitted, StepFailed, StepSucceeded
from schemas.records.run_views import RunView
from schemas.records.steps import StepRequest
from schemas.spec.hash import resolve
from schemas.spec.model import WorkflowSpec
from schemas.spec.rules_version import rules_of
from streams.core.budgets.fold import BudgetsFold
from streams.core.commands import Emit
from streams.core.memory import MemoryState
from streams.core.runs.fold import RunFold

_ORG, _RUN, _NOW_MS = "acme", "run", 1_800_000_000_000
_SPEC = resolve(
    WorkflowSpec.model_validate(
        {
            "name": "flow",
            "version": 1,
            "dag": {
                "nodes": [{"id": name, "type": "function", "config": {"function_name": "f"}} for name in ("a", "b")],
                "edges": [{"from": "a", "to": "b"}],
            },
        }
    ),
    {},
)
Outcome = StepSucceeded | StepFailed


def off_ledger_nano(seed: int) -> int:
    """Return the difference of a random run's cost from the sum of its calls in the ledger."""
    return _Played(random.Random(seed)).off_nano()  # noqa: S311


class _Played:
    """One run: each request is worked on by up to three workers, one after the other or at the same time."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._runs, self._budgets = (RunFold(), MemoryState()), (BudgetsFold(), MemoryState())
        self._calls = self._offset = 0
        self._cost = 0
        self._final: dict[str, CostEvent] = {}
        self._later: list[CostEvent | Outcome] = []

    def off_nano(self) -> int:
        waiting = self._run(_submission())
        while waiting:
            for request in waiting:
                self._work(request)
            waiting = self._said()
        return self._cost - sum(event.amount_nano for event in self._final.values())

    def _work(self, request: StepRequest) -> None:
        for _ in range(self._dice.randint(0, 2)):
            call = self._call(request)
            self._later.append(call.expired())
            if self._dice.random() < 0.5:
                late = _actual(call, self._dice.randint(0, 100))
                self._later.append(structs.replace(late, unreported=True))
        self._later += self._outcome(request, self._call(request))
        self._later += self._dice.sample(self._later, k=min(2, len(self._later)))
        self._dice.shuffle(self._later)

    def _said(self) -> list[StepRequest]:
        """Let all that was said be folded; return what the run asks for."""
        said, self._later = self._later, []
        found: list[StepRequest] = []
        for event in said:
            if isinstance(event, CostEvent):
                for settled in self._settle(event):
                    found += self._run(settled)
            else:
                found += self._run(event)
        return found

    def _call(self, request: StepRequest) -> CallStarted:
        self._calls += 1
        return CallStarted(
            call_id=f"{request.request_id}#{self._calls}",
            org_id=_ORG,
            run_id=_RUN,
            step_id=request.step_id,
            workflow_name="flow",
            provider="p",
            model="m",
            amount_nano=self._dice.randint(100, 200),
            booked_at_ms=_NOW_MS,
            expires_at_ms=_NOW_MS,
            price_version="1",
        )

    def _outcome(self, request: StepRequest, call: CallStarted) -> Iterator[CostEvent | Outcome]:
        """Yield an outcome and its settlement, perhaps after its hold has expired."""
        unknown, failed = self._dice.random() < 0.2, self._dice.random() < 0.3
        settled = call.presumed() if unknown else _actual(call, self._dice.randint(0, 100))
        if self._dice.random() < 0.3:
            yield call.expired()
        yield settled
        said: dict[str, Any] = {
            "run_id": _RUN,
            "org_id": _ORG,
            "step_id": request.step_id,
            "attempt": request.attempt,
            "started_at_ms": _NOW_MS,
            "finished_at_ms": _NOW_MS,
            "cost_nano": settled.amount_nano,
            "call_ids": [call.call_id],
            "presumed_calls": [call.call_id] if unknown else [],
        }
        if failed:
            yield StepFailed(**said, error=ErrorInfo(code="boom", message="it failed", retryable=False))
        else:
            yield StepSucceeded(**said, output=inline(1))

    def _settle(self, event: CostEvent) -> list[CallSettled]:
        known = self._final.get(event.call_id)
        if known is None or (known.kind, event.kind) == ("presumed", "actual"):
            self._final[event.call_id] = event
        rules, state = self._budgets
        commands = rules.fold(state, event, _NOW_MS, self._offset)
        return [one.record for one in commands if isinstance(one, Emit) and isinstance(one.record, CallSettled)]

    def _run(self, event: RunSubmitted | Outcome | CallSettled) -> list[StepRequest]:
        rules, state = self._runs
        self._offset += 1
        emitted = [one.record for one in rules.fold(state, event, _NOW_MS, self._offset) if isinstance(one, Emit)]
        self._cost = next((one.cost_nano for one in reversed(emitted) if isinstance(one, RunView)), self._cost)
        return [one for one in emitted if isinstance(one, StepRequest)]


def _actual(call: CallStarted, amount_nano: int) -> CostEvent:
    return structs.replace(call.presumed(), kind="actual", amount_nano=amount_nano)


def _submission() -> RunSubmitted:
    return RunSubmitted(
        run_id=_RUN,
        org_id=_ORG,
        source="api",
        body_hash="body",
        workflow_name="flow",
        workflow_version=1,
        spec=_SPEC,
        submitted_at_ms=_NOW_MS,
        rules_version=rules_of(_SPEC.spec),
    )
