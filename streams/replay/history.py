"""The end of a run as history has it, to compare a replay with."""

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.postgres.history.runs import StoredRun, StoredStep
from schemas.run_states import TERMINAL_RUN
from streams.core.replay.state import UNKNOWN, RunState, StepState, hash_of


def end_of(run: StoredRun, steps: Iterable[StoredStep]) -> RunState | None:
    """Return a run's end, ``None`` while it or its compensation still runs. ``steps`` have their outputs."""
    if run.status not in TERMINAL_RUN or run.compensating:
        return None
    return RunState(
        status=run.status,
        error_code=_code(run.error),
        # Of a run whose outputs are those of its steps, the steps are compared.
        output_hash=UNKNOWN if run.output_in_steps else _output(run),
        cost_nano=run.cost_nano,
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
        started_ms=run.started_ms,
        finished_ms=run.finished_ms,
        steps={step.step_id: _step(step) for step in steps},
    )


def _output(run: StoredRun) -> str:
    return "" if run.output is None else hash_of({node: _value(one) for node, one in run.output.items()})


def _step(step: StoredStep) -> StepState:
    return StepState(
        status=step.status,
        attempts=step.attempt,
        error_code=_code(step.error),
        output_hash="" if step.output is None else hash_of(_value(step.output)),
        cost_nano=step.cost_nano,
        input_tokens=step.input_tokens,
        output_tokens=step.output_tokens,
        started_ms=step.started_ms,
        finished_ms=step.finished_ms,
    )


def _value(payload: Mapping[str, Any]) -> Any:
    return payload.get("value") if payload.get("kind") == "inline" else payload


def _code(error: Mapping[str, Any] | None) -> str:
    return "" if error is None else str(error.get("code", ""))
