"""What a workflow costs at most on its cheapest path, by the prices of its models and the limits of its nodes."""

from typing import Any

import pytest

from connectors.prices.book import PriceBook
from connectors.prices.overrides import Override
from schemas.errors import InvalidInput
from services.runs.path_cost import PathCost, PathCosts
from tests.support.families import family, flow, runs
from tests.support.runs import function, llm, loop, resolved, switch

#: One cent for 1,000 tokens of input, nothing else.
PRICES = PriceBook(
    [Override(provider="p", model="m", version="1", input_usd_per_mtok="10", output_usd_per_mtok="0")],
)
CENT = 10_000_000


def call(name: str, tokens: int | None = 1_000, **config: Any) -> dict[str, Any]:
    bound = {} if tokens is None else {"max_input_tokens": tokens}
    return llm(name, provider="p", model="m", max_tokens=1, **bound, **config)


def cost(*nodes: dict[str, Any], edges: str = "") -> PathCost:
    return PathCosts(PRICES).of(resolved(*nodes, edges=edges))


def test_a_line_of_calls_costs_their_sum() -> None:
    found = cost(call("a"), call("b", 2_000), function("f"), edges="a>b b>f")
    assert (found.cheapest_nano, found.bounds, found.unbounded) == (3 * CENT, {"a": CENT, "b": 2 * CENT}, ())


def test_the_cheapest_branch_counts() -> None:
    fork = switch("s", ("inputs.x == 1", "a"), default="b")
    assert cost(fork, call("a", 5_000), call("b"), edges="s>a s>b").cheapest_nano == CENT


def test_a_map_counts_its_most_items_and_without_a_limit_it_is_unbounded() -> None:
    assert cost(call("a", parallel=True, items="{{list}}", max_items=7)).cheapest_nano == 7 * CENT
    assert cost(call("a", parallel=True, items=[1, 2])).cheapest_nano == 2 * CENT
    assert cost(call("a", parallel=True, items="{{list}}")).unbounded == ("a",)


def test_an_input_without_a_limit_of_a_model_without_a_context_is_unbounded() -> None:
    found = cost(call("a", None), call("b"), edges="a>b")
    assert (found.cheapest_nano, found.unbounded) == (CENT, ("a",))


def test_a_loop_costs_its_body_as_often_as_it_may_run() -> None:
    found = cost(loop("l", call("a"), until="loop.output == 1", max_iterations=4))
    assert found.cheapest_nano == 4 * CENT


def test_a_nested_workflow_costs_what_its_own_cheapest_path_does() -> None:
    found = PathCosts(PRICES).of(resolved(runs("a", "kid"), family=family(flow("kid", call("k", 3_000)))))
    assert found.cheapest_nano == 3 * CENT


def test_a_model_that_costs_nothing_needs_no_limit() -> None:
    free = PriceBook([Override(provider="p", model="m", version="1", input_usd_per_mtok="0", output_usd_per_mtok="0")])
    found = PathCosts(free).of(resolved(call("a", None)))
    assert (found.cheapest_nano, found.unbounded) == (0, ())


def test_a_budget_under_the_cheapest_path_is_refused_with_the_sum() -> None:
    path = cost(call("a"), call("b"), edges="a>b")
    path.check(2 * CENT)
    with pytest.raises(InvalidInput, match=r"may cost 0\.02 USD") as refused:
        path.check(2 * CENT - 1)
    assert [problem.path for problem in refused.value.problems] == ["budget_cents"]
