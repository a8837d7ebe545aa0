"""A step as a worker has it, how it ended, and where steps come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

#: No progress is sent: the last one stays.
NOTHING = object()


@dataclass(frozen=True)
class Step:
    """One attempt of a step. ``handle`` is for the queue that gave it."""

    run_id: str
    org_id: str
    step_id: str
    attempt: int
    kind: str
    name: str
    config: Mapping[str, Any]
    args: Mapping[str, Any]
    idempotency_key: str
    timeout_s: float | None
    starts: int = 1
    progress: Any = None
    on_unknown: str = "retry"
    handle: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed."""

    code: str
    message: str
    retryable: bool = False
    retry_after_ms: int | None = None


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: with ``failure``, or else with ``output``."""

    output: Any = None
    failure: Failure | None = None


class Queue(Protocol):
    """Gives steps and takes their outcomes. Every method may raise ``WorkerError``."""

    #: How often a step must be extended, in seconds; ``None`` where nothing is to be extended.
    extend_every_s: float | None

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Disconnect."""

    async def take(self, most: int) -> list[Step]:
        """Return up to ``most`` steps, waiting a while for the first one."""
        ...

    async def extend(self, step: Step, progress: Any = NOTHING) -> bool:
        """Say that a step is worked on; return true if nobody waits for it any more. Raises ``LeaseLost``."""
        ...

    async def complete(self, step: Step, outcome: Outcome) -> None:
        """Report how a step ended. Raises ``LeaseLost``."""
        ...

    async def release(self, step: Step) -> None:
        """Return a step that was not worked on."""
        ...
