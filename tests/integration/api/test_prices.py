"""Prices over HTTP."""

from typing import Any

from tests.support.api import Running

PRICES = "/api/v1/prices"


async def bands(api: Running, **query: str) -> list[dict[str, Any]]:
    answer = await api.client.get(PRICES, params={"provider": "openai", "model": "gpt-5", **query})
    assert answer.status_code == 200, answer.text
    (price,) = answer.json()["prices"]
    assert price["version"].startswith("genai-prices/")
    return list(price["bands"])


async def test_one_model_as_it_is_served(api: Running) -> None:
    (band,) = await bands(api)
    assert (band["over_input_tokens"], band["usd_per_request"]) == (-1, "0")
    tokens = {"input_tokens": "1.25", "output_tokens": "10", "cache_read_tokens": "0.125"}
    assert band["usd_per_mtok"] == tokens
    assert band["usd_per_unit"]["web_searches"] == "0.01"
    (flex,) = await bands(api, service_tier="flex")
    assert flex["usd_per_mtok"]["output_tokens"] == "5"
    (batch,) = await bands(api, processing="batch")
    assert batch["usd_per_mtok"]["input_tokens"] == "0.625"


async def test_the_price_of_a_time(api: Running) -> None:
    (before,) = await bands(api, model="o3", at="2025-06-01T00:00:00Z")
    (after,) = await bands(api, model="o3", at="2025-07-01T00:00:00Z")
    assert (before["usd_per_mtok"]["input_tokens"], after["usd_per_mtok"]["input_tokens"]) == ("10", "2")


async def test_all_models_of_a_provider(api: Running) -> None:
    listed = (await api.client.get(PRICES, params={"provider": "local"})).json()["prices"]
    assert [one["model"] for one in listed if one["model"] == "local-silver"] == ["local-silver"]


async def test_what_has_no_price_is_named(api: Running) -> None:
    answer = await api.client.get(PRICES, params={"provider": "openai", "model": "gpt-55"})
    assert answer.status_code == 404
    assert "gpt-5" in answer.json()["detail"]
    answer = await api.client.get(PRICES, params={"provider": "nobody"})
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "provider")
    answer = await api.client.get(PRICES, params={"provider": "openai", "at": "2025-06-01T00:00:00"})
    assert answer.status_code == 422
