"""Master keys: those of the settings, and those of a transit engine."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from connectors.kms.opening import LocalKms, open_kms
from connectors.kms.sealing import EnvelopeKeys, UnreadableError
from connectors.kms.transit import TransitKms
from connectors.ports.kms import Kms, Wrapped
from schemas.errors import Unavailable
from schemas.settings import Security, Vault
from services.privacy.vault.memory import memory_vault
from services.privacy.vault.rotation import Rotation
from tests.support.transit import TOKEN, FakeTransit, transit_engine


@dataclass
class Given:
    """A place of master keys, ``rotated`` returns it after a change of the key, ``foreign`` one of other keys."""

    kms: Kms
    rotated: Callable[[], Awaitable[Kms]]
    foreign: Kms


def local(current: str, before: str = "") -> LocalKms:
    keys = EnvelopeKeys.of(current, before)
    assert keys is not None
    return LocalKms(keys)


@pytest.fixture
async def engine() -> AsyncIterator[FakeTransit]:
    async with transit_engine() as found:
        yield found


@pytest.fixture(params=["local", "transit"])
async def given(request: pytest.FixtureRequest, engine: FakeTransit) -> AsyncIterator[Given]:
    if request.param == "local":

        async def changed() -> Kms:
            return local("n" * 32, "m" * 32)

        yield Given(local("m" * 32), changed, local("f" * 32))
        return
    kms = TransitKms(engine.url, TOKEN, "agentflow")

    async def rotated() -> Kms:
        engine.rotate()
        return kms

    async with transit_engine() as other:
        foreign = TransitKms(other.url, TOKEN, "agentflow")
        yield Given(kms, rotated, foreign)
        await foreign.close()
    await kms.close()


async def test_a_secret_opens_at_its_place_and_nowhere_else(given: Given) -> None:
    for secret in (b"a secret", bytes(range(256)) * 4):
        wrapped = await given.kms.wrap(secret, "org-key/acme/1")
        assert secret not in wrapped.data
        assert await given.kms.unwrap(wrapped, "org-key/acme/1") == secret
        with pytest.raises(UnreadableError):
            await given.kms.unwrap(wrapped, "org-key/other/1")


async def test_what_was_changed_or_is_of_other_keys_does_not_open(given: Given) -> None:
    wrapped = await given.kms.wrap(b"hidden", "a/b")
    for changed in (wrapped.data[:-4] + b"AAAA", wrapped.data[:20], b""):
        with pytest.raises(UnreadableError) as raised:
            await given.kms.unwrap(Wrapped(wrapped.under, changed), "a/b")
        assert "hidden" not in str(raised.value)
    with pytest.raises(UnreadableError):
        await given.foreign.unwrap(wrapped, "a/b")
    with pytest.raises(UnreadableError):
        await given.kms.unwrap(Wrapped("another", wrapped.data), "a/b")


async def test_a_new_version_wraps_and_the_one_before_still_opens(given: Given) -> None:
    before = await given.kms.wrap(b"secret", "a/b")
    assert before.under == await given.kms.current()
    rotated = await given.rotated()
    assert await rotated.current() != before.under
    assert await rotated.unwrap(before, "a/b") == b"secret"
    after = await rotated.wrap(b"secret", "a/b")
    assert after.under == await rotated.current()


async def test_the_vault_works_on_it_through_a_change_of_the_master_key(given: Given) -> None:
    vault = memory_vault(kms=given.kms)
    sealed = (await vault.keys.subject_key("acme", "sub_1")).seal(b"value", b"p")
    kms = await given.rotated()
    after = memory_vault(vault.store, kms)
    assert await Rotation(after.store, kms, after.keys).rewrap("acme") == 1
    assert (await after.keys.subject_key("acme", "sub_1")).open(sealed, b"p") == b"value"


@pytest.mark.parametrize("status", [403, 500, 503])
async def test_an_engine_that_refuses_is_unavailable_and_nothing_is_repeated(engine: FakeTransit, status: int) -> None:
    kms = TransitKms(engine.url, TOKEN, "agentflow")
    wrapped = await kms.wrap(b"very-secret", "a/b")
    engine.status = status
    for asked in (kms.wrap(b"very-secret", "a/b"), kms.unwrap(wrapped, "a/b"), kms.current()):
        with pytest.raises(Unavailable, match=f"answers {status}") as raised:
            await asked
        assert "secret" not in str(raised.value)
        assert TOKEN not in str(raised.value)
    await kms.close()


async def test_an_engine_that_is_gone_is_unavailable(engine: FakeTransit) -> None:
    for url, token in ((f"{engine.url}/nowhere", TOKEN), ("http://127.0.0.1:9", TOKEN), (engine.url, "wrong")):
        kms = TransitKms(url, token, "agentflow", timeout_s=2)
        with pytest.raises(Unavailable):
            await kms.current()
        with pytest.raises(Unavailable):
            await memory_vault(kms=kms).keys.org_key("acme")
        await kms.close()


async def test_settings_choose_the_engine_and_keys_move_to_it(engine: FakeTransit) -> None:
    security = Security(vault_key=SecretStr("v" * 40))
    vault = Vault(transit_url=engine.url, transit_token=SecretStr(TOKEN))
    assert open_kms(Security(), Vault()) is None
    before = open_kms(security, Vault())
    assert isinstance(before, LocalKms)
    wrapped = await before.wrap(b"secret", "a/b")
    both = open_kms(security, vault)
    assert isinstance(both, TransitKms)
    assert await both.unwrap(wrapped, "a/b") == b"secret"
    alone = open_kms(Security(), vault)
    assert alone is not None
    with pytest.raises(UnreadableError, match="VAULT_KEY"):
        await alone.unwrap(wrapped, "a/b")
    assert await alone.unwrap(await both.wrap(b"secret", "a/b"), "a/b") == b"secret"
    with pytest.raises(ValueError, match="VAULT_TRANSIT_TOKEN"):
        open_kms(security, Vault(transit_url=engine.url))
    await both.close()
    await alone.close()
