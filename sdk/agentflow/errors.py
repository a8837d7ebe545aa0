"""Errors of the client say how to react. Each of an answer carries its problem details (RFC 9457).

AgentFlowError
├── NotConfigured             no endpoint or no key: set them
├── NoAnswer                  the connection failed, in every attempt; the server may have acted
├── TimedOut                  the time limit is over; the server may have acted
├── UnexpectedAnswer          an answer that this version cannot read: upgrade, or read ``response``
├── InvalidWorkflow           a document that was checked locally: ``problems`` names every invalid part and its fix
├── RunFailed                 a run that was awaited did not succeed; ``run`` is it
└── APIError                  an error answer
    ├── OrganisationMoved     307: it is in another cell, whose address AGENTFLOW_CELLS does not have
    ├── Invalid               400, 405, 408, 413, 415, 422: ``problems`` names every invalid part and its fix
    ├── Unauthenticated       401
    ├── BudgetExceeded        402, or a problem type ``budget-exceeded``
    ├── Forbidden             403
    ├── NotFound              404
    ├── Conflict              409: the state does not allow it, or has changed
    ├── RateLimited           429: ``retry_after_s``
    ├── Unavailable           502, 503, 504: ``retry_after_s``, ``dependency``
    │   └── OutcomeUnknown    a submission that may have been accepted; ``run_id`` names its run
    └── ServerFault           any other 5xx
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentflow.client.response import Response
    from agentflow.models import RunAnswer

_TYPE = "urn:agentflow:problem:"


class AgentFlowError(Exception):
    """Root of every error that this package raises on purpose."""


class NotConfigured(AgentFlowError):
    """The client has no endpoint or no key."""


class NoAnswer(AgentFlowError):
    """No attempt had an answer. The server may have acted on the request, unless ``sent`` is false.

    ``idempotency_key`` is that of a POST: the same request with it has no second effect where the API honours keys.
    """

    def __init__(
        self, message: str, *, sent: bool = True, attempts: int = 1, idempotency_key: str | None = None
    ) -> None:
        super().__init__(message)
        self.sent = sent
        self.attempts = attempts
        self.idempotency_key = idempotency_key


class TimedOut(AgentFlowError):
    """The time limit is over. ``idempotency_key`` as of ``NoAnswer``."""

    def __init__(self, message: str, *, idempotency_key: str | None = None) -> None:
        super().__init__(message)
        self.idempotency_key = idempotency_key


class UnexpectedAnswer(AgentFlowError):
    """A success whose body is not what this version of the package knows; ``response`` has it."""

    def __init__(self, message: str, response: "Response") -> None:
        super().__init__(message)
        self.response = response


class RunFailed(AgentFlowError):
    """A run ended as ``failed`` or ``canceled``."""

    def __init__(self, run: "RunAnswer") -> None:
        reason = f": {run.error.code}: {run.error.message}" if run.error is not None else ""
        super().__init__(f"run {run.id} of {run.workflow_name} is {run.status}{reason}")
        self.run = run


class InvalidWorkflow(AgentFlowError):
    """A workflow document, or the inputs of a run, as the local check sees them; ``problems`` names every one."""

    def __init__(self, problems: "Sequence[ProblemPart]") -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class ProblemPart:
    """One invalid part of a request: its path, the problem, and how to fix it."""

    path: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}" if self.path else self.message
        return f"{text}; {self.fix}" if self.fix else text


class APIError(AgentFlowError):
    """An error answer. ``type`` is the last part of the problem's type, which is stable, such as ``invalid-input``."""

    def __init__(self, response: "Response", problem: Mapping[str, Any]) -> None:
        self.response = response
        self.problem = problem
        self.status = response.status
        self.request_id = response.request_id
        self.type = str(problem.get("type", "")).removeprefix(_TYPE)
        self.title = str(problem.get("title", ""))
        # OTLP's answers are a google.rpc.Status, whose text is its message.
        said = str(problem.get("detail") or problem.get("message") or "")
        self.detail = said or f"the answer has status {response.status}"
        self.problems = tuple(_parts(problem.get("problems")))
        super().__init__(f"{self.status} {self.type or self.title}: {self.detail}".replace(" :", ":"))

    @property
    def retry_after_s(self) -> float | None:
        """How long to wait before another attempt, in seconds, if the server said so."""
        return self.response.retry_after_s

    @property
    def dependency(self) -> str | None:
        """The service behind the API that did not answer, such as ``kafka``."""
        return _text(self.problem, "dependency")

    @property
    def run_id(self) -> str | None:
        """The run that the answer is about."""
        return _text(self.problem, "run_id")


class Invalid(APIError):
    """The request is not valid; ``problems`` names every invalid part."""


class OrganisationMoved(APIError):
    """The organisation is in another cell. Its key is sent there once ``AGENTFLOW_CELLS`` has the address."""

    @property
    def address(self) -> str:
        """Where the request is to be sent."""
        return self.response.headers.get("location", "")


class Unauthenticated(APIError):
    """The key is missing or unknown."""


class BudgetExceeded(APIError):
    """A budget has no room."""


class Forbidden(APIError):
    """The key lacks the permission, or belongs to another organisation."""


class NotFound(APIError):
    """The organisation has no such resource."""


class Conflict(APIError):
    """Conflicts with the resource's current state."""


class RateLimited(APIError):
    """A limit is reached; retry after ``retry_after_s``."""


class Unavailable(APIError):
    """The API or a dependency does not answer; retry after ``retry_after_s``."""


class OutcomeUnknown(Unavailable):
    """A submission that may have been accepted: send it again with the same key, or read ``run_id``."""


class ServerFault(APIError):
    """The server failed; its log has the reason."""


_BY_TYPE: Mapping[str, type[APIError]] = {
    "budget-exceeded": BudgetExceeded,
    "run-budget-exceeded": BudgetExceeded,
    "outcome-unknown": OutcomeUnknown,
}
_BY_STATUS: Mapping[int, type[APIError]] = {
    307: OrganisationMoved,
    401: Unauthenticated,
    402: BudgetExceeded,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def error_of(response: "Response") -> APIError:
    """Return the error of an answer that is none of 2xx."""
    problem = _problem(response)
    kind = _BY_TYPE.get(str(problem.get("type", "")).removeprefix(_TYPE)) or _BY_STATUS.get(response.status)
    return (kind or (ServerFault if response.status >= 500 else Invalid))(response, problem)


def _problem(response: "Response") -> Mapping[str, Any]:
    try:
        found = json.loads(response.content)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    # A proxy in between answers with a page of its own.
    return {"title": f"status {response.status}", "detail": response.text[:200].strip()}


def _parts(found: Any) -> Sequence[ProblemPart]:
    parts = [part for part in found if isinstance(part, dict)] if isinstance(found, list) else []
    return [ProblemPart(*(str(part.get(name, "")) for name in ("path", "message", "fix"))) for part in parts]


def _text(problem: Mapping[str, Any], name: str) -> str | None:
    found = problem.get(name)
    return found if isinstance(found, str) else None
