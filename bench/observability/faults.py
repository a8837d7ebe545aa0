"""Faults of 9 kinds in the model world, injected at providers, tools and the configuration; and the runs around them.

A case is a failed run with the runs of its workflow before and after the fault began. Around the fault there is what
production has: other failures, retries, harmless deploys, cache hits, slow calls, inputs that are missing without harm.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from bench.observability.world.effects import NONE, Effect, Effects
from bench.observability.world.running import NOTE, WorldRun, WorldRunner
from bench.observability.world.shape import World, WorldNode, random_world
from schemas.ids import child_index, child_step_id
from services.observability.diff.kinds import node_id_of

FaultKind = str
FAULTS: tuple[FaultKind, ...] = (
    "wrong_output",
    "missing_input",
    "dependency",
    "deploy",
    "quota",
    "budget",
    "cache",
    "slow_provider",
    "guard",
)
BEFORE = 50
#: Inputs recur, as those of schedules and of lists do; so many different ones there are.
INPUTS = 15
_TRIES = 400


@dataclass(frozen=True)
class FaultCase:
    """A failed run, the runs around it, and what was injected: its kind and node, at a child of a map or at all."""

    run: WorldRun
    peers: list[WorldRun]
    kind: FaultKind
    step: str
    last_deploy: str


@dataclass(frozen=True)
class _Fault:
    """What is injected: into the world, or as an effect at a step, in a share of the runs once it has begun."""

    step: str
    world: World
    effect: Effect = NONE
    share: float = 1.0


def fault_case(seed: int, kind: FaultKind) -> FaultCase:
    """Return a case in which the fault made the run fail, which would have been well without it."""
    rng = random.Random(f"fault {kind} {seed}")  # noqa: S311 - the same cases each time
    for _ in range(_TRIES):
        made = _made(rng, kind)
        if made is not None:
            return made
    raise AssertionError(f"no case of {kind} for seed {seed}")


def healthy_case(seed: int) -> FaultCase:
    """Return a run that did not fail, among others of which some did."""
    rng = random.Random(f"healthy {seed}")  # noqa: S311 - the same cases each time
    while True:
        world, last_deploy = _deployed(rng, _world(rng))
        peers = [_run(rng, world, _Fault("", world), at=n) for n in range(BEFORE)]
        run = _run(rng, world, _Fault("", world), at=BEFORE)
        if not run.error:
            return FaultCase(run, peers, "", "", last_deploy)


def _world(rng: random.Random) -> World:
    world = random_world(rng)
    nodes = tuple(replace(node, varies=node.kind in {"llm", "agent"} and rng.random() < 0.35) for node in world.nodes)
    return replace(world, nodes=nodes)


def _deployed(rng: random.Random, world: World) -> tuple[World, str]:
    """Return the world after a harmless deploy of one of its nodes."""
    node = rng.choice(world.nodes)
    if node.kind in {"llm", "agent"}:
        return world.with_node(replace(node, prompt_version=node.prompt_version + 1)), node.id
    return world.with_node(replace(node, settings=f"{rng.random()}")), node.id


def _made(rng: random.Random, kind: FaultKind) -> FaultCase | None:
    world = _world(rng)
    places = [node for node in world.nodes if _fits(kind, node)]
    if not places:
        return None
    node = rng.choice(places)
    new_world, last_deploy = _deployed(rng, world)
    node = new_world.by_id[node.id]
    deployed_at = rng.randrange(5, BEFORE)
    if kind in {"quota", "slow_provider"} and rng.random() < 0.5:
        # In half of these cases time runs out before any attempt gives up.
        usual = [_run(rng, world, _Fault("", world), at=0).spans[0] for _ in range(5)]
        most = max(span.end_ns - span.start_ns for span in usual) / 1e6
        world, new_world = replace(world, deadline_ms=2.5 * most), replace(new_world, deadline_ms=2.5 * most)
        fault = _PLANS[kind](rng, new_world, node, most)
    else:
        fault = _PLANS[kind](rng, new_world, node, 0.0)
    none = _Fault("", world)
    peers = [_run(rng, world if n < deployed_at else new_world, none, at=n) for n in range(BEFORE)]
    after = rng.choice((0, 0, 3, 8, 15))
    runs = [_run(rng, fault.world, fault, at=BEFORE + n) for n in range(after)]
    drawn = rng.getstate()
    run = _run(rng, fault.world, fault, at=BEFORE + after)
    rng.setstate(drawn)
    without = _run(rng, new_world, none, at=BEFORE + after)
    if without.error:
        return None
    if kind == "deploy":
        last_deploy = node.id
    return FaultCase(run, [*peers, *runs], kind, fault.step, last_deploy) if _failed_by(run, fault) else None


def _failed_by(run: WorldRun, fault: _Fault) -> bool:
    """Return whether the fault made the run fail: what failed is its step, or below it, or the time ran out."""
    if not run.error:
        return False
    node = node_id_of(fault.step)
    if run.error == "deadline_exceeded":
        return bool(run.world.deadline_ms) and (fault.effect.slower > 1 or fault.effect.quota_ms > 0)
    below = {node, *run.world.below(node)}
    direct = fault.effect.error in {"", run.error} or run.failed_step != node
    return run.failed_step in below and direct and run.error not in _LUCK


_LUCK = frozenset({"http_503"})


def _run(rng: random.Random, world: World, fault: _Fault, at: int) -> WorldRun:
    inputs = f"{rng.randrange(INPUTS)}"
    active = rng.random() < fault.share and bool(fault.step)
    luck = _luck(rng, world)
    node_id = node_id_of(fault.step)
    index = child_index(fault.step, node_id)

    def effects(node: str, child: int, turn: int) -> Effect:
        if active and node == node_id and (index < 0 or index == child):
            return fault.effect
        return luck(node, child, turn)

    seed = rng.random()
    runner = WorldRunner(world, random.Random(seed), effects=effects, places="1.4.0")  # noqa: S311
    return runner.run(inputs, started_ms=1_000_000.0 * at)


def _luck(rng: random.Random, world: World) -> Effects:
    """Return what happens to a run anyway, mostly without harm."""
    happens: dict[str, Effect] = {}
    for node in world.nodes:
        drawn = rng.random()
        if node.kind == "llm" and drawn < 0.12:
            happens[node.id] = Effect(cached=rng.choice(("exact", "exact", "semantic")))
        elif drawn < 0.15:
            happens[node.id] = Effect(slower=3.0)
        elif drawn < 0.18:
            happens[node.id] = Effect(quota_ms=rng.expovariate(1 / 120))
        elif not node.needs and drawn < 0.28:
            happens[node.id] = Effect(lacks=NOTE)
        elif drawn > 0.997:
            happens[node.id] = Effect(error="http_503")
    return lambda node, _child, _turn: happens.get(node, NONE)


def _fits(kind: FaultKind, node: WorldNode) -> bool:
    if kind in {"cache", "guard", "budget"}:
        return node.kind == "llm"
    if kind == "quota":
        return node.kind in {"llm", "tool"}
    if kind == "deploy":
        return node.kind in {"llm", "agent", "tool"}
    if kind == "missing_input":
        return not node.strict and node.kind in {"llm", "tool", "function"} and not node.width
    if kind == "dependency":
        return node.kind in {"llm", "tool"}
    return node.kind in {"llm", "tool", "agent"}


def _somewhere(rng: random.Random, node: WorldNode) -> str:
    """Return one child of a map in half of the cases, else the whole node."""
    return child_step_id(node.id, rng.randrange(node.width)) if node.width and rng.random() < 0.5 else node.id


def _length(rng: random.Random) -> float:
    """Wrong answers are often short, sometimes long, and sometimes look like any other."""
    return rng.choice((0.1, 0.2, 0.3, 4.0, 1.0, 1.0))


def _wrong(rng: random.Random, world: World, node: WorldNode, _: float) -> _Fault:
    effect = Effect(salt=f"{rng.random()}", bad=True, tokens=_length(rng))
    return _Fault(_somewhere(rng, node), world, effect, share=rng.choice((1.0, 0.5)))


def _missing(rng: random.Random, world: World, node: WorldNode, _: float) -> _Fault:
    return _Fault(node.id, world, Effect(lacks=rng.choice(("inputs.customer", "inputs.document"))), share=0.5)


def _dependency(rng: random.Random, world: World, node: WorldNode, _: float) -> _Fault:
    if node.kind == "llm":
        error = rng.choice(("provider_unavailable", "provider_error"))
    else:
        error = rng.choice(("unavailable", "unreachable", "http_500"))
    return _Fault(_somewhere(rng, node), world, Effect(error=error), share=rng.choice((1.0, 0.6)))


def _deploy(rng: random.Random, world: World, node: WorldNode, _: float) -> _Fault:
    if node.kind == "tool":
        changed = replace(node, settings=f"{rng.random()}")
    else:
        changed = replace(node, prompt_version=node.prompt_version + 1)
    effect = Effect(salt="worse", bad=True, tokens=_length(rng))
    return _Fault(node.id, world.with_node(changed), effect, share=rng.choice((1.0, 0.7)))


def _quota(rng: random.Random, world: World, node: WorldNode, most_ms: float) -> _Fault:
    step = _somewhere(rng, node)
    if most_ms:
        return _Fault(step, world, Effect(quota_ms=4.0 * most_ms), share=0.7)
    return _Fault(step, world, Effect(error=rng.choice(("quota_exceeded", "rate_limited"))), share=0.7)


def _budget(rng: random.Random, world: World, node: WorldNode, _: float) -> _Fault:
    step = _somewhere(rng, node)
    if rng.random() < 0.4:
        return _Fault(step, world, Effect(error="budget_exceeded"), share=0.8)
    stepped = Effect(
        salt=f"{rng.random()}", bad=True, stepped_from="gold", route=("openai", "gpt-4.1-nano"), tokens=_length(rng)
    )
    return _Fault(step, world, stepped, share=0.6)


def _cache(rng: random.Random, world: World, node: WorldNode, _: float) -> _Fault:
    effect = Effect(salt="poison", bad=True, cached=rng.choice(("exact", "stale", "semantic")), tokens=_length(rng))
    return _Fault(_somewhere(rng, node), world, effect, share=0.5)


def _slow(rng: random.Random, world: World, node: WorldNode, most_ms: float) -> _Fault:
    step = _somewhere(rng, node)
    if most_ms:
        return _Fault(step, world, Effect(slower=4.0 * most_ms / node.typical_ms), share=0.7)
    return _Fault(step, world, Effect(slower=20.0, error=rng.choice(("provider_timeout", "timeout"))), share=0.7)


def _guard(rng: random.Random, world: World, node: WorldNode, _: float) -> _Fault:
    step = _somewhere(rng, node)
    return _Fault(step, world, Effect(error="guard_failed", guard="guard_failed"), share=rng.choice((1.0, 0.6)))


_PLANS: dict[FaultKind, Callable[[random.Random, World, WorldNode, float], _Fault]] = {
    "wrong_output": _wrong,
    "missing_input": _missing,
    "dependency": _dependency,
    "deploy": _deploy,
    "quota": _quota,
    "budget": _budget,
    "cache": _cache,
    "slow_provider": _slow,
    "guard": _guard,
}
