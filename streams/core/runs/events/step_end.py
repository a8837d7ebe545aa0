"""How a step, or an attempt of one, ends: by an output, by an error, and what follows.

An error is tried again if it may be, after a wait whose jitter is a hash of what is retried, so that a replay waits the
same. ``policy.sla_ms`` decides nothing: a miss is counted and shown.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from schemas.payload import Payload
from schemas.records.base import ErrorInfo
from schemas.records.timers import Retry
from schemas.spec.policy import Retries
from streams.core.runs.nodes import compensation
from streams.core.runs.nodes.dispatch import map_went_on, node_done, node_failed
from streams.core.runs.nodes.kind import NO_TIMER, Ended, judged
from streams.core.runs.nodes.kinds import kind_of
from streams.core.runs.nodes.map import map_step_ended
from streams.core.runs.nodes.signal import output_of
from streams.core.runs.plan.model import is_part
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Step

#: A provider that asks for more than this is not obeyed: the longest wait that a policy can name.
MAX_RETRY_AFTER_MS = 86_400_000


def end(run: RunChanges, ended: Ended | None) -> None:
    """End the step that its kind says has ended, if one has. Its timer is gone or fired."""
    if ended is None:
        return
    step = run.recorded(ended.step_id)
    outcome = {"finished_at_ms": run.now_ms, **NO_TIMER} if ended.changes is None else ended.changes
    if ended.error is not None:
        fail(run, ended.step_id, step, ended.error, outcome)
    elif ended.output is not None:
        succeed(run, ended.step_id, step, ended.output, outcome)


def succeed(
    run: RunChanges, step_id: str, step: Step, output: Payload, outcome: Mapping[str, Any], *, continued: bool = False
) -> None:
    """Record the output of a step and continue. ``continued``: its worker executes the next one by itself."""
    where = output_of(output)
    done = run.change(step_id, step, state="succeeded", error=None, **where, **outcome, **judged(run, step))
    if run.is_over:
        compensation.settled(run, done)
    elif not done.is_of_map:
        node_done(run, run.node_of(done), continued=continued)
    else:
        map_went_on(run, run.node_of(done), map_step_ended(run, run.node_of(done), done))


def fail(run: RunChanges, step_id: str, step: Step, error: ErrorInfo, outcome: Mapping[str, Any]) -> None:
    """End an attempt by an error: try again, or fail the step."""
    retries = run.node_of(step).policy.retries
    if not may_retry(retries, step.attempt, error):
        failed = run.change(step_id, step, state="failed", error=error, **outcome, **judged(run, step))
        _after_failure(run, step_id, failed, error)
        return
    wait = wait_ms(retries, run.run_id, step_id, step.attempt, error.retry_after_ms)
    timer, due_ms = Retry(step_id, step.attempt + 1), run.now_ms + wait
    waiting = {**outcome, "timer": timer, "due_ms": due_ms, "waiting_for": "retry"}
    run.change(step_id, step, state="waiting", error=error, **waiting)
    run.arm(timer, due_ms)


def _after_failure(run: RunChanges, step_id: str, failed: Step, error: ErrorInfo) -> None:
    if run.is_over:
        compensation.settled(run, failed)
    elif is_part(step_id):
        end(run, kind_of(run, step_id, failed).on_result(run, step_id, failed, None))
    elif failed.index is not None:
        map_went_on(run, run.node_of(failed), map_step_ended(run, run.node_of(failed), failed))
    else:
        node_failed(run, failed, error)


def may_retry(retries: Retries, attempt: int, error: ErrorInfo) -> bool:
    """Return whether another attempt follows attempt number ``attempt``, which ended with ``error``."""
    wanted = not retries.retry_on or error.code in retries.retry_on
    return error.retryable and wanted and attempt < retries.max_attempts


def wait_ms(retries: Retries, run_id: str, step_id: str, attempt: int, retry_after_ms: int | None) -> int:
    """Return the milliseconds between the end of attempt number ``attempt`` and the next one."""
    longest = min(retries.initial_ms * retries.multiplier ** (attempt - 1), float(retries.max_ms))
    backoff = longest * (1.0 - retries.jitter * _share(run_id, step_id, attempt))
    return max(int(backoff), min(retry_after_ms or 0, MAX_RETRY_AFTER_MS))


def _share(run_id: str, step_id: str, attempt: int) -> float:
    """Return a number in [0, 1) that only these three decide."""
    digest = hashlib.sha256(f"{run_id}\x1f{step_id}\x1f{attempt}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / float(1 << 48)
