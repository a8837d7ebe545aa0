"""Nested workflows: runs that start runs, all of them in one table in memory."""

from typing import Any

from schemas.ids import child_run_id
from schemas.payload import Inline, Reference, inline
from schemas.records.base import ErrorInfo
from schemas.records.run_events import (
    CancelRequested,
    ChildFinished,
    RunEvent,
    RunSubmitted,
    StepFailed,
    StepSucceeded,
    TimerFired,
)
from schemas.spec.hash import resolve
from schemas.spec.model import ResolvedSpec, WorkflowSpec
from schemas.spec.nested import Family, Member, member_key
from streams.core.commands import Arm, Command, Disarm, Emit
from tests.support.runs import ORG, RUN, World, prompt, submitted
from tests.support.timers import short, timer

Json = dict[str, Any]
PROMPTS = {"ask@1": prompt()}


def runs(id_: str, workflow: str, policy: Json | None = None, *, join: str | None = None, **config: Any) -> Json:
    """A node of type workflow."""
    node = {"id": id_, "type": "workflow", "config": {"workflow": workflow} | config, "policy": policy or {}}
    return node if join is None else node | {"join": join}


def flow(name: str, *nodes: Json, edges: str = "", version: int = 1, **dag: Any) -> WorkflowSpec:
    """A workflow of this name; edges as ``"a>b b>c"``."""
    pairs = [edge.split(">") for edge in edges.split()]
    graph = {"nodes": list(nodes), "edges": [{"from": a, "to": b} for a, b in pairs]} | dag
    return WorkflowSpec.model_validate({"name": name, "version": version, "dag": graph})


def family(*specs: WorkflowSpec) -> Family:
    """These workflows, the last of each name being the newest."""
    members = {member_key(spec.name, spec.version): Member(spec, PROMPTS) for spec in specs}
    return Family(members, {spec.name: spec.version for spec in specs})


def whole(spec: WorkflowSpec, *others: WorkflowSpec) -> ResolvedSpec:
    """A workflow with those that it reaches."""
    return resolve(spec, PROMPTS, family(*others))


class Kin(World):
    """The run ``RUN`` and all that come of it. What runs tell one another is delivered when a test says so."""

    def __init__(self, spec: WorkflowSpec, *others: WorkflowSpec, **more: Any) -> None:
        super().__init__()
        self.mail: list[RunEvent] = []
        self.armed: dict[tuple[str, str], int] = {}
        self.feed(submitted(whole(spec, *others), **more))

    def take_in(self, commands: list[Command]) -> None:
        """Keep what commands ask for, of every run."""
        super().take_in([one for one in commands if not isinstance(one, Arm | Disarm) or one.entity == RUN])
        for command in commands:
            match command:
                case Emit(record) if isinstance(record, RunSubmitted | CancelRequested | ChildFinished):
                    self.mail.append(record)
                case Arm(entity, named, due_ms):
                    self.armed[entity, short(named)] = due_ms
                case Disarm(entity, named):
                    self.armed.pop((entity, short(named)), None)
                case _:
                    pass

    def deliver(self) -> None:
        """Let everything that runs told one another come, in order."""
        while self.mail:
            self.feed(self.mail.pop(0))

    def child(self, step_id: str, attempt: int = 1, of: str = RUN) -> str:
        """The run that an attempt of a step starts."""
        return child_run_id(of, step_id, attempt)

    def status_of(self, run: str) -> str | None:
        """A run's status as stored; ``None`` for one that is not there."""
        return self.state.get(run, "st")

    def header(self, run: str) -> Any:
        """A run's header."""
        return self.state.get(run, "h")

    def progress(self, run: str = RUN) -> Any:
        """A run's progress."""
        return self.state.get(run, "p")

    def done(self, run: str, step_id: str, output: Any = None, attempt: int = 1, **more: Any) -> None:
        """Record a result of any run's step, and deliver what follows."""
        payload = output if isinstance(output, Inline | Reference) else inline(output)
        self.feed(StepSucceeded(**(self.outcome(step_id, attempt) | {"run_id": run} | more), output=payload))
        self.deliver()

    def failed(self, run: str, step_id: str, attempt: int = 1, *, retryable: bool = False, **more: Any) -> None:
        """Record a failure of any run's step, and deliver what follows."""
        error = ErrorInfo(code="boom", message="it broke", retryable=retryable)
        self.feed(StepFailed(**(self.outcome(step_id, attempt) | {"run_id": run} | more), error=error))
        self.deliver()

    def end(self, run: str) -> None:
        """Cancel any run, and deliver what follows."""
        self.feed(CancelRequested(run_id=run, org_id=ORG, requested_by="ann"))
        self.deliver()

    def ring(self, text: str, run: str = RUN) -> None:
        """Let a timer of any run fire, and deliver what follows."""
        self.now_ms = max(self.now_ms, self.armed.pop((run, text), self.now_ms))
        self.feed(TimerFired(run_id=run, org_id="", timer=timer(text), due_ms=self.now_ms))
        self.deliver()

    def told(self, kind: type, to: str = RUN) -> list[Any]:
        """What a run was told by other runs and by its clients, of one kind."""
        return [event for event, _ in self.events if isinstance(event, kind) and event.run_id == to]
