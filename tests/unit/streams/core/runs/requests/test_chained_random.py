"""Chains under crashes, zombies, lost claims and a lagging fold: every run ends, made of what was recorded."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from schemas.records.run_events import RunEvent
from schemas.records.run_views import RunView
from schemas.run_states import TERMINAL_RUN
from schemas.spec.check.nodes import queue_of
from schemas.spec.model import ResolvedSpec
from streams.core.commands import Emit
from streams.core.memory import MemoryState
from streams.core.runs.fold import RunFold
from tests.support.chains import ChainWorld, Pick
from tests.support.runs import RUN, function, limited, resolved, submitted

MOVES = (*("act",) * 8, *("fold_one",) * 4, *("deliver",) * 3)
MISCHIEF = ("redeliver", "die", "forget", "fire_one", "restore")


def workflow(pick: Pick) -> ResolvedSpec:
    """A line of two to five nodes, tools and functions, perhaps with a branch beside it and a limit of places."""
    count = pick([2, 3, 4, 5])
    nodes = []
    for number in range(count):
        policy: dict[str, Any] = {"retries": {"max_attempts": pick([1, 2, 3]), "initial_ms": 10}}
        if pick([False, True]):
            policy["timeout_ms"] = 1_000
        earlier = f"n{pick(list(range(number)))}.output" if number else "{{x}}"
        inputs = {"before": f"n{number - 1}.output" if number else 1, "any": [{"deep": earlier}]}
        config = pick([{"function_name": "echo"}, {"tool_name": "t"}])
        kind = "function" if "function_name" in config else "tool"
        queue = {"queue": "gpu"} if pick([True, *[False] * 7]) else {}
        config |= {"inputs": inputs}
        nodes.append({"id": f"n{number}", "type": kind, "config": config, "policy": policy} | queue)
    edges = [f"n{i}>n{i + 1}" for i in range(count - 1)]
    if pick([False, True]):
        nodes.append(function("beside"))
        edges.append(pick(["n0>beside", f"n{count - 1}>beside"]))
    if pick([False, False, True]):
        nodes += [function(f"rival{number}", {"priority": pick([-1, 0, 1])}) for number in range(2)]
        return limited(*nodes, edges=" ".join(edges), max_parallel=pick([1, 2]))
    return resolved(*nodes, edges=" ".join(edges))


def check_lineage(world: ChainWorld) -> None:
    """Every recorded output was made of the recorded outputs before it."""
    recorded = {
        step_id: world.step(step_id).value.value
        for step_id, state in world.states().items()
        if state == "succeeded" and step_id.startswith("n")
    }
    for step_id, output in recorded.items():
        number = int(step_id[1:])
        if number:
            assert output["args"]["before"] == recorded[f"n{number - 1}"], step_id
            deep = output["args"]["any"][0]["deep"]
            assert deep == recorded[deep["step"]], step_id


def folded(events: list[tuple[RunEvent, int]], rules: RunFold) -> list[Any]:
    """The state and the views after each event."""
    state = MemoryState()
    seen = []
    for offset, (event, now_ms) in enumerate(events):
        commands = rules.fold(state, event, now_ms, offset)
        views = [c.record for c in commands if isinstance(c, Emit) and isinstance(c.record, RunView)]
        seen.append((state.snapshot(rules.encode), views))
    return seen


def unflagged(events: list[tuple[RunEvent, int]], *names: str) -> list[tuple[RunEvent, int]]:
    """The events as workers that do not chain would have said them."""
    plain = {"chain": None, "args_hash": ""}
    return [
        (structs.replace(e, **{n: plain[n] for n in names if n in e.__struct_fields__}), now_ms) for e, now_ms in events
    ]


def play(pick: Pick, moves: int) -> ChainWorld:
    world = ChainWorld(pick)
    spec = workflow(pick)
    world.queued = {node.id for node in spec.spec.dag.nodes if queue_of(node)}
    world.limited = spec.spec.dag.max_parallel is not None
    world.feed(submitted(spec, inputs={"x": "in"}, budget_nano=pick([None, 10_000])))
    mischief = pick([MISCHIEF, MISCHIEF[:2] * 3, ("redeliver",) * 5 + ("die",)])
    for _ in range(moves):
        getattr(world, pick(MOVES + mischief))()
    if pick([True, False, False, False, False]):
        world.ask_to_cancel()
    world.heal()
    return world


def check(world: ChainWorld) -> None:
    assert world.status in TERMINAL_RUN
    assert world.timers == {}
    check_lineage(world)
    for request in world.requests:
        stretch = {request.node_id, *(step.node_id for step in request.continuation)}
        assert len(stretch) == 1 or not stretch & world.queued, "what a queue's workers do is never chained"
    progress = world.state.get(RUN, "p")
    assert progress.cost_nano == sum(world.step(step_id).cost_nano for step_id in world.states())
    shown = folded(world.events, RunFold(chain_steps=True))
    assert shown == folded(world.events, RunFold()), "the setting changes what is asked for, and nothing else"
    if world.limited:
        # What a worker goes on with takes the place of the step before it; what is asked for stands in line.
        assert progress.open_steps == 0
        return
    assert shown == folded(unflagged(world.events, "chain"), RunFold())
    reasons = {labels["reason"] for labels in world.counted("agentflow_orchestrator_late_events_total")}
    if "other_args" not in reasons and "unknown_step" not in reasons:
        assert shown == folded(unflagged(world.events, "chain", "args_hash"), RunFold())


@settings(max_examples=150)
@given(st.data())
def test_a_chained_run_ends_and_is_made_of_what_was_recorded(data: Any) -> None:
    check(play(lambda options: data.draw(st.sampled_from(options)), data.draw(st.integers(0, 80))))


@pytest.mark.parametrize("seed", range(3))
def test_long_histories_too(seed: int) -> None:
    for number in range(100):
        chance = Random(f"{seed}/{number}")
        check(play(chance.choice, chance.randint(0, 250)))
