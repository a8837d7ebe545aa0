"""Exceptions tell the caller how to react.

AgentFlowError
├── Rejected                  the input is wrong: report it to the sender, never retry
│   ├── InvalidSpec           a workflow document; carries every problem with its path
│   ├── InvalidInput          a request body or a run's inputs
│   │   ├── PrivacyRefused    they hold data that a policy refuses, or nothing could look at them
│   │   └── SubjectRequired   a workflow's runs must name a data subject, and this one names none
│   ├── SubmissionConflict    the same id came with another body
│   ├── Conflict              conflicts with the resource's current state
│   ├── NotFound              the organisation has no such resource
│   ├── Unauthenticated       the API key is missing or unknown
│   ├── Forbidden             a valid key without the permission
│   ├── TooLarge              over a stated limit
│   └── SubjectErased         the data of a person whose key was destroyed
├── TryLater                  nothing was lost: retry after ``retry_after_s``
│   ├── Unavailable           a dependency does not answer
│   │   ├── AccessRefused     it refuses a certificate or a login: an operator must change something
│   │   ├── OrganisationMoving  the organisation is on its way to another cell
│   │   │   └── OrganisationLeft  it is in another cell, whose address is in ``url``
│   │   └── OutcomeUnknown    it did not say whether it took a submission, which names its run
│   └── Overloaded            a concurrency limit is reached
│       └── RateLimited       a key has sent more requests than it may
├── BadRecord                 dead-letter the record's bytes and continue
│   └── Undecodable
│       └── BadValue          JSON that breaks a rule of values; carries the problem with its path
├── NewerMajor                pause the partition: this reader is too old for the record
├── Ownership                 the engine must stop folding this partition
│   ├── Fenced                another owner has a higher epoch: take over again or leave
│   └── PositionLost          the table's position is gone or behind: restore
└── StepError                 the outcome of one attempt; ``retryable`` decides what is next
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class AgentFlowError(Exception):
    """Root of every error that AgentFlow raises on purpose."""


@dataclass(frozen=True)
class Problem:
    """One problem in a document.

    ``path`` points into the document (``dag.nodes[2].config.prompt_ref``), ``message`` states the problem and ``fix``
    how to fix it.
    """

    path: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}" if self.path else self.message
        return f"{text}; {self.fix}" if self.fix else text


class Rejected(AgentFlowError):
    """The input is wrong; a retry cannot help."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class InvalidSpec(Rejected):
    """A workflow document that cannot be registered."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(str(p) for p in problems), problems)


class InvalidInput(Rejected):
    """A request body, or the inputs of a run, are invalid."""

    @classmethod
    def of(cls, *problems: Problem, shown: int | None = None) -> "InvalidInput":
        """Return the error of these problems. Its message has the first ``shown`` of them, or all."""
        return cls("; ".join(map(str, problems[:shown])), problems)


class UnknownPrompt(InvalidInput):
    """A workflow needs a prompt that does not exist, is archived, or is named by a label that was removed."""


class PrivacyRefused(InvalidInput):
    """What was sent holds data that a policy refuses. ``decisions`` are those for the audit log; none has the data."""

    def __init__(self, message: str, decisions: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.decisions = list(decisions)


class SubjectRequired(InvalidInput):
    """A submission names no data subject, and its workflow has ``subject: required``."""


class SubmissionConflict(Rejected):
    """The submission id was used before with another body."""


class Conflict(Rejected):
    """The request conflicts with the current state: a version with another document exists, or the run has ended."""


class NotFound(Rejected):
    """The organisation has no such resource."""


class Unauthenticated(Rejected):
    """The request has no API key, or one that is unknown, expired or revoked."""


class Forbidden(Rejected):
    """The API key is valid and lacks the permission."""


class TooLarge(Rejected):
    """Over a stated size limit."""


class SubjectErased(Rejected):
    """The key of the data subject was destroyed: what was sealed with it can never be read, and nothing new is."""


_REASONS: tuple[tuple[type[Rejected], str], ...] = (
    (NotFound, "not_found"),
    (Conflict, "conflict"),
    (PrivacyRefused, "privacy_refused"),
    (UnknownPrompt, "unknown_prompt"),
    (SubjectRequired, "subject_required"),
    (InvalidInput, "invalid_input"),
    (SubmissionConflict, "submission_conflict"),
    (TooLarge, "too_large"),
    (SubjectErased, "subject_erased"),
)


def rejection_reason(exc: Rejected) -> str:
    """Return the short reason by which a record of a submission that was rejected is dead-lettered."""
    return next((reason for kind, reason in _REASONS if isinstance(exc, kind)), "rejected")


class TryLater(AgentFlowError):
    """Nothing was lost; the same request may succeed after ``retry_after_s`` seconds."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(TryLater):
    """A dependency does not answer; ``dependency`` names it (``kafka``, ``redis``, …)."""

    def __init__(self, dependency: str, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(f"{dependency}: {message}", retry_after_s)
        self.dependency = dependency


class AccessRefused(Unavailable):
    """It refuses this process' certificate or login, or this process its certificate; the message has the fix.

    Nothing is lost, and nothing changes until an operator changes it.
    """

    def __init__(self, dependency: str, message: str) -> None:
        super().__init__(dependency, message, retry_after_s=5.0)


class OutcomeUnknown(Unavailable):
    """A submission that the log may have or not have. ``run_id`` is the run that it would be."""

    def __init__(self, dependency: str, message: str, run_id: str, workflow_name: str, workflow_version: int) -> None:
        super().__init__(dependency, message)
        self.run_id = run_id
        self.workflow_name = workflow_name
        self.workflow_version = workflow_version


class OrganisationMoving(Unavailable):
    """The organisation is being moved to another cell, and takes no submissions here."""

    def __init__(self, message: str, retry_after_s: float = 5.0) -> None:
        super().__init__("cell", message, retry_after_s)


class OrganisationLeft(OrganisationMoving):
    """The organisation is in another cell: send the same request to ``url``, with the path that it has."""

    def __init__(self, org_id: str, cell: str, url: str) -> None:
        super().__init__(f"organisation {org_id} is in the cell {cell} now; send requests to {url}")
        self.cell = cell
        self.url = url


class Overloaded(TryLater):
    """A concurrency limit is reached."""


class RateLimited(Overloaded):
    """A key has sent more requests than it may."""


class BadRecord(AgentFlowError):
    """The record cannot be used; its bytes go to the dead-letter topic. ``reason`` is a short code."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Undecodable(BadRecord):
    """The bytes are not a record of the topic's model."""


class BadValue(Undecodable):
    """JSON, or a value to be written as JSON, that breaks a rule of values (docs/reference/values.md)."""

    def __init__(self, reason: str, problem: Problem) -> None:
        super().__init__(reason, str(problem))
        self.problem = problem


class NewerMajor(AgentFlowError):
    """The record's major version is newer than this reader; upgrade the reader, nothing is lost."""

    def __init__(self, found: str, known: str) -> None:
        super().__init__(f"the record has version {found}, this reader knows {known}: upgrade this role first")
        self.found = found
        self.known = known


class Ownership(AgentFlowError):
    """This process must stop folding the partition."""


class Fenced(Ownership):
    """Another owner holds a higher epoch."""


class PositionLost(Ownership):
    """The table's stored position is missing, behind, or of another log."""


class StepError(AgentFlowError):
    """One attempt failed. ``code`` is stable and short; ``retry_after_ms`` is obeyed before the next attempt."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after_ms: int | None = None,
        details: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms
        self.details = details or {}
