"""Keys that the configuration gives: made at the start, gone with their entry, and of their organisation alone."""

import asyncio
import json
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.postgres.keys import Keys
from schemas.settings import Settings
from tests.support.api import Running, running

KEY, OTHER = "configured-key-of-a-test", "another-configured-key"
WORKFLOWS = "/api/v1/workflows"


def with_keys(base: Settings, *keys: dict[str, Any]) -> Settings:
    security = base.security.model_copy(update={"api_keys": SecretStr(json.dumps(keys))})
    return base.model_copy(update={"security": security})


async def whoami(api: Running, key: str) -> tuple[int, dict[str, Any]]:
    async with api.as_key(key) as client:
        answer = await client.get("/api/v1/whoami")
    return answer.status_code, answer.json()


async def until_status(api: Running, key: str, status: int) -> None:
    async with asyncio.timeout(60):
        while (await whoami(api, key))[0] != status:  # noqa: ASYNC110 - it is polled over HTTP
            await asyncio.sleep(0.02)


@pytest.fixture
def org_id(settings: Settings) -> str:
    return f"{settings.api.default_org_id}-configured"


async def test_a_listed_key_works_in_its_organisation(settings: Settings, org_id: str) -> None:
    entry = {"key": KEY, "org_id": org_id, "permissions": ["read"], "name": "ci"}
    async with running(with_keys(settings, entry)) as api:
        await until_status(api, KEY, 200)
        _, found = await whoami(api, KEY)
        assert (found["organisation"], found["permissions"], found["platform"]) == (org_id, ["read"], False)
        async with api.as_key(KEY) as client:
            assert (await client.post(WORKFLOWS, json={})).status_code == 403


async def test_a_key_that_is_listed_no_more_is_unknown(settings: Settings, org_id: str) -> None:
    entries = [{"key": key, "org_id": org_id} for key in (f"{KEY}-that-stays", OTHER)]
    async with running(with_keys(settings, *entries)) as api:
        await until_status(api, OTHER, 200)
    async with running(with_keys(settings, entries[0])) as api:
        await until_status(api, OTHER, 401)
        assert (await whoami(api, f"{KEY}-that-stays"))[0] == 200


async def test_a_listed_key_is_changed_by_the_configuration_alone(settings: Settings, org_id: str) -> None:
    key = f"{KEY}-that-manages"
    entry = {"key": key, "org_id": org_id, "permissions": ["read", "admin"]}
    async with running(with_keys(settings, entry)) as api:
        await until_status(api, key, 200)
        _, found = await whoami(api, key)
        async with api.as_key(key) as client:
            answer = await client.delete(f"/api/v1/keys/{found['key_id']}")
        assert answer.status_code == 409, answer.text
        assert "auth.api_keys" in answer.json()["detail"]


async def test_organisation_that_only_the_configuration_names_gets_its_topics_at_the_first_start(
    settings: Settings, org_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Keys.bootstrap

    async def slowly(self: Keys, *given: Any) -> None:
        await asyncio.sleep(0.3)
        await store(self, *given)

    monkeypatch.setattr(Keys, "bootstrap", slowly)
    entry = {"key": f"{KEY}-of-a-new-one", "org_id": f"{org_id}-new"}
    async with running(with_keys(settings, entry)) as api:
        async with asyncio.timeout(60):
            while entry["org_id"] not in api.app.state.created_topics:  # noqa: ASYNC110 - nothing says it
                await asyncio.sleep(0.02)
