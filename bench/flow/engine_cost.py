"""What labels cost the engine itself: a run's events folded, its records written and read, its chain followed.

All of it happens in this process, by turns with and without labels, and counts as the CPU time of this thread. The
fastest round of many is what the work costs; the others were disturbed.
"""

import gc
import time
from collections.abc import Iterator
from typing import Any

from bench.workflows import INPUTS, THREE_STEPS, plan_of
from schemas.clock import now_ms
from schemas.payload import inline
from schemas.records.run_events import RunSubmitted, StepSucceeded
from schemas.records.security.pinned import RunSecurity
from schemas.records.steps import StepRequest
from schemas.spec.rules_version import LABELS
from schemas.tables.runs import SPEC, STATUS, spec_entity
from streams.core.commands import Emit
from streams.core.memory import MemoryState
from streams.core.runs.fold import RunFold
from streams.core.runs.plan.compile import compile_plan
from streams.core.runs.requests.chained import next_request
from streams.runtime.routing import to_out
from topics.catalogue import RUN_EVENTS, lane
from topics.codec import decode, encode

RUN = "run-1"
_PLAN = plan_of(THREE_STEPS)
_COMPILED = compile_plan(_PLAN.resolved)
_FOLD = RunFold(chain_steps=True)
_SECURITY = RunSecurity(policy="bench@1", policy_hash="0" * 64, inputs={"$": ["user"]})


def engine_costs(rounds: int, runs: int) -> tuple[float, float]:
    """Return what the engine spends on a run of three functions without labels and with them, in us of CPU."""
    plain, labelled = _submitted(None), _submitted(_SECURITY)
    found: dict[bytes, float] = {plain: float("inf"), labelled: float("inf")}
    enabled = gc.isenabled()
    gc.disable()
    try:
        for number in range(rounds):
            for one in (plain, labelled) if number % 2 else (labelled, plain):
                found[one] = min(found[one], _round(one, runs))
            gc.collect()
    finally:
        if enabled:
            gc.enable()
    return found[plain], found[labelled]


def _round(submitted: bytes, runs: int) -> float:
    began = time.thread_time()
    for _ in range(runs):
        _run(submitted)
    return 1e6 * (time.thread_time() - began) / runs


def _run(submitted: bytes) -> None:
    """Fold a run to its end, by the records that its worker appends."""
    state = MemoryState()
    state.put(spec_entity(_PLAN.resolved.hash), SPEC, _COMPILED)
    waiting, offset = [submitted], 0
    while waiting:
        event: Any = decode(RUN_EVENTS, waiting.pop(0))
        records = [one.record for one in _FOLD.fold(state, event, now_ms(), offset) if isinstance(one, Emit)]
        offset += 1
        for record in records:
            encoded = encoded_by(record)
            if isinstance(record, StepRequest):
                waiting += _worked(decode(lane(record.tier), encoded))
    assert state.get(RUN, STATUS) == "succeeded"


def _worked(request: Any) -> Iterator[bytes]:
    """Yield what a worker appends, which continues with the chained steps by itself."""
    asked: StepRequest | None = request
    while asked is not None:
        output = inline({"result": asked.args})
        then = next_request(asked, output, 0, now_ms())
        said: dict[str, Any] = {} if then is None else {"chain": "continues"}
        yield encoded_by(
            StepSucceeded(
                run_id=asked.run_id,
                org_id=asked.org_id,
                step_id=asked.step_id,
                attempt=asked.attempt,
                started_at_ms=asked.requested_at_ms,
                finished_at_ms=asked.requested_at_ms,
                worker_id="bench",
                output=output,
                args_hash=asked.args_hash,
                **said,
            )
        )
        asked = then


def encoded_by(record: Any) -> bytes:
    """Return a record's value as it is appended, with its headers made."""
    value = to_out(record).value
    assert value is not None
    return value


def _submitted(security: RunSecurity | None) -> bytes:
    version = _PLAN.rules_version if security is None else max(_PLAN.rules_version, LABELS)
    return encode(
        RunSubmitted(
            run_id=RUN,
            org_id="bench",
            source="bench",
            body_hash="body",
            workflow_name=_PLAN.resolved.spec.name,
            workflow_version=_PLAN.version,
            spec=_PLAN.resolved,
            inputs=INPUTS,
            submitted_at_ms=now_ms(),
            rules_version=version,
            security=security,
        )
    )
