"""Policies of an organisation: versions that never change, and which of them decides."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from schemas.api_models.base import Answer, Request
from schemas.api_models.tools import DeclaredSecurity
from schemas.records.security.pinned import Mode

MAX_TEXT = 256 * 1024
MAX_CASES = 500

Document = Annotated[dict[str, Any] | Annotated[str, Field(min_length=1, max_length=MAX_TEXT)], Field()]
"""A policy as an object, or as text in YAML or JSON."""
Version = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]


class CreatePolicy(Request):
    """A new version of the policy that the document names."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "document": {
                        "name": "support",
                        "rules": [
                            {
                                "id": "known-recipients",
                                "at": "tool_call",
                                "when": "sinks.recipient.exists(s, s.integrity > USER)",
                                "verdict": "ask",
                                "reason": "content from outside chose who gets the mail",
                            }
                        ],
                    }
                }
            ]
        },
    )

    document: Document


class TestPolicy(Request):
    """A document, or a stored version by ``name`` and ``version``, and further ``cases`` after its own tests."""

    document: Document | None = None
    name: str | None = None
    version: Version | None = None
    cases: Annotated[list[dict[str, Any]], Field(max_length=MAX_CASES)] = []

    @model_validator(mode="after")
    def _names_one(self) -> "TestPolicy":
        if (self.document is None) == (self.name is None) or (self.name is None) != (self.version is None):
            raise ValueError("give a document, or the name and the version of a stored policy")
        return self


class ActivatePolicy(Request):
    """The version that decides from now on. In ``shadow`` mode it records what it would do, and changes nothing."""

    version: Version
    mode: Mode


class PolicyLine(Answer):
    """A version without its document. ``hash`` is that of the document, which runs pin."""

    name: str
    version: int
    hash: str
    created_by: str
    created_at: str | None


class PolicyAnswer(PolicyLine):
    """A version. ``document`` is whole: what it extends is written out in it."""

    document: dict[str, Any]


class PolicyActivation(Answer):
    """One activation. ``name``, ``version`` and ``hash`` are null where it left no policy active."""

    number: int
    name: str | None
    version: int | None
    hash: str | None
    mode: Mode
    activated_by: str
    activated_at: str | None


class ActivePolicy(Answer):
    """The policy that decides for runs that are submitted now, if there is one, and the activations, newest first."""

    active: PolicyActivation | None
    history: list[PolicyActivation]


class PolicySummary(Answer):
    """A policy: its newest version, and how many there are."""

    name: str
    newest: int
    versions: int
    created_at: str | None


class PolicyPage(Answer):
    """The policies of the organisation, and the activation that counts."""

    active: PolicyActivation | None
    policies: list[PolicySummary]


class PolicyVersionPage(Answer):
    """The versions of a policy, the newest first."""

    name: str
    versions: list[PolicyLine]


class PinnedSecurity(Answer):
    """The policy that a run pins, the labels of its inputs, and the declarations of its tools."""

    policy: str
    mode: Mode
    inputs: dict[str, list[str]]
    tools: dict[str, DeclaredSecurity]


class PolicyTestResult(Answer):
    """The verdict of a policy on one case. ``rules`` are those that matched, with their ``reasons``."""

    name: str
    at: str
    expected: str
    verdict: str
    rules: list[str]
    passed: bool
    reasons: list[str]


class PolicyTested(Answer):
    """The results of all tests. ``untested`` are rules that no test has matched."""

    passed: bool
    results: list[PolicyTestResult]
    untested: list[str]
