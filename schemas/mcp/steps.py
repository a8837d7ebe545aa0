"""What a tool of our server needs from outside while it works, as data: who serves it asks the HTTP API, or waits."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Any


@dataclass(frozen=True)
class Ask:
    """A request to the HTTP API, sent with the caller's key. ``path`` is escaped."""

    method: str
    path: str
    params: Mapping[str, Json] = field(default_factory=dict)
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    """The answer of the API: its status, and its body as JSON."""

    status: int
    body: Json

    @property
    def ok(self) -> bool:
        """Whether the request succeeded."""
        return self.status < 400


@dataclass(frozen=True)
class Pause:
    """Wait for some seconds."""

    seconds: float


@dataclass(frozen=True)
class Say:
    """Send a message to the client before the answer."""

    message: dict[str, Any]


Step = Ask | Pause | Say
Work = Generator[Step, Answered | None, dict[str, Any]]
"""Yields what it needs, is sent the answer of each ``Ask``, and returns a result."""


class Refused(Exception):
    """The API refused a request: the call of the tool failed, and the model is shown why."""

    def __init__(self, code: str, message: str, details: Mapping[str, Json] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.details = dict(details or {})


def asked(step: Ask) -> Generator[Step, Answered | None, Json]:
    """Return the body of an answer. Raises ``Refused`` for an error."""
    found = yield step
    if found is None:
        raise Refused("no_answer", "the API gave no answer")
    if not found.ok:
        raise refusal(found)
    return found.body


def refusal(found: Answered) -> Refused:
    """Return the error of an answer: its type as the code, its detail, and its problems with their fixes."""
    problem = found.body if isinstance(found.body, dict) else {}
    code = str(problem.get("type", "")).rpartition(":")[2] or f"http_{found.status}"
    message = str(problem.get("detail") or problem.get("title") or f"the API answered {found.status}")
    details: dict[str, Json] = {"status": found.status}
    if problem.get("problems"):
        details["problems"] = problem["problems"]
    return Refused(code, message, details)
