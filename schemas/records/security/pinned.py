"""What a run knows of the security of its data: declarations of tools, the policy that decides, and decisions."""

from typing import Literal

from schemas.records.base import Int64, Part

Verdict = Literal["allow", "deny", "ask", "redact", "route", "record"]
"""``record`` changes nothing: that the rule holds is in the audit log."""

Mode = Literal["enforce", "shadow"]
"""A policy in shadow mode decides and records, and changes nothing."""

SinkKind = Literal["recipient", "url", "amount", "path", "command", "content"]
Point = Literal["tool_call", "model_call", "output", "read", "admin", "label"]
"""Where a policy decides: before a tool's effect, before a provider reads, on what a run gives, on who may see."""


class ToolSecurity(Part, frozen=True, kw_only=True):
    """What is declared of a tool.

    ``source`` is the label of what it gives, as words of ``schemas.labels.label``; without it the least trusted.
    ``fields`` are labels of parts of it, by path. ``readers`` names, by path, the path of the field that lists who may
    read it. ``effects``: it changes the world. ``sinks`` says, by argument, what an effect does with it. ``pure``: what
    it gives depends on its arguments alone, as a function's does. ``endorses``: its result is trusted whatever it read.
    ``reads_when``: a call has no effects if each of these arguments has one of the values; ``""`` stands for one that
    is not given. Its sinks are sinks all the same: a URL that is read carries what is written in it.
    A tool of which nothing is ``declared`` may have effects, and each of its arguments is a sink; what it gives is
    unlabelled, with the classes and readers of ``source`` if it has one.
    """

    declared: bool = True
    source: list[str] = []
    fields: dict[str, list[str]] = {}
    readers: dict[str, str] = {}
    effects: bool = False
    sinks: dict[str, SinkKind] = {}
    pure: bool = False
    endorses: bool = False
    reads_when: dict[str, list[str]] = {}


UNDECLARED = ToolSecurity(declared=False, effects=True)


class RunSecurity(Part, frozen=True, kw_only=True):
    """The security of a run, pinned when it is submitted. Only runs that have it carry labels.

    ``policy`` is ``name@version`` of the organisation's policy, ``policy_hash`` that of its document. ``inputs`` are
    labels of the run's inputs, by path, which the door made. ``tools`` are the declarations of the tools that the
    workflow may call, and of functions that endorse as ``function:<name>``. ``control`` is the label of what chose to
    start the run, such as a step of another one. ``closed`` are nodes, by workflow, whose answers have a closed schema
    that the policy takes for an endorsement. ``redacts``: the policy takes something out of what the log has, so
    outcomes must say that it was. ``judges``: it has rules for results of tools or answers of models, so outcomes of
    these must say that they were decided on.
    """

    policy: str = ""
    policy_hash: str = ""
    mode: Mode = "enforce"
    inputs: dict[str, list[str]] = {}
    tools: dict[str, ToolSecurity] = {}
    control: list[str] = []
    closed: dict[str, list[str]] = {}
    redacts: bool = False
    judges: bool = False


class Approval(Part, frozen=True, kw_only=True):
    """A person's yes to one call: of this attempt's tool, with these arguments, as ``rule`` requires."""

    rule: str
    args_hash: str
    approved_by: str = ""


class Question(Part, frozen=True, kw_only=True):
    """What a person is asked before a tool is called: may ``tool`` be called with the arguments of ``args_hash``?

    ``rules`` are those that ask, ``reasons`` theirs. ``summary`` is the call as a person reads it, cut. Nobody who
    answers within ``timeout_ms`` is a no; ``None``: the question lasts as long as the run.
    """

    rules: list[str]
    tool: str
    args_hash: str
    summary: str = ""
    reasons: list[str] = []
    timeout_ms: Int64 | None = None

    @property
    def id(self) -> str:
        """What names the question to people: the beginning of its hash."""
        return self.args_hash[:16]


class Decision(Part, frozen=True, kw_only=True):
    """What one rule said at one point. ``subject`` is the tool, the provider or the path that it is about.

    ``labels`` are those that it decided by, by name of the argument or ``context`` or ``control``. ``enforced`` is
    false in shadow mode.
    """

    point: Point
    rule: str
    verdict: Verdict
    subject: str = ""
    reason: str = ""
    labels: dict[str, list[str]] = {}
    enforced: bool = True


class CallLabels(Part, frozen=True, kw_only=True):
    """What a call's data was labelled with when a provider was asked, as ``StepSecurity`` says it.

    ``data_class`` has the classes that the call was routed by, with commas between.
    """

    args: dict[str, list[str]] = {}
    control: list[str] = []
    context: list[str] = []
    agent: bool = False
    data_class: str = ""


AuditKind = Literal["decisions", "denial", "admin", "label", "restore", "key_use"]
"""``decisions``: all of one attempt in one record; the others singly, and ``key_use`` counted by key and minute."""
