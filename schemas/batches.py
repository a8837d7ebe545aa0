"""Calls that go to a provider as parts of a batch: their states, and what is stored of them."""

from typing import Literal

from msgspec import Struct

from schemas.errors import StepError
from schemas.ids import content_hash
from schemas.payload import Payload
from schemas.records.base import ErrorInfo, Usage
from schemas.records.money import CallStarted
from schemas.spec.policy import BatchMode

#: Providers with a batch API that is spoken here.
BATCH_PROVIDERS = frozenset({"openai", "anthropic"})

FinalState = Literal["answered", "failed", "expired", "canceled"]
ItemState = Literal["new", "ready", "batched", "answered", "failed", "expired", "canceled"]
"""``new``: no money is held yet. ``ready``: it waits for others to go with. ``batched``: it is part of a batch.

The others are final: the provider answered it, failed it, or never made it.
"""
FINAL_ITEM: frozenset[FinalState] = frozenset({"answered", "failed", "expired", "canceled"})

OPEN_ITEM: tuple[ItemState, ...] = ("new", "ready", "batched")

BatchState = Literal["formed", "submitting", "submitted", "canceling", "ended"]
"""``submitting``: it is sent now, or nobody knows whether the provider has it."""

#: How a call of a batch is served, as prices know it.
BATCH_SERVED = (("processing", "batch"),)
#: A hold outlives the wait for others, the provider's 24 hours and the collection.
BATCH_HOLD_MS = 27 * 3_600_000


def batch_call_id(request_id: str) -> str:
    """Return the id of the one batched call of an attempt, however often the attempt is delivered."""
    return f"{request_id}#batch"


def batch_id(call_ids: list[str]) -> str:
    """Return the id of the batch of these calls: the same calls are the same batch."""
    return "batch_" + content_hash("\n".join(sorted(call_ids)).encode())[:24]


def custom_id(batch: str, call_id: str) -> str:
    """Return the name of a call inside its batch: at most 64 letters, digits, '-' and '_'."""
    return f"{batch}-{content_hash(call_id.encode())[:32]}"


class Wake(Struct, frozen=True, kw_only=True):
    """The deferred step that waits for a call. ``deferral`` is the one whose timer wakes it."""

    run_id: str
    step_id: str
    attempt: int
    deferral: int


class Question(Struct, frozen=True, kw_only=True):
    """A call as it is sent: the wire's path and body, and the most tokens that it may count."""

    path: str
    body: Payload
    size: int
    input_tokens: int
    max_tokens: int


class ItemResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a call: an answer with its usage and price, or why there is none."""

    answer: Payload | None = None
    usage: Usage = Usage()
    served: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    cost_nano: int = 0
    error: ErrorInfo | None = None


class BatchItem(Struct, frozen=True, kw_only=True):
    """One call. Times are milliseconds since the Unix epoch.

    ``started`` has the money that is held for it and what its settlement needs. ``ends_with`` is the run whose end
    makes the answer useless; empty for a step that runs although its run has ended. ``wanted`` is false from then on.
    ``settled``: its settlement is in the log. ``taken``: its step has what became of it.
    """

    call_id: str
    mode: BatchMode
    key_name: str
    started: CallStarted
    wake: Wake
    question: Question
    ends_with: str = ""
    state: ItemState = "new"
    created_ms: int = 0
    ready_ms: int = 0
    done_ms: int = 0
    batch_id: str = ""
    wanted: bool = True
    settled: bool = False
    taken: bool = False
    wake_ms: int = 0
    result: ItemResult | None = None

    @property
    def org_id(self) -> str:
        """The organisation that pays."""
        return self.started.org_id

    @property
    def group(self) -> "Group":
        """The calls that may go with it."""
        return Group(self.org_id, self.started.provider, self.started.model, self.key_name)


class Group(Struct, frozen=True, order=True):
    """Calls that may be in one batch: of one organisation, provider, model and key."""

    org_id: str
    provider: str
    model: str
    key_name: str


class ProviderBatch(Struct, frozen=True, kw_only=True):
    """One batch. ``attempted_ms`` is when it was sent last; ``lease`` names the process that works on it.

    ``file_id`` and ``provider_id`` are the provider's names of what was uploaded and of the batch. From ``cancel`` on
    it is to be canceled.
    """

    id: str
    group: Group
    state: BatchState = "formed"
    requests: int
    formed_ms: int
    attempted_ms: int = 0
    submitted_ms: int = 0
    ended_ms: int = 0
    due_ms: int = 0
    expires_ms: int = 0
    file_id: str = ""
    provider_id: str = ""
    cancel: bool = False
    problem: str = ""
    lease: str = ""
    leased_until_ms: int = 0


def to_error(error: ErrorInfo) -> StepError:
    """Return a stored error as it is raised."""
    return StepError(
        error.code,
        error.message,
        retryable=error.retryable,
        retry_after_ms=error.retry_after_ms,
        details=dict(error.details),
    )


def to_info(error: StepError) -> ErrorInfo:
    """Return an error as it is stored."""
    return ErrorInfo(
        code=error.code,
        message=str(error)[:2_000],
        retryable=error.retryable,
        retry_after_ms=error.retry_after_ms,
        details={name: str(value) for name, value in error.details.items()},
    )
