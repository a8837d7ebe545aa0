"""For how long a key that was checked is not looked up again."""

from collections.abc import Sequence

import pytest

from api.auth import REMEMBER_S, Authenticator
from connectors.postgres.keys import StoredKey
from schemas.errors import Unauthenticated


class Stored:
    """The keys of the database; ``lookups`` counts how often it was asked."""

    def __init__(self) -> None:
        self.keys: list[StoredKey] = []
        self.lookups = 0

    async def find(self, ids: Sequence[str]) -> list[StoredKey]:
        self.lookups += 1
        return [key for key in self.keys if key.id in ids]


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
    return Authenticator(stored, "pepper", seconds)  # type: ignore[arg-type]


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
