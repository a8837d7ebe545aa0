"""The model of a policy document. ``schemas.policies.read`` reads it strictly and checks what a model cannot."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.compliance.section import Compliance
from schemas.ids import content_hash
from schemas.policies.guards import MAX_GUARDS, GuardRule
from schemas.privacy.document import Privacy
from schemas.records.base import Json
from schemas.records.security.pinned import Mode, SinkKind, ToolSecurity, Verdict

#: The most rules of a policy, those of its packs included.
MAX_RULES = 200
#: The most tests of a policy, and tools that it declares.
MAX_TESTS = 500
MAX_TOOLS = 1_000

At = Literal["tool_call", "model_call", "output", "read", "admin"]
EndorsedBy = Literal["verbatim", "schema", "list"]
Id = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_./-]{0,99}$")]
#: A name, or a beginning of names before ``*``; a star may stand anywhere.
Pattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/*@-]{1,128}$")]
Text = Annotated[str, Field(max_length=2_000)]


def _listed(value: object) -> object:
    """Read ``web class:pii`` as the list of its words."""
    return value.split() if isinstance(value, str) else value


Words = Annotated[list[str], BeforeValidator(_listed), Field(max_length=100)]
"""A label as words of ``schemas.labels.label``: a list, or a text with spaces between them."""


#: The longest that a question to a person lasts: 90 days.
MAX_ASK_S = 90 * 86_400


class Strict(BaseModel):
    """A part of the document. An unknown field is an error: a misspelt one would limit nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ToolDeclaration(Strict):
    """What a policy declares of a tool; it replaces what the registry has. See ``ToolSecurity`` for the fields."""

    source: Words = []
    fields: dict[str, Words] = {}
    readers: dict[str, str] = {}
    effects: bool = False
    sinks: dict[str, SinkKind] = {}
    pure: bool = False
    endorses: bool = False
    reads_when: dict[str, list[str]] = {}

    @property
    def security(self) -> ToolSecurity:
        """The declaration as runs carry it."""
        return ToolSecurity(**{name: getattr(self, name) for name in ToolDeclaration.model_fields})


class Rule(Strict):
    """One rule: at a point, where its condition holds, it says its verdict.

    ``tools``, ``workflows`` and ``nodes`` are patterns; without any the rule counts for all. ``redact`` are paths and
    ``redact_classes`` data classes whose places are redacted, ``route`` the providers (``name`` or ``name/model``) that
    may get the call. A rule in shadow mode is recorded and not enforced.
    """

    id: Id
    at: At
    when: Annotated[str, Field(min_length=1)] = "true"
    verdict: Verdict
    reason: Text = ""
    mode: Mode = "enforce"
    tools: tuple[Pattern, ...] = Field((), strict=False)
    workflows: tuple[Pattern, ...] = Field((), strict=False)
    nodes: tuple[Pattern, ...] = Field((), strict=False)
    redact: tuple[str, ...] = Field((), strict=False)
    redact_classes: tuple[str, ...] = Field((), strict=False)
    route: tuple[str, ...] = Field((), strict=False)


class Endorsement(Strict):
    """What may count as trusted although its label is not.

    ``verbatim``: arguments (by name, or by kind of sink) of tools whose value stands, as whole tokens, in text that is
    labelled ``user`` or better. A value of less than ``min_chars`` characters counts only right behind one of the words
    ``after``; with ``marked`` so does one of letters alone, which stands in many sentences. ``schema``: the answers of
    nodes whose schema is closed, with ``quarantined`` of those alone whose workflow says that they are, by whatever
    name. ``list``: the results of functions.
    """

    by: EndorsedBy
    tools: tuple[Pattern, ...] = Field((), strict=False)
    arguments: tuple[str, ...] = Field((), strict=False)
    sinks: tuple[SinkKind, ...] = Field((), strict=False)
    functions: tuple[Pattern, ...] = Field((), strict=False)
    workflows: tuple[Pattern, ...] = Field((), strict=False)
    nodes: tuple[Pattern, ...] = Field((), strict=False)
    min_chars: Annotated[int, Field(ge=1, le=1_000)] = 6
    after: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = Field((), strict=False)
    marked: bool = False
    quarantined: bool = False


class PolicyTest(Strict):
    """Facts, and what the policy has to say of them. ``rules``: the rules that have to match, all of them.

    At ``privacy`` the facts are a finding (``schemas.privacy.cases``).
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    at: At | Literal["privacy"]
    facts: dict[str, Any] = {}
    expect: Verdict
    rules: tuple[Id, ...] | None = Field(None, strict=False)


class Policy(Strict):
    """A policy of an organisation.

    ``effects`` is what happens to a call of a tool with effects which no rule allows. A question to a person is a no
    after ``ask_within_s`` seconds; ``None``: it lasts as long as the run. ``values`` are constants for conditions.
    ``inputs`` are labels of runs' inputs, by pattern of the workflow and path. ``static`` is what happens to a workflow
    whose data may break the policy, when it is registered; in shadow mode nothing is refused. ``extends`` are packs to
    take in, ``without`` rules of them to leave out; a policy that was read has neither any more.
    ``guards`` look at the answers of models. ``privacy`` says what detectors look for, and what becomes of it.
    ``compliance`` are demands on providers by data class, which decide as rules do.
    """

    name: Id
    description: Text = ""
    mode: Mode = "enforce"
    static: Literal["off", "warn", "refuse"] = "warn"
    extends: tuple[Id, ...] = Field((), strict=False)
    without: tuple[Id, ...] = Field((), strict=False)
    effects: Literal["allow", "ask", "deny"] = "deny"
    ask_within_s: Annotated[int, Field(ge=1, le=MAX_ASK_S)] | None = None
    values: dict[str, Any] = {}
    tools: Annotated[dict[str, ToolDeclaration], Field(max_length=MAX_TOOLS)] = {}
    inputs: dict[Pattern, dict[str, Words]] = {}
    rules: tuple[Rule, ...] = Field((), max_length=MAX_RULES, strict=False)
    endorse: tuple[Endorsement, ...] = Field((), max_length=MAX_RULES, strict=False)
    guards: tuple[GuardRule, ...] = Field((), max_length=MAX_GUARDS, strict=False)
    privacy: Privacy | None = None
    compliance: Compliance | None = None
    tests: tuple[PolicyTest, ...] = Field((), max_length=MAX_TESTS, strict=False)

    @property
    def document(self) -> dict[str, Json]:
        """The whole policy as JSON values, without what has its default; ``read_policy`` gives the same policy."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def hash(self) -> str:
        """The SHA-256 of the canonical JSON of the document: what a run pins."""
        canonical = json.dumps(self.document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return content_hash(canonical.encode())

    @property
    def declarations(self) -> dict[str, ToolSecurity]:
        """What the policy declares of tools, by name."""
        return {name: one.security for name, one in self.tools.items()}
