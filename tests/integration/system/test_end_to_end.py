"""The whole system, every role a process on real engines: submit, orchestrate, call, count, read."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from connectors.clickhouse.client import ClickHouse
from connectors.providers.local.behaviour import LocalBehaviour
from deploy.local.system import ORG, PARTITIONS, System
from schemas.ids import HTTP_SOURCE, idempotency_key, request_id, run_id
from schemas.money import usd
from schemas.records.money import CostEvent
from schemas.settings import Settings
from tests.support.checker import Checker
from tests.support.client import (
    RUNS,
    Json,
    define_prompt,
    define_workflow,
    document,
    fetch,
    get_run,
    llm,
    merger,
    register_examples,
    run,
    submission,
    submit,
    unique,
    wait_for_run,
)
from tests.support.cloudevents import binary, structured
from tests.support.local_model import LocalModelServer
from tests.support.metrics import scrape
from tests.support.polling import until
from tests.support.topics import Message, behind, produce, produce_all, read_decoded, read_topic
from topics import catalogue
from topics.dead_letters.letter import REASON

DEADLINE_S = 60.0
#: A call that ends long after the run that is canceled meanwhile, and the time in which that run must end.
CALL_MS, BEFORE_CALL_S = 30_000, 25.0
SUBMISSIONS = catalogue.submissions_topic(ORG)
SUBMISSIONS_DLQ = catalogue.dlq(SUBMISSIONS)

DOCUMENT_ANALYSIS = submission("document_analysis", {"document_key": "gettysburg.txt"})
MAP_REDUCE = submission("map_reduce_analysis", {"text": document("declaration-of-independence.txt")})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModelServer]:
    with LocalModelServer(tmp_path_factory.mktemp("model")) as server:
        yield server


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, model: LocalModelServer) -> Iterator[System]:
    env = {"LOCAL_PROVIDER_URL": model.url}
    with System(tmp_path_factory.mktemp("system"), durable=False, env=env) as started:
        yield started


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[httpx.Client]:
    with system.client() as http:
        register_examples(http)
        yield http


@pytest.fixture(scope="module")
def kafka(system: System) -> str:
    return system.endpoints.kafka_bootstrap


@pytest.fixture(scope="module")
def merge_flow(client: httpx.Client) -> str:
    """A workflow of one pure function; it needs the input ``text``."""
    return define_workflow(client, merger("merge", inputs={"text": "{{text}}"}))


@pytest.fixture(scope="module")
def ask_flow(client: httpx.Client) -> str:
    """A workflow of one model call, tried again quickly; it needs the input ``text``."""
    policy = {"retries": {"max_attempts": 3, "initial_ms": 50, "jitter": 0}}
    return define_workflow(client, llm("ask", define_prompt(client, "Say what matters: {{text}}"), policy))


def settled(kafka: str) -> None:
    """Wait until ingress has dealt with every submission."""
    until(lambda: behind(kafka, "agentflow.ingress", SUBMISSIONS) == 0, DEADLINE_S, "ingress has caught up")


def letters(kafka: str, sent: Message) -> list[str]:
    """The reasons of a message's dead letters."""
    found = [r for r in read_topic(kafka, SUBMISSIONS_DLQ) if (r.key, r.value) == (sent.key, sent.value)]
    return [dict(r.headers)[REASON].decode() for r in found]


def retried_once(model: LocalBehaviour, key: str, step_id: str) -> bool:
    """Whether the first attempt of a submission's step fails at the provider and the second does not."""
    of_run = run_id(ORG, HTTP_SOURCE, key)
    fates = [model.fault(request_id(of_run, step_id, attempt)) for attempt in (1, 2)]
    return fates == ["error", None]


def run_with_one_retry(client: httpx.Client, model: LocalModelServer, flow: str) -> Json:
    """Run a workflow whose step ``ask`` fails at the provider once and succeeds then."""
    with model.behaving(error_rate=0.5) as behaviour:
        key = next(k for k in (unique("retry") for _ in range(1000)) if retried_once(behaviour, k, "ask"))
        return run(client, submission(flow, {"text": "The sun is a star. Stars shine."}), key)


def result_of(found: Json) -> Json:
    """What must be the same whichever way a run came: everything but its id and times."""
    steps = [
        {k: step[k] for k in ("id", "type", "status", "attempts", "tokens", "cost_usd", "provider", "model", "output")}
        for step in sorted(found["steps"], key=lambda step: str(step["id"]))
    ]
    return {k: found[k] for k in ("status", "output", "cost_usd", "cost_cents", "tokens")} | {"steps": steps}


