"""The vault on PostgreSQL: over HTTP, through rotations that are killed, scrubbed, and in a database of its own."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from connectors.kms.opening import LocalKms
from connectors.kms.sealing import EnvelopeKeys
from connectors.postgres.database import Database
from connectors.postgres.vault_store import PostgresVaultStore
from connectors.postgres.webhooks.stored import Webhooks
from deploy.migrate import up, vault_migrations
from deploy.vault import reseal, scrub
from schemas.errors import Unavailable
from schemas.settings import Settings
from services.privacy.vault.keys import VaultKeys
from services.privacy.vault.opening import OpenVault, open_vault
from services.privacy.vault.ports import Erased
from services.privacy.vault.rotation import Rotation
from services.privacy.vault.tokens import VaultTokens
from tests.support.api import Running, changed, empty_database, settings_for, unique

MAIL = ("email", "ann@example.com")
VAULT = "/api/v1/vault"


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def settings(dsn: str, redis_url: str) -> Settings:
    return settings_for(dsn, redis_url, VAULT_KEY="v" * 32)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    found = Database(dsn, timeout_s=15)
    yield found
    await found.close()


def kms(key: str = "v" * 32, before: str = "") -> LocalKms:
    keys = EnvelopeKeys.of(key, before)
    assert keys is not None
    return LocalKms(keys)


def opened(database: Database) -> OpenVault:
    return open_vault(kms(), database)


async def test_an_organisation_sees_and_rotates_its_own_keys(api: Running, database: Database) -> None:
    assert (await api.client.get(VAULT)).json()["state"] == "none"
    vault = opened(database)
    sealed = (await vault.keys.subject_key(api.org_id, "sub_1")).seal(b"value", b"p")
    await vault.keys.erase(api.org_id, "sub_2")
    await vault.tokens.tokens_for(api.org_id, "sub_1", [MAIL])
    found = (await api.client.get(VAULT)).json()
    assert (found["state"], found["subjects"], found["erased"], found["tokens"]) == ("done", 1, 1, 1)
    assert [one["version"] for one in found["versions"]] == [1]
    assert found["versions"][0]["master"] == found["master"]
    began = await api.client.post(f"{VAULT}/rotate", json={"key": "organisation"})
    assert began.json() | {"left": 0} == {"state": "settling", "version": 1, "left": 0, "damaged": 0, "wrapped": 0}
    again = await api.client.post(f"{VAULT}/rotate", json={"key": "organisation"})
    assert again.json()["state"] == "settling"
    assert len((await api.client.get(VAULT)).json()["versions"]) == 2
    # Its time comes after ten seconds; here at once.
    await database.fetch("settle", "UPDATE vault_org_key SET seals_from = now() WHERE org_id = $1", api.org_id)
    done = await api.client.post(f"{VAULT}/rotate", json={"key": "organisation", "begin": False})
    assert done.json() == {"state": "done", "version": 2, "left": 0, "damaged": 0, "wrapped": 0}
    assert (await opened(database).keys.subject_key(api.org_id, "sub_1")).open(sealed, b"p") == b"value"
    assert (await api.client.post(f"{VAULT}/rotate", json={"key": "master"})).json()["wrapped"] == 0
    bad = await api.client.post(f"{VAULT}/rotate", json={"key": "all"})
    assert bad.status_code == 422


async def test_only_administrators_see_the_vault_and_rotations_are_acts(api: Running) -> None:
    other = (await api.client.post("/api/v1/keys", json={"name": "r", "permissions": ["read", "write"]})).json()
    async with api.as_key(other["key"]) as client:
        assert (await client.get(VAULT)).status_code == 403
        assert (await client.post(f"{VAULT}/rotate", json={"key": "organisation"})).status_code == 403


async def test_a_rotation_on_postgresql_that_is_killed_after_any_step_loses_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.privacy.vault.rotation.BATCH", 3)
    store, steps = PostgresVaultStore(database), 0
    for killed_at in range(1, 20):
        org, seen = unique("org"), list[str]()
        keys = VaultKeys(store, kms())
        sealed = {f"sub_{n}": (await keys.subject_key(org, f"sub_{n}")).seal(b"%d" % n, b"p") for n in range(8)}
        (token,) = await VaultTokens(store, keys).tokens_for(org, None, [MAIL])

        def reached(step: str, seen: list[str] = seen, killed_at: int = killed_at) -> None:
            seen.append(step)
            if len(seen) == killed_at:
                raise Killed

        async def finished(org: str, reached: object = reached) -> None:
            rotation = Rotation(store, kms(), VaultKeys(store, kms()), reached=reached, settle_s=0)  # type: ignore[arg-type]
            await rotation.begin(org)

        try:
            await finished(org)
            killed = False
        except Killed:
            killed = True
        await Rotation(store, kms(), VaultKeys(store, kms())).advance(org)
        after = VaultKeys(store, kms())
        for subject, data in sealed.items():
            assert (await after.subject_key(org, subject)).open(data, b"p") == b"%d" % int(subject[4:])
        assert await VaultTokens(store, after).values_of(org, [token]) == {token: MAIL[1]}
        assert (await Rotation(store, kms(), after).status(org)).left == 0
        steps = max(steps, len(seen))
        if not killed:
            break
    assert steps == 6


async def test_readers_and_writers_under_way_during_rotations_lose_nothing(database: Database) -> None:
    org, store, ended, turns = unique("org"), PostgresVaultStore(database), asyncio.Event(), list[int]()

    async def work(number: int) -> None:
        keys = VaultKeys(store, kms(), cache_s=0.2)
        tokens, sealed = VaultTokens(store, keys, cache_s=0.2), dict[str, bytes]()
        while not ended.is_set():
            subject = f"sub_{number}_{len(turns) % 40}"
            key, own = await keys.subject_key(org, subject), await keys.org_key(org)
            data = sealed.setdefault(subject, key.seal(subject.encode(), b"p"))
            assert key.open(data, b"p") == subject.encode()
            assert own.open(own.seal(b"x", b"p"), b"p") == b"x"
            (token,) = await tokens.tokens_for(org, subject if len(turns) % 2 else None, [("email", subject)])
            assert await tokens.values_of(org, [token]) == {token: subject}
            turns.append(number)

    async def rotate() -> None:
        try:
            for version in (2, 3, 4):
                rotation = Rotation(store, kms(), VaultKeys(store, kms(), cache_s=0.2), settle_s=0.4)
                async with asyncio.timeout(60):
                    # A writer may still have sealed by the version before: then that rotation is continued first.
                    progress = await rotation.begin(org)
                    while progress.version < version or progress.state != "done":
                        await asyncio.sleep(0.05)
                        progress = await rotation.begin(org)
                assert progress.version == version
        finally:
            ended.set()

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(work(number))
        group.create_task(rotate())
    assert len(turns) > 20
    assert (await Rotation(store, kms(), VaultKeys(store, kms())).status(org)).version == 4


async def test_the_master_key_of_all_organisations_changes(api: Running, database: Database) -> None:
    sealed = (await opened(database).keys.subject_key(api.org_id, "sub_1")).seal(b"value", b"p")
    done = await reseal(changed(api.settings, VAULT_KEY="w" * 32, VAULT_KEY_BEFORE="v" * 32))
    assert done.organisations >= 1
    after = open_vault(kms("w" * 32), database)
    assert (await after.keys.subject_key(api.org_id, "sub_1")).open(sealed, b"p") == b"value"
    # Back, for the other tests of this database.
    assert (await reseal(changed(api.settings, VAULT_KEY="v" * 32, VAULT_KEY_BEFORE="w" * 32))).organisations >= 1


async def test_secrets_of_webhooks_change_with_the_master_key(api: Running, database: Database) -> None:
    webhooks = Webhooks(database, kms())
    made, first = await webhooks.create(api.org_id, "https://example.com/hook", ["run.*"], "", "tests")
    _, second = await webhooks.rotate(api.org_id, made.id, 3_600)
    done = await reseal(changed(api.settings, VAULT_KEY="w" * 32, VAULT_KEY_BEFORE="v" * 32))
    assert done.webhooks >= 2
    after = await Webhooks(database, kms("w" * 32)).target(api.org_id, made.id)
    assert after is not None
    assert after.secrets == (second, first)
    back = await reseal(changed(api.settings, VAULT_KEY="v" * 32, VAULT_KEY_BEFORE="w" * 32))
    assert back.webhooks >= 2
    assert not any(made.id in place for place in back.left)


async def test_an_erased_key_leaves_the_tables_files_when_they_are_scrubbed(dsn: str, database: Database) -> None:
    org, vault = unique("org"), opened(database)
    await vault.keys.subject_key(org, "sub_1")
    (row,) = await PostgresVaultStore(database).subject_keys(org, ["sub_1"])
    assert await in_file(dsn, row.wrapped)
    await vault.keys.erase(org, "sub_1")
    assert await in_file(dsn, row.wrapped), "without a scrub the dead row keeps it: a control"
    said = await scrub(settings_for(dsn, "redis://127.0.0.1:1", VAULT_KEY="v" * 32))
    assert len(said) == 3
    assert not await in_file(dsn, row.wrapped)
    with pytest.raises(Erased):
        await opened(database).keys.subject_key(org, "sub_1")


async def in_file(dsn: str, data: bytes) -> bool:
    """Return whether bytes are in the file of the table of keys."""
    conn = await asyncpg.connect(dsn)
    try:
        await conn.execute("CHECKPOINT")
        path = await conn.fetchval("SELECT pg_relation_filepath('vault_subject_key')")
        return data in await conn.fetchval("SELECT pg_read_binary_file($1)", path)
    finally:
        await conn.close()


@pytest.fixture
def own_dsn(postgres_dsn: str) -> str:
    return empty_database(postgres_dsn)


async def test_a_vault_in_a_database_of_its_own_has_only_its_tables(own_dsn: str) -> None:
    assert "0031_vault.sql" in await up(own_dsn, vault_migrations())
    assert await up(own_dsn, vault_migrations()) == []
    database = Database(own_dsn, timeout_s=15)
    try:
        (token,) = await opened(database).tokens.tokens_for("acme", "sub_1", [MAIL])
        assert await opened(database).tokens.values_of("acme", [token]) == {token: MAIL[1]}
        rows = await database.fetch("tables", "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert {row["tablename"] for row in rows} == {
            *("schema_migration", "vault_org_key", "vault_subject_key", "vault_token"),
        }
    finally:
        await database.close()


async def test_a_database_that_is_down_is_unavailable() -> None:
    database = Database("postgresql://agentflow@127.0.0.1:1/none", timeout_s=2)
    vault = opened(database)
    for asked in (
        vault.keys.org_key("acme"),
        vault.tokens.tokens_for("acme", None, [MAIL]),
        vault.rotation.status("a"),
    ):
        with pytest.raises(Unavailable):
            await asked
    await database.close()
