"""Embeddings of each wire: what is sent, how vectors are read and counted, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest

from connectors.prices.book import PriceBook
from connectors.providers.embeddings import EmbeddingRequest, EmbeddingResponse, Embeds
from schemas.errors import StepError
from schemas.records.base import Usage
from tests.support.wire_fixtures import provider_at
from tests.support.wire_server import Reply, wire_server

TEXTS = ("one", "two whales")
OPENAI = {
    "object": "list",
    "model": "text-embedding-3-small",
    # In another order than the texts.
    "data": [
        {"object": "embedding", "index": 1, "embedding": [0, 1.5]},
        {"object": "embedding", "index": 0, "embedding": [0.25, -1]},
    ],
    "usage": {"prompt_tokens": 5, "total_tokens": 5},
}
ANSWERS: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "openai": (
        "text-embedding-3-small",
        "/v1/embeddings",
        {"model": "text-embedding-3-small", "input": list(TEXTS), "encoding_format": "float", "dimensions": 2},
        OPENAI,
    ),
    "cohere": (
        "embed-v4.0",
        "/v2/embed",
        {
            "model": "embed-v4.0",
            "texts": list(TEXTS),
            "input_type": "search_document",
            "embedding_types": ["float"],
            "truncate": "NONE",
            "output_dimension": 2,
        },
        {
            "id": "e",
            "embeddings": {"float": [[0.25, -1], [0, 1.5]]},
            "texts": list(TEXTS),
            "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 5.0}},
        },
    ),
    "google": (
        "gemini-embedding-001",
        "/v1beta/models/gemini-embedding-001:batchEmbedContents",
        {
            "requests": [
                {
                    "model": "models/gemini-embedding-001",
                    "content": {"parts": [{"text": text}]},
                    "outputDimensionality": 2,
                }
                for text in TEXTS
            ]
        },
        {"embeddings": [{"values": [0.25, -1]}, {"values": [0, 1.5]}], "usageMetadata": {"promptTokenCount": 5}},
    ),
}
ANSWERS |= {"responses": ANSWERS["openai"], "compatible": ANSWERS["openai"]}


def request_of(provider: str, **changes: Any) -> EmbeddingRequest:
    return replace(EmbeddingRequest(ANSWERS[provider][0], TEXTS, "key-1", dimensions=2), **changes)


async def embedded(provider: str, request: EmbeddingRequest, reply: Reply) -> tuple[EmbeddingResponse, Any]:
    async with wire_server(provider, reply) as server:
        client = provider_at(provider, server.url)
        assert isinstance(client, Embeds)
        try:
            return await client.embed(request), server.requests[0]
        finally:
            await client.close()


@pytest.mark.parametrize("provider", ANSWERS)
async def test_texts_are_sent_and_their_vectors_read_in_order(provider: str) -> None:
    model, wanted_path, wanted, answer = ANSWERS[provider]
    found, (path, headers, body) = await embedded(provider, request_of(provider), Reply(answer))
    assert (path, body, headers["idempotency-key"]) == (wanted_path, wanted, "key-1")
    assert found.vectors == ((0.25, -1.0), (0.0, 1.5))
    assert (found.usage, found.notes, found.sent) == (Usage(input_tokens=5), (), wanted)
    assert "0.25" not in repr(found.received)
    if provider not in ("compatible",):
        vendor = "openai" if provider == "responses" else provider
        assert PriceBook.load().cost(vendor, model, found.usage) > 0


@pytest.mark.parametrize("provider", ANSWERS)
async def test_counts_that_do_not_come_are_bounds(provider: str) -> None:
    answer = {
        name: value for name, value in ANSWERS[provider][3].items() if name not in ("usage", "usageMetadata", "meta")
    }
    found, _ = await embedded(provider, request_of(provider), Reply(answer))
    assert found.notes == ("input_tokens:not_given",)
    assert found.usage.input_tokens >= sum(map(len, TEXTS))


@pytest.mark.parametrize("provider", ANSWERS)
@pytest.mark.parametrize("vector", [[], "x", [True], ["1"], [None], [1, 2, 3], [float("inf")], None])
async def test_an_answer_that_is_no_vector_for_each_text_is_malformed(provider: str, vector: Any) -> None:
    answer = ANSWERS[provider][3]
    broken: dict[str, Any] = {
        "cohere": {"embeddings": {"float": [[0.25, -1], vector]}},
        "google": {"embeddings": [{"values": [0.25, -1]}, {"values": vector}]},
    }.get(provider, {"data": [OPENAI["data"][1], {"index": 1, "embedding": vector}]})  # type: ignore[index]
    with pytest.raises(StepError) as caught:
        await embedded(provider, request_of(provider), Reply(answer | broken))
    assert (caught.value.code, caught.value.details["outcome"]) == ("provider_error", "unknown")


@pytest.mark.parametrize(
    ("provider", "changes", "field"),
    [
        ("openai", {"purpose": "query"}, "purpose"),
        ("openai", {"texts": ("x",) * 2_049}, "texts"),
        ("cohere", {"purpose": "similarity"}, "purpose"),
        ("cohere", {"texts": ("x",) * 97}, "texts"),
        ("google", {"texts": ("x",) * 101}, "texts"),
    ],
)
async def test_what_a_wire_cannot_express_is_refused_by_name(
    provider: str, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(StepError) as caught:
        await embedded(provider, request_of(provider, **changes), Reply({}))
    assert (caught.value.code, caught.value.details["field"]) == ("unsupported_parameter", field)


async def test_a_purpose_is_sent() -> None:
    _, (_, _, body) = await embedded("cohere", request_of("cohere", purpose="query"), Reply(ANSWERS["cohere"][3]))
    assert body["input_type"] == "search_query"
    _, (_, _, body) = await embedded("google", request_of("google", purpose="query"), Reply(ANSWERS["google"][3]))
    assert [one["taskType"] for one in body["requests"]] == ["RETRIEVAL_QUERY"] * 2


async def test_a_service_without_embeddings_is_refused_by_name() -> None:
    with pytest.raises(StepError, match="embeddings"):
        await embedded("anthropic", EmbeddingRequest("claude", TEXTS, "key-1"), Reply({}))


async def test_an_error_has_the_meaning_of_its_status() -> None:
    with pytest.raises(StepError) as caught:
        await embedded("openai", request_of("openai"), Reply({"error": {"message": "slow"}}, 429, {"Retry-After": "2"}))
    assert (caught.value.code, caught.value.retry_after_ms) == ("rate_limited", 2_000)
