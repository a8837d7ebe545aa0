"""Deployments over HTTP on a real PostgreSQL and Redis: start, statistics of the fold's table, decisions by hand."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from connectors.postgres.database import Database
from connectors.postgres.prompts.deployments import PromptDeployments
from connectors.redis.keys import Slot
from schemas.clock import now_ms
from schemas.records.rollouts.deployments import (
    DeploymentDecided,
    DeploymentEvent,
    DeploymentStarted,
    RunAssigned,
    RunOutcome,
)
from schemas.rollouts.plan import rollout_key
from schemas.tables.deployments import DECIDED, encode, rollout_entity
from streams.core.deployments.fold import DeploymentsFold
from streams.core.memory import MemoryState
from tests.support.api import DEADLINE_S, Running, unique
from topics.catalogue import DEPLOYMENT_OUTCOMES, TABLE_DEPLOYMENTS
from topics.partitioner import partition_for

API = "/api/v1"


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[PromptDeployments]:
    database = Database(dsn, timeout_s=10)
    yield PromptDeployments(database)
    await database.close()


async def prompt_of(api: Running, *templates: str, label: str | None = "production") -> str:
    """Make a prompt with these versions, of which the label names the first one."""
    name = unique("rollout").replace("-", "_")
    for number, template in enumerate(templates):
        body = {"name": name, "template": template, "labels": [label] if label and number == 0 else []}
        (await api.client.post(f"{API}/prompts", json=body)).raise_for_status()
    return name


async def deploy(api: Running, name: str, status: int = 201, **body: Any) -> dict[str, Any]:
    answer = await api.client.post(f"{API}/prompts/{name}/deployments", json={"environment": "production"} | body)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def read(api: Running, deployment_id: str) -> dict[str, Any]:
    answer = await api.client.get(f"{API}/deployments/{deployment_id}")
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


async def said(api: Running, name: str) -> list[Any]:
    """Return the records of a prompt's rollouts that reached the log, once one has."""
    await until(api, name, 1)
    return records(api, name)


async def until(api: Running, name: str, count: int) -> None:
    """Wait until the outbox has published so many records."""
    async with asyncio.timeout(DEADLINE_S):
        while len(records(api, name)) < count:  # noqa: ASYNC110 - the publisher is a task of the app
            await asyncio.sleep(0.01)


def records(api: Running, name: str) -> list[Any]:
    return [one for one in api.log.decoded(DEPLOYMENT_OUTCOMES) if one.prompt == name]


async def fold(api: Running, started: DeploymentStarted, events: list[DeploymentEvent]) -> DeploymentDecided:
    """Fold events after the start, and put the rollout's entries where the role would; return the newest decision."""
    folding, state = DeploymentsFold(), MemoryState()
    for number, event in enumerate([started, *events]):
        folding.fold(state, event, now_ms(), number)
    entity = rollout_entity(started.rollout)
    slot = Slot(TABLE_DEPLOYMENTS, partition_for(started.rollout.encode(), api.partitions))
    redis = Redis.from_url(api.redis_url)
    await redis.hset(
        slot.entity(entity), mapping={name: encode(state.get(entity, name)) for name in state.fields(entity)}
    )
    await redis.aclose()
    decided = state.get(entity, DECIDED)
    assert isinstance(decided, DeploymentDecided)
    return decided


