"""What can go wrong at a worker.

WorkerError
├── NotAllowed       the key is missing, unknown, or may not serve the queue (401, 403)
├── QueueUnknown     no workflow names the queue yet (404)
├── LeaseLost        another worker has the attempt: discard the work (409)
├── InvalidRequest   what was sent is invalid, such as an output that is too large (400, 413, 422)
└── Unreachable      no answer, or an overloaded server, for longer than retries last

``StepError`` and ``Canceled`` are for users' functions.
"""

from agentflow.errors import AgentFlowError


class WorkerError(AgentFlowError):
    """Root of a worker's errors. ``status`` is that of the answer, 0 without one; ``problem`` its type."""

    def __init__(self, message: str, status: int = 0, problem: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.problem = problem


class NotAllowed(WorkerError):
    """The key may not do this."""


class QueueUnknown(WorkerError):
    """No workflow names the queue."""


class LeaseLost(WorkerError):
    """The lease is over."""


class InvalidRequest(WorkerError):
    """The server refuses the request."""


class Unreachable(WorkerError):
    """The server does not answer."""


class Canceled(Exception):
    """The run is over, or another worker has the step: stop."""


class StepError(Exception):
    """Raised by a tool to classify a failure: ``code`` is short and stable, a ``retryable`` one is tried again."""

    def __init__(
        self, code: str, message: str = "", *, retryable: bool = False, retry_after_ms: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms


def of_status(status: int, message: str, problem: str) -> WorkerError:
    """Return the error of an answer."""
    kinds = {401: NotAllowed, 403: NotAllowed, 404: QueueUnknown, 409: LeaseLost}
    if status in kinds:
        return kinds[status](message, status, problem)
    kind = InvalidRequest if 400 <= status < 500 and status not in (408, 429) else Unreachable
    return kind(message, status, problem)
