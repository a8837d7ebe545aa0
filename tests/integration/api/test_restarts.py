"""Restarting and forking runs over HTTP, from history on a real PostgreSQL and definitions in a real Redis."""

from typing import Any

import pytest
from redis.asyncio import Redis

from connectors.redis.keys import runs_slot
from schemas.payload import Reference, inline
from schemas.records.run_events import CancelRequested, Reused, RunSubmitted
from schemas.records.run_views import StepView
from schemas.run_states import RunState
from tests.support.api import Running, unique
from tests.support.history import view_of, write_views
from topics.catalogue import RUN_EVENTS

RUNS = "/api/v1/workflows/runs"
STORED = Reference(uri="objects:///org/" + "a" * 64, sha256="a" * 64, size=70_000)
#: One long branch, and a node that maps beside it.
NODES: list[dict[str, Any]] = [
    {"id": "a", "type": "function", "config": {"function_name": "result_merger", "inputs": {"x": "{{text}}"}}},
    {"id": "b", "type": "function", "config": {"function_name": "result_merger"}},
    {"id": "m", "type": "function", "config": {"function_name": "result_merger", "parallel": True, "items": [1, 2]}},
    {"id": "c", "type": "function", "config": {"function_name": "result_merger"}},
]
EDGES = [{"from": "a", "to": "b"}, {"from": "b", "to": "c"}, {"from": "m", "to": "c"}]


def submitted(api: Running) -> list[RunSubmitted]:
    return [r for r in api.log.decoded(RUN_EVENTS) if isinstance(r, RunSubmitted)]


async def ended_run(
    api: Running, status: RunState = "failed", steps: list[StepView] | None = None, nodes: Any = None
) -> RunSubmitted:
    """A run of the workflow that has ended in history; by default ``c`` failed."""
    name = unique("flow")
    edges = [{"from": "a", "to": "b"}] if nodes else EDGES
    flow = {"name": name, "version": 1, "dag": {"nodes": nodes or NODES, "edges": edges}}
    (await api.client.post("/api/v1/workflows", json=flow)).raise_for_status()
    body = {"workflow_name": name, "inputs": {"text": "t"}, "tags": {"team": "x"}, "budget_cents": 7}
    (await api.client.post(RUNS, json=body)).raise_for_status()
    record = submitted(api)[-1]
    await write_views(api.postgres_dsn, view_of(record, status, STEPS if steps is None else steps))
    return record


def step(step_id: str, output: Any = None, state: Any = "succeeded") -> StepView:
    payload = output if isinstance(output, Reference) else inline(output) if output is not None else None
    node = step_id.partition("[")[0]
    return StepView(step_id=step_id, node_id=node, kind="function", state=state, attempt=1, output=payload, cost_nano=9)


STEPS = [
    step("a", {"n": 1}),
    step("b", STORED),
    step("m"),
    step("m[1]", "y"),
    step("m[0]", "x"),
    step("c", None, "failed"),
]


async def test_a_restart_does_again_what_failed(api: Running) -> None:
    old = await ended_run(api)
    answer = await api.client.post(f"{RUNS}/{old.run_id}/restart")
    assert answer.status_code == 202, answer.text
    new = submitted(api)[-1]
    assert answer.json()["id"] == new.run_id != old.run_id
    assert (answer.json()["forked_from"], answer.json()["reused"]) == (old.run_id, ["a", "b", "m"])
    assert new.reuse == {
        "a": Reused(output=inline({"n": 1})),
        "b": Reused(output=STORED),
        "m": Reused(children=[inline("x"), inline("y")]),
    }
    assert (new.source, new.spec, new.rules_version) == (f"fork:{old.run_id}", old.spec, old.rules_version)
    assert (new.inputs, new.tags, new.budget_nano) == (old.inputs, old.tags, old.budget_nano)


