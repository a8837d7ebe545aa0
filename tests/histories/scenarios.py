"""Runs that are worth a history, played on a system of its own and recorded."""

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from redis.asyncio import Redis

from connectors.redis.claims.leases import RedisLeases
from deploy.local.system import ORG, PARTITIONS, System
from schemas.ids import HTTP_SOURCE, request_id, run_id
from tests.histories.built import BUILT
from tests.histories.family_scenarios import FAMILY_SCENARIOS
from tests.histories.flow_scenarios import FLOW_SCENARIOS
from tests.histories.history import FOLDER, write
from tests.histories.recording import records_of
from tests.histories.stage import DEADLINE_S, QUICK, Stage, missing
from tests.support.client import RUNS, define_prompt, define_workflow, llm, merger, submission, submit, wait_for_run
from tests.support.local_model import LocalModelServer


def three_functions(stage: Stage) -> list[str]:
    """A line, and a diamond."""
    line = define_workflow(stage.client, merger("a"), merger("b"), merger("c"), edges="a>b b>c")
    diamond = define_workflow(stage.client, *map(merger, "abcd"), edges="a>b a>c b>d c>d")
    return stage.run(line, {"x": 1}) + stage.run(diamond, {"x": [1, {"y": None}]})


def model_calls(stage: Stage) -> list[str]:
    """One that succeeds, one that fails once, one that fails for good."""
    flow = define_workflow(stage.client, llm("ask", define_prompt(stage.client, "Sum up: {{text}}"), QUICK))
    inputs = {"text": "The sun is a star. Stars shine."}
    runs = stage.run(flow, inputs)
    with stage.model.behaving(error_rate=0.5) as behaviour:
        for fates in (["error", None], ["error", "error"]):
            key = _key_with(lambda one, wanted=fates: [behaviour.fault(r) for r in _requests(one, "ask")] == wanted)
            runs += stage.run(flow, inputs, key)
    return runs


def map_with_failures(stage: Stage) -> list[str]:
    """A map that succeeds, one over nothing, and one of whose children fails."""
    each = {"parallel": True, "items": "split.output"}
    split = {"id": "split", "type": "function", "config": {"function_name": "text_splitter"}}
    split["config"] |= {"inputs": {"text": "{{text}}"}, "function_args": {"chunk_size": 12}}
    mapped = merger("each", inputs={"part": "{{item}}", "n": "{{index}}"}, **each)
    flow = define_workflow(stage.client, split, mapped, merger("all"), edges="split>each each>all")
    runs = stage.run(flow, {"text": "one two three four five six"}) + stage.run(flow, {"text": ""})
    fetch = {"id": "get", "type": "tool", "config": {"tool_name": "s3.fetch", "tool_args": {"key": "{{item}}"}}}
    fetch["config"] |= {"parallel": True, "items": ["gettysburg.txt", "not-there.txt", "gettysburg.txt"]}
    return runs + stage.run(define_workflow(stage.client, fetch | {"policy": QUICK}, merger("all"), edges="get>all"))


def cancel_in_flight(stage: Stage) -> list[str]:
    """A run that is canceled while a call is made and another step waits."""
    ask = llm("ask", define_prompt(stage.client, "Wait: {{text}}"))
    flow = define_workflow(stage.client, ask, merger("after"), edges="ask>after")
    with stage.model.behaving(latency_ms=1_500):
        run = submit(stage.client, submission(flow, {"text": "a"}))
        stage.cancel_in_call(run)
    return [run]


def timeouts(stage: Stage) -> list[str]:
    """An attempt that takes too long, twice."""
    slow = llm("ask", define_prompt(stage.client, "Slow: {{text}}"), QUICK | {"timeout_ms": 100})
    flow = define_workflow(stage.client, slow)
    with stage.model.behaving(latency_ms=1_000):
        return stage.run(flow, {"text": "a"})


def deferral(stage: Stage) -> list[str]:
    """An attempt that another worker has for a while."""
    flow = define_workflow(
        stage.client, llm("ask", define_prompt(stage.client, "Later: {{text}}")), merger("b"), edges="ask>b"
    )
    key = "deferred"
    run = run_id(ORG, HTTP_SOURCE, key)
    asyncio.run(_claim(stage.system.endpoints.redis_url, run, request_id(run, "ask", 1)))
    return stage.run(flow, {"text": "a"}, key)


def restarted(stage: Stage) -> list[str]:
    """A run that failed, and one that goes on from what it recorded."""
    flow = define_workflow(stage.client, merger("a"), missing("get", "{{key}}"), merger("z"), edges="a>get get>z")
    (failed,) = stage.run(flow, {"key": "not-there.txt"})
    fork = {"inputs": {"key": "gettysburg.txt"}, "from": "get"}
    again = stage.client.post(f"{RUNS}/{failed}/fork", json=fork).raise_for_status().json()["id"]
    wait_for_run(stage.client, again, DEADLINE_S)
    return [failed, again]


def chained(stage: Stage) -> list[str]:
    """Lines whose worker goes on by itself, one of which fails on the way."""
    return three_functions(stage) + restarted(stage)


#: By name: whether the orchestrator chains steps, and what is played.
SCENARIOS: Mapping[str, tuple[bool, Callable[[Stage], list[str]]]] = {
    "three_functions": (False, three_functions),
    "model_calls": (False, model_calls),
    "map_with_failures": (False, map_with_failures),
    "cancel_in_flight": (False, cancel_in_flight),
    "timeouts": (False, timeouts),
    "deferral": (False, deferral),
    "restarted": (False, restarted),
    "chained": (True, chained),
    **{name: (False, scenario) for name, scenario in {**FLOW_SCENARIOS, **FAMILY_SCENARIOS}.items()},
}


def play(names: Iterable[str]) -> None:
    """Play scenarios and record them, or build them."""
    names = list(names)
    for name in names:
        if name in BUILT:
            write(FOLDER / f"{name}.jsonl", False, BUILT[name]())
    wanted = {name: SCENARIOS[name] for name in names if name not in BUILT}
    for chains in (False, True):
        mine = {name: scenario for name, (chained_, scenario) in wanted.items() if chained_ == chains}
        if mine:
            _play_on_one(mine, chains)


def _play_on_one(scenarios: Mapping[str, Callable[[Stage], list[str]]], chains: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, LocalModelServer(Path(folder)) as model:
        env = {"LOCAL_PROVIDER_URL": model.url, "CHAIN_STEPS": str(chains).lower(), "CLAIM_LEASE_MS": "3000"}
        with System(Path(folder) / "system", durable=False, env=env) as system, system.client() as client:
            stage = Stage(system, client, model)
            for name, scenario in scenarios.items():
                runs = scenario(stage)
                records = asyncio.run(records_of(system.endpoints.kafka_bootstrap, runs))
                write(FOLDER / f"{name}.jsonl", chains, records)
                print(f"{name}: {len(runs)} runs, {len(records)} records")  # noqa: T201 - this is a command


def _requests(key: str, step_id: str) -> list[str]:
    run = run_id(ORG, HTTP_SOURCE, key)
    return [request_id(run, step_id, attempt) for attempt in (1, 2)]


def _key_with(fits: Callable[[str], bool]) -> str:
    return next(key for key in (f"key-{number}" for number in range(10_000)) if fits(key))


async def _claim(redis_url: str, run: str, request: str) -> None:
    """Take an attempt as a worker would that dies with it."""
    redis = Redis.from_url(redis_url)
    try:
        await RedisLeases(redis, PARTITIONS, "another", 5_000).take(run, request)
    finally:
        await redis.aclose()
