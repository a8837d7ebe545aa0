"""Embeddings are held, announced and settled as other calls are."""

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from connectors.aio.clock import WallClock
from connectors.prices.book import PriceBook
from connectors.providers.embeddings import EmbeddingRequest, EmbeddingResponse
from connectors.providers.local.embedding import EMBED, LocalEmbedder, embedded
from connectors.providers.local.provider import LocalProvider
from schemas.errors import StepError
from schemas.records.base import Json
from services.calls import embedding
from services.calls.ledger import Ledger
from services.calls.security.private import Private
from services.routing.router import Pin
from tests.support.calls import Calls, call
from tests.support.privacy import OF, TOKEN, redactor

PIN = Pin(provider="local", model=EMBED)
TEXTS = ("one two", "three")


class Failing(LocalProvider):
    async def embed(self, request: EmbeddingRequest) -> EmbeddingResponse:
        raise StepError("provider_timeout", "slow", retryable=True)


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


async def test_vectors_are_paid_by_their_tokens(calls: Calls) -> None:
    ledger, provider = Ledger(), LocalProvider()
    ports = replace(calls.ports(), providers={"local": provider})
    found = await embedding.embedded(ports, call(ledger, pinned=PIN), TEXTS)
    await provider.close()
    assert found.vectors == tuple(embedded(EMBED, text) for text in TEXTS)
    (cost,), (record,), (span,) = ledger.costs, ledger.calls, ledger.spans
    assert (cost.kind, cost.usage) == ("actual", found.usage)
    assert cost.amount_nano == PriceBook.load().cost("local", EMBED, found.usage) > 0
    assert cost.amount_nano <= calls.started[0].amount_nano
    assert calls.trail == ["route", "hold", "announce"]
    assert (record.model, record.outcome, span.name) == (EMBED, "ok", f"embeddings {EMBED}")
    assert (span.type, span.cost_nano) == ("embedding", cost.amount_nano)
    assert record.usage.output_tokens == 0


async def test_an_embedding_model_reads_tokens_where_the_policy_wants_them(calls: Calls) -> None:
    mails: dict[str, Json] = {"id": "mails", "kinds": ["email"], "action": "token", "at": ["provider"]}
    private = Private(redactor({"redact": [mails]}), OF, WallClock())
    asked: list[EmbeddingRequest] = []

    class Watched(LocalProvider):
        async def embed(self, request: EmbeddingRequest) -> EmbeddingResponse:
            asked.append(request)
            return await super().embed(request)

    provider, ledger = Watched(), Ledger()
    ports = replace(calls.ports(), providers={"local": provider})
    made = structs.replace(call(ledger, pinned=PIN), private=private)
    await embedding.embedded(ports, made, ("write to ann@acme.org", "pl\u200bain"))
    await provider.close()
    first, second = asked[0].texts
    assert TOKEN.sub("", first) == "write to "
    assert second == "plain"
    assert [one.rule for one in ledger.decisions] == ["privacy:mails"]


async def test_a_text_that_is_refused_is_not_embedded(calls: Calls) -> None:
    cards: dict[str, Json] = {"id": "cards", "kinds": ["card"], "action": "deny", "at": ["provider"]}
    made = structs.replace(call(pinned=PIN), private=Private(redactor({"redact": [cards]}), OF, WallClock()))
    with pytest.raises(StepError) as caught:
        await embedding.embedded(calls.ports(), made, ("4111111111111111",))
    assert (caught.value.code, calls.trail) == ("privacy_refused", [])


async def test_an_unknown_outcome_is_presumed_at_the_estimate(calls: Calls) -> None:
    ledger, provider = Ledger(), Failing()
    ports = replace(calls.ports(), providers={"local": provider})
    with pytest.raises(StepError):
        await embedding.embedded(ports, call(ledger, pinned=PIN), TEXTS)
    await provider.close()
    assert [(one.kind, one.amount_nano) for one in ledger.costs] == [("presumed", calls.started[0].amount_nano)]


async def test_a_provider_without_embeddings_is_refused_and_costs_nothing(calls: Calls) -> None:
    ledger = Ledger()
    with pytest.raises(StepError, match="no embeddings") as caught:
        await embedding.embedded(calls.ports(), call(ledger, pinned=PIN), TEXTS)
    assert caught.value.code == "unsupported_parameter"
    assert [one.amount_nano for one in ledger.costs] == [0]


async def test_local_vectors_are_near_for_texts_with_words_in_common() -> None:
    whales, also, prices = await LocalEmbedder().vectors(
        ["Whales eat krill in cold seas.", "In cold seas, whales eat krill!", "The price of bread rose."]
    )

    def near(one: tuple[float, ...], other: tuple[float, ...]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert near(whales, whales) == pytest.approx(1)
    assert near(whales, also) > 0.6 > near(whales, prices) + 0.3
    assert embedded(EMBED, "") == (0.0,) * 256
    assert len(embedded(EMBED, "x", 8)) == 8


@pytest.mark.parametrize(("model", "dimensions"), [("another", None), (EMBED, 0), (EMBED, 10**6)])
def test_what_the_local_model_cannot_do_is_refused(model: str, dimensions: int | None) -> None:
    with pytest.raises(StepError) as caught:
        embedded(model, "x", dimensions)
    assert caught.value.code == "provider_rejected"
