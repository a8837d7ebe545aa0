"""For how long a key that was checked is not looked up again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from api.auth import REMEMBER_S, Authenticator, KeyBounds
from api.last_uses import LastUses
from connectors.postgres.keys import StoredKey
from schemas.errors import Unauthenticated, Unavailable


class Stored:
    """The keys of the database; ``lookups`` counts how often it was asked."""

    def __init__(self) -> None:
        self.keys: list[StoredKey] = []
        self.lookups = 0
        self.uses: list[dict[str, int]] = []

    async def find(self, ids: Sequence[str]) -> list[StoredKey]:
        self.lookups += 1
        return [key for key in self.keys if key.id in ids]

    async def used(self, at_ms: Mapping[str, int]) -> None:
        self.uses.append(dict(at_ms))


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def authenticator(stored: Stored, seconds: Seconds) -> Authenticator:
    return Authenticator(stored, "pepper", seconds, lambda: int(seconds.now * 1000))  # type: ignore[arg-type]


async def test_key_is_looked_up_again_after_its_time(
    authenticator: Authenticator, stored: Stored, seconds: Seconds
) -> None:
    minted = authenticator.mint("acme", "ci", ["runs:read"])  # type: ignore[list-item]
    stored.keys.append(minted.stored)
    for now, lookups in ((0.0, 1), (REMEMBER_S - 0.1, 1), (REMEMBER_S, 2)):
        seconds.now = now
        assert (await authenticator.authenticate(minted.key)).org_id == "acme"
        assert stored.lookups == lookups


async def test_revoked_key_is_forgotten_and_others_are_not(authenticator: Authenticator, stored: Stored) -> None:
    kept, revoked = (authenticator.mint("acme", name, []) for name in ("kept", "revoked"))
    stored.keys += [kept.stored, revoked.stored]
    for minted in (kept, revoked):
        await authenticator.authenticate(minted.key)
    stored.keys.clear()
    authenticator.forget(revoked.stored.id)
    assert (await authenticator.authenticate(kept.key)).key_id == kept.stored.id
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(revoked.key)


async def test_expired_key_stops_at_its_time_although_it_is_remembered(
    authenticator: Authenticator, stored: Stored, seconds: Seconds
) -> None:
    minted = authenticator.mint("acme", "ci", ["read"], KeyBounds(expires_ms=2_000))
    stored.keys.append(minted.stored)
    seconds.now = 1.999
    await authenticator.authenticate(minted.key)
    for seconds.now in (2.0, 10.0):
        with pytest.raises(Unauthenticated, match="expired"):
            await authenticator.authenticate(minted.key)
    assert stored.lookups == 2


async def test_old_secret_works_until_the_end_of_its_overlap(
    authenticator: Authenticator, stored: Stored, seconds: Seconds
) -> None:
    before = authenticator.mint("acme", "ci", ["read"], KeyBounds(expires_ms=50_000))
    secret, after = authenticator.again(before.stored.id)
    assert after.startswith(f"af_{before.stored.id}_")
    rotated = replace(before.stored, hash=secret.hash, hash_before=before.stored.hash, before_until_ms=20_000)
    stored.keys.append(rotated)
    for seconds.now in (0.0, 19.9):
        assert (await authenticator.authenticate(before.key)).key_id == before.stored.id
        assert (await authenticator.authenticate(after)).valid_until_ms == 50_000
    seconds.now = 20.0
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(before.key)
    assert (await authenticator.authenticate(after)).key_id == before.stored.id


async def test_old_secret_ends_at_once_without_an_overlap(authenticator: Authenticator, stored: Stored) -> None:
    before = authenticator.mint("acme", "ci", ["read"])
    stored.keys.append(replace(before.stored, hash=authenticator.again(before.stored.id)[0].hash))
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(before.key)


async def test_time_of_a_slow_look_up_counts_as_remembered(
    authenticator: Authenticator, stored: Stored, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    minted = authenticator.mint("acme", "ci", ["read"])
    stored.keys.append(minted.stored)
    find = stored.find

    async def slowly(ids: Sequence[str]) -> list[StoredKey]:
        found = await find(ids)
        seconds.now += 1.5
        return found

    monkeypatch.setattr(stored, "find", slowly)
    await authenticator.authenticate(minted.key)
    stored.keys.clear()
    seconds.now = REMEMBER_S
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(minted.key)


async def test_use_is_written_once_a_minute(authenticator: Authenticator, stored: Stored, seconds: Seconds) -> None:
    minted = authenticator.mint("acme", "ci", ["read"])
    stored.keys.append(minted.stored)
    for seconds.now in (1.0, 10.0, 59.0, 70.0, 76.0):
        await authenticator.authenticate(minted.key)
        await authenticator.uses.flush()
    assert stored.uses == [{minted.stored.id: 1_000}, {minted.stored.id: 70_000}]


async def test_use_that_could_not_be_written_is_written_later(stored: Stored) -> None:
    uses = LastUses(_Flaky(stored), lambda: 7_000)
    uses.note("a")
    await uses.flush()
    await uses.flush()
    assert stored.uses == [{"a": 7_000}]


class _Flaky:
    """A store that does not answer the first time."""

    def __init__(self, stored: Stored) -> None:
        self.stored, self.down = stored, True

    async def __call__(self, at_ms: Mapping[str, int]) -> None:
        if self.down:
            self.down = False
            raise Unavailable("postgres", "does not answer")
        await self.stored.used(at_ms)