@pytest.mark.parametrize("body", [DOCUMENT_ANALYSIS, MAP_REDUCE], ids=lambda body: str(body["workflow_name"]))
def test_http_and_cloudevents_give_the_same_result(client: httpx.Client, kafka: str, body: Json) -> None:
    ids = [unique("structured"), unique("binary")]
    over_http = submit(client, body)
    produce(kafka, [structured(ORG, ids[0], body), binary(ORG, ids[1], body)])
    runs = [over_http, *(run_id(ORG, "urn:test:orders", id_) for id_ in ids)]
    first, *others = (result_of(wait_for_run(client, run, outputs=True)) for run in runs)
    assert first["status"] == "succeeded"
    assert float(first["cost_usd"]) > 0
    assert all(first["output"].values())
    assert others == [first, first]


def test_map_reduce_calls_the_model_once_a_chunk(client: httpx.Client, model: LocalModelServer) -> None:
    found = wait_for_run(client, submit(client, MAP_REDUCE), outputs=True)
    chunks = found["by_id"]["split"]["output"]
    children = [step for step in found["steps"] if step["node_id"] == "map_analyze" and step["id"] != "map_analyze"]
    assert len(chunks) > 3
    assert len(children) == len(chunks)
    # Every word of the document is in a chunk, in order.
    assert " ".join(chunks).split() == MAP_REDUCE["inputs"]["text"].split()
    asked = {idempotency_key(found["id"], step["id"]) for step in children}
    assert asked <= {key for key, times in model.calls().items() if times == 1}


def test_one_submission_over_http_and_kafka_a_hundred_times_is_one_run(
    system: System, client: httpx.Client, model: LocalModelServer, kafka: str, ask_flow: str
) -> None:
    key, tag = unique("same"), unique("tag")
    body = submission(ask_flow, {"text": "All roads lead to Rome."}, tags={"test": tag})
    headers = {"Idempotency-Key": key}
    events = [make(ORG, key, body, HTTP_SOURCE) for make in (structured, binary) for _ in range(25)]

    async def at_once() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=25)
        auth = {"Authorization": client.headers["Authorization"]}
        async with httpx.AsyncClient(base_url=system.api_url, headers=auth, trust_env=False, limits=limits) as http:
            posts = asyncio.gather(*(http.post(RUNS, json=body, headers=headers, timeout=30) for _ in range(50)))
            answers, _ = await asyncio.gather(posts, produce_all(kafka, events))
        return answers

    answers = asyncio.run(at_once())
    assert {a.status_code for a in answers} == {202}
    expected = run_id(ORG, HTTP_SOURCE, key)
    assert {a.json()["id"] for a in answers} == {expected}
    settled(kafka)
    found = wait_for_run(client, expected)
    assert found["status"] == "succeeded"
    listed = client.get(RUNS, params={"tag": f"test:{tag}"}).json()["runs"]
    assert [r["id"] for r in listed] == [expected]
    assert [times for call, times in model.calls().items() if call.startswith(expected)] == [1]
    views = [v for v in read_decoded(kafka, catalogue.RUN_VIEWS) if v.run_id == expected]
    assert [v.status for v in views].count("succeeded") == 1
    assert letters(kafka, events[0]) == letters(kafka, events[-1]) == []


