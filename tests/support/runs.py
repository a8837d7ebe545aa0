"""Specs, events and a small world for tests of the run's fold."""

from typing import Any

from schemas.payload import Inline, Reference, inline, walk
from schemas.records.base import ErrorInfo, Usage
from schemas.records.run_events import (
    CancelRequested,
    RunEvent,
    RunSubmitted,
    StepDeferred,
    StepFailed,
    StepSucceeded,
    TimerFired,
)
from schemas.records.run_views import RunView
from schemas.records.steps import StepRequest
from schemas.spec.check.workflow import NO_FAMILY
from schemas.spec.hash import resolve
from schemas.spec.model import PinnedPrompt, ResolvedSpec, WorkflowSpec
from schemas.spec.nested import Family
from schemas.spec.rules_version import rules_of
from streams.core.commands import Arm, Command, Count, Disarm, Emit
from streams.core.memory import MemoryState
from streams.core.runs.fold import RunFold
from tests.support.timers import short, timer

ORG = "acme"
RUN = "run-1"
START_MS = 1_700_000_000_000


def function(
    id_: str, policy: dict[str, Any] | None = None, *, join: str | None = None, **config: Any
) -> dict[str, Any]:
    """A node of type function, which calls ``echo`` unless told otherwise."""
    node = {"id": id_, "type": "function", "config": {"function_name": "echo"} | config, "policy": policy or {}}
    return node if join is None else node | {"join": join}


def switch(id_: str, *cases: tuple[str, Any], default: Any = None, **config: Any) -> dict[str, Any]:
    """A node of type switch; cases as pairs of ``when`` and ``to``."""
    said = config | {"cases": [{"when": when, "to": to} for when, to in cases], "default": default}
    return {"id": id_, "type": "switch", "config": said}


def llm(id_: str, prompt_ref: str = "ask@1", **config: Any) -> dict[str, Any]:
    """A node of type llm."""
    return {"id": id_, "type": "llm", "config": {"prompt_ref": prompt_ref} | config}


def wait(id_: str, duration_ms: int) -> dict[str, Any]:
    """A node of type wait."""
    return {"id": id_, "type": "wait", "config": {"duration_ms": duration_ms}}


def signal(id_: str, name: str, **config: Any) -> dict[str, Any]:
    """A node of type signal."""
    return {"id": id_, "type": "signal", "config": {"name": name} | config}


