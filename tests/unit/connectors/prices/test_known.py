"""Which models there are, and whose."""

from pathlib import Path

import orjson
import pytest

from connectors.prices.known import KnownModels
from connectors.providers.local.behaviour import LocalBehaviour
from connectors.providers.names import PROVIDER_NAMES
from connectors.providers.registry import PROVIDERS, Endpoint, build_providers, provider_names


@pytest.fixture
def models(tmp_path: Path) -> KnownModels:
    file = tmp_path / "prices.json"
    price = {"version": "1", "input_usd_per_mtok": "1", "output_usd_per_mtok": "1"}
    file.write_bytes(orjson.dumps([{"provider": "House", "model": "Llama-Mine"} | price]))
    return KnownModels.load(str(file))


@pytest.mark.parametrize(
    ("model", "provider"),
    [("gpt-4o", "openai"), ("GPT-4o", "openai"), ("local-gold", "local"), ("llama-mine", "House"), ("gpt-4oo", None)],
)
def test_a_model_has_a_provider(models: KnownModels, model: str, provider: str | None) -> None:
    assert models.provider_of(model) == provider


def test_a_provider_has_its_models_alone(models: KnownModels) -> None:
    assert models.has("openai", "gpt-4o")
    assert models.has("house", "llama-mine")
    assert not models.has("local", "gpt-4o")
    assert not models.has("nobody", "gpt-4o")
    assert {"local-gold", "local-echo"} <= models.names("local")
    assert "gpt-4o" in models.names("openai")
    assert models.added_providers() == {"local", "House"}


async def test_every_provider_that_can_be_built_has_a_known_name() -> None:
    endpoints = dict.fromkeys(PROVIDERS, Endpoint("key", "http://127.0.0.1:1/v1"))
    built = build_providers(endpoints, behaviour=LocalBehaviour())
    try:
        assert built.keys() == PROVIDER_NAMES == provider_names(endpoints)
    finally:
        for provider in built.values():
            await provider.close()
