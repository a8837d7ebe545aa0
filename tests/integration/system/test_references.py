"""A whole system compares live answers with those of references: of another model, and of the same one."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import orjson
import pytest
import yaml

from connectors.kafka.log import KafkaLog
from deploy.local.system import ORG, System
from schemas.records.money import CostEvent
from tests.support.client import define_prompt, define_workflow, llm, submission, submit, unique, wait_for_run
from tests.support.polling import until
from topics.catalogue import COST_EVENTS, events_topic
from topics.codec import decode

DEADLINE_S = 90.0
WORDS = [f"word {number}" for number in range(8)]
OTHER, SAME = "local/local-bronze", "local/local-echo"
WATCHES = [
    {"organisation": ORG, "model": "local/local-silver", "reference": OTHER, "share": 1},
    {"organisation": ORG, "model": SAME, "reference": SAME, "share": 1},
]
NANO = 10**9


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    file = tmp_path_factory.mktemp("references") / "references.yaml"
    file.write_text(yaml.safe_dump({"watches": WATCHES}), "utf-8")
    env = {"REFERENCES_FILE": str(file), "CACHE_ENABLED": "false"}
    with System(tmp_path_factory.mktemp("system"), durable=False, env=env) as started:
        yield started


def series_of(client: httpx.Client, prompt: str, model: str, pairs: int) -> dict[str, Any]:
    """Return what is known of a model's answers once there are so many pairs."""

    def there() -> dict[str, Any] | None:
        answer = client.get(f"/api/v1/prompts/{prompt}/quality").raise_for_status().json()
        found = [one for one in answer["series"] if one["value"] == model]
        return found[0]["reference"] if found and found[0]["reference"]["pairs"] >= pairs else None

    return until(there, DEADLINE_S, f"{pairs} answers of {model} are compared")


def test_a_model_that_is_not_its_reference_is_named_and_one_that_is_stays_unnamed(
    system: System, client: httpx.Client
) -> None:
    ref = define_prompt(client, "The river is long. The river is deep. Boats go up and down. Say it of {{word}}.")
    prompt = ref.partition("@")[0]
    both = (("silver", "local-silver"), ("echo", "local-echo"))
    nodes = [llm(n, ref, model=m, parallel=True, items="{{words}}", inputs={"word": "{{item}}"}) for n, m in both]
    workflow = define_workflow(client, *nodes)
    run = wait_for_run(client, submit(client, submission(workflow, {"words": WORDS}, tags={"of": unique("tag")})))
    assert run["status"] == "succeeded", run
    other = series_of(client, prompt, "local/local-silver", len(WORDS))
    same = series_of(client, prompt, SAME, len(WORDS))
    assert (other["reference"], other["different"], other["diverged"]) == (OTHER, len(WORDS), True)
    assert (same["reference"], same["different"], same["diverged"]) == (SAME, 0, False)

    events, costs = asyncio.run(read(system, prompt, run["id"]))
    assert [event["data"]["value"] for event in events] == ["local/local-silver"]
    assert (events[0]["data"]["scorer"], events[0]["data"]["reference"]) == ("reference", OTHER)
    assert events[0]["data"]["run_id"] == run["id"]
    # The references cost something, and their run nothing.
    assert len(costs["run"]) == 2 * len(WORDS)
    assert sum(costs["run"]) == int(Decimal(run["cost_usd"]) * NANO)
    assert sum(costs["reference"]) > 0


async def read(system: System, prompt: str, run_id: str) -> tuple[list[dict[str, Any]], dict[str, list[int]]]:
    """Return the events about a prompt's models, and the settlements of the run and of references."""
    events: dict[str, dict[str, Any]] = {}
    costs: dict[str, list[int]] = {"run": [], "reference": []}
    async with KafkaLog(system.endpoints.kafka_bootstrap) as log:
        for partition in range(system.partitions):
            async for one in records(log, events_topic(ORG), partition):
                event = orjson.loads(one)
                if event["type"] == "quality.drifted" and event["data"]["prompt"] == prompt:
                    events[event["id"]] = event
            async for one in records(log, COST_EVENTS, partition):
                cost = decode(COST_EVENTS, one)
                if isinstance(cost, CostEvent) and cost.run_id == run_id:
                    costs["run"].append(cost.amount_nano)
                elif isinstance(cost, CostEvent) and cost.tags.get("agentflow.shadow") == "reference":
                    costs["reference"].append(cost.amount_nano)
    return list(events.values()), costs


async def records(log: KafkaLog, topic: str, partition: int) -> Any:
    bounds = await log.bounds(topic, partition)
    async for batch in log.read(topic, partition, *bounds):
        for one in batch:
            yield one.value
