"""Secrets for tools over HTTP: stored sealed, rotated, shown never, each in its own organisation."""

import asyncpg
import pytest

from connectors.kms.opening import LocalKms
from connectors.kms.sealing import EnvelopeKeys
from connectors.postgres.database import Database
from connectors.postgres.tools.secrets import KEPT, SecretStore
from deploy.vault import reseal
from schemas.settings import Settings
from tests.support.api import Running, changed, running, settings_for, unique, until_authenticated

SECRETS = "/api/v1/secrets"
KEY = f"{SECRETS}/SHOP_KEY"
VALUE = "planted-0123456789-value"
BODY = {"value": VALUE, "hosts": ["api.example.com"]}


@pytest.fixture
def settings(dsn: str, redis_url: str) -> Settings:
    return settings_for(dsn, redis_url, VAULT_KEY="v" * 32)


async def opened(settings: Settings, org_id: str, key: str = "v" * 32, before: str = "") -> dict[str, str]:
    """Return an organisation's values as a worker with these envelope keys reads them."""
    keys = EnvelopeKeys.of(key, before)
    assert keys is not None
    database = Database(settings.postgres.dsn.get_secret_value(), max_connections=1)
    try:
        found = await SecretStore(database, LocalKms(keys)).values(org_id)
    finally:
        await database.close()
    return {name: one.unreadable or one.value for name, one in found.items()}


async def test_a_secret_is_stored_rotated_put_back_and_removed_and_never_shown(api: Running) -> None:
    assert (await api.client.get(KEY)).status_code == 404
    first = await api.client.put(KEY, json=BODY)
    assert first.status_code == 200, first.text
    assert (first.json()["version"], first.json()["hosts"], first.json()["last_used_at"]) == (1, BODY["hosts"], None)
    second = await api.client.put(KEY, json={"value": VALUE + "-2"})
    assert (second.json()["version"], second.json()["hosts"]) == (2, BODY["hosts"])
    assert await opened(api.settings, api.org_id) == {"SHOP_KEY": VALUE + "-2"}
    back = await api.client.patch(KEY, json={"version": 1})
    assert await opened(api.settings, api.org_id) == {"SHOP_KEY": VALUE}
    shown, listed = await api.client.get(KEY), await api.client.get(SECRETS)
    assert [one["version"] for one in shown.json()["versions"]] == [2, 1]
    assert VALUE not in "".join(one.text for one in (first, second, back, shown, listed))
    assert (await api.client.delete(f"{KEY}/versions/1")).status_code == 409
    assert (await api.client.delete(f"{KEY}/versions/2")).status_code == 204
    assert (await api.client.patch(KEY, json={"version": 2})).status_code == 404
    assert (await api.client.delete(KEY)).status_code == 204
    assert (await api.client.delete(KEY)).status_code == 404
    assert await opened(api.settings, api.org_id) == {}


async def test_old_versions_are_removed_by_themselves(api: Running) -> None:
    for number in range(KEPT + 2):
        (await api.client.put(KEY, json=BODY | {"value": f"{VALUE}-{number}"})).raise_for_status()
    versions = (await api.client.get(KEY)).json()["versions"]
    assert [one["version"] for one in versions] == [7, 6, 5, 4, 3]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"value": VALUE}, "nothing may use the secret"),
        ({"value": "short", "hosts": ["a.example"]}, "5 characters"),
        ({"value": VALUE, "hosts": ["https://a.example/path"]}, "write a host"),
        ({"value": VALUE, "hosts": ["a.example"], "host": 1}, "host"),
    ],
)
async def test_bad_bodies_are_refused_without_their_value(api: Running, body: dict[str, object], said: str) -> None:
    answer = await api.client.put(KEY, json=body)
    assert answer.status_code == 422
    assert said in answer.text
    assert VALUE not in answer.text


async def test_the_database_and_the_audit_log_have_no_value_and_no_row_opens_elsewhere(api: Running) -> None:
    (await api.client.put(KEY, json=BODY)).raise_for_status()
    other = unique("org")
    (await api.client.post("/api/v1/organisations", json={"id": other})).raise_for_status()
    conn = await asyncpg.connect(api.postgres_dsn)
    row = await conn.fetchrow("SELECT * FROM tool_secret_version WHERE org_id = $1", api.org_id)
    assert row is not None
    assert VALUE.encode() not in row["sealed"]
    await conn.execute(
        "INSERT INTO tool_secret (org_id, name, hosts, tools, current, created_by) VALUES ($1, $2, $3, $4, 1, 'x')",
        *(other, "SHOP_KEY", ["a.example"], []),
    )
    await conn.execute(
        "INSERT INTO tool_secret_version (org_id, name, version, sealed, sealed_under, created_by) "
        "VALUES ($1, $2, 1, $3, $4, 'x')",
        *(other, "SHOP_KEY", row["sealed"], row["sealed_under"]),
    )
    await conn.close()
    assert "does not open" in (await opened(api.settings, other))["SHOP_KEY"]
    acts = [record.value for record in api.log.records if b"put_secret" in record.value]
    assert acts
    assert not any(VALUE.encode() in value for value in acts)


async def test_another_organisation_and_a_key_that_may_only_write_have_no_part_in_it(api: Running) -> None:
    (await api.client.put(KEY, json=BODY)).raise_for_status()
    other = unique("org")
    made = (await api.client.post("/api/v1/organisations", json={"id": other})).json()
    async with api.as_key(made["key"]["key"]) as client:
        assert (await client.get(KEY)).status_code == 404
        assert (await client.delete(KEY)).status_code == 404
        assert (await client.get(SECRETS)).json() == {"secrets": []}
    writer = (await api.client.post("/api/v1/keys", json={"name": "w", "permissions": ["read", "write"]})).json()
    async with api.as_key(writer["key"]) as client:
        assert (await client.get(SECRETS)).status_code == 403
        assert (await client.put(KEY, json=BODY)).status_code == 403


async def test_another_master_key_opens_what_was_sealed_again(api: Running, dsn: str, redis_url: str) -> None:
    (await api.client.put(KEY, json=BODY)).raise_for_status()
    assert "does not open" not in (await opened(api.settings, api.org_id, "w" * 32, "v" * 32))["SHOP_KEY"]
    after = changed(api.settings, VAULT_KEY="w" * 32, VAULT_KEY_BEFORE="v" * 32)
    assert (await reseal(after)).tools >= 1
    assert await opened(api.settings, api.org_id, "w" * 32) == {"SHOP_KEY": VALUE}


async def test_without_a_master_key_the_api_says_what_to_set(dsn: str, redis_url: str) -> None:
    async with running(settings_for(dsn, redis_url)) as api:
        await until_authenticated(api)
        answer = await api.client.put(KEY, json=BODY)
    assert answer.status_code == 409
    assert "VAULT_KEY" in answer.text