def assistant(id_: str, policy: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    """A node of type agent, with the tools ``t`` and ``u``."""
    asks = {"prompt_ref": "ask@1", "tools": ["t", "u"]}
    return {"id": id_, "type": "agent", "config": asks | config, "policy": policy or {}}


def loop(
    id_: str, *body: dict[str, Any], edges: str = "", policy: dict[str, Any] | None = None, **config: Any
) -> dict[str, Any]:
    """A node of type loop over a body, with edges as ``"a>b b>c"``. Three iterations at most if not told."""
    pairs = [edge.split(">") for edge in edges.split()]
    said = {"max_iterations": 3, "body": list(body), "edges": [{"from": a, "to": b} for a, b in pairs]} | config
    return {"id": id_, "type": "loop", "config": said, "policy": policy or {}}


def spec(*nodes: dict[str, Any], edges: str = "", on_failure: str = "", on_cancel: str = "") -> WorkflowSpec:
    """A workflow; edges as ``"a>b b>c"``, what compensates as ``"c d"``."""
    pairs = [edge.split(">") for edge in edges.split()]
    dag: dict[str, Any] = {"nodes": list(nodes), "edges": [{"from": a, "to": b} for a, b in pairs]}
    dag |= {"on_failure": on_failure.split(), "on_cancel": on_cancel.split()}
    return WorkflowSpec.model_validate({"name": "flow", "version": 1, "dag": dag})


def prompt(template: str = "Say {{word}}", name: str = "ask", version: int = 1) -> PinnedPrompt:
    """A pinned prompt."""
    return PinnedPrompt(name=name, version=version, template=template, hash="0" * 64)


def resolved(
    *nodes: dict[str, Any],
    edges: str = "",
    on_failure: str = "",
    on_cancel: str = "",
    family: Family = NO_FAMILY,
    **prompts: PinnedPrompt,
) -> ResolvedSpec:
    """A resolved workflow; the prompt ``ask@1`` is there by itself, and what it runs is in ``family``."""
    pinned = {f"{p.name}@{p.version}": p for p in (prompt(), *prompts.values())}
    return resolve(spec(*nodes, edges=edges, on_failure=on_failure, on_cancel=on_cancel), pinned, family)


def limited(*nodes: dict[str, Any], edges: str = "", family: Family = NO_FAMILY, **dag: Any) -> ResolvedSpec:
    """A resolved workflow with limits of its runs: ``max_parallel``, ``deadline_ms``; and what else its dag says."""
    document = spec(*nodes, edges=edges).model_dump(mode="json", by_alias=True)
    document["dag"] |= dag
    return resolve(WorkflowSpec.model_validate(document), {"ask@1": prompt()}, family)


def submitted(spec_: ResolvedSpec, **changes: Any) -> RunSubmitted:
    """The submission of a run."""
    fields: dict[str, Any] = {
        "run_id": RUN,
        "org_id": ORG,
        "source": "api",
        "body_hash": "body",
        "workflow_name": spec_.spec.name,
        "workflow_version": spec_.spec.version,
        "spec": spec_,
        "submitted_at_ms": START_MS,
        "rules_version": rules_of(spec_.spec, spec_.prompts.values()),
    }
    return RunSubmitted(**(fields | changes))


class World:
    """A run's table, log and timers in memory. Every event goes through the fold; what it asks for is kept."""

    def __init__(self) -> None:
        self.rules = RunFold()
        self.state = MemoryState()
        self.now_ms = START_MS
        self.events: list[tuple[RunEvent, int]] = []
        self.commands: list[Command] = []
        self.last: list[Command] = []
        self.requests: list[StepRequest] = []
        self.views: list[RunView] = []
        self.timers: dict[str, int] = {}

    def feed(self, event: RunEvent) -> list[Command]:
        """Fold one event and take in its commands."""
        if isinstance(event, TimerFired):
            self.timers.pop(short(event.timer), None)
        self.last = self.rules.fold(self.state, event, self.now_ms, len(self.events))
        self.events.append((event, self.now_ms))
        self.take_in(self.last)
        return self.last

    def take_in(self, commands: list[Command]) -> None:
        """Keep what commands ask for."""
        self.commands += commands
        for command in commands:
            match command:
                case Emit(record) if isinstance(record, StepRequest):
                    self.requests.append(record)
                case Emit(record) if isinstance(record, RunView):
                    self.views.append(record)
                case Arm(_, named, due_ms):
                    self.timers[short(named)] = due_ms
                case Disarm(_, named):
                    self.timers.pop(short(named), None)
                case _:
                    pass

    def submit(
        self, *nodes: dict[str, Any], edges: str = "", inputs: dict[str, Any] | None = None, **more: Any
    ) -> None:
        """Submit a workflow of these nodes."""
        self.feed(submitted(resolved(*nodes, edges=edges), inputs=inputs or {}, **more))

    def succeed(self, step_id: str, output: Any = None, attempt: int = 1, **more: Any) -> None:
        """Record a result."""
        payload = output if isinstance(output, Inline | Reference) else inline(output)
        self.feed(StepSucceeded(output=payload, **self.outcome(step_id, attempt), **more))

    def fail(self, step_id: str, code: str = "boom", attempt: int = 1, *, retryable: bool = True, **more: Any) -> None:
        """Record a failure."""
        after = more.pop("retry_after_ms", None)
        error = ErrorInfo(code=code, message=f"{code} happened", retryable=retryable, retry_after_ms=after)
        self.feed(StepFailed(error=error, **self.outcome(step_id, attempt), **more))

    def outcome(self, step_id: str, attempt: int) -> dict[str, Any]:
        """What every outcome says."""
        return {
            "run_id": RUN,
            "org_id": ORG,
            "step_id": step_id,
            "attempt": attempt,
            "started_at_ms": self.now_ms,
            "finished_at_ms": self.now_ms,
            "worker_id": "w1",
        }

    def defer(self, step_id: str, deferral: int = 1, attempt: int = 1, until_ms: int = START_MS + 5_000) -> None:
        """Give an attempt back."""
        self.feed(
            StepDeferred(
                run_id=RUN,
                org_id=ORG,
                step_id=step_id,
                attempt=attempt,
                until_ms=until_ms,
                reason="budget",
                deferral=deferral,
            )
        )

    def fire(self, text: str) -> None:
        """Let a timer fire, in its short notation, whether it is armed or not; time moves on to it."""
        self.now_ms = max(self.now_ms, self.timers.get(text, self.now_ms))
        self.feed(TimerFired(run_id=RUN, org_id="", timer=timer(text), due_ms=self.now_ms))

    def cancel(self, reason: str = "", run_id: str = RUN) -> None:
        """Ask to cancel."""
        self.feed(CancelRequested(run_id=run_id, org_id=ORG, reason=reason, requested_by="ann"))

    @property
    def status(self) -> str | None:
        """The run's status as stored."""
        return self.state.get(RUN, "st")

    def step(self, step_id: str) -> Any:
        """A step as stored."""
        return self.state.get(RUN, f"s:{step_id}")

    def states(self) -> dict[str, str]:
        """Every stored step's state."""
        names = (name for name in self.state.fields(RUN) if name.startswith("s:"))
        return {name[2:]: self.state.get(RUN, name).state for name in sorted(names)}

    def asked(self) -> list[tuple[str, int]]:
        """Every request so far, as step and attempt."""
        return [(r.step_id, r.attempt) for r in self.requests]

    def counted(self, metric: str) -> list[dict[str, str]]:
        """The labels of every count of a metric so far."""
        return [dict(c.labels) for c in self.commands if isinstance(c, Count) and c.metric == metric]

    def snapshot(self) -> dict[str, dict[str, bytes]]:
        """The whole state as it would be stored."""
        return self.state.snapshot(self.rules.encode)


def args_of(request: StepRequest) -> dict[str, Any]:
    """A request's arguments with its links noted where they go."""
    args: dict[str, Any] = dict(request.args)
    for link in request.links:
        *path, last = link.at
        uri = getattr(link.payload, "uri", "?")
        walk(args, path)[last] = (uri, *link.path)
    return args


def paid(cost_nano: int) -> dict[str, Any]:
    """What an outcome that cost money says."""
    return {"cost_nano": cost_nano, "usage": Usage(input_tokens=10, output_tokens=3)}
