"""A run with all that runs do, out to a strict receiver: every span once, one tree a trace, the ledger's money."""

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from bench.observability.otlp_receiver import StrictReceiver, attributes_of
from deploy.local.system import System
from schemas.ids import child_run_id, trace_id
from tests.support.client import get_run, submission, submit, wait_for_run
from tests.support.otlp import CALL, GEN_AI, json_of
from tests.support.otlp_runs import WORDS, define_everything, logged
from tests.support.polling import until

DEADLINE_S = 60.0
NANO = 10**9


@pytest.fixture(scope="module")
def receiver() -> Iterator[StrictReceiver]:
    with StrictReceiver(headers={"authorization": "Bearer secret"}) as found:
        yield found


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, receiver: StrictReceiver) -> Iterator[System]:
    targets = tmp_path_factory.mktemp("targets") / "targets.yaml"
    text = "targets: [{name: strict, endpoint: '%s', headers: {Authorization: {env: STRICT_AUTHORIZATION}}}]\n"
    targets.write_text(text % receiver.endpoint, encoding="utf-8")
    env = {"OTLP_TARGETS_FILE": str(targets), "STRICT_AUTHORIZATION": "Bearer secret"}
    with System(tmp_path_factory.mktemp("system"), durable=False, env=env) as started:
        yield started


@pytest.fixture(scope="module")
def workflow(client: httpx.Client) -> str:
    return define_everything(client)


def test_a_run_with_everything_is_one_tree_with_the_money_of_the_ledger(
    system: System, client: httpx.Client, workflow: str, receiver: StrictReceiver
) -> None:
    run = wait_for_run(client, submit(client, submission(workflow, WORDS)))
    child = child_run_id(run["id"], "child", 1)
    assert run["status"] == "failed", run
    until(lambda: not (get_run(client, run["id"]) or {}).get("compensating"), DEADLINE_S, "it is compensated")
    received = receiver.received

    def whole() -> bool:
        ids = logged(system, {run["id"], child})
        types = {attributes_of(span).get("agentflow.type") for span in list(received.spans.values())}
        return bool(ids) and ids <= received.spans.keys() and "run" in types

    until(whole, DEADLINE_S, "every span is at the receiver")
    assert received.faults == received.tree_faults() == []
    assert received.doubled == 0
    spans = [(trace, attributes_of(span)) for (trace, _), span in received.spans.items()]
    types = {str(said.get("agentflow.type")) for _, said in spans}
    assert {"run", "step", "attempt", "map", "agent", "llm_call", "tool_call", "child_run"} <= types, types
    for one in (run, get_run(client, child)):
        assert one is not None
        own = [said for trace, said in spans if trace == trace_id(one["id"])]
        assert total(own, "agentflow.cost.nano_usd") == int(Decimal(one["cost_usd"]) * NANO) > 0
        assert total(own, "gen_ai.usage.input_tokens") == one["tokens"]["input"] > 0
        assert total(own, "gen_ai.usage.output_tokens") == one["tokens"]["output"]


def total(spans: list[dict[str, Any]], name: str) -> int:
    return sum(int(said.get(name, 0)) for said in spans)


def test_spans_of_another_program_are_in_the_trace_of_the_run_that_called_it(
    system: System, client: httpx.Client, workflow: str, receiver: StrictReceiver
) -> None:
    run = wait_for_run(client, submit(client, submission(workflow, {"words": ["one"]})))
    trace = trace_id(run["id"])
    body = json_of([{"span_id": CALL, "attributes": GEN_AI}], now_ns=time.time_ns(), trace=trace)
    assert client.post("/v1/traces", json=body).json() == {}

    def stored() -> Any:
        answer = client.get(f"/api/v1/traces/{run['id']}")
        return [one for one in answer.json().get("events", []) if one["id"] == CALL]

    (span,) = until(stored, DEADLINE_S, "the span is in the run's trace")
    assert (span["type"], span["model"]) == ("llm_call", "gpt-4o-2024-08-06")
    assert Decimal(span["cost_usd"]) > 0
    assert not [key for key in receiver.received.spans if key[1] == CALL], "what came in by OTLP does not go out again"