def runs(started: DeploymentStarted, count: int, *, bad: float) -> list[DeploymentEvent]:
    """Return runs of which the canary fails a share."""
    of = {name: getattr(started, name) for name in ("org_id", "prompt", "environment", "deployment_id")}
    found: list[DeploymentEvent] = []
    for number in range(count):
        arm = "canary" if number % 2 else "stable"
        run = of | {"run_id": f"run-{number}", "arm": arm}
        ok = not (number % 2 and (number // 2) % 10 < 10 * bad)
        found.append(msgspec.convert(run, RunAssigned))
        found.append(msgspec.convert(run | {"ok": ok, "cost_nano": 2_000_000, "latency_ms": 800.0}, RunOutcome))
    return found


async def test_a_rollout_is_started_with_the_usual_plan_and_said_to_the_fold(api: Running) -> None:
    name = await prompt_of(api, "one", "two")
    made = await deploy(api, name, message="shorter")
    assert {key: made[key] for key in ("status", "mode", "stable_version", "canary_version", "step", "share")} == {
        "status": "running",
        "mode": "canary",
        "stable_version": 1,
        "canary_version": 2,
        "step": 1,
        "share": 0.01,
    }
    (started,) = await said(api, name)
    assert (started.deployment_id, started.stable_version, started.canary_version) == (made["id"], 1, 2)
    found = await read(api, made["id"])
    assert (found["plan"]["steps"], found["statistics"]) == ([0.01, 0.1, 0.5], None)
    assert sorted(found["plan"]["rules"]) == ["cost", "errors", "latency"]  # no answer of it is scored
    assert found["waiting"] == [{"code": "not_begun", "text": "the role `deployments` has not begun it yet"}]


async def test_statistics_are_those_of_the_table(api: Running) -> None:
    name = await prompt_of(api, "one", "two")
    made = await deploy(api, name, steps=[0.5], least_ms=0)
    (started,) = await said(api, name)
    await fold(api, started, runs(started, 60, bad=0))
    found = await read(api, made["id"])
    statistics = found["statistics"]
    assert (statistics["as_of"], statistics["runs"], statistics["step_runs"]) == ("now", 60, [30])
    assert (statistics["split"]["stable"], statistics["split"]["canary"]) == (30, 30)
    by_name = {one["metric"]: one for one in statistics["metrics"]}
    assert (by_name["cost"]["unit"], round(by_name["cost"]["stable"], 6)) == ("usd", 0.002)
    assert (round(by_name["latency"]["canary"]), by_name["errors"]["verdict"]) == (800, "undecided")
    assert {one["code"] for one in found["waiting"]} == {"least_runs"}


async def test_a_decision_is_shown_with_its_numbers_also_when_the_table_is_gone(
    api: Running, store: PromptDeployments
) -> None:
    name = await prompt_of(api, "one", "two")
    made = await deploy(api, name, steps=[0.5])
    (started,) = await said(api, name)
    decided = await fold(api, started, runs(started, 60, bad=0.9))
    await store.record(decided)
    live = await read(api, made["id"])
    assert (live["status"], live["decision"]["reason"], live["statistics"]["as_of"]) == ("rolled_back", "brake", "now")
    assert "errors of the canary are many times those of stable" in live["decision"]["text"]
    redis = Redis.from_url(api.redis_url)
    slot = Slot(TABLE_DEPLOYMENTS, partition_for(started.rollout.encode(), api.partitions))
    await redis.delete(slot.entity(rollout_entity(started.rollout)))
    await redis.aclose()
    stored = await read(api, made["id"])
    assert stored["statistics"]["as_of"] == "decision"
    assert stored["statistics"]["metrics"] == live["statistics"]["metrics"]
    assert stored["waiting"] == []


async def test_a_second_rollout_in_the_environment_is_refused_with_the_first(api: Running) -> None:
    name = await prompt_of(api, "one", "two")
    made = await deploy(api, name)
    refused = await deploy(api, name, 409)
    assert made["id"] in refused["detail"]
    assert "promote it, roll it back or stop it first" in refused["detail"]
    other = await deploy(api, name, 422, environment="staging", mode="canary")
    assert "deploy one first with mode all" in other["detail"]


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"version": 9}, None, "there is no prompt"),
        ({"steps": [0.5, 0.1]}, "steps", "do not rise"),
        ({"steps": [1.5]}, "steps[0]", ""),
        ({"steps": [0.5, 1.0]}, "steps", "leaves no run to compare with"),
        ({"entity": "user"}, "entity", "is no path of an input"),
        ({"mode": "ab"}, "mode", "answers of this prompt get none"),
        ({"environment": "3"}, "environment", "is a number, which names a version"),
        ({"environment": "latest"}, "environment", "reserved"),
        ({"version": "production"}, "version", "is in production already"),
        ({"metrics": ["speed"]}, "metrics[0]", ""),
        ({"rules": {"score": {"margin": 0.1}}, "metrics": ["errors"]}, "rules.score", "not judged"),
        ({"least_ms": 10, "most_ms": 1}, "most_ms", "below least_ms"),
        ({"environmant": "x"}, "environmant", ""),
    ],
)
async def test_what_is_wrong_is_refused_with_its_place(
    api: Running, body: dict[str, Any], field: str | None, said: str
) -> None:
    name = await prompt_of(api, "one", "two")
    refused = await deploy(api, name, 422 if field else 404, **body)
    assert said in refused["detail"]
    if field:
        assert field in [problem["path"] for problem in refused["problems"]]
        assert all(problem["fix"] for problem in refused["problems"])


