"""The section ``privacy`` of a policy: what detectors look for, and what becomes of what they find, and where.

Detectors score; these rules decide. Those at ``log`` are obeyed before a record is written, at ``provider`` before a
model reads, at ``trace`` before texts of calls are captured, at ``cache`` before an answer is kept, and at ``dataset``
before a run becomes a row of a dataset, where those at ``log`` count as well.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.privacy.custom import MAX_CUSTOM_RULES, CustomRule
from schemas.privacy.kinds import KINDS, REDACTED_KINDS
from schemas.records.security.pinned import Mode

MAX_PRIVACY_RULES = 100
MAX_HOSTS = 1_000
MAX_ENGINES = 8
#: Texts of one value beyond this are refused, unless the policy says less or more.
TEXT_CHARS = 4 * 1024 * 1024
DEPTH = 64

Where = Literal["log", "provider", "trace", "cache", "dataset"]
WHERE: tuple[Where, ...] = ("log", "provider", "trace", "cache", "dataset")
Action = Literal["keep", "drop", "mask", "hash", "token", "fake", "deny"]
Scope = Literal["run", "subject", "org"]
Influenced = Literal["input", "tool_result", "answer"]
INFLUENCE_KINDS = tuple(name for name in KINDS if name not in REDACTED_KINDS)

_Id = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_./-]{0,99}$")]
_Pattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/*@-]{1,128}$")]
_Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
_Class = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
_Host = Annotated[str, Field(pattern=r"^(\*\.)?[a-z0-9.-]{1,253}$")]
_Engine = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
_Confidence = Annotated[float, Field(ge=0, le=1, strict=False)]
_Names = Annotated[tuple[_Pattern, ...], Field(strict=False, max_length=100)]


class _Strict(BaseModel):
    """A part of the section. An unknown field is an error: a misspelt one would redact nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Rule(_Strict):
    """A rule. Its id is its name in decisions, after ``privacy:``."""

    id: _Id


class Detect(_Strict):
    """Which detectors look. Without ``kinds`` all do; what scores below ``min_confidence`` is no finding.

    ``engines`` look beside the rules: ``presidio``, ``classifier``, or entry points of ``agentflow.detectors``. One
    that is not installed refuses every value.
    """

    kinds: tuple[_Kind, ...] = Field((), strict=False, max_length=100)
    min_confidence: _Confidence = 0.5
    engines: tuple[_Engine, ...] = Field((), strict=False, max_length=MAX_ENGINES)


class RedactRule(Rule):
    """What becomes of findings of some kinds or classes, at some places. The first rule that fits decides.

    ``keep`` leaves them, ``drop`` takes them out, ``mask`` writes their kind, ``hash`` a keyed hash, ``token`` a token
    that stands for the value, ``fake`` another value of the same shape, ``deny`` refuses the whole. ``scope`` is for
    whom a token is the same: the run, the data subject (without one: the organisation), or the organisation.
    """

    action: Action
    at: tuple[Where, ...] = Field(strict=False, min_length=1)
    kinds: tuple[_Kind, ...] = Field((), strict=False, max_length=100)
    classes: tuple[_Class, ...] = Field((), strict=False, max_length=100)
    min_confidence: _Confidence = 0.0
    scope: Scope = "subject"
    workflows: _Names = ()
    nodes: _Names = ()
    mode: Mode = "enforce"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.kinds and not self.classes:
            raise ValueError("it names neither `kinds` nor `classes`")
        if self.action != "token" and "scope" in self.model_fields_set:
            raise ValueError("only tokens have a `scope`")
        if self.nodes and self.at == ("log",) and not self.workflows:
            raise ValueError("`nodes` alone leaves out inputs of runs; name `workflows`, too")
        return self


class RestoreTools(Rule):
    """Arguments of tools that get the values that tokens stand for. A call of a tool that is not named gets tokens."""

    tools: Annotated[tuple[_Pattern, ...], Field(strict=False, min_length=1, max_length=100)]
    arguments: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=128)], ...], Field(strict=False, min_length=1)
    ]
    kinds: tuple[_Kind, ...] = Field((), strict=False, max_length=100)
    classes: tuple[_Class, ...] = Field((), strict=False, max_length=100)
    workflows: _Names = ()
    nodes: _Names = ()