async def test_a_restart_from_a_node_does_everything_after_it_again(api: Running) -> None:
    old = await ended_run(api, "succeeded", [*STEPS[:-1], step("c", 1)])
    answer = await api.client.post(f"{RUNS}/{old.run_id}/restart", json={"from": "b"})
    assert answer.json()["reused"] == ["a", "m"]
    nothing_left = await api.client.post(f"{RUNS}/{old.run_id}/restart")
    assert nothing_left.status_code == 422
    assert nothing_left.json()["problems"][0]["path"] == "from"


async def test_what_is_after_something_unfinished_is_done_again_too(api: Running) -> None:
    old = await ended_run(api, "failed", [step("a", None, "failed"), step("b", 1), step("m"), step("m[0]", 1)])
    assert (await api.client.post(f"{RUNS}/{old.run_id}/restart")).json()["reused"] == ["m"]


async def test_a_map_whose_children_are_not_all_there_is_done_again(api: Running) -> None:
    old = await ended_run(api, "failed", [step("a", 1), step("m"), step("m[0]", 1), step("m[2]", 1)])
    assert (await api.client.post(f"{RUNS}/{old.run_id}/restart")).json()["reused"] == ["a"]


async def test_a_fork_has_other_inputs_and_reuses_nothing_unless_told(api: Running) -> None:
    old = await ended_run(api)
    whole = await api.client.post(f"{RUNS}/{old.run_id}/fork", json={"inputs": {"text": "u", "more": 1}})
    assert (whole.json()["reused"], submitted(api)[-1].inputs) == ([], {"text": "u", "more": 1})
    assert submitted(api)[-1].rules_version == old.rules_version
    part = await api.client.post(f"{RUNS}/{old.run_id}/fork", json={"inputs": {"text": "u"}, "from": "b"})
    assert part.json()["reused"] == ["a", "m"]


async def test_one_key_is_one_new_run(api: Running) -> None:
    old = await ended_run(api)
    key = {"Idempotency-Key": "once"}
    answers = [await api.client.post(f"{RUNS}/{old.run_id}/restart", headers=key) for _ in range(3)]
    assert len({a.json()["id"] for a in answers}) == 1
    assert [a.json()["duplicate"] for a in answers] == [False, True, True]
    other = await api.client.post(f"{RUNS}/{old.run_id}/restart", headers=key, json={"from": "a"})
    assert other.status_code == 422
    without = [await api.client.post(f"{RUNS}/{old.run_id}/restart") for _ in range(2)]
    assert len({a.json()["id"] for a in without}) == 2


async def test_what_cannot_be_restarted(api: Running) -> None:
    under_way = await ended_run(api, "running")
    assert (await api.client.post(f"{RUNS}/{under_way.run_id}/restart")).status_code == 409
    assert (await api.client.post(f"{RUNS}/nothing/restart")).status_code == 404
    old = await ended_run(api)
    unknown = await api.client.post(f"{RUNS}/{old.run_id}/restart", json={"from": "zz"})
    assert unknown.status_code == 422
    assert "a, b, m, c" in unknown.json()["detail"]
    big = await ended_run(
        api, "failed", [step(f"{n}", "x" * 400_000) for n in "ab"] + [step("m"), step("m[0]", "x" * 200_000)]
    )
    assert (await api.client.post(f"{RUNS}/{big.run_id}/restart")).status_code == 413


async def test_a_definition_whose_prompt_moved_on_comes_from_the_table(api: Running, redis_url: str) -> None:
    name = unique("prompt")
    await api.client.post("/api/v1/prompts", json={"name": name, "template": "Say {{text}}"})
    nodes = [
        {"id": "a", "type": "llm", "config": {"prompt_ref": name}},
        {"id": "b", "type": "function", "config": {"function_name": "result_merger"}},
    ]
    old = await ended_run(api, "failed", [step("a", 1)], nodes)
    (await api.client.post("/api/v1/prompts", json={"name": name, "template": "Shout {{text}}"})).raise_for_status()
    refused = await api.client.post(f"{RUNS}/{old.run_id}/restart")
    assert refused.status_code == 409
    assert "cannot be had" in refused.json()["detail"]
    redis = Redis.from_url(redis_url)
    entity = runs_slot(old.run_id, api.partitions).entity(f"spec:{old.spec.hash}")
    await redis.hset(entity, "spec", old.spec.model_dump_json(by_alias=True))
    await redis.aclose()
    assert (await api.client.post(f"{RUNS}/{old.run_id}/restart")).status_code == 202
    assert submitted(api)[-1].spec == old.spec
    assert submitted(api)[-1].spec.prompts[name].template == "Say {{text}}"


