"""Why runs cost more: parts that add up."""

import random

import pytest

from schemas.records.spans import Span
from services.observability.cause.cost import FACTORS, cost_cause
from services.observability.cause.cost_cells import Call, calls_of, spending_of


def _calls(
    steps: int,
    *,
    tokens: int = 100,
    price: tuple[int, int] = (10, 40),
    route: str = "p/m",
    each: int = 1,
    cached: int = 0,
    node: str = "n",
) -> list[Call]:
    found = []
    for step in range(steps):
        for _ in range(each):
            i, o = tokens * (1 + step % 3), tokens * (1 + step % 2)
            cost = 0 if step < cached else i * price[0] + o * price[1]
            found.append(
                Call(
                    node=node,
                    step=f"s{step}",
                    route=route,
                    cached=step < cached,
                    input_tokens=i,
                    output_tokens=o,
                    cost_nano=cost,
                )
            )
    return found


@pytest.mark.parametrize(
    ("factor", "changed"),
    [
        ("volume", {"steps": 24}),
        ("retries", {"steps": 12, "each": 2}),
        ("cache", {"steps": 12, "cached": 6}),
        ("tokens", {"steps": 12, "tokens": 150}),
        ("price", {"steps": 12, "price": (20, 80)}),
        ("price", {"steps": 12, "price": (10, 90)}),
    ],
)
def test_one_changed_factor_has_the_whole_difference(factor, changed):
    found = cost_cause(spending_of(_calls(12)), spending_of(_calls(**changed)))
    assert found.difference_nano != 0
    assert found.parts == {one: found.difference_nano if one == factor else 0 for one in FACTORS}


def test_another_route_has_the_whole_difference_at_equal_tokens():
    a = spending_of(_calls(12))
    b = spending_of(_calls(12, route="p/dear", price=(100, 400)))
    found = cost_cause(a, b)
    assert found.parts["route"] == found.difference_nano == 9 * a.cost_nano


def test_a_new_node_is_volume():
    found = cost_cause(spending_of(_calls(3)), spending_of([*_calls(3), *_calls(5, node="new")]))
    assert found.parts["volume"] == found.difference_nano > 0
    assert [one.node for one in found.nodes] == ["new", "n"]


def test_two_factors_share_what_only_both_together_add():
    # 12 steps at 10: a factor of 2 in each of two factors: each alone adds 1, both together 3, so each has 1.5.
    a = spending_of(_calls(12))
    found = cost_cause(a, spending_of(_calls(12, price=(20, 80), each=2)))
    assert found.difference_nano == 3 * a.cost_nano
    assert found.parts["price"] == found.parts["retries"] == 3 * a.cost_nano // 2


def test_equal_sets_have_no_part():
    found = cost_cause(spending_of(_calls(5)), spending_of(_calls(5)))
    assert set(found.parts.values()) == {0}
    assert cost_cause(spending_of([]), spending_of([])).nodes == []


def test_parts_add_up_exactly_whatever_has_changed():
    for seed in range(300):
        rng = random.Random(seed)

        def some(rng: random.Random = rng) -> list[Call]:
            return [
                Call(
                    node=rng.choice("abc"),
                    step=f"s{rng.randrange(9)}",
                    route=rng.choice(("p/x", "p/y", "q/z")),
                    cached=(cached := rng.random() < 0.2),
                    input_tokens=rng.randrange(3),
                    output_tokens=rng.randrange(5),
                    cost_nano=0 if cached else rng.randrange(10**6),
                )
                for _ in range(rng.randrange(12))
            ]

        a, b = some(), some()
        found = cost_cause(spending_of(a), spending_of(b))
        assert found.a_nano == sum(call.cost_nano for call in a)
        assert sum(found.parts.values()) == found.difference_nano == found.b_nano - found.a_nano
        assert sum(one.b_nano - one.a_nano for one in found.nodes) == found.difference_nano
        for one in found.nodes:
            assert sum(one.parts.values()) == one.b_nano - one.a_nano


def test_calls_are_read_from_spans():
    def call(step: str, **more) -> Span:
        return Span(
            span_id=step,
            name="chat",
            start_ns=0,
            end_ns=1,
            step_id=step,
            provider="p",
            model="m",
            type="llm_call",
            **more,
        )

    spans = [
        call("n[0]", cost_nano=9, input_tokens=2, output_tokens=1),
        call("n[1]", attributes={"agentflow.call.cached": True}),
        call("n[2]", error_code="provider_unavailable"),
        Span(span_id="x", name="step", start_ns=0, end_ns=1, type="attempt", step_id="n[0]"),
    ]
    found = spending_of(calls_of({"run": spans}))
    assert found.steps == {"n": 2}
    assert (found.cells["n", "p/m"].paid, found.cells["n", "p/m"].cached) == (1, 1)