class RestoreReaders(Rule):
    """Readers of runs, steps and streams who see values: those for whom ``when`` holds, a condition at ``read``."""

    when: Annotated[str, Field(min_length=1, max_length=1_000)]
    kinds: tuple[_Kind, ...] = Field((), strict=False, max_length=100)
    classes: tuple[_Class, ...] = Field((), strict=False, max_length=100)


class Restore(_Strict):
    """Who gets values back; without a rule nobody does."""

    tools: tuple[RestoreTools, ...] = Field((), strict=False, max_length=MAX_PRIVACY_RULES)
    readers: tuple[RestoreReaders, ...] = Field((), strict=False, max_length=MAX_PRIVACY_RULES)


class InfluenceRule(Rule):
    """What becomes of a text in which a detector of influence scores ``threshold`` or more.

    ``flag`` adds ``label`` to the place, so that rules decide by it; ``deny`` refuses the text.
    """

    kinds: Annotated[tuple[_Kind, ...], Field(strict=False, min_length=1)]
    at: Annotated[tuple[Influenced, ...], Field(strict=False, min_length=1)]
    threshold: _Confidence = 0.5
    action: Literal["flag", "deny"] = "flag"
    workflows: _Names = ()
    nodes: _Names = ()
    mode: Mode = "enforce"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if other := [kind for kind in self.kinds if kind not in INFLUENCE_KINDS]:
            raise ValueError(f"{other[0]} is no kind of influence; write {', '.join(INFLUENCE_KINDS)}")
        return self


class Limits(_Strict):
    """What is larger is refused: nobody has looked at it."""

    text_chars: Annotated[int, Field(ge=1_024, le=64 * 1024 * 1024)] = TEXT_CHARS
    depth: Annotated[int, Field(ge=1, le=256)] = DEPTH


class Links(_Strict):
    """Links to hosts that are not named, in some texts: ``strip`` replaces them, ``deny`` refuses the text.

    ``*.example.org`` stands for all hosts below ``example.org``.
    """

    at: Annotated[tuple[Influenced, ...], Field(strict=False, min_length=1)] = ("answer",)
    hosts: tuple[_Host, ...] = Field((), strict=False, max_length=MAX_HOSTS)
    others: Literal["strip", "deny"] = "strip"
    workflows: _Names = ()
    nodes: _Names = ()
    mode: Mode = "enforce"


class Images(_Strict):
    """Pictures that a model would be shown, which no detector searches: the inputs that a node names as pictures, and
    ``data:`` URLs of pictures in texts. ``drop`` takes them out, ``deny`` refuses the call.
    """

    action: Literal["keep", "drop", "deny"]
    workflows: _Names = ()
    nodes: _Names = ()
    mode: Mode = "enforce"


class Privacy(_Strict):
    """The section. In shadow mode everything is recorded, and nothing is changed."""

    mode: Mode = "enforce"
    detect: Detect = Detect()
    rules_of_ours: tuple[CustomRule, ...] = Field((), strict=False, max_length=MAX_CUSTOM_RULES)
    redact: tuple[RedactRule, ...] = Field((), strict=False, max_length=MAX_PRIVACY_RULES)
    restore: Restore = Restore()
    influence: tuple[InfluenceRule, ...] = Field((), strict=False, max_length=MAX_PRIVACY_RULES)
    links: Links | None = None
    images: Images | None = None
    limits: Limits = Limits()

    @property
    def redacts_log(self) -> bool:
        """Whether a rule takes something out of what the log has, or refuses it."""
        enforced = [rule for rule in self.redact if rule.mode == "enforce" and rule.action != "keep"]
        return self.mode == "enforce" and any("log" in rule.at for rule in enforced)

    @property
    def ids(self) -> list[str]:
        """The ids of all rules."""
        restore = self.restore
        rules: tuple[Rule, ...] = (*self.redact, *restore.tools, *restore.readers, *self.influence)
        return [*(one.id for one in self.rules_of_ours), *(one.id for one in rules)]

    @property
    def kinds_named(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The kinds that rules name, by the path of the rule."""
        yield "detect", self.detect.kinds
        lists: dict[str, tuple[RedactRule | RestoreTools | RestoreReaders | InfluenceRule, ...]] = {
            "redact": self.redact,
            "restore.tools": self.restore.tools,
            "restore.readers": self.restore.readers,
            "influence": self.influence,
        }
        for name, rules in lists.items():
            yield from ((f"{name}[{index}]", rule.kinds) for index, rule in enumerate(rules))
