"""The spans of a run of the model world, in the shapes that the worker and the orchestrator write."""

import random
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from bench.observability.world.effects import Effect
from bench.observability.world.shape import World, WorldNode
from schemas.ids import call_id, content_hash, request_id, span_id
from schemas.records.spans import UNREPORTED, Phase, Span, SpanType
from services.observability.diff.recorded import Definition, RecordedRun

_NS = 1_000_000
GIVEN_BACK_MS = 2_000
#: Nano-dollars for a token of input and of output, by model; what is not here costs as the first.
PRICES = {
    "gpt-4o-mini": (150, 600),
    "claude-haiku-4-5": (1_000, 5_000),
    "gemini-2.5-flash": (300, 2_500),
    "gpt-4.1-nano": (100, 400),
}


@dataclass(frozen=True)
class Attempt:
    """One try of a step: requested, begun and ended, in milliseconds since the epoch; ``quota_ms`` of it is a wait."""

    number: int
    requested_ms: float
    begun_ms: float
    ended_ms: float
    error: str
    quota_ms: float


@dataclass(frozen=True)
class Work:
    """The work of a step: hashes of what it reads and gives, and the provider and model of its call."""

    node: WorldNode
    step_id: str
    effect: Effect
    route: tuple[str, str]
    inputs: str
    output: str


class SpanWriter:
    """Collects the spans of one run."""

    def __init__(self, run_id: str, world: World, places: str) -> None:
        self._run_id = run_id
        self._world = world
        self._places = {"agentflow.worker.version": places} if places else {}
        self._spans: list[Span] = []

    def step(
        self,
        node: WorldNode,
        step_id: str,
        kind: SpanType,
        lasted: tuple[float, float],
        *,
        output: str,
        error: str,
    ) -> None:
        """Add the span of a step, as the fold writes it when the run has ended: workers' hashes are on attempts."""
        start, end = lasted
        inside = "/turn-" in step_id or step_id.endswith("]")
        self._spans.append(
            Span(
                span_id=span_id(self._run_id, step_id),
                parent_span_id=span_id(self._run_id, node.id) if inside else span_id(self._run_id),
                name=f"step {step_id}",
                start_ns=int(start * _NS),
                end_ns=int(end * _NS),
                status="error" if error else "ok",
                type=kind,
                step_id=step_id,
                error_code=error,
                output_hash=output if kind in {"agent", "timer"} else "",
            )
        )

    def attempt(self, work: Work, attempt: Attempt) -> None:
        """Add the span of one try with what is below it, as a worker writes them."""
        node, own = work.node, span_id(self._run_id, work.step_id, attempt.number)
        self._spans.append(self._tried(work, attempt, own))
        refused = attempt.error in {"budget_exceeded", "quota_exceeded", "run_budget_exceeded"}
        if work.effect.guard or node.guarded:
            self._guard(own, work.step_id, attempt, work.effect)
        if node.kind in {"llm", "agent"} and not refused and not work.effect.guard:
            self._model_call(work, own, attempt)
        elif node.kind == "tool" and attempt.error != "bad_arguments":
            self._tool_call(work, own, attempt)

    def _tried(self, work: Work, attempt: Attempt, own: str) -> Span:
        """Return the span of an attempt itself."""
        # A worker gives back what would wait for longer: another attempt span begins when it is requested again.
        given_back = attempt.quota_ms > GIVEN_BACK_MS
        requested = attempt.begun_ms - 2 if given_back else attempt.requested_ms
        queued = attempt.begun_ms - (0 if given_back else attempt.quota_ms)
        phases = [_phase("queue", requested, queued), _phase("claim", queued, queued + 0.4)]
        if attempt.quota_ms and not given_back:
            phases.append(_phase("quota", queued, attempt.begun_ms))
        return Span(
            span_id=own,
            parent_span_id=span_id(self._run_id, work.step_id),
            name=f"attempt {work.node.id}",
            start_ns=int(requested * _NS),
            end_ns=int(attempt.ended_ms * _NS),
            status="error" if attempt.error else "ok",
            type="attempt",
            step_id=work.step_id,
            attempt=attempt.number,
            error_code=attempt.error,
            input_hash=work.inputs,
            output_hash="" if attempt.error else work.output,
            attributes=self._attributes(work.node) | ({"agentflow.step.deferrals": 1} if given_back else {}),
            phases=phases,
        )

    def _attributes(self, node: WorldNode) -> dict[str, Any]:
        found: dict[str, Any] = {"agentflow.step.tier": "silver", **self._places}
        match node.kind:
            case "llm" | "agent":
                found["agentflow.prompt.ref"] = f"prompt-{node.id}@{node.prompt_version}"
            case "tool":
                found["agentflow.tool.name"] = node.tool
            case "function":
                found["agentflow.function.name"] = f"function_{node.id}"
        return found

    def _guard(self, own: str, step_id: str, attempt: Attempt, effect: Effect) -> None:
        self._spans.append(
            Span(
                span_id=content_hash(f"{own}guard".encode())[:16],
                parent_span_id=own,
                name="guard input",
                start_ns=int(attempt.begun_ms * _NS),
                end_ns=int((attempt.begun_ms + 1) * _NS),
                status="error" if effect.guard else "ok",
                type="guard",
                step_id=step_id,
                attempt=attempt.number,
                error_code="guard_failed" if effect.guard else "",
            )
        )

    def _model_call(self, work: Work, own: str, attempt: Attempt) -> None:
        node, step_id, effect, (provider, model) = work.node, work.step_id, work.effect, work.route
        # Tokens are a property of the text: equal texts have as many.
        taken, given = tokens_of(work.inputs, work.output, effect.tokens)
        call = call_id(request_id(self._run_id, step_id, attempt.number), 1)
        paid = not effect.cached and not attempt.error
        price = PRICES.get(model, (150, 600))
        self._spans.append(
            Span(
                span_id=content_hash(call.encode())[:16],
                parent_span_id=own,
                name=f"{'cache' if effect.cached else 'chat'} {model}",
                kind="internal" if effect.cached else "client",
                start_ns=int(attempt.begun_ms * _NS),
                end_ns=int(attempt.ended_ms * _NS),
                status="error" if attempt.error else "ok",
                type="cache" if effect.cached else "llm_call",
                step_id=step_id,
                attempt=attempt.number,
                provider=provider,
                model=model,
                cost_nano=taken * price[0] + given * price[1] if paid else 0,
                input_tokens=taken if not attempt.error else 0,
                output_tokens=given if not attempt.error else 0,
                error_code=attempt.error,
                input_hash=content_hash(f"{work.inputs}{node.prompt_version}{node.settings}".encode()),
                output_hash="" if attempt.error else work.output,
                attributes=_call_attributes(call, effect),
            )
        )

    def _tool_call(self, work: Work, own: str, attempt: Attempt) -> None:
        self._spans.append(
            Span(
                span_id=content_hash(f"{own}tool".encode())[:16],
                parent_span_id=own,
                name=f"execute_tool {work.node.tool}",
                start_ns=int(attempt.begun_ms * _NS),
                end_ns=int(attempt.ended_ms * _NS),
                status="error" if attempt.error else "ok",
                type="tool_call",
                step_id=work.step_id,
                attempt=attempt.number,
                error_code=attempt.error,
                input_hash=work.inputs,
                output_hash="" if attempt.error else work.output,
                attributes={"agentflow.tool.name": work.node.tool},
            )
        )

    def finished(self, start: float, end: float, *, error: str, inputs: str, cut: float) -> list[Span]:
        """Return all spans with the run's own. What had not begun by ``cut`` never was, what was open is canceled.

        Of one run in eight that were cut off no worker reports what was open: the fold says that it was requested.
        """
        cut_ns = int(cut * _NS) if cut < float("inf") else None
        reported = int(self._run_id[:2], 16) % 8 != 0
        kept = [span for span in self._spans if cut_ns is None or span.start_ns < cut_ns]
        spans = [one for span in kept if (one := _cut(span, cut_ns, reported=reported)) is not None]
        root = Span(
            span_id=span_id(self._run_id),
            name=f"workflow {self._world.name}",
            start_ns=int(start * _NS),
            end_ns=int(end * _NS),
            status="error" if error else "ok",
            type="run",
            error_code=error,
            input_hash=inputs,
            attributes={
                "agentflow.run.status": "failed" if error else "succeeded",
                "agentflow.workflow.version": self._world.version,
                "agentflow.workflow.hash": self._world.hash,
            },
        )
        return [root, *spans]


