"""Facts as the tests of a policy write them. What is not given is trusted, so that a test shows what it is about."""

from typing import Any

from msgspec import structs
from pydantic import Field

from schemas.labels.label import Label, label_of
from schemas.labels.mapped import Labels
from schemas.policies.document import At, Strict, ToolDeclaration, Words
from schemas.policies.facts import AdminFacts, Facts, Key, ModelFacts, OutputFacts, Reader, ReadFacts, ToolFacts, Where
from schemas.records.security.pinned import UNDECLARED, ToolSecurity

_TRUSTED: Words = ["trusted"]


class _Node(Strict):
    id: str = "node"
    kind: str = "tool"


class _Workflow(Strict):
    name: str = "workflow"
    version: int = 1


class _Key(Strict):
    id: str = ""
    project: str = ""
    permissions: list[str] = []
    roles: list[str] = []


class _Reader(Strict):
    id: str
    kind: str = "key"
    project: str = ""
    permissions: list[str] = []
    roles: list[str] = []
    groups: list[str] = []


class _Tool(ToolDeclaration):
    name: str
    declared: bool = True


class _Case(Strict):
    """What every test may say of where it happens."""

    org: str = "org"
    run: str = "run"
    node: _Node = _Node()
    workflow: _Workflow = _Workflow()
    key: _Key = _Key()
    tags: dict[str, str] = {}
    control: Words = _TRUSTED

    @property
    def where(self) -> Where:
        flow = self.workflow
        key = Key(**self.key.model_dump())
        return Where(
            org=self.org,
            workflow=flow.name,
            version=flow.version,
            run=self.run,
            node=self.node.id,
            kind=self.node.kind,
            key=key,
            tags=self.tags,
        )


class ToolCase(_Case):
    """A tool's call. ``tool`` is the name of one that the policy declares, or a declaration with a name."""

    tool: str | _Tool
    args: dict[str, Any] = {}
    labels: dict[str, Words] = {}
    context: Words | None = None
    trusted: list[str] = []

    def facts(self, tools: dict[str, ToolSecurity]) -> ToolFacts:
        """Return the facts; ``tools`` are what the policy declares."""
        if isinstance(self.tool, str):
            name, security = self.tool, tools.get(self.tool, UNDECLARED)
        else:
            name = self.tool.name
            security = structs.replace(self.tool.security, declared=self.tool.declared)
        labels = _labels(self.labels)
        return ToolFacts(
            where=self.where,
            tool=name,
            security=security,
            args=self.args,
            labels=labels,
            control=label_of(self.control),
            context=_context(self.context, labels),
            trusted=self.trusted,
        )


class ModelCase(_Case):
    """A model's call. ``region`` is short for one in ``regions``."""

    provider: str
    model: str = "model"
    region: str | None = None
    regions: list[str] | None = None
    retention: int | None = None
    training: bool | None = None
    certifications: list[str] | None = None
    args: dict[str, Any] = {}
    labels: dict[str, Words] = {}
    context: Words | None = None

    def facts(self) -> ModelFacts:
        """Return the facts."""
        labels = _labels(self.labels)
        return ModelFacts(
            where=self.where,
            provider=self.provider,
            model=self.model,
            regions=self.regions if self.region is None else [self.region],
            retention=self.retention,
            training=self.training,
            certifications=self.certifications,
            args=self.args,
            labels=labels,
            control=label_of(self.control),
            context=_context(self.context, labels),
        )


class OutputCase(_Case):
    """An output: of a model, or of ``tool``."""

    value: Any = None
    labels: dict[str, Words] = {}
    tool: str = ""

    def facts(self) -> OutputFacts:
        """Return the facts."""
        return OutputFacts(
            where=self.where,
            value=self.value,
            labels=_labels(self.labels),
            control=label_of(self.control),
            tool=self.tool,
        )


class ReadCase(_Case):
    """A reading. ``reader`` is an id, or more of a reader."""

    reader: str | _Reader
    label: Words = _TRUSTED
    kind: str = Field("run", min_length=1)

    def facts(self) -> ReadFacts:
        """Return the facts."""
        reader = _Reader(id=self.reader) if isinstance(self.reader, str) else self.reader
        return ReadFacts(
            where=self.where,
            reader=Reader(**reader.model_dump()),
            label=label_of(self.label),
            control=label_of(self.control),
            kind=self.kind,
        )


class _Act(Strict):
    operation: str
    method: str = "POST"
    path: str = ""
    subject: str = ""
    body: Any = None


class _Actor(_Key):
    kind: str = "key"


class AdminCase(Strict):
    """An act of administration. ``act`` is the name of an operation, or more of an act; ``key`` who does it."""

    act: str | _Act
    key: _Actor = _Actor()
    org: str = "org"

    def facts(self) -> AdminFacts:
        """Return the facts."""
        act = _Act(operation=self.act) if isinstance(self.act, str) else self.act
        key = Key(**self.key.model_dump(exclude={"kind"}))
        return AdminFacts(where=Where(org=self.org, key=key), actor=self.key.kind, **act.model_dump())


_CASES: dict[At, type[ToolCase | ModelCase | OutputCase | ReadCase | AdminCase]] = {
    "tool_call": ToolCase,
    "model_call": ModelCase,
    "output": OutputCase,
    "read": ReadCase,
    "admin": AdminCase,
}


def facts_of(at: At, said: dict[str, Any], tools: dict[str, ToolSecurity]) -> Facts:
    """Return the facts that a test states.

    Raises pydantic's ``ValidationError`` for fields, ``BadRecord`` and ``InvalidInput`` for labels that are wrong.
    """
    case = _CASES[at].model_validate(said)
    return case.facts(tools) if isinstance(case, ToolCase) else case.facts()


def _labels(said: dict[str, Words]) -> Labels:
    return Labels.read({"$": _TRUSTED} | said)


def _context(said: Words | None, labels: Labels) -> Label:
    return labels.whole if said is None else label_of(said)
