"""Secrets as processes remember them, and the rules that they are stored with."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest

from connectors.tools.secrets import ToolSecret
from connectors.tools.sites import site_of
from schemas.errors import Conflict, InvalidInput, StepError, Unavailable
from services.tools.remembered import REMEMBER_S
from services.tools.secrets import SecretSurface, ToolSecrets, check_rules, value_fault

URL = urlsplit("https://a.example/")


class Store:
    """A store that a test changes, and that may be down."""

    def __init__(self) -> None:
        self.value, self.down = "first-value", False
        self.reads = 0
        self.noted: list[str] = []

    async def values(self, org_id: str) -> Mapping[str, ToolSecret]:
        if self.down:
            raise Unavailable("postgres", "is down")
        self.reads += 1
        return {"KEY": ToolSecret(f"{self.value}-{org_id}", (site_of("a.example"),))}

    async def used(self, org_id: str, name: str) -> None:
        self.noted.append(f"{org_id}/{name}")
        if self.down:
            raise Unavailable("postgres", "is down")


async def test_a_rotated_value_is_used_within_seconds_and_reads_are_few() -> None:
    store, now = Store(), [100.0]
    secrets = ToolSecrets(store, lambda: now[0])

    async def asked(org_id: str = "acme") -> str:
        return (await secrets.of_call(org_id, "http.request").for_site(["KEY"], URL))["KEY"]

    assert [await asked(), await asked(), await asked("other")] == ["first-value-acme"] * 2 + ["first-value-other"]
    assert store.reads == 2
    store.value = "second-value"
    assert await asked() == "first-value-acme"
    now[0] += REMEMBER_S
    assert await asked() == "second-value-acme"
    assert store.noted == ["acme/KEY", "other/KEY"]


async def test_while_the_store_is_down_what_was_read_last_is_used() -> None:
    store, now = Store(), [100.0]
    secrets = ToolSecrets(store, lambda: now[0])
    store.down = True
    with pytest.raises(StepError, match="is down") as caught:
        await secrets.of_call("acme", "http.request").for_site(["KEY"], URL)
    assert caught.value.retryable
    store.down = False
    await secrets.of_call("acme", "http.request").for_site(["KEY"], URL)
    store.down, now[0] = True, 1_000.0
    assert await secrets.of_call("acme", "http.request").for_site(["KEY"], URL) == {"KEY": "first-value-acme"}


async def test_a_call_that_asks_for_none_reads_nothing() -> None:
    store = Store()
    ToolSecrets(store).of_call("acme", "x")
    assert store.reads == 0


@pytest.mark.parametrize(("hosts", "tools", "said"), [([], [], "nothing may use"), (["https://"], [], "hosts.0")])
def test_rules_that_mean_nothing_are_refused(hosts: list[str], tools: list[str], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_rules(hosts, tools)
    assert said in str(caught.value.problems)


@pytest.mark.parametrize("value", ["short", "x" * 20_000, "with\x00zero-byte", "bell\x07bell"])
def test_values_that_are_no_secret(value: str) -> None:
    fault = value_fault(value)
    assert fault is not None
    assert value not in fault


def test_a_pem_file_may_be_a_secret() -> None:
    assert value_fault("-----BEGIN KEY-----\nabc\n-----END KEY-----") is None


def test_without_a_master_key_nothing_is_stored() -> None:
    with pytest.raises(Conflict, match="VAULT_KEY"):
        _ = SecretSurface(None).store