def _call_attributes(call: str, effect: Effect) -> dict[str, Any]:
    attributes: dict[str, Any] = {"agentflow.call.id": call, "agentflow.request.max_tokens": 1024}
    if effect.cached:
        attributes["agentflow.cache.kind"] = effect.cached
    if effect.stepped_from:
        attributes["agentflow.call.stepped_down_from"] = effect.stepped_from
    return attributes


def tokens_of(inputs: str, output: str, factor: float) -> tuple[int, int]:
    """Return the tokens of a text and of its answer, which follow from the hashes of both."""
    drawn = random.Random(inputs)  # noqa: S311 - a model world
    given = random.Random(output)  # noqa: S311 - a model world
    return drawn.randint(200, 900), max(1, round(given.randint(80, 300) * factor))


def recorded(run_id: str, world: World, spans: list[Span], *, known: bool) -> RecordedRun:
    """Return a run as the comparison reads it; ``known``: what its nodes say and need is stored, too."""
    nodes = {node.id: node.hash for node in world.nodes} if known else {}
    needs = {node.id: node.needs for node in world.nodes} if known else {}
    definition = Definition(workflow=world.name, version=world.version, hash=world.hash, nodes=nodes, needs=needs)
    return RecordedRun(run_id=run_id, spans=spans, definition=definition, tags=world.tags)


def _phase(kind: Any, start: float, end: float) -> Phase:
    return Phase(type=kind, start_ns=int(start * _NS), end_ns=int(end * _NS))


def _cut(span: Span, cut_ns: int | None, *, reported: bool) -> Span | None:
    """Return what is recorded of a span when its run ends before it does."""
    if cut_ns is None or span.end_ns <= cut_ns:
        return span
    open_until: dict[str, Any] = {"end_ns": cut_ns, "output_hash": ""}
    if span.type == "attempt" and not reported:
        never = {"status": "unset", "error_code": "no_outcome", "attributes": {UNREPORTED: True}}
        return structs.replace(span, **open_until, **never, phases=[], input_hash="")
    if span.type in {"step", "map", "agent", "timer"}:
        return structs.replace(
            span, **open_until, status="unset", error_code="", attributes={"agentflow.step.state": "canceled"}
        )
    return structs.replace(span, **open_until, status="error", error_code="canceled") if reported else None