def test_the_same_id_with_another_body_is_refused(client: httpx.Client, kafka: str, merge_flow: str) -> None:
    key = unique("conflict")
    found = run(client, submission(merge_flow, {"text": "first"}), key)
    other = submission(merge_flow, {"text": "second"})
    answer = client.post(RUNS, json=other, headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert key in answer.json()["detail"]
    events = [structured(ORG, key, other, HTTP_SOURCE), binary(ORG, key, other, HTTP_SOURCE)]
    produce(kafka, events)
    settled(kafka)
    assert [letters(kafka, event) for event in events] == [["submission_conflict"], ["submission_conflict"]]
    kept = get_run(client, found["id"])
    assert kept is not None
    assert (kept["status"], kept["inputs"]) == ("succeeded", {"text": "first"})


def test_a_submission_that_lacks_an_input_is_refused_and_the_input_named(client: httpx.Client, kafka: str) -> None:
    body = submission("document_analysis", {"document": "gettysburg.txt"})
    answer = client.post(RUNS, json=body)
    assert answer.status_code == 422
    problem = answer.json()
    assert "document_key" in problem["detail"]
    assert [p["path"] for p in problem["problems"]] == ["inputs.document_key", "inputs.document"]
    event = structured(ORG, unique("lacks"), body)
    produce(kafka, [event])
    settled(kafka)
    assert letters(kafka, event) == ["invalid_input"]


def test_a_run_can_be_read_as_soon_as_it_is_accepted(client: httpx.Client, merge_flow: str) -> None:
    answers = []
    for number in range(50):
        accepted = client.post(RUNS, json=submission(merge_flow, {"text": str(number)}))
        answers.append(client.get(accepted.json()["links"]["self"]))
    assert {a.status_code for a in answers} == {200}
    ended = [wait_for_run(client, a.json()["id"]) for a in answers]
    assert {r["status"] for r in ended} == {"succeeded"}
    assert [r["output"]["merge"] for r in ended] == [str(number) for number in range(50)]


def test_a_run_is_cancelled_while_its_call_is_under_way(
    client: httpx.Client, model: LocalModelServer, ask_flow: str
) -> None:
    with model.behaving(latency_ms=CALL_MS):
        accepted = submit(client, submission(ask_flow, {"text": "Never mind."}))
        until(lambda: idempotency_key(accepted, "ask") in model.calls(), DEADLINE_S, "the model is called")
        asked = client.post(f"{RUNS}/{accepted}/cancel", json={"reason": "changed my mind"})
        assert asked.status_code == 202, asked.text
        found = wait_for_run(client, accepted, BEFORE_CALL_S)
    assert found["status"] == found["by_id"]["ask"]["status"] == "canceled"
    assert "changed my mind" in found["error"]["message"]
    assert client.post(f"{RUNS}/{accepted}/cancel").status_code == 409
    # The call was broken off and nobody knows what it will cost, so its estimate counts, late as it comes.
    until(lambda: client.get(f"{RUNS}/{accepted}").json()["cost_usd"] != "0", DEADLINE_S, "the call is presumed")

    def paid() -> Json | None:
        late = get_run(client, accepted)
        return late if late is not None and late["cost_usd"] != "0" else None

    # The call was made all the same, so its price still comes in, and nothing else of it.
    late = until(paid, DEADLINE_S, "the price of the call has come in")
    assert late["status"] == late["steps"][0]["status"] == "canceled"
    assert late["output"] is None


def test_a_call_that_fails_at_the_provider_is_tried_again(
    client: httpx.Client, model: LocalModelServer, ask_flow: str
) -> None:
    before = scrape(client).total("step_retries_total", workflow=ask_flow)
    found = run_with_one_retry(client, model, ask_flow)
    step = found["by_id"]["ask"]
    assert (found["status"], step["status"], step["attempts"]) == ("succeeded", "succeeded", 2)
    calls = {key: times for key, times in model.calls().items() if key.startswith(found["id"])}
    assert calls == {idempotency_key(found["id"], "ask"): 2}
    assert scrape(client).total("step_retries_total", workflow=ask_flow, node="ask") == before + 1


def test_a_call_that_always_fails_fails_the_run_after_its_last_attempt(
    client: httpx.Client, model: LocalModelServer, ask_flow: str
) -> None:
    with model.behaving(error_rate=1.0):
        found = run(client, submission(ask_flow, {"text": "Nobody answers."}))
    step = found["by_id"]["ask"]
    assert (found["status"], step["status"], step["attempts"]) == ("failed", "failed", 3)
    assert found["error"]["step_id"] == "ask"
    assert found["error"]["code"] == step["error"]["code"] == "provider_unavailable"
    assert found["cost_usd"] == "0"


def test_an_answer_is_taken_from_the_cache(client: httpx.Client, model: LocalModelServer) -> None:
    prompt = define_prompt(client, "Repeat: {{text}}")
    flow = define_workflow(client, llm("ask", prompt, cache=True))
    before = scrape(client).total("cache_hits_total")
    first, second = (run(client, submission(flow, {"text": "The same question, twice."})) for _ in range(2))
    assert [r["by_id"]["ask"]["cached"] for r in (first, second)] == [False, True]
    assert first["output"] == second["output"]
    assert float(first["cost_usd"]) > 0
    assert second["cost_usd"] == "0"
    assert not [call for call in model.calls() if call.startswith(second["id"])]
    assert scrape(client).total("cache_hits_total") == before + 1


def test_a_budget_refuses_a_call_and_says_all_about_itself(client: httpx.Client) -> None:
    flow = define_workflow(client, llm("ask", define_prompt(client, "Tell: {{text}}"), {"quality": "gold"}))
    spent = run(client, submission(flow, {"text": "A first question."}))["cost_usd"]
    limit = {"scope": "workflow", "target": flow, "period": "month", "limit_usd": spent}
    budget = client.post("/api/v1/budgets", json=limit).raise_for_status().json()
    status = f"/api/v1/budgets/{budget['id']}/status"

    def settled_status() -> Json | None:
        found: Json = client.get(status).raise_for_status().json()
        # A new budget counts what was spent before it was made.
        return found if found["held_usd"] == "0" and float(found["spent_usd"]) >= float(spent) else None

    def refused() -> Json | None:
        until(settled_status, DEADLINE_S, "the last call is settled")
        found = run(client, submission(flow, {"text": "Another question."}))
        return found if found["status"] == "failed" else None

    # Until the worker has heard of it, the budget refuses nothing.
    found = until(refused, DEADLINE_S, "the budget refuses a call")
    step = found["by_id"]["ask"]
    error = step["error"]
    assert (error["code"], step["attempts"], step["cost_usd"]) == ("budget_exceeded", 1, "0")
    details = error["details"]
    assert (details["budget"], details["budget_id"]) == (budget["name"], budget["id"])
    assert details["limit_usd"] == spent
    assert details["held_usd"] == "0"
    assert float(details["spent_usd"]) >= float(spent)
    assert float(details["estimate_usd"]) > 0
    shown = client.get(status).json()
    assert shown["state"] == "exhausted"
    assert (shown["spent_usd"], shown["held_usd"]) == (details["spent_usd"], "0")
    # One says it to the second, the other to the millisecond.
    assert shown["next_window_at"][:19] == details["opens_at"][:19]
    for said in (details["limit_usd"], details["spent_usd"], details["opens_at"]):
        assert said in error["message"]


def test_a_runs_own_budget_refuses_a_call(client: httpx.Client, ask_flow: str) -> None:
    found = run(client, submission(ask_flow, {"text": "Too dear."}, budget_cents="0.0001"))
    assert (found["status"], found["error"]["code"]) == ("failed", "run_budget_exceeded")
    assert found["error"]["details"]["limit_left_usd"] == "0.000001"


def test_a_failed_step_fails_the_run_and_what_was_done_stays(client: httpx.Client, model: LocalModelServer) -> None:
    prompt = define_prompt(client, "Say what matters: {{text}}")
    flow = define_workflow(
        client,
        llm("ask", prompt),
        fetch("boom", "no-such-document.txt"),
        merger("after", inputs={"a": "ask.output", "b": "boom.output"}),
        llm("last", prompt, inputs={"text": "after.output"}),
        edges="ask>boom boom>after ask>after after>last",
    )
    found = wait_for_run(client, submit(client, submission(flow, {"text": "One thing was done."})), outputs=True)
    steps = found["by_id"]
    assert found["status"] == "failed"
    assert {id_: step["status"] for id_, step in steps.items()} == {
        "ask": "succeeded",
        "boom": "failed",
        "after": "canceled",
        "last": "canceled",
    }
    assert (found["error"]["step_id"], found["error"]["code"]) == ("boom", "not_found")
    assert "gettysburg.txt" in steps["boom"]["error"]["message"]
    assert steps["ask"]["output"]
    assert float(found["cost_usd"]) > 0
    assert found["cost_usd"] == steps["ask"]["cost_usd"]
    assert [key for key in model.calls() if key.startswith(found["id"])] == [idempotency_key(found["id"], "ask")]


def test_a_failed_step_cancels_its_siblings_under_way(client: httpx.Client, model: LocalModelServer) -> None:
    flow = define_workflow(client, llm("slow", define_prompt(client, "Wait: {{text}}")), fetch("boom", "nowhere.txt"))
    with model.behaving(latency_ms=CALL_MS):
        found = wait_for_run(client, submit(client, submission(flow, {"text": "a while"})), BEFORE_CALL_S)
    assert {id_: step["status"] for id_, step in found["by_id"].items()} == {"slow": "canceled", "boom": "failed"}


GUIDE_METRICS = (
    "workflow_runs_total",
    "workflow_duration_seconds_count",
    "workflow_cost_cents_sum",
    "step_retries_total",
    "cache_hits_total",
    "provider_requests_total",
)


def test_the_guides_six_metrics_count(client: httpx.Client, model: LocalModelServer, ask_flow: str) -> None:
    flow = define_workflow(client, llm("ask", define_prompt(client, "Echo: {{text}}"), cache=True))
    for _ in range(2):
        run(client, submission(flow, {"text": "hello"}))
    run_with_one_retry(client, model, ask_flow)
    # An end is shown as soon as it is in the log, and counted by the commit after that.
    until(lambda: scrape(client).total("workflow_runs_total", workflow=flow) == 2, DEADLINE_S, "both runs are counted")
    shown = scrape(client)
    assert {name: shown.total(name) > 0 for name in GUIDE_METRICS} == dict.fromkeys(GUIDE_METRICS, True)
    assert shown.total("workflow_runs_total", workflow=flow, status="succeeded") == 2
    assert shown.total("workflow_duration_seconds_count", workflow=flow) == 2
    route = {"provider": "local", "model": "local-silver"}
    assert shown.total("provider_requests_total", **route, outcome="error") > 0
    assert shown.total("provider_requests_total", **route, outcome="ok") > 0


def test_topics_tables_and_databases_agree(system: System, client: httpx.Client, merge_flow: str) -> None:
    flow = define_workflow(client, llm("ask", define_prompt(client, "Sum up: {{text}}")), fetch("boom", "nowhere.txt"))
    accepted = {
        submit(client, DOCUMENT_ANALYSIS),
        submit(client, submission(flow, {"text": "x"})),
        submit(client, submission(merge_flow, {"text": "x"})),
    }
    for one in accepted:
        wait_for_run(client, one)
    report = asyncio.run(Checker(system.endpoints, PARTITIONS, ORG, accepted).settled(DEADLINE_S))
    assert report.problems == []


def test_rows_in_clickhouse_are_what_topics_hold(system: System, client: httpx.Client, kafka: str) -> None:
    found = run(client, DOCUMENT_ANALYSIS)
    until(
        lambda: all(behind(kafka, "agentflow.analytics", topic) == 0 for topic in ANALYSED),
        DEADLINE_S,
        "analytics has caught up",
    )
    costs, calls, views = (read_decoded(kafka, topic) for topic in ANALYSED)
    rows = asyncio.run(_rows(system))
    settlements = [c for c in costs if isinstance(c, CostEvent)]
    assert rows["cost_events"] == {(c.call_id, c.kind, c.run_id, c.model, c.amount_nano) for c in settlements}
    assert rows["provider_calls"] == {(c.call_id, c.outcome, c.cost_nano, c.usage.input_tokens) for c in calls}
    assert rows["step_events"] == {
        (v.run_id, s.step_id, v.version, s.state, s.attempt, s.cost_nano) for v in views for s in v.steps
    }
    of_run = sum(amount for _, _, run, _, amount in rows["cost_events"] if run == found["id"])
    assert usd(of_run) == found["cost_usd"]


ANALYSED = (catalogue.COST_EVENTS, catalogue.PROVIDER_CALLS, catalogue.RUN_VIEWS)
_COLUMNS = {
    "cost_events": "call_id, kind, run_id, model, amount_nano",
    "provider_calls": "call_id, outcome, cost_nano, input_tokens",
    "step_events": "run_id, step_id, version, state, attempt, cost_nano",
}


async def _rows(system: System) -> dict[str, set[tuple[Any, ...]]]:
    clickhouse = ClickHouse(system.endpoints.clickhouse_url, Settings().clickhouse.database)
    try:
        found = {}
        for table, columns in _COLUMNS.items():
            rows = [tuple(row) for row in await clickhouse.query(f"SELECT {columns} FROM {table} FINAL")]
            assert len(rows) == len(set(rows))
            found[table] = set(rows)
        return found
    finally:
        await clickhouse.close()


def test_every_dead_letter_keeps_key_value_and_place(kafka: str) -> None:
    sent = Message(SUBMISSIONS, b"\xff\x00key", b"\x00 not a CloudEvent", (("x-trace", b"\xfe"),))
    ((topic, partition, offset),) = produce(kafka, [sent])
    settled(kafka)
    (letter,) = [r for r in read_topic(kafka, SUBMISSIONS_DLQ) if r.value == sent.value]
    headers = dict(letter.headers)
    assert (letter.key, headers["x-trace"]) == (sent.key, b"\xfe")
    place = (headers["af-topic"].decode(), int(headers["af-partition"]), int(headers["af-offset"]))
    assert place == (topic, partition, offset)
