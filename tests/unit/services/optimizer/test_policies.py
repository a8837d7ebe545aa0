"""Rules that change a node's policy: calls by batch, and beginnings that a provider keeps."""

from typing import Any

import pytest

from connectors.clickhouse.call_facts import CallFact
from connectors.prices.book import PriceBook
from schemas.records.base import Usage
from schemas.spec.model import LlmNode
from services.caching.policy import DEFAULT_TTLS
from services.optimizer.changes import changed
from services.optimizer.facts import Group, Place
from services.optimizer.optimizer import suggest
from services.optimizer.suggestion import Suggestion

PRICES = PriceBook.load()
START_MS = 1_795_305_600_000
DAY_MS = 86_400_000
CALLS = 200


def group(
    route: str, policy: dict[str, Any], *, gap_ms: int = 60_000, usage: Usage | None = None, **fields: Any
) -> Group:
    place = Place("wf", "ask", *route.split("/"))
    config = {"prompt_ref": "ask@1", "max_tokens": 150}
    node = LlmNode.model_validate({"id": "ask", "type": "llm", "config": config, "policy": policy})
    used = usage or Usage(input_tokens=4_000, output_tokens=100)
    calls = tuple(
        CallFact(
            at_ms=START_MS + n * gap_ms,
            run_id=f"run-{n}",
            workflow="wf",
            version=1,
            node_id="ask",
            provider=place.provider,
            model=place.model,
            usage=used,
            cost_nano=PRICES.cost(place.provider, place.model, used, START_MS),
            request=n + 1,
            **fields,
        )
        for n in range(CALLS)
    )
    return Group(place=place, node=node, calls=calls)


def suggested(of: Group) -> list[Suggestion]:
    return [one for one in suggest([of], [], PRICES, DEFAULT_TTLS) if "policy" in (one.change or {})]


@pytest.mark.parametrize("policy", [{}, {"sla_ms": DAY_MS}])
@pytest.mark.parametrize("route", ["openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"])
def test_calls_that_may_take_a_day_are_to_go_by_batch_at_half_the_price(route: str, policy: dict[str, Any]) -> None:
    of = group(route, policy)
    (one,) = suggested(of)
    assert (one.kind, one.change) == ("batch", {"policy": {"batch": "auto"}})
    assert one.saving.amount_nano == of.cost_nano // 2
    assert one.risk == ("low" if policy else "medium")


@pytest.mark.parametrize(
    ("route", "policy"),
    [
        ("openai/gpt-4o-mini", {"sla_ms": DAY_MS - 1}),
        ("openai/gpt-4o-mini", {"batch": "auto"}),
        ("openai/gpt-4o-mini", {"stream": True}),
        ("google/gemini-2.5-flash", {}),
    ],
)
def test_no_batch_for_calls_without_the_time_or_the_provider(route: str, policy: dict[str, Any]) -> None:
    assert suggested(group(route, policy)) == []


SONNET = "anthropic/claude-sonnet-4-5"
SHORT = {"sla_ms": 1_000}


@pytest.mark.parametrize(("gap_ms", "ttl"), [(60_000, "5m"), (1_200_000, "1h")])
def test_a_beginning_that_is_read_again_is_to_be_kept_for_the_time_that_saves_more(gap_ms: int, ttl: str) -> None:
    of = group(SONNET, SHORT, gap_ms=gap_ms, prefix=7, prefix_share=0.5)
    (one,) = suggested(of)
    assert (one.kind, one.change) == ("trim", {"policy": {"prompt_cache": ttl}})
    # A Sonnet's input costs 3,000 nano-dollars a token, a read of what is kept 300; the first call writes it.
    written = 6_000 if ttl == "1h" else 3_750
    assert one.saving.amount_nano == 2_000 * (2_700 * (CALLS - 1) - (written - 3_000))


@pytest.mark.parametrize(
    ("route", "fields"),
    [
        (SONNET, {"prefix": 7, "prefix_share": 0.25}),
        (SONNET, {"prefix": 0, "prefix_share": 0.0}),
        (SONNET, {"prefix": 7, "prefix_share": 0.5, "gap_ms": 3_600_001}),
        (SONNET, {"prefix": 7, "prefix_share": 0.5, "usage": Usage(input_tokens=4_000, cache_read_tokens=2_000)}),
        ("anthropic/claude-haiku-4-5", {"prefix": 7, "prefix_share": 0.5}),
        ("openai/gpt-4o-mini", {"prefix": 7, "prefix_share": 0.5}),
    ],
)
def test_a_beginning_that_is_short_or_read_seldom_or_kept_already_is_left_alone(
    route: str, fields: dict[str, Any]
) -> None:
    assert suggested(group(route, SHORT, **fields)) == []


def test_a_node_that_marks_its_prompts_is_left_alone() -> None:
    assert suggested(group(SONNET, SHORT | {"prompt_cache": "5m"}, prefix=7, prefix_share=0.5)) == []


def test_a_change_of_the_policy_keeps_the_others_fields() -> None:
    node = {"id": "ask", "type": "llm", "config": {"prompt_ref": "p"}, "policy": {"sla_ms": 5}}
    bare = {"id": "other", "type": "llm", "config": {"prompt_ref": "p"}}
    document = {"name": "wf", "version": 1, "dag": {"nodes": [node, bare]}}
    new = changed(document, "ask", {"policy": {"batch": "auto"}}, 2)
    assert new["dag"]["nodes"][0] == node | {"policy": {"sla_ms": 5, "batch": "auto"}}
    assert new["dag"]["nodes"][1] == bare
    assert document["dag"]["nodes"][0]["policy"] == {"sla_ms": 5}, "the stored one stays"
    other = changed(document, "other", {"policy": {"prompt_cache": "1h"}, "max_tokens": 3}, 2)["dag"]["nodes"][1]
    assert other == bare | {"config": {"prompt_ref": "p", "max_tokens": 3}, "policy": {"prompt_cache": "1h"}}
