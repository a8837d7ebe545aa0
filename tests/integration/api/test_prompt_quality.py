"""Quality of prompts over HTTP: series from the table, points from deduplicated rows."""

import random

import pytest
from redis.asyncio import Redis

from connectors.clickhouse.client import ClickHouse
from connectors.ports.engine import InRecord
from connectors.redis.keys import Slot
from schemas.clock import now_ms
from schemas.records.quality import AnswerScored
from schemas.settings import Settings
from schemas.tables.quality import prompt_entity
from streams.core.memory import MemoryState
from streams.core.quality.fold import QualityFold
from streams.roles.sinks.analytics import AnalyticsSink
from tests.support.api import Running, settings_for
from tests.support.client import unique
from tests.support.quality import answer_scored
from topics.catalogue import QUALITY_SCORES, TABLE_QUALITY
from topics.partitioner import partition_for

PROMPTS = "/api/v1/prompts"


@pytest.fixture
def settings(dsn: str, redis_url: str, clickhouse_url: str, store: ClickHouse) -> Settings:
    return settings_for(dsn, redis_url, clickhouse_url, CLICKHOUSE_DATABASE=store.database)


async def prompt_of(api: Running) -> str:
    name = unique("quality").replace("-", "_")
    (await api.client.post(PROMPTS, json={"name": name, "template": "Hi"})).raise_for_status()
    return name


def fallen(api: Running, name: str) -> list[AnswerScored]:
    """Return scores that fall after 1,000 of 1,600, within the last minutes."""
    rng, began = random.Random(2), now_ms() - 300_000
    return [
        answer_scored(
            number,
            min(1.0, max(0.0, rng.gauss(0.8 if number < 1_000 else 0.4, 0.1))),
            org_id=api.org_id,
            prompt=name,
            scored_at_ms=began + number,
        )
        for number in range(1_600)
    ]


async def fold(redis_url: str, partitions: int, scores: list[AnswerScored]) -> None:
    """Write the series as the role does: folded, in the table's slot."""
    rules, state, group = QualityFold(), MemoryState(), scores[0].group
    for one in scores:
        rules.fold(state, one, one.scored_at_ms, 0)
    entity = prompt_entity(group)
    entries = {name: rules.encode(entity, name, state.get(entity, name)) for name in state.fields(entity)}
    slot = Slot(TABLE_QUALITY, partition_for(group.encode(), partitions))
    async with Redis.from_url(redis_url) as redis:
        await redis.hset(slot.entity(entity), mapping=entries)


async def test_series_tell_of_a_fall(api: Running, settings: Settings, redis_url: str) -> None:
    name = await prompt_of(api)
    assert (await api.client.get(f"{PROMPTS}/{name}/quality")).json() == {"prompt": name, "series": []}
    await fold(redis_url, settings.kafka.partitions, fallen(api, name))
    page = (await api.client.get(f"{PROMPTS}/{name}/quality")).json()
    found = {(one["by"], one["value"]): one for one in page["series"]}
    assert set(found) == {("version", "1"), ("workflow", "flow"), ("model", "local-silver")}
    series = found["version", "1"]
    assert (series["scorer"], series["scores"]) == ("length", 1_600)
    assert series["mean"] == pytest.approx(0.4, abs=0.05)
    assert series["stability"] > 0.25, "the last full block is after the fall"
    change = series["changes"][0]
    assert change["before"] == pytest.approx(0.8, abs=0.03)
    assert 1_000 < change["scores"] <= 1_064
    assert change["run_id"] == f"run-{change['scores'] - 1}"


async def test_points_are_of_deduplicated_rows(api: Running, store: ClickHouse) -> None:
    name = await prompt_of(api)
    rows = [(InRecord(QUALITY_SCORES, 0, n, 0, b"k", b"{}"), one) for n, one in enumerate(fallen(api, name))]
    await AnalyticsSink(store).write(rows)
    await AnalyticsSink(store).write(rows[100:200])
    answer = await api.client.get(f"{PROMPTS}/{name}/quality/points", params={"every": "day", "by": "model"})
    assert answer.status_code == 200, answer.text
    points = answer.json()["points"]
    assert sum(one["scores"] for one in points) == 1_600
    mean = sum(one.score for _, one in rows) / 1_600
    assert sum(one["mean"] * one["scores"] for one in points) / 1_600 == pytest.approx(mean)
    assert {(one["scorer"], one["value"]) for one in points} == {("length", "local-silver")}
    later = await api.client.get(f"{PROMPTS}/{name}/quality/points", params={"since": "2100-01-01T00:00:00Z"})
    assert later.json()["points"] == []


@pytest.mark.parametrize("query", [{"every": "week"}, {"by": "user"}, {"since": "yesterday"}])
async def test_a_wrong_query_is_refused(api: Running, query: dict[str, str]) -> None:
    name = await prompt_of(api)
    assert (await api.client.get(f"{PROMPTS}/{name}/quality/points", params=query)).status_code == 422


async def test_an_unknown_prompt_is_not_found(api: Running) -> None:
    for path in ("quality", "quality/points"):
        assert (await api.client.get(f"{PROMPTS}/nothing/{path}")).status_code == 404