async def bulk(api: Running, action: str, **more: Any) -> Any:
    answer = await api.client.post(f"{RUNS}/bulk", json={"action": action} | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_bulk_retry_says_first_what_it_would_do_and_does_it_once(api: Running) -> None:
    olds = [await ended_run(api) for _ in range(3)]
    fine = await ended_run(api, "succeeded", [*STEPS[:-1], step("c", 1)])
    ids = [old.run_id for old in reversed(olds)]
    records = len(api.log.records)
    dry = await bulk(api, "retry")
    assert (dry["dry_run"], dry["total"], dry["ids"], dry["done"]) == (True, 3, ids, [])
    assert len(api.log.records) == records
    first = await bulk(api, "retry", dry_run=False, limit=2)
    assert ([d["id"] for d in first["done"]], first["total"]) == (ids[:2], 3)
    rest = await bulk(api, "retry", dry_run=False, limit=2, cursor=first["next_cursor"])
    assert ([d["id"] for d in rest["done"]], rest["next_cursor"]) == (ids[2:], None)
    new = [r for r in submitted(api) if r.source.startswith("fork:")]
    assert [r.source for r in new] == [f"fork:{run}" for run in ids]
    again = await bulk(api, "retry", dry_run=False)
    assert [(d["run_id"], d["already"]) for d in again["done"]] == [(r.run_id, True) for r in new]
    assert len([r for r in submitted(api) if r.source.startswith("fork:")]) == 3
    assert fine.run_id not in ids


async def test_what_cannot_be_retried_is_told_and_the_rest_is_done(api: Running) -> None:
    good = await ended_run(api)
    big = await ended_run(api, "failed", [step(n, "x" * 480_000) for n in "ab"])
    done = await bulk(api, "retry", dry_run=False)
    assert [d["id"] for d in done["done"]] == [good.run_id]
    assert [(p["id"], "900" in p["message"] or "limit" in p["message"]) for p in done["problems"]] == [
        (big.run_id, True)
    ]


async def test_a_bulk_cancel_by_filter(api: Running) -> None:
    olds = [await ended_run(api, status) for status in ("running", "queued", "failed", "running")]
    everything = await bulk(api, "cancel", tags={"team": "x"}, since="1h")
    assert everything["total"] == 3
    assert (await bulk(api, "cancel", tags={"team": "y"}))["total"] == 0
    assert (await bulk(api, "cancel", until="1h"))["total"] == 0
    assert (await bulk(api, "cancel", workflow=olds[0].workflow_name))["ids"] == [olds[0].run_id]
    done = await bulk(api, "cancel", status="running", dry_run=False)
    canceled = [r.run_id for r in api.log.decoded(RUN_EVENTS) if isinstance(r, CancelRequested)]
    assert [d["id"] for d in done["done"]] == canceled == [olds[3].run_id, olds[0].run_id]


@pytest.mark.parametrize(
    "body",
    [
        {"action": "cancel", "status": "failed"},
        {"action": "retry", "status": "succeeded"},
        {"action": "delete"},
        {"action": "cancel", "since": "yesterday"},
        {"action": "cancel", "limit": 0},
        {"action": "cancel", "cursor": "x"},
        {"action": "cancel", "dryrun": False},
    ],
)
async def test_a_bulk_request_that_says_nonsense(api: Running, body: dict[str, Any]) -> None:
    answer = await api.client.post(f"{RUNS}/bulk", json=body)
    assert answer.status_code == 422
    assert answer.json()["problems"]
