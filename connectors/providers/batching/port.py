"""The port of a provider's batch API. It sends and reads; when that is done, and what is recorded, is its caller's."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

from pydantic import SecretStr

from connectors.providers.base import ModelRequest, ModelResponse
from schemas.batches import FinalState
from schemas.errors import StepError


class Line(NamedTuple):
    """One call of a batch, under a name that is unique in it; ``path`` is below the base URL."""

    custom_id: str
    path: str
    body: dict[str, Any]


class Job(NamedTuple):
    """A batch to send. ``id`` is the same whenever the same calls are sent; every custom id begins with it.

    ``key`` is used in place of the environment's.
    """

    id: str
    lines: Sequence[Line]
    key: SecretStr | None = None


class Candidate(NamedTuple):
    """A batch at the provider that is the one that was looked for, or, if not ``sure``, may be.

    A provider that shows names only of batches that have ended leaves one that has not unsure.
    """

    provider_id: str
    sure: bool


class Polled(NamedTuple):
    """How a batch is. ``lost``: the provider knows none of this id. ``failed``: it was refused whole, for ``problem``.

    ``files`` are where its results are.
    """

    state: Literal["open", "ended", "failed", "lost"]
    files: tuple[str, ...] = ()
    problem: str = ""


class LineResult(NamedTuple):
    """What became of a call: the wire's ``body`` of an answer, an ``error``, or neither, since it was not made."""

    custom_id: str
    state: FinalState
    body: Any = None
    error: StepError | None = None


class BatchService(Protocol):
    """A batch API. Methods raise ``StepError`` as providers do: ``details.outcome`` is ``unknown`` where it is."""

    #: Whether the lines are uploaded before the batch is made.
    uploads: bool

    def question(self, request: ModelRequest) -> tuple[str, dict[str, Any]]:
        """Return path and body of a call. Raises a final ``StepError`` ``unsupported_parameter``."""
        ...

    def answer(self, request: ModelRequest, sent: dict[str, Any], received: Any, input_tokens: int) -> ModelResponse:
        """Return the answer in a result's body, served by batch; ``input_tokens`` bounds what it read."""
        ...

    async def upload(self, job: Job) -> str:
        """Upload the lines, and return the file's name. Only where it ``uploads``; a repeat makes another file."""
        ...

    async def create(self, job: Job, file_id: str) -> str:
        """Make the batch, and return the provider's name of it."""
        ...

    async def find(self, job: Job, since_ms: int) -> list[Candidate]:
        """Return the batches that were made since a time and are, or may be, this one. Bodies of lines are not read."""
        ...

    async def poll(self, provider_id: str, key: SecretStr | None) -> Polled:
        """Return how a batch is."""
        ...

    async def results(self, polled: Polled, key: SecretStr | None) -> list[LineResult]:
        """Return what became of the calls of a batch that has ended; calls that it does not name were not made."""
        ...

    async def cancel(self, provider_id: str, key: SecretStr | None) -> None:
        """Ask that no more calls of it are made; one that has ended stays as it is."""
        ...

    async def discard(self, file_id: str, key: SecretStr | None) -> None:
        """Remove a file that was uploaded, or one of results. One that is gone is no error."""
        ...


def surely_not_made(error: StepError) -> bool:
    """Return whether an error of ``create`` says that there is no batch."""
    if error.details.get("outcome") == "unknown":
        return False
    status = error.details.get("status", "")
    refused = status.isdigit() and 400 <= int(status) < 500 and status != "408"
    return refused or error.details.get("outcome") == "not_sent"
