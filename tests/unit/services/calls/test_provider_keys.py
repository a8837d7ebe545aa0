"""Which key a call is made with, and when a new one is used."""

import pytest
from pydantic import SecretStr

from connectors.kms.sealing import UnreadableError
from schemas.errors import StepError, Unavailable
from services.calls.provider_keys import REMEMBER_S, ProviderKeys
from tests.support.provider_keys import MemoryVault


class Time:
    """A clock by hand."""

    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


DOWN = Unavailable("postgres", "does not answer")


def key(text: str) -> SecretStr:
    return SecretStr(text)


async def test_an_organisation_has_its_own_key_and_no_other() -> None:
    keys = ProviderKeys(MemoryVault(acme={"openai": key("sk-acme")}, other={"openai": key("sk-other")}))
    assert await keys.of("acme", "openai") == key("sk-acme")
    assert await keys.of("other", "openai") == key("sk-other")
    assert await keys.of("third", "openai") is None
    assert await keys.of("acme", "cohere") is None


async def test_a_new_key_is_used_within_five_seconds_and_removed_ones_are_not() -> None:
    vault, time = MemoryVault(acme={"openai": key("old")}), Time()
    keys = ProviderKeys(vault, monotonic=time)
    assert await keys.of("acme", "openai") == key("old")
    vault.stored["acme"]["openai"] = key("new")
    assert await keys.of("acme", "openai") == key("old")
    time.s += REMEMBER_S
    assert REMEMBER_S < 5
    assert await keys.of("acme", "openai") == key("new")
    del vault.stored["acme"]["openai"]
    time.s += REMEMBER_S
    assert await keys.of("acme", "openai") is None
    assert len(vault.reads) == 3


async def test_a_provider_without_any_key_is_refused_with_a_way_to_store_one() -> None:
    keys = ProviderKeys(MemoryVault(acme={"openai": key("sk")}), ["openai", "cohere"])
    assert await keys.absent("acme") == {"cohere"}
    assert await keys.absent("other") == {"openai", "cohere"}
    with pytest.raises(StepError, match="PUT /api/v1/providers/cohere/credentials") as raised:
        await keys.of("acme", "cohere")
    assert (raised.value.code, raised.value.retryable) == ("no_credentials", False)


async def test_an_unreadable_key_is_never_replaced_by_the_environments() -> None:
    keys = ProviderKeys(MemoryVault(acme={"openai": UnreadableError("sealed under another key")}))
    with pytest.raises(StepError, match="sealed under another key") as raised:
        await keys.of("acme", "openai")
    assert raised.value.code == "credentials_unreadable"


async def test_while_the_store_is_down_the_last_keys_are_used_and_unknown_ones_wait() -> None:
    vault, time = MemoryVault(acme={"openai": key("sk")}), Time()
    keys = ProviderKeys(vault, monotonic=time)
    await keys.of("acme", "openai")
    vault.down, time.s = DOWN, time.s + 60
    assert await keys.of("acme", "openai") == key("sk")
    await keys.note("acme", "openai")
    with pytest.raises(Unavailable):
        await keys.of("other", "openai")


async def test_use_is_noted_once_a_minute() -> None:
    vault, time = MemoryVault(), Time()
    keys = ProviderKeys(vault, monotonic=time)
    for after_s in (0, 30, 29, 2):
        time.s += after_s
        await keys.note("acme", "openai")
    assert vault.noted == [("acme", "openai")] * 2
