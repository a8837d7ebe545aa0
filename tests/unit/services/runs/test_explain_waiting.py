"""On what steps wait: what texts mean, and what follows from the definition."""

from dataclasses import fields
from typing import Any

import pytest

from connectors.postgres.history.runs import StoredStep
from connectors.redis.claims.lease_reader import Holder
from connectors.redis.worker_registry import Said, Seen, WorkerState
from schemas.tables.wait_reasons import WORDS, Wait, read_wait
from services.runs.explain_waiting import begun, not_begun, without_reader
from tests.support.runs import function, resolved


def step(step_id: str, status: Any, **more: Any) -> StoredStep:
    empty = {field.name: None for field in fields(StoredStep)}
    known = {"step_id": step_id, "node_id": step_id.partition("[")[0], "status": status, "attempt": 1}
    return StoredStep(**(empty | known | more))


@pytest.mark.parametrize(
    ("text", "kind", "on"),
    [
        ("timer", "timer", ""),
        ("retry", "retry", ""),
        ("signal approve", "signal", "approve"),
        ("child 0f3a", "child", "0f3a"),
        ("slot max_parallel", "concurrency", "max_parallel"),
        ("max_parallel", "concurrency", ""),
        ("step bot/turn-1", "dependency", "bot/turn-1"),
        ("iteration 2 of 5", "dependency", "2 of 5"),
        ("budget daily", "budget", "daily"),
        ("worker w-1 has this attempt", "claim", "w-1"),
        ("redis: read a budget: no answer", "service", "redis"),
        ("objects unavailable, no money held", "service", "objects"),
        ("the provider's rate limit is reached", "quota", ""),
        ("something that nobody thought of", "other", ""),
        ("", "other", ""),
    ],
)
def test_what_a_text_means(text, kind, on):
    found = read_wait(text, 5)
    assert (found.kind, found.on, found.until_ms) == (kind, on, 5)
    if kind != "retry":
        assert found.detail == text


def test_a_retry_says_what_failed():
    assert read_wait("retry", 5, "429 from the provider").detail == "429 from the provider"
    assert set(WORDS.values()) <= set(Wait.__dataclass_fields__["kind"].type.__args__)


def test_nodes_that_were_not_asked_for_wait_for_those_before_them():
    definition = resolved(*map(function, "abcd"), edges="a>c b>c c>d")
    steps = [step("a", "succeeded"), step("b", "running")]
    waits = {w.step_id: w.wait for w in not_begun(definition, steps)}
    assert {name: (w.kind, w.on) for name, w in waits.items()} == {"c": ("dependency", "b"), "d": ("dependency", "c")}
    ready = not_begun(definition, [step("a", "succeeded"), step("b", "skipped")])
    assert [(w.step_id, w.wait.kind) for w in ready] == [("c", "concurrency"), ("d", "dependency")]


def test_steps_that_were_asked_for():
    children = [step("m[0]", "running"), step("m[1]", "waiting", waiting_for="retry", error={"message": "no"})]
    parent = step("m", "running")
    open_steps = [parent, *children]
    lanes = {"m[0]": Wait("lane", "step-requests.gold")}
    assert begun(parent, open_steps, {}, lanes).detail == "2 of its children have not ended"
    assert begun(children[0], open_steps, {}, lanes) == lanes["m[0]"]
    held = begun(children[0], open_steps, {"m[0]": Holder("w-1", 99)}, lanes)
    assert (held.kind, held.on, held.until_ms) == ("claim", "w-1", 99)
    assert begun(children[1], open_steps, {}, {}) == Wait("retry", "", None, "no")
    assert begun(step("z", "running"), [], {}, {}).kind == "lane"
    assert begun(step("z", "ready", waiting_for="max_parallel"), [], {}, {}).kind == "concurrency"


def worker(lane: str, state: WorkerState) -> Seen:
    return Seen(Said("i", "w-1", (lane,), 1, 0, "v", 0), 1_000, state)


def test_a_queue_that_no_worker_reads_is_named_with_how_to_read_it() -> None:
    found = without_reader("gpu", "step-requests.gpu", [worker("step-requests.gold", "live")])
    assert found is not None
    own = "`agentflow worker app.py --queue gpu`"
    assert found.detail == f"nobody reads step-requests.gpu: start a worker with WORKER_QUEUES=gpu, or {own}"


def test_a_worker_that_is_gone_is_named() -> None:
    found = without_reader("gpu", "step-requests.gpu", [worker("step-requests.gpu", "lost")])
    assert found is not None
    assert "worker w-1 is lost, last seen 1970-01-01T00:00:01.000Z" in found.detail


def test_a_lane_with_a_live_worker_or_an_unknown_list_has_a_reader() -> None:
    assert without_reader("gpu", "step-requests.gpu", [worker("step-requests.gpu", "live")]) is None
    assert without_reader("gpu", "step-requests.gpu", None) is None
