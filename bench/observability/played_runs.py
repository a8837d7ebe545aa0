"""Runs over all kinds of nodes, played on a real system and read off its log with their ends in history."""

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from bench.lines import BenchError
from connectors.kafka.log import KafkaLog
from connectors.postgres.database import Database
from connectors.postgres.history.runs import Runs
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, PARTITIONS, System
from streams.core.replay.records import Recorded, event_of
from streams.core.replay.verify import Recording
from streams.replay.history import end_of
from topics.catalogue import RUN_EVENTS

RUNS = "/api/v1/workflows/runs"
DEADLINE_S = 240.0
_POLL_S = 0.2
_PAGE = 100
Json = dict[str, Any]

_AGENT_PROMPT = """Look {{what}} up, and say what is there.

@tool s3.fetch {"bucket": "user-content", "key": "user-upload-123"}
@tool s3.fetch {"bucket": "user-content", "key": "not-there.txt"}
"""
_PROMPTS = {"played_sum": "Sum up in one sentence: {{text}}", "played_agent": _AGENT_PROMPT}
_RETRIES: Json = {"retries": {"max_attempts": 2, "initial_ms": 40, "jitter": 0.5, "retry_on": ["not_found"]}}

#: How long an answer of the API may take: what is measured comes after the runs, so a busy machine only delays it.
ANSWER_S = 60.0


@dataclass(frozen=True)
class Played:
    """What was played: each run as the log and history have it, and its records' bytes as text."""

    recordings: list[Recording]
    texts: Mapping[str, list[str]]
    kinds: frozenset[str]


def play(system: System, count: int, progress: Progress) -> list[str]:
    """Play ``count`` runs of eight workflows in turn, to their ends; return them. Raises ``BenchError``."""
    with system.client() as client:
        client.timeout = httpx.Timeout(ANSWER_S)
        _define(client)
        made = _submit_all(client, count)
        progress(f"{len(made)} runs were submitted; waiting for their ends")
        _until_ended(client)
    return made


async def read(system: System) -> Played:
    """Return every run of the system, those that others started as well."""
    by_run: dict[str, list[tuple[Recorded, str]]] = {}
    log = KafkaLog(system.endpoints.kafka_bootstrap, client_id="agentflow-bench")
    for partition in range(PARTITIONS):
        bounds, clock_ms = await log.bounds(RUN_EVENTS, partition), 0
        async for batch in log.read(RUN_EVENTS, partition, bounds.first, bounds.end):
            for record in batch:
                clock_ms = max(clock_ms, record.timestamp_ms)
                text = (record.value or b"").decode()
                one = Recorded(record.offset, clock_ms, event_of(text))
                by_run.setdefault((record.key or b"").decode(), []).append((one, text))
    recordings, kinds = await _with_ends(system, by_run)
    return Played(recordings, {run: [text for _, text in found] for run, found in by_run.items()}, kinds)


async def _with_ends(
    system: System, by_run: Mapping[str, list[tuple[Recorded, str]]]
) -> tuple[list[Recording], frozenset[str]]:
    database = Database(system.endpoints.postgres_dsn, max_connections=2)
    history, kinds = Runs(database), set[str]()
    recordings: list[Recording] = []
    try:
        for run, found in by_run.items():
            stored = await history.get(ORG, run, step_outputs=True)
            if stored is None:
                raise BenchError(f"history does not have run {run}")
            kinds |= {step.kind for step in stored[1]}
            end = end_of(*stored)
            if end is None:
                raise BenchError(f"run {run} has not ended: {stored[0].status}")
            recordings.append(Recording(run, [one for one, _ in found], end))
    finally:
        await database.close()
    return recordings, frozenset(kinds)


def _define(client: httpx.Client) -> None:
    for name, template in _PROMPTS.items():
        client.post("/api/v1/prompts", json={"name": name, "version": 1, "template": template}).raise_for_status()
    for name, (nodes, edges, more) in _FLOWS.items():
        pairs = [edge.split(">") for edge in edges.split()]
        dag = {"nodes": nodes, "edges": [{"from": a, "to": b} for a, b in pairs]} | more
        client.post("/api/v1/workflows", json={"name": name, "version": 1, "dag": dag}).raise_for_status()


def _submit_all(client: httpx.Client, count: int) -> list[str]:
    made: list[str] = []
    for number, flow in zip(range(count), itertools.cycle(n for n in _FLOWS if n != "played_leaf"), strict=False):
        values = {"n": number % 10, "text": f"The sun is star {number}. Stars shine. Some are far.", "what": "it"}
        inputs = {name: values[name] for name in _INPUTS.get(flow, ())}
        answer = client.post(RUNS, json={"workflow_name": flow, "inputs": inputs}).raise_for_status()
        made.append(answer.json()["id"])
        if flow == "played_waits":
            client.post(f"{RUNS}/{made[-1]}/signals/go", json={"approved": number % 3 == 0}).raise_for_status()
    return made


