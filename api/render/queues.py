"""Leased steps as answers."""

from typing import Any

import orjson
from msgspec import to_builtins

from schemas.api_models.operations.queues import LeasedStep, LeasedWork
from services.runs.leasing.leases import Leased


def leased(step: Leased, lease_s: float) -> LeasedStep:
    """Return a leased step as it is answered."""
    request = step.request
    work: dict[str, Any] = to_builtins(request.work)
    return LeasedStep(
        lease=step.lease,
        lease_s=lease_s,
        run_id=request.run_id,
        org_id=request.org_id,
        step_id=request.step_id,
        node_id=request.node_id,
        attempt=request.attempt,
        starts=step.starts,
        workflow_name=request.workflow_name,
        workflow_version=request.workflow_version,
        work=LeasedWork(**work),
        args=step.args,
        idempotency_key=request.idempotency_key,
        timeout_ms=request.timeout_ms,
        progress=orjson.loads(step.progress) if step.progress else None,
        on_unknown=request.on_unknown,
        capture=request.capture,
        compensation=request.compensation,
        tags=request.tags,
    )
