"""Keys of providers over HTTP: stored sealed, shown never, each in its own organisation."""

from collections.abc import Mapping

import asyncpg
import pytest
from pydantic import SecretStr

from connectors.kms.opening import LocalKms
from connectors.kms.sealing import EnvelopeKeys, UnreadableError
from connectors.postgres.database import Database
from connectors.postgres.vault import ProviderKey, Vault, fingerprint
from deploy.vault import reseal
from schemas.settings import Settings
from tests.support.api import Running, changed, running, settings_for, unique, until_authenticated

KEYS = "/api/v1/providers"
OPENAI = f"{KEYS}/openai/credentials"
SECRET = "sk-test-0123456789-secret"


@pytest.fixture
def settings(dsn: str, redis_url: str) -> Settings:
    return settings_for(dsn, redis_url, VAULT_KEY="v" * 32)


async def stored(settings: Settings, org_id: str, key: str, before: str = "") -> Mapping[str, ProviderKey]:
    """Return an organisation's keys as a worker with these envelope keys reads them."""
    keys = EnvelopeKeys.of(key, before)
    assert keys is not None
    database = Database(settings.postgres.dsn.get_secret_value(), max_connections=1)
    try:
        return await Vault(database, LocalKms(keys)).keys(org_id)
    finally:
        await database.close()


async def test_a_key_is_stored_replaced_and_removed_and_never_shown(api: Running) -> None:
    assert (await api.client.get(OPENAI)).status_code == 404
    first = await api.client.put(OPENAI, json={"api_key": SECRET})
    assert first.status_code == 200
    assert first.json()["fingerprint"] == fingerprint(SECRET)
    assert first.json()["last_used_at"] is None
    replaced = (await api.client.put(OPENAI, json={"api_key": SECRET + "-2"})).json()
    assert replaced["fingerprint"] != first.json()["fingerprint"]
    assert replaced["created_at"] == first.json()["created_at"]
    shown = await api.client.get(OPENAI)
    listed = await api.client.get(f"{KEYS}/credentials")
    assert listed.json()["credentials"] == [shown.json()] == [replaced]
    assert SECRET not in first.text + shown.text + listed.text
    assert (await stored(api.settings, api.org_id, "v" * 32))["openai"] == SecretStr(SECRET + "-2")
    assert (await api.client.delete(OPENAI)).status_code == 204
    assert (await api.client.delete(OPENAI)).status_code == 404


async def test_the_database_has_no_key_and_no_row_opens_elsewhere(api: Running) -> None:
    await api.client.put(OPENAI, json={"api_key": SECRET})
    other = unique("org")
    (await api.client.post("/api/v1/organisations", json={"id": other})).raise_for_status()
    conn = await asyncpg.connect(api.postgres_dsn)
    row = await conn.fetchrow("SELECT * FROM provider_key WHERE org_id = $1", api.org_id)
    assert row is not None
    assert SECRET.encode() not in row["sealed"]
    await conn.execute(
        "INSERT INTO provider_key (org_id, provider, sealed, sealed_under, fingerprint) VALUES ($1, $2, $3, $4, $5)",
        *(other, "openai", row["sealed"], row["sealed_under"], row["fingerprint"]),
    )
    await conn.close()
    assert isinstance((await stored(api.settings, other, "v" * 32))["openai"], UnreadableError)
    assert isinstance((await stored(api.settings, api.org_id, "w" * 32))["openai"], UnreadableError)


async def test_another_organisation_has_no_part_in_it(api: Running) -> None:
    await api.client.put(OPENAI, json={"api_key": SECRET})
    other = unique("org")
    made = (await api.client.post("/api/v1/organisations", json={"id": other})).json()
    async with api.as_key(made["key"]["key"]) as client:
        assert (await client.get(OPENAI)).status_code == 404
        assert (await client.delete(OPENAI)).status_code == 404
        assert (await client.get(f"{KEYS}/credentials")).json() == {"credentials": []}
    assert (await api.client.get(OPENAI)).status_code == 200
    assert await stored(api.settings, other, "v" * 32) == {}


@pytest.mark.parametrize("key", ["short", "with a space in it", "line\nend-0123456789", "ключ-ключ-ключ", "x" * 4_097])
async def test_what_is_no_key_is_refused_and_not_repeated(api: Running, key: str) -> None:
    answer = await api.client.put(OPENAI, json={"api_key": key})
    assert answer.status_code == 422
    problem = answer.json()["problems"][0]
    assert problem["path"] == "api_key"
    assert problem["fix"]
    assert key not in answer.text


async def test_an_unknown_provider_and_a_key_without_permission_are_refused(api: Running) -> None:
    answer = await api.client.put(f"{KEYS}/openia/credentials", json={"api_key": SECRET})
    assert answer.status_code == 422
    assert "openai" in answer.json()["problems"][0]["fix"]
    reader = (await api.client.post("/api/v1/keys", json={"name": "r", "permissions": ["read", "write"]})).json()
    async with api.as_key(reader["key"]) as client:
        assert (await client.put(OPENAI, json={"api_key": SECRET})).status_code == 403
        assert (await client.get(OPENAI)).status_code == 403


async def test_without_an_envelope_key_nothing_is_stored(dsn: str, redis_url: str) -> None:
    async with running(settings_for(dsn, redis_url)) as api:
        await until_authenticated(api)
        answer = await api.client.put(OPENAI, json={"api_key": SECRET})
    assert answer.status_code == 409
    assert "VAULT_KEY" in answer.json()["detail"]


async def test_a_new_envelope_key_seals_all_keys_again(api: Running) -> None:
    await api.client.put(OPENAI, json={"api_key": SECRET})
    rotated = changed(api.settings, VAULT_KEY="w" * 32, VAULT_KEY_BEFORE="v" * 32)
    assert (await stored(api.settings, api.org_id, "w" * 32, "v" * 32))["openai"] == SecretStr(SECRET)
    first, second = await reseal(rotated), await reseal(rotated)
    assert first.sealed >= 1
    assert second.sealed == 0
    # The row that another test has moved to another organisation.
    assert first.left == second.left
    assert all(api.org_id not in place for place in first.left)
    assert (await stored(api.settings, api.org_id, "w" * 32))["openai"] == SecretStr(SECRET)
    assert isinstance((await stored(api.settings, api.org_id, "v" * 32))["openai"], UnreadableError)
