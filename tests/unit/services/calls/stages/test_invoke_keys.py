"""Step 8 with keys of organisations: the provider gets the organisation's own, also one that was changed meanwhile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.postgres.vault import ProviderKey
from connectors.providers.anthropic.provider import AnthropicProvider
from connectors.providers.base import ModelRequest, ModelResponse, Provider
from connectors.providers.images import ImageInput
from connectors.providers.openai.provider import OpenAIProvider
from schemas.errors import StepError
from services.calls.pipeline import call_stages, compose
from services.calls.provider_keys import ProviderKeys
from services.calls.stages.invoke import Invoke
from services.routing.router import Route
from tests.support.calls import Calls, Next, call
from tests.support.provider_keys import MemoryVault
from tests.support.wire_server import KEY, Reply, wire_server

ROUTE = Route("local", "local-silver")


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


class Choosy:
    """A provider that takes one key."""

    name = "local"

    def __init__(self, calls: Calls, taken: str) -> None:
        self._calls = calls
        self._taken = taken
        self.asked: list[str | None] = []

    async def complete(self, request: ModelRequest) -> ModelResponse:
        key = None if request.api_key is None else request.api_key.get_secret_value()
        self.asked.append(key)
        if key != self._taken:
            raise StepError("provider_auth", "the key is wrong")
        return await self._calls.provider.complete(request)

    def count_tokens(self, model: str, text: str) -> int:
        return len(text)

    def picture_tokens(self, model: str, pictures: Sequence[ImageInput]) -> int:
        return 0

    def added_tokens(self, tools: int, *, has_schema: bool) -> int:
        return 0

    async def close(self) -> None:
        """Nothing is open."""


class Rotating(MemoryVault):
    """Has another key from its second reading on."""

    async def keys(self, org_id: str) -> Mapping[str, ProviderKey]:
        await super().keys(org_id)
        return {"local": SecretStr("old" if len(self.reads) == 1 else "new")}


def stage(calls: Calls, provider: Provider, vault: MemoryVault) -> Invoke:
    return Invoke({"local": provider}, calls.aborts, keys=ProviderKeys(vault))


async def test_the_organisations_own_key_is_sent_and_its_use_noted(calls: Calls) -> None:
    provider, vault = Choosy(calls, "sk-acme"), MemoryVault(acme={"local": SecretStr("sk-acme")})
    await stage(calls, provider, vault)(call(route=ROUTE), Next())
    assert (provider.asked, vault.noted) == (["sk-acme"], [("acme", "local")])


async def test_a_key_that_was_rotated_during_the_call_is_read_again_once(calls: Calls) -> None:
    provider, vault = Choosy(calls, "new"), Rotating()
    answer = await stage(calls, provider, vault)(call(route=ROUTE), Next())
    assert answer.response.text == "an answer"
    assert (provider.asked, vault.reads) == (["old", "new"], ["acme", "acme"])


async def test_a_key_that_is_wrong_and_unchanged_is_sent_once(calls: Calls) -> None:
    provider = Choosy(calls, "right")
    with pytest.raises(StepError) as raised:
        await stage(calls, provider, MemoryVault(acme={"local": SecretStr("wrong")}))(call(route=ROUTE), Next())
    assert (raised.value.code, provider.asked) == ("provider_auth", ["wrong"])


async def test_the_environments_key_is_not_tried_after_the_organisations(calls: Calls) -> None:
    provider = Choosy(calls, "")
    with pytest.raises(StepError):
        await stage(calls, provider, MemoryVault())(call(route=ROUTE), Next())
    assert provider.asked == [None]


async def test_a_call_without_any_key_holds_no_money(calls: Calls) -> None:
    ports = replace(calls.ports(), keys=ProviderKeys(MemoryVault(), ["local"]))
    with pytest.raises(StepError) as raised:
        await compose(call_stages(ports))(call())
    assert raised.value.code == "no_credentials"
    assert calls.trail == ["route"]


@pytest.mark.parametrize("name", ["openai", "anthropic"])
async def test_a_requests_key_replaces_the_environments_on_the_wire(name: str) -> None:
    makers: dict[str, Callable[[str, str], Provider]] = {"openai": OpenAIProvider, "anthropic": AnthropicProvider}
    async with wire_server(name, Reply({"error": f"no money for {KEY}"}, status=402)) as server:
        provider = makers[name]("the-environments", server.url)
        request = ModelRequest(
            model="m", prompt="p", max_tokens=9, idempotency_key="k", timeout_s=9, api_key=SecretStr(KEY)
        )
        with pytest.raises(StepError) as raised:
            await provider.complete(request)
        await provider.close()
    assert raised.value.code == "provider_no_credit"
    assert KEY not in str(raised.value)
    assert KEY not in repr(request)
    assert "the-environments" not in str(dict(server.requests[0][1]))