async def test_a_canary_that_needs_another_input_is_refused(api: Running) -> None:
    name = await prompt_of(api, "Greet {{name}}", "Greet {{name}} in {{language}}")
    refused = await deploy(api, name, 422)
    assert "version 2 needs language, which version 1 does not" in refused["detail"]


async def test_the_first_version_of_an_environment_is_deployed_at_once(api: Running) -> None:
    name = await prompt_of(api, "one", label=None)
    made = await deploy(api, name)
    assert (made["mode"], made["stable_version"], made["share"]) == ("all", None, 1.0)


@pytest.mark.parametrize("action", ["promote", "rollback", "stop"])
async def test_a_decision_by_hand_is_said_to_the_fold(api: Running, action: str) -> None:
    name = await prompt_of(api, "one", "two")
    made = await deploy(api, name)
    answer = await api.client.post(f"{API}/deployments/{made['id']}/{action}")
    assert (answer.status_code, answer.json()["id"]) == (202, made["id"])
    await until(api, name, 2)
    assert records(api, name)[1].action == action


async def test_a_step_is_named_by_its_share(api: Running) -> None:
    name = await prompt_of(api, "one", "two")
    made = await deploy(api, name)
    path = f"{API}/deployments/{made['id']}/step"
    assert (await api.client.post(path, json={"share": 0.5})).status_code == 202
    await until(api, name, 2)
    assert records(api, name)[1].step == 2
    unknown = await api.client.post(path, json={"share": 0.2})
    assert (unknown.status_code, "name one of 0.01, 0.1, 0.5" in unknown.text) == (422, True)
    back = await api.client.post(path, json={"share": 0.01})
    assert (back.status_code, "name a larger share" in back.text) == (422, True)


async def test_what_another_deployment_followed_is_decided_no_more(api: Running, store: PromptDeployments) -> None:
    name = await prompt_of(api, "one", "two", "three")
    first = await deploy(api, name, version=2)
    (started,) = await said(api, name)
    decided = await fold(api, started, [])
    await store.record(msgspec.structs.replace(decided, number=2, status="rolled_back", reason="by_hand", by="ann"))
    second = await deploy(api, name, version=3)
    refused = await api.client.post(f"{API}/deployments/{first['id']}/promote")
    assert refused.status_code == 409
    assert second["id"] in refused.json()["detail"]
    assert rollout_key(started.org_id, name, "production") == started.rollout


async def test_deployments_are_listed_by_prompt_environment_and_status(api: Running) -> None:
    name = await prompt_of(api, "one", "two")
    made = await deploy(api, name)
    staged = await deploy(api, name, environment="staging")
    listed = await api.client.get(f"{API}/deployments", params={"prompt": name, "limit": 1})
    page = listed.json()
    assert [one["id"] for one in page["deployments"]] == [staged["id"]]
    rest = await api.client.get(f"{API}/deployments", params={"prompt": name, "cursor": page["next_cursor"]})
    assert [one["id"] for one in rest.json()["deployments"]] == [made["id"]]
    found = await api.client.get(f"{API}/deployments", params={"prompt": name, "environment": "production"})
    assert [one["id"] for one in found.json()["deployments"]] == [made["id"]]
    none = await api.client.get(f"{API}/deployments", params={"prompt": name, "status": "promoted"})
    assert none.json() == {"deployments": [], "next_cursor": None}


async def test_another_organisation_has_no_such_deployment(api: Running) -> None:
    name = await prompt_of(api, "one", "two")
    made = await deploy(api, name)
    other = (await api.client.post(f"{API}/organisations", json={"id": unique("other")})).json()
    async with api.as_key(other["key"]["key"]) as client:
        assert (await client.get(f"{API}/deployments/{made['id']}")).status_code == 404
        assert (await client.post(f"{API}/deployments/{made['id']}/stop")).status_code == 404
        assert (await client.get(f"{API}/deployments")).json()["deployments"] == []