def _until_ended(client: httpx.Client) -> None:
    """Wait until no run is open, and none compensates."""
    deadline = time.monotonic() + DEADLINE_S
    quiet = 0
    while time.monotonic() < deadline:
        open_ = [_some(client, status) for status in ("queued", "running")]
        # A run may be accepted and not be in history yet, so it must be quiet twice.
        quiet = quiet + 1 if not any(open_) else 0
        if quiet == 5:
            return
        time.sleep(_POLL_S)
    raise BenchError("the played runs did not end")


def _some(client: httpx.Client, status: str) -> bool:
    found = client.get(RUNS, params={"status": status, "limit": 1}).raise_for_status().json()["runs"]
    return bool(found)


def _function(id_: str, name: str = "result_merger", policy: Json | None = None, **config: Any) -> Json:
    return {"id": id_, "type": "function", "config": {"function_name": name} | config, "policy": policy or {}}


def _llm(id_: str, **inputs: str) -> Json:
    config = {"prompt_ref": "played_sum@1", "model": "local-bronze", "inputs": inputs, "max_tokens": 64}
    return {"id": id_, "type": "llm", "config": config}


def _fetch(id_: str, key: str, **policy: Any) -> Json:
    config = {"tool_name": "s3.fetch", "tool_args": {"key": key}}
    return {"id": id_, "type": "tool", "config": config, "policy": _RETRIES | policy}


def _child(id_: str, **config: Any) -> Json:
    return {"id": id_, "type": "workflow", "config": {"workflow": "played_leaf"} | config, "policy": {}}


_SPLIT = _function("split", "text_splitter", inputs={"text": "{{text}}"}, function_args={"chunk_size": 24})
_MAPPED = _function("each", parallel=True, items="split.output", inputs={"part": "{{item}}", "n": "{{index}}"})
_AGENT: Json = {
    "id": "bot",
    "type": "agent",
    "config": {"prompt_ref": "played_agent@1", "tools": ["s3.fetch"], "model": "local-echo"},
    "policy": _RETRIES,
}
_LOOP: Json = {
    "id": "again",
    "type": "loop",
    "config": {
        "max_iterations": 3,
        "until": "loop.iteration >= inputs.n",
        "on_exhausted": "last",
        "body": [_llm("draft", text="{{text}}"), _function("judge", inputs={"draft": "draft.output"})],
        "edges": [{"from": "draft", "to": "judge"}],
    },
}
_ROUTE: Json = {
    "id": "route",
    "type": "switch",
    "config": {
        "cases": [{"when": "inputs.n >= 7", "to": "b"}, {"when": "inputs.n >= 3", "to": ["b", "c"]}],
        "default": "c",
    },
}
_PAUSE: Json = {"id": "pause", "type": "wait", "config": {"duration_ms": 50}}
_GO: Json = {"id": "go", "type": "signal", "config": {"name": "go"}}

_INPUTS = {
    "played_map": ("text",),
    "played_switch": ("n",),
    "played_agent": ("what",),
    "played_loop": ("n", "text"),
    "played_children": ("n",),
    "played_failure": ("n",),
}
#: By name: nodes, edges as ``"a>b b>c"``, and what else the dag says.
_FLOWS: Mapping[str, tuple[list[Json], str, Json]] = {
    "played_leaf": ([_function("leaf", inputs={"got": "{{x}}"})], "", {}),
    "played_map": (
        [_SPLIT, _MAPPED, _function("all"), _llm("sum", text="{{text}}")],
        "split>each each>all all>sum",
        {},
    ),
    "played_switch": (
        [_ROUTE, _function("b"), _function("c"), _function("z") | {"join": "any"}],
        "route>b route>c b>z c>z",
        {},
    ),
    "played_agent": ([_AGENT, _function("after")], "bot>after", {}),
    "played_loop": ([_LOOP, _function("z", inputs={"last": "again.output"})], "again>z", {}),
    "played_waits": ([_PAUSE, _GO, _function("z", inputs={"said": "go.output"})], "pause>go go>z", {}),
    "played_children": (
        [
            _child("one", inputs={"x": "{{n}}"}),
            _child("many", inputs={"x": "{{item}}"}, parallel=True, items=[1, 2]),
            _function("z", inputs={"one": "one.output", "many": "many.output"}),
        ],
        "one>z many>z",
        {},
    ),
    "played_failure": (
        [
            _function("a", inputs={"n": "{{n}}"}),
            _fetch("get", "not-there.txt"),
            _function("undo", inputs={"was": "a.output"}),
        ],
        "a>get",
        {"on_failure": ["undo"]},
    ),
    "played_tool": ([_fetch("get", "gettysburg.txt"), _function("z", inputs={"text": "get.output"})], "get>z", {}),
}


def of_workflow(played: Played, name: str) -> list[Recording]:
    """Return the runs of a workflow."""

    def is_of(one: Recording) -> bool:
        return getattr(one.records[0].event, "workflow_name", "") == name

    return list(filter(is_of, played.recordings))
