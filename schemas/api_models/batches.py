"""Batches of calls at providers."""

from typing import Literal

from schemas.api_models.base import Answer
from schemas.batches import BatchState


class BatchCounts(Answer):
    """Calls of a batch by state; ``open`` are those of which the provider has said nothing yet."""

    open: int = 0
    answered: int = 0
    failed: int = 0
    expired: int = 0
    canceled: int = 0


class BatchAnswer(Answer):
    """A batch. ``provider_id`` is the provider's name of it; ``cost_usd`` is what its calls cost until now.

    ``cancel_requested``: no more of its calls are to be made. ``problem`` says what went wrong last.
    """

    id: str
    provider: str
    model: str
    state: BatchState
    requests: int
    counts: BatchCounts
    cost_usd: str
    cancel_requested: bool
    formed_at: str | None
    submitted_at: str | None
    ended_at: str | None
    provider_id: str | None
    problem: str | None


class BatchCall(Answer):
    """A call of a batch: the step of a run that waits for it, or has its answer. ``open`` as in ``BatchCounts``."""

    call_id: str
    run_id: str
    step_id: str
    attempt: int
    state: Literal["open", "answered", "failed", "expired", "canceled"]
    cost_usd: str
    ended_at: str | None


class BatchCallPage(Answer):
    """Calls of a batch, in the order of their ids."""

    calls: list[BatchCall]
    next_cursor: str | None


class BatchPage(Answer):
    """Batches, newest first."""

    batches: list[BatchAnswer]
