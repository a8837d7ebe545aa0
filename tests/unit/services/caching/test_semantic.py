"""The most alike text of a partition stands in, if no fact differs."""

from collections.abc import Sequence

import pytest

from connectors.redis.response_cache import Keep, Lookup
from services.caching.semantic import Question, Semantics
from tests.support.calls import MemoryCache, WordEmbedder


@pytest.fixture
def store() -> MemoryCache:
    return MemoryCache([])


def question(text: str, **changes: object) -> Question:
    fields: dict[str, object] = {"org_id": "acme", "partition": "p", "text": text, "threshold": 0.6}
    return Question(**(fields | changes))  # type: ignore[arg-type]


async def put(store: MemoryCache, semantics: Semantics, *texts: str) -> None:
    for text in texts:
        keep = Keep(ttl_ms=1, near=await semantics.near(question(text)))
        await store.store(Lookup("acme", text, "t"), 0, b"answer", keep)


async def found(semantics: Semantics, text: str, **changes: object) -> str | None:
    return await semantics.find(question(text, **changes))


async def test_the_most_alike_text_is_found(store: MemoryCache) -> None:
    semantics = Semantics(store, WordEmbedder())
    await put(store, semantics, "how tall is the tower", "how tall is the old red tower", "who built it")
    assert await found(semantics, "how tall is the tower please") == "how tall is the tower"


async def test_one_below_the_threshold_is_not(store: MemoryCache) -> None:
    semantics = Semantics(store, WordEmbedder())
    await put(store, semantics, "how tall is the tower")
    assert await found(semantics, "who built the big bridge") is None
    assert await found(semantics, "how tall is the tower please", threshold=0.99) is None


async def test_the_next_best_stands_in_when_a_fact_of_the_best_differs(store: MemoryCache) -> None:
    semantics = Semantics(store, WordEmbedder())
    await put(store, semantics, "Give me 3 towers now", "Give me some 2 towers now")
    assert await found(semantics, "Give me 2 towers now") == "Give me some 2 towers now"


async def test_texts_that_were_stored_later_are_read_too(store: MemoryCache) -> None:
    semantics, other = Semantics(store, WordEmbedder()), Semantics(store, WordEmbedder())
    await put(store, semantics, "who built it")
    assert await found(semantics, "how tall is the tower please") is None
    await put(store, other, "how tall is the tower")
    assert await found(semantics, "how tall is the tower please") == "how tall is the tower"


async def test_neither_another_partition_nor_another_model_is_compared(store: MemoryCache) -> None:
    semantics = Semantics(store, WordEmbedder())
    await put(store, semantics, "how tall is the tower")
    assert await found(semantics, "how tall is the tower please", partition="q") is None
    assert await found(Semantics(store, WordEmbedder("another")), "how tall is the tower please") is None


def test_an_embedder_of_words_is_one() -> None:
    vectors: Sequence[Sequence[float]] = [WordEmbedder().vector("a b"), WordEmbedder().vector("b a")]
    assert vectors[0] == vectors[1]
