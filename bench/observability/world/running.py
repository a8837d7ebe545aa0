"""One run of the model world: every step answers with a hash of its inputs, its definition and what happened to it.

So runs with equal inputs are equal but for ids and times, and a change spreads to all that is below it.
"""

import random
from dataclasses import dataclass, field

from bench.observability.world.effects import Effect, Effects, nothing
from bench.observability.world.shape import World, WorldNode
from bench.observability.world.spans import Attempt, SpanWriter, Work
from schemas.ids import child_step_id, content_hash
from schemas.records.spans import Span, SpanType

NULL = content_hash(b"null")
#: An input that runs may do without.
NOTE = "inputs.note"
MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class Value:
    """A step's answer: its hash, and whether it is wrong or null in a way that strict steps below notice."""

    hash: str
    bad: bool = False
    missing: bool = False


@dataclass(frozen=True)
class WorldRun:
    """What a run left: its spans and how it ended. ``error`` is "" for success."""

    run_id: str
    world: World
    spans: list[Span]
    error: str
    failed_step: str
    missing_inputs: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Done:
    value: Value
    end_ms: float
    error: str = ""


class WorldRunner:
    """Runs one run. ``noise`` makes times, retries and ids; answers do not depend on it."""

    def __init__(self, world: World, noise: random.Random, *, effects: Effects = nothing, places: str = "") -> None:
        self._world = world
        self._noise = noise
        self._effects = effects
        self._places = places

    def run(self, inputs: str, started_ms: float = 0.0) -> WorldRun:
        """Return the run with these inputs."""
        run_id = f"{self._noise.getrandbits(128):032x}"
        writer = SpanWriter(run_id, self._world, self._places)
        done: dict[str, _Done] = {}
        missing: dict[str, list[str]] = {}
        failed_at, failed_step, failed = float("inf"), "", ""
        for node in self._world.nodes:
            start = max([started_ms, *(done[need].end_ms for need in node.needs)]) + self._noise.uniform(1, 8)
            given = [done[need].value for need in node.needs]
            lacks = self._effects(node.id, -1, 0).lacks
            names = [*(n for n in node.needs if done[n].value.missing), *filter(None, [lacks])]
            missing |= {node.id: names} if names else {}
            end = done[node.id] = self._node(writer, node, inputs, given, start, lacks)
            if end.error and not node.optional and end.end_ms < failed_at:
                failed_at, failed_step, failed = end.end_ms, node.id, end.error
        deadline = started_ms + self._world.deadline_ms if self._world.deadline_ms else float("inf")
        last = max(one.end_ms for one in done.values())
        if deadline < min(failed_at, last):
            failed_at, failed_step, failed = deadline, "", "deadline_exceeded"
        ended = min(failed_at, last)
        root = content_hash(inputs.encode())
        spans = writer.finished(started_ms, ended, error=failed, inputs=root, cut=failed_at)
        return WorldRun(run_id, self._world, spans, failed, failed_step, missing)

    def _node(
        self, writer: SpanWriter, node: WorldNode, inputs: str, given: list[Value], start: float, lacks: str
    ) -> _Done:
        # What a definition calls a note may be missing; all else is missed by strict nodes below.
        bad = any(value.bad or value.missing for value in given) or bool(lacks and lacks != NOTE)
        bound = content_hash(f"{inputs if not given else ''}{[v.hash for v in given]}{node.binding}{lacks}".encode())
        if node.width:
            return self._map(writer, node, bound, start, bad=bad)
        if node.kind == "agent":
            return self._agent(writer, node, bound, start, bad=bad)
        return self._step(writer, node, (node.id, -1, 0), bound, start, bad=bad)

    def _map(self, writer: SpanWriter, node: WorldNode, bound: str, start: float, *, bad: bool) -> _Done:
        children = []
        for index in range(node.width):
            item = content_hash(f"{bound}{index}".encode())
            begun = start + self._noise.uniform(0, 5)
            children.append(self._step(writer, node, (node.id, index, 0), item, begun, bad=bad))
        return self._joined(writer, node, start, children, "map")

    def _agent(self, writer: SpanWriter, node: WorldNode, bound: str, start: float, *, bad: bool) -> _Done:
        """Turns one after the other, each of which reads what all before it said."""
        turns = node.turns or 2 + int(content_hash(bound.encode())[:2], 16) % 4
        said, at, parts = bound, start, []
        for turn in range(1, turns + 1):
            one = self._step(writer, node, (node.id, -1, turn), said, at, bad=bad)
            parts.append(one)
            said, at = content_hash(f"{said}{one.value.hash}".encode()), one.end_ms
            if one.error:
                break
        return self._joined(writer, node, start, parts, "agent")

    def _joined(self, writer: SpanWriter, node: WorldNode, start: float, parts: list[_Done], kind: SpanType) -> _Done:
        end = max(one.end_ms for one in parts) + 1
        error = next((one.error for one in parts if one.error), "")
        of = parts if kind == "map" else parts[-1:]
        value = Value(
            content_hash("".join(one.value.hash for one in of).encode()),
            any(one.value.bad for one in of),
            any(one.value.missing for one in of),
        )
        if error:
            value = Value(NULL, missing=True)
        writer.step(node, node.id, kind, (start, end), output="" if error else value.hash, error=error)
        return _Done(value, end, error)

    def _step(
        self, writer: SpanWriter, node: WorldNode, place: tuple[str, int, int], bound: str, start: float, *, bad: bool
    ) -> _Done:
        node_id, index, turn = place
        step_id = child_step_id(node_id, index) if index >= 0 else f"{node_id}/turn-{turn}" if turn else node_id
        effect = self._effects(*place)
        error = effect.error or (_STRICT_ERRORS[node.kind] if node.strict and bad else "")
        route = effect.route or node.route
        luck = f"{self._noise.random()}" if node.varies and not effect.cached else ""
        answer = f"{bound}{node.kind}{node.prompt_version}{node.settings}{effect.salt}{luck}"
        value = Value(content_hash(answer.encode()), effect.bad or bad)
        attempts, at = self._attempts(node, effect, error, start)
        end = at + 1
        output = "" if error else value.hash
        kind: SpanType = "timer" if node.kind == "timer" else "step"
        writer.step(node, step_id, kind, (start, end), output=output, error=error)
        for attempt in attempts if kind == "step" else ():
            writer.attempt(Work(node, step_id, effect, route, bound, output), attempt)
        return _Done(Value(NULL, missing=True) if error else value, end, error)

    def _attempts(self, node: WorldNode, effect: Effect, error: str, start: float) -> tuple[list[Attempt], float]:
        """Return the tries of a step with the time of the last one's end. Some first tries fail for no reason."""
        unlucky = self._noise.random() < 0.03
        final = error in FINAL or error in _STRICT_ERRORS.values()
        tries = 1 if final else MAX_ATTEMPTS if error else 2 if unlucky else 1
        found, at = [], start
        for number in range(1, tries + 1):
            queued = self._noise.expovariate(1 / 6)
            quota = effect.quota_ms if number == 1 else 0.0
            took = node.typical_ms * self._noise.lognormvariate(0, 0.35) * effect.slower
            took = 2.0 if effect.cached or error in FINAL else took
            code = error if error else ("provider_unavailable" if number < tries else "")
            begun = at + queued + quota
            found.append(Attempt(number, at, begun, begun + took, code, quota))
            at = begun + took + (0 if number == tries else 200 * number)
        return found, at


_STRICT_ERRORS = {
    "llm": "invalid_prompt_input",
    "tool": "bad_arguments",
    "function": "exception",
    "agent": "invalid_prompt_input",
    "timer": "bad_time",
}
#: Errors after which no further try is made.
FINAL = frozenset({"budget_exceeded", "quota_exceeded", "guard_failed", "content_filtered", "run_budget_exceeded"})
