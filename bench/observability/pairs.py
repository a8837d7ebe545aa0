"""Pairs of runs that differ by one thing, which is planted at a known step, and pairs that do not differ at all.

Runs of a pair differ in ids, times, waits, retries and the order in which children of maps begin, as all runs do.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from bench.observability.world.effects import NONE, Effect, Effects
from bench.observability.world.running import WorldRunner
from bench.observability.world.shape import ROUTES, World, WorldNode, random_world
from bench.observability.world.spans import recorded
from schemas.ids import child_index, child_step_id
from services.observability.diff.kinds import Kind, node_id_of
from services.observability.diff.recorded import RecordedRun

KINDS: tuple[Kind, ...] = (
    "definition",
    "prompt",
    "model",
    "route",
    "tool_result",
    "cache",
    "policy",
    "environment",
    "time",
)


@dataclass(frozen=True)
class PlantedPair:
    """Two runs, and what makes the second one different: its kind and the step; both "" for equal runs."""

    a: RecordedRun
    b: RecordedRun
    kind: Kind | str
    step: str


@dataclass(frozen=True)
class _Plan:
    """The second run's world, what happens in it, and at which step."""

    step: str
    world: World
    effect: Effect = NONE
    places: str = ""


def planted_pair(seed: int, kind: Kind) -> PlantedPair:
    """Return a pair with one planted difference of a kind; half of the pairs know their definitions' nodes."""
    rng = random.Random(f"pair {kind} {seed}")  # noqa: S311 - the same pairs each time
    while True:
        world = random_world(rng)
        places = [node for node in world.nodes if _fits(kind, node)]
        if places:
            break
    return _pair(rng, world, _PLANS[kind](rng, world, rng.choice(places)), kind)


def equal_pair(seed: int) -> PlantedPair:
    """Return two runs of the same inputs, world and luck in all but times."""
    rng = random.Random(f"equal {seed}")  # noqa: S311 - the same pairs each time
    world = random_world(rng)
    return _pair(rng, world, _Plan("", world), "")


def large_pair(spans: int) -> PlantedPair:
    """Return two runs of about so many spans each: a map of 90% of them, and an agent whose first turn differs."""
    rng = random.Random(f"large {spans}")  # noqa: S311 - the same pair each time
    first = WorldNode("n0", "tool", tool="search")
    mapped = WorldNode("n1", "llm", needs=("n0",), width=int(spans * 0.3))
    agent = WorldNode("n2", "agent", needs=("n0",), turns=int(spans * 0.033))
    last = WorldNode("n3", "function", needs=("n1", "n2"))
    world = World("large", (first, mapped, agent, last))
    return _pair(rng, world, _Plan("n2/turn-1", world, Effect(salt="other")), "model")


def _pair(rng: random.Random, world: World, plan: _Plan, kind: Kind | str) -> PlantedPair:
    inputs, known = f"{rng.random()}", rng.random() < 0.5
    first = WorldRunner(world, random.Random(rng.random()), places="1.4.0").run(inputs)  # noqa: S311
    happens = _at(plan.step, plan.effect)
    runner = WorldRunner(plan.world, random.Random(rng.random()), effects=happens, places=plan.places or "1.4.0")  # noqa: S311
    second = runner.run(inputs, started_ms=86_400_000.0)
    for one in (first, second):
        rng.shuffle(one.spans)
    sides = [recorded(one.run_id, one.world, one.spans, known=known) for one in (first, second)]
    return PlantedPair(sides[0], sides[1], kind, plan.step)


def _at(step: str, effect: Effect) -> Effects:
    node_id = node_id_of(step)
    index, turn = child_index(step, node_id), int(step.rpartition("/turn-")[2]) if "/turn-" in step else 0

    def effects(node: str, child: int, number: int) -> Effect:
        return effect if (node, child, number) == (node_id, index, turn) else NONE

    return effects


def _fits(kind: Kind, node: WorldNode) -> bool:
    if kind in {"prompt", "model", "route", "cache"}:
        return node.kind in {"llm", "agent"}
    if kind == "policy":
        return node.kind == "llm"
    if kind == "tool_result":
        return node.kind == "tool"
    if kind == "environment":
        return node.kind in {"tool", "function"}
    return kind != "time" or node.kind in {"tool", "function", "llm"}


def _somewhere(rng: random.Random, node: WorldNode) -> str:
    """Return a step of a node: any child of a map, the first turn of an agent, which every run has, or the node."""
    if node.width:
        return child_step_id(node.id, rng.randrange(node.width))
    return f"{node.id}/turn-1" if node.kind == "agent" else node.id


def _salted(rng: random.Random, world: World, node: WorldNode) -> _Plan:
    return _Plan(_somewhere(rng, node), world, Effect(salt=f"{rng.random()}"))


def _definition(rng: random.Random, world: World, node: WorldNode) -> _Plan:
    changed = replace(node, settings="other") if rng.random() < 0.6 else replace(node, binding="other")
    return _Plan(node.id, world.with_node(changed))


def _prompt(_: random.Random, world: World, node: WorldNode) -> _Plan:
    return _Plan(node.id, world.with_node(replace(node, prompt_version=node.prompt_version + 1)))


def _route(rng: random.Random, world: World, node: WorldNode) -> _Plan:
    other = rng.choice([route for route in ROUTES if route != node.route])
    return _Plan(_somewhere(rng, node), world, Effect(salt=f"{rng.random()}", route=other))


def _cache(rng: random.Random, world: World, node: WorldNode) -> _Plan:
    kind = rng.choice(("exact", "stale", "semantic"))
    return _Plan(_somewhere(rng, node), world, Effect(salt=f"{rng.random()}", cached=kind))


def _policy(rng: random.Random, world: World, node: WorldNode) -> _Plan:
    step = _somewhere(rng, node)
    error = rng.choice(("budget_exceeded", "quota_exceeded"))
    choices = (
        Effect(error=error),
        Effect(error="guard_failed", guard="guard_failed"),
        Effect(salt=f"{rng.random()}", stepped_from="gold", route=("openai", "gpt-4.1-nano")),
    )
    return _Plan(step, world, rng.choice(choices))


def _environment(rng: random.Random, world: World, node: WorldNode) -> _Plan:
    plan = _salted(rng, world, node)
    if rng.random() < 0.5:
        return replace(plan, places="1.5.0")
    return replace(plan, world=replace(world, tags={"environment": "staging"}))


def _time(rng: random.Random, world: World, node: WorldNode) -> _Plan:
    if node.kind == "function":
        return _salted(rng, world, node)
    return _Plan(_somewhere(rng, node), world, Effect(error="timeout", slower=20.0))


_PLANS: dict[Kind, Callable[[random.Random, World, WorldNode], _Plan]] = {
    "definition": _definition,
    "prompt": _prompt,
    "model": _salted,
    "route": _route,
    "tool_result": _salted,
    "cache": _cache,
    "policy": _policy,
    "environment": _environment,
    "time": _time,
}
