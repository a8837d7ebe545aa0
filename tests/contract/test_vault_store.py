"""The store of the vault, in memory and in PostgreSQL."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from connectors.memory.vault import MemoryVaultStore
from connectors.ports.kms import Wrapped
from connectors.ports.vault import Rewrapped, SubjectKeyRow, TokenRow, VaultStore
from connectors.postgres.database import Database
from connectors.postgres.vault_store import PostgresVaultStore
from tests.support.api import migrated_database


@pytest.fixture(scope="module", params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str:
    """Where the store is; empty for memory."""
    return "" if request.param == "memory" else migrated_database(request.getfixturevalue("postgres_dsn"))


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[VaultStore]:
    if not dsn:
        yield MemoryVaultStore()
        return
    database = Database(dsn, timeout_s=15)
    yield PostgresVaultStore(database)
    await database.close()


@pytest.fixture
def org() -> str:
    return f"org-{uuid.uuid4().hex[:12]}"


def token(name: str, subject: str = "sub_1", sealed: bytes = b"s", version: int = 0) -> TokenRow:
    return TokenRow(f"EML_{name}", subject, name.encode(), sealed, version)


async def test_versions_of_an_organisations_key_are_kept_in_order(store: VaultStore, org: str) -> None:
    assert await store.org_keys(org) == []
    assert await store.add_org_key(org, 1, Wrapped("m1", b"one"), 0)
    assert not await store.add_org_key(org, 1, Wrapped("m1", b"other"), 0)
    assert await store.add_org_key(org, 2, Wrapped("m1", b"two"), 600)
    rows = await store.org_keys(org)
    assert [(row.version, row.wrapped, row.active) for row in rows] == [
        (1, Wrapped("m1", b"one"), True),
        (2, Wrapped("m1", b"two"), False),
    ]
    assert org in await store.organisations()


async def test_a_key_is_wrapped_again_unless_somebody_else_did(store: VaultStore, org: str) -> None:
    await store.add_org_key(org, 1, Wrapped("m1", b"one"), 0)
    assert await store.rewrap_org_key(org, 1, "m1", Wrapped("m2", b"again"))
    assert not await store.rewrap_org_key(org, 1, "m1", Wrapped("m3", b"late"))
    assert not await store.rewrap_org_key(org, 9, "m1", Wrapped("m3", b"none"))
    assert (await store.org_keys(org))[0].wrapped == Wrapped("m2", b"again")


async def test_the_first_key_of_a_subject_stays(store: VaultStore, org: str) -> None:
    first, second = SubjectKeyRow("sub_1", b"first", 1), SubjectKeyRow("sub_1", b"second", 1)
    assert await store.add_subject_key(org, first) == first
    assert await store.add_subject_key(org, second) == first
    assert await store.subject_keys(org, ["sub_1", "sub_2"]) == [first]
    assert await store.subject_keys(f"{org}-2", ["sub_1"]) == []


async def test_two_that_make_a_key_at_once_get_the_same(store: VaultStore, org: str) -> None:
    rows = [SubjectKeyRow("sub_1", f"key {number}".encode(), 1) for number in range(8)]
    stored = await asyncio.gather(*(store.add_subject_key(org, row) for row in rows))
    assert len(set(stored)) == 1


async def test_an_erased_subject_leaves_a_tombstone_and_no_tokens(store: VaultStore, org: str) -> None:
    await store.add_subject_key(org, SubjectKeyRow("sub_1", b"key", 1))
    await store.add_tokens(org, [token("A"), token("B", "sub_2"), token("C", "")])
    assert await store.erase_subject(org, "sub_1")
    assert not await store.erase_subject(org, "sub_1")
    (row,) = await store.subject_keys(org, ["sub_1"])
    assert row.wrapped == b""
    assert row.erased_ms is not None
    assert await store.add_subject_key(org, SubjectKeyRow("sub_1", b"again", 1)) == row
    assert {one.token for one in await store.tokens(org, ["EML_A", "EML_B", "EML_C"])} == {"EML_B", "EML_C"}
    assert await store.erase_subject(org, "sub_unknown")
    assert (await store.counts(org))[:3] == (0, 2, 2)


async def test_keys_under_an_older_version_are_wrapped_again_but_not_erased_ones(store: VaultStore, org: str) -> None:
    for number in range(5):
        await store.add_subject_key(org, SubjectKeyRow(f"sub_{number}", b"old", 1 if number else 2))
    await store.erase_subject(org, "sub_1")
    older = await store.older_subject_keys(org, 2, "", 10)
    assert {row.subject for row in older} == {"sub_2", "sub_3", "sub_4"}
    assert [row.subject for row in await store.older_subject_keys(org, 2, "sub_2", 1)] == ["sub_3"]
    await store.erase_subject(org, "sub_2")
    changes = [Rewrapped(row.subject, row.org_version, b"new", 2) for row in older]
    assert await store.rewrap_subject_keys(org, changes) == 2
    assert await store.rewrap_subject_keys(org, changes) == 0
    assert (await store.subject_keys(org, ["sub_2"]))[0].wrapped == b""
    assert (await store.counts(org)).by_version == {2: 3}


async def test_tokens_are_stored_once_and_say_what_is_stored(store: VaultStore, org: str) -> None:
    assert await store.add_tokens(org, [token("A"), token("B"), token("A")]) == {"EML_A": b"A", "EML_B": b"B"}
    other = token("B")._replace(name=b"another")
    assert await store.add_tokens(org, [other, token("C")]) == {"EML_B": b"B", "EML_C": b"C"}
    rows = await store.tokens(org, ["EML_A", "EML_C", "EML_Z"])
    assert sorted(rows) == [token("A"), token("C")]
    assert await store.tokens(f"{org}-2", ["EML_A"]) == []
    assert await store.add_tokens(org, []) == {}


async def test_many_calls_with_the_same_tokens_do_not_block_each_other(store: VaultStore, org: str) -> None:
    rows = [token(f"T{number}") for number in range(50)]
    names = await asyncio.gather(*(store.add_tokens(org, rows if turn % 2 else rows[::-1]) for turn in range(6)))
    assert all(one == names[0] for one in names)


async def test_tokens_of_the_organisation_are_sealed_again(store: VaultStore, org: str) -> None:
    await store.add_tokens(org, [token("A", "", version=1), token("B", "", version=2), token("C", "sub_1")])
    assert [row.token for row in await store.older_tokens(org, 2, "", 10)] == ["EML_A"]
    assert (await store.counts(org)).tokens_by_version == {1: 1, 2: 1}
    again = token("A", "", b"again", 2)
    assert await store.reseal_tokens(org, [again, token("Z", "", b"none", 2)]) == 1
    assert await store.tokens(org, ["EML_A"]) == [again]
    assert await store.older_tokens(org, 2, "", 10) == []
