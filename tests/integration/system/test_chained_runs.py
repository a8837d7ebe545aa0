"""The same run with and without chains, every role a process: nobody can tell the one from the other by its history."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.local.system import System
from schemas.records.run_views import RunView
from tests.support.client import (
    define_prompt,
    define_workflow,
    fetch,
    llm,
    merger,
    submission,
    submit,
    wait_for_run,
)
from tests.support.crashes import crash_system
from tests.support.polling import until
from tests.support.topics import read_decoded
from topics import catalogue

LANE = catalogue.lane("silver")
#: What no two runs share.
OWN = {"trace_id", "links", "submitted_at", "started_at", "finished_at", "requested_at", "duration_ms", "traceparent"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with crash_system(tmp_path_factory.mktemp("chained"), latency_ms=5) as (system, _):
        yield system


def test_a_chained_run_is_told_by_nothing_but_its_requests(system: System, client: httpx.Client) -> None:
    flow = define_workflow(
        client,
        fetch("read", "gettysburg.txt"),
        llm("ask", define_prompt(client, "Say what matters: {{text}}"), inputs={"text": "read.output"}),
        merger("join", inputs={"one": "ask.output", "two": "read.output"}),
        merger("left", inputs={"one": "join.output"}),
        merger("right", inputs={"one": "join.output"}),
        merger("last", inputs={"l": "left.output", "r": "right.output"}),
        edges="read>ask ask>join join>left join>right left>last right>last",
    )
    broken = define_workflow(
        client,
        fetch("read", "gettysburg.txt"),
        fetch("lose", "nowhere.txt"),
        merger("join", inputs={"one": "lose.output"}),
        edges="read>lose lose>join",
    )
    asked_for(system, chained="false")
    plain = [shown(system, client, name) for name in (flow, broken)]
    asked_for(system, chained="true")
    chained = [shown(system, client, name) for name in (flow, broken)]
    assert [requests for _, _, requests in plain] == [
        ["ask", "join", "last", "left", "read", "right"],
        ["lose", "read"],
    ]
    assert [requests for _, _, requests in chained] == [["last", "left", "read", "right"], ["read"]]
    assert [history for history, _, _ in chained] == [history for history, _, _ in plain]
    assert [states for _, states, _ in chained] == [states for _, states, _ in plain]
    assert chained[0][0]["status"] == "succeeded"
    assert float(chained[0][0]["cost_usd"]) > 0
    assert chained[1][0]["error"]["step_id"] == "lose"


def asked_for(system: System, *, chained: str) -> None:
    """Start an orchestrator with or without chains in place of the one that there is."""
    system.roles["orchestrator"].stop()
    system.roles["orchestrator"] = system.role("orchestrator", ["orchestrator"], {"CHAIN_STEPS": chained})
    system.roles["orchestrator"].start()


def shown(system: System, client: httpx.Client, flow: str) -> tuple[Any, Any, list[str]]:
    """Run a workflow; return its history, every change that a reader saw, and the steps that were asked for, sorted."""
    kafka = system.endpoints.kafka_bootstrap
    found = wait_for_run(client, submit(client, submission(flow)), outputs=True)
    run_id = found["id"]

    def whole() -> list[RunView] | None:
        views = [view for view in read_decoded(kafka, catalogue.RUN_VIEWS) if view.run_id == run_id]
        return views if views and views[-1].status == found["status"] else None

    views = until(whole, 60, "every view is there")
    # left and right end in any order.
    order = sorted if len(found["steps"]) > 3 else list
    changes = order([(v.status, s.step_id, s.state, s.attempt, s.waiting_for or "") for v in views for s in v.steps])
    asked = sorted(r.step_id for r in read_decoded(kafka, LANE) if r.run_id == run_id)
    history = {name: value for name, value in found.items() if name != "id"}
    history["steps"] = sorted(found["steps"], key=lambda step: step["id"])
    return without_own(history), changes, asked


def without_own(value: Any) -> Any:
    """Return a run without its own ids and times."""
    if isinstance(value, dict):
        return {name: without_own(item) for name, item in value.items() if name not in OWN}
    return [without_own(item) for item in value] if isinstance(value, list) else value
