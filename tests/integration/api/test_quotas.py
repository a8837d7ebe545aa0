"""Quotas of an organisation over HTTP: stored, and on their way to the workers."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from schemas.limits.quotas import Ask, Usage
from schemas.records.definitions import Definition
from services.quotas.rules import QuotaRules, QuotasFile
from tests.support.api import DEADLINE_S, Running, running, settings_for, until_authenticated
from topics.catalogue import DEFINITIONS

QUOTAS = "/api/v1/quotas"
OWN = {"provider": "openai", "requests_per_minute": 60, "tokens_per_day": 2_000_000}


@pytest.fixture
async def api(dsn: str, redis_url: str) -> AsyncIterator[Running]:
    async with running(settings_for(dsn, redis_url)) as found:
        await until_authenticated(found)
        yield found


async def said(api: Running, count: int) -> list[Definition]:
    """Wait until so many versions of the organisation's quotas are on the topic."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            all_of = [d for d in api.log.decoded(DEFINITIONS) if isinstance(d, Definition) and d.kind == "quotas"]
            if len(found := [d for d in all_of if d.org_id == api.org_id]) >= count:
                return found
            await asyncio.sleep(0.02)


async def test_quotas_are_set_reach_workers_and_are_removed(api: Running) -> None:
    assert (await api.client.get(QUOTAS)).json() == {"limits": []}
    put = await api.client.put(QUOTAS, json={"limits": [OWN]})
    assert put.status_code == 200, put.text
    assert put.json()["limits"] == (await api.client.get(QUOTAS)).json()["limits"] == [OWN]
    assert (await api.client.put(QUOTAS, json={"limits": []})).json()["limits"] == []
    first, second = await said(api, 2)
    rules, ask = QuotaRules(QuotasFile()), Ask(api.org_id, "f", "gold", "openai", "m", "", "c", "t", Usage(1, 1, 1), 1)
    rules.apply(first)
    assert [limit.most for scope in rules.scopes(ask) for limit in scope.limits] == [60, 2_000_000]
    rules.apply(second)
    assert rules.scopes(ask) == ()


@pytest.mark.parametrize(
    ("limits", "field", "says"),
    [
        ({"provider": "opnai", "requests_per_minute": 1}, "limits.0.provider", "there is no provider 'opnai'"),
        ({"provider": "openai", "model": "nope", "max_concurrent": 1}, "limits.0.model", "there is no model 'nope'"),
        ({"provider": "openai", "requests_per_minute": 0}, "limits[0].requests_per_minute", ""),
        ({"model": "gpt-4o", "requests_per_minute": 1}, "limits[0]", "a model needs its provider"),
        ({"provider": "openai"}, "limits[0]", "limits nothing"),
    ],
)
async def test_wrong_quotas_are_named(api: Running, limits: dict[str, object], field: str, says: str) -> None:
    refused = await api.client.put(QUOTAS, json={"limits": [limits]})
    assert refused.status_code == 422
    assert field in refused.text, refused.text
    assert says in refused.text


async def test_a_name_that_is_to_come_is_accepted_when_asked(api: Running) -> None:
    body = {"limits": [{"provider": "mine", "requests_per_minute": 1}], "allow_unknown": True}
    assert (await api.client.put(QUOTAS, json=body)).status_code == 200
