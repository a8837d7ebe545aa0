"""What a policy lets keys see of runs over HTTP: runs, steps, objects, texts of traces, records, comparisons."""

from typing import Any

import httpx
import pytest

from api.caller import Caller
from api.live.readers import along_of
from connectors.clickhouse.client import ClickHouse
from schemas.payload import Inline, Reference
from schemas.records.definitions import AuditEvent
from schemas.records.run_events import RunSubmitted
from schemas.records.run_views import StepView
from schemas.settings import Settings
from tests.support.api import SUBMISSION, Running, settings_for
from tests.support.history import view_of, write_views
from topics.catalogue import AUDIT_EVENTS, RUN_EVENTS

RUNS = "/api/v1/workflows/runs"
RULES = [
    {"id": "secret", "at": "read", "when": "'secret' in output.classes", "verdict": "deny", "reason": "it is secret"},
    {"id": "pii", "at": "read", "when": "'pii' in output.classes", "verdict": "redact", "redact_classes": ["pii"]},
]
INPUT_LABELS = {"$": ["user"], "$.name": ["user", "class:pii"]}
SECRET = {"$": ["user", "class:secret"]}
SHA = "a" * 64


@pytest.fixture
def settings(dsn: str, redis_url: str, clickhouse_url: str, store: ClickHouse) -> Settings:
    return settings_for(dsn, redis_url, clickhouse_url, CLICKHOUSE_DATABASE=store.database)


def step(step_id: str, output: Any) -> StepView:
    return StepView(step_id=step_id, node_id=step_id, kind="function", state="succeeded", attempt=1, output=output)


async def run_with_secrets(api: Running) -> str:
    await api.define_greeting()
    made = await api.client.post(RUNS, json=SUBMISSION)
    record = [one for one in api.log.decoded(RUN_EVENTS) if isinstance(one, RunSubmitted)][-1]
    assert record.run_id == made.json()["id"]
    outputs = {"merge": Inline(value="the key", labels=SECRET)}
    stored = Reference(uri=f"objects:///o/{SHA}", sha256=SHA, size=70_000, labels=SECRET)
    steps = [step("greet", stored), step("merge", outputs["merge"])]
    more: dict[str, Any] = {"policy": "support@1", "input_labels": INPUT_LABELS, "output": outputs}
    await write_views(api.postgres_dsn, view_of(record, "succeeded", steps, **more))
    return record.run_id


async def activate(api: Running, mode: str = "enforce") -> None:
    made = await api.client.post("/api/v1/policies", json={"document": {"name": "support", "rules": RULES}})
    assert made.status_code in (200, 201), made.text
    body = {"version": made.json()["version"], "mode": mode}
    answer = await api.client.post("/api/v1/policies/support/activate", json=body)
    assert answer.status_code == 200, answer.text


def reads(api: Running) -> list[AuditEvent]:
    return [one for one in api.log.decoded(AUDIT_EVENTS) if one.action == "policy.read"]


async def test_a_run_is_shown_without_what_its_reader_may_not_see(api: Running) -> None:
    run = await run_with_secrets(api)
    whole = (await api.client.get(f"{RUNS}/{run}", params={"step_outputs": True})).json()
    assert (whole["output"], whole["inputs"]["name"]) == ({"merge": "the key"}, SUBMISSION["inputs"]["name"])  # type: ignore[index]
    assert not reads(api)
    await activate(api, "shadow")
    assert (await api.client.get(f"{RUNS}/{run}", params={"step_outputs": True})).json() == whole
    assert {one.enforced for event in reads(api) for one in event.decisions} == {False}

    await activate(api)
    seen = (await api.client.get(f"{RUNS}/{run}", params={"step_outputs": True})).json()
    withheld = {"withheld": "rule 'secret': it is secret"}
    assert seen["output"] == {"merge": withheld}
    assert (seen["inputs"]["name"], seen["inputs"]["language"]) == ("[redacted]", whole["inputs"]["language"])
    assert [one["output"] for one in seen["steps"]] == [withheld, withheld]
    assert (seen["status"], seen["cost_usd"]) == (whole["status"], whole["cost_usd"])
    steps = (await api.client.get(f"{RUNS}/{run}/steps", params={"outputs": True})).json()["steps"]
    assert [one["output"] for one in steps] == [withheld, withheld]
    events = reads(api)[-2:]
    said = {(one.kind, one.decision, one.run_id, one.policy) for one in events}
    assert said == {("denial", "denied", run, "support@1")}


async def test_who_reads_along_gets_no_pieces_where_whole_values_decide(api: Running) -> None:
    run = await run_with_secrets(api)
    who = Caller(key_id="k", org_id=api.org_id, permissions=frozenset({"read"}))
    assert (await along_of(api.app.state.services, who, run, -1)).pieces
    await activate(api)
    assert not (await along_of(api.app.state.services, who, run, -1)).pieces


async def test_what_cannot_be_shown_in_parts_is_refused(api: Running) -> None:
    run = await run_with_secrets(api)
    await activate(api)
    asked: dict[str, httpx.Response] = {
        "records": await api.client.get(f"/api/v1/traces/{run}/records"),
        "diff": await api.client.post("/api/v1/traces/diff", json={"a": run, "b": run, "outputs": True}),
        "object": await api.client.get(f"/api/v1/objects/{SHA}", params={"run_id": run}),
        "bare object": await api.client.get(f"/api/v1/objects/{SHA}"),
    }
    assert {name: answer.status_code for name, answer in asked.items()} == dict.fromkeys(asked, 403)
    assert "run_id" in asked["bare object"].text
    other = await api.client.get(f"/api/v1/objects/{'b' * 64}", params={"run_id": run})
    assert other.status_code == 404
    assert (await api.client.get(f"/api/v1/traces/{run}")).status_code == 200


async def test_there_is_no_answer_while_the_audit_log_takes_nothing(api: Running) -> None:
    run = await run_with_secrets(api)
    await activate(api)
    api.log.down = True
    assert (await api.client.get(f"{RUNS}/{run}")).status_code == 503
    api.log.down = False
    assert (await api.client.get(f"{RUNS}/{run}")).status_code == 200
