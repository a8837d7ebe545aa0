"""Which steps are chained to a request, how a worker goes on from it, and what the fold does when it does not."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from schemas.payload import Reference, inline
from schemas.records.run_events import StepDeferred, StepFailed, StepSucceeded
from schemas.records.steps import StepRequest
from streams.core.runs.fold import RunFold
from streams.core.runs.requests.chained import MAX_CHAINED_STEPS, args_hash, next_request
from tests.support.runs import ORG, RUN, World, function, llm, paid, prompt, resolved, submitted
from topics.catalogue import lane
from topics.codec import decode, encode

LINE = (function("a"), function("b"), function("c"))
BIG = Reference(uri="object://acme/x", sha256="0" * 64, size=100_000)


@pytest.fixture
def world() -> World:
    found = World()
    found.rules = RunFold(chain_steps=True)
    return found


def chained(request: StepRequest) -> list[str]:
    return [step.node_id for step in request.continuation]


def again(request: StepRequest) -> StepRequest:
    """A request as a worker reads it."""
    read: StepRequest = decode(lane(request.tier), encode(request))
    return read


def policy(**fields: Any) -> dict[str, Any]:
    return {"policy": fields}


def test_a_line_rides_along(world: World) -> None:
    world.submit(*LINE, edges="a>b b>c")
    (request,) = world.requests
    assert chained(request) == ["b", "c"]


def test_without_the_setting_nothing_rides(world: World) -> None:
    world.rules = RunFold()
    world.submit(*LINE, edges="a>b b>c")
    assert chained(world.requests[0]) == []


@pytest.mark.parametrize(
    ("nodes", "edges", "expected"),
    [
        ((function("a"), function("b"), function("c"), function("d")), "a>b b>d c>d", {"a": ["b"], "c": []}),
        ((function("a"), function("b"), function("c")), "a>b a>c", {"a": []}),
        ((function("a"), function("b", parallel=True, items=[1]), function("c")), "a>b b>c", {"a": []}),
        ((function("a"), function("b"), function("c") | policy(quality="gold")), "a>b b>c", {"a": ["b"]}),
        ((function("a"), function("b", inputs={"x": "{{nobody}}"}), function("c")), "a>b b>c", {"a": []}),
        ((function("a"), llm("b"), function("c")), "a>b b>c", {"a": ["b", "c"]}),
        ((function("a"), function("b", inputs={"x": "y" * 950_000})), "a>b", {"a": []}),
    ],
    ids=["join", "fork", "map", "other-lane", "missing-input", "llm", "too-large"],
)
def test_what_breaks_a_chain(world: World, nodes: Any, edges: str, expected: dict[str, list[str]]) -> None:
    world.submit(*nodes, edges=edges)
    assert {request.step_id: chained(request) for request in world.requests} == expected


def test_a_chain_ends_after_so_many(world: World) -> None:
    names = [f"n{i}" for i in range(MAX_CHAINED_STEPS + 5)]
    edges = " ".join(f"{a}>{b}" for a, b in pairwise(names))
    world.submit(*map(function, names), edges=edges)
    assert chained(world.requests[0]) == names[1 : MAX_CHAINED_STEPS + 1]


def test_a_run_with_a_budget_is_chained_where_nothing_else_spends(world: World) -> None:
    world.submit(*LINE, edges="a>b b>c", budget_nano=10)
    assert chained(world.requests[0]) == ["b", "c"]
    other = World()
    other.rules = RunFold(chain_steps=True)
    other.submit(*LINE, function("beside"), edges="a>b b>c", budget_nano=10)
    assert [chained(request) for request in other.requests] == [[], []]


def test_what_was_given_back_carries_nothing_and_a_retry_does(world: World) -> None:
    world.submit(function("a", {"retries": {"initial_ms": 1}}), *LINE[1:], edges="a>b b>c")
    world.defer("a")
    world.fire("defer:a:1:1")
    world.fail("a")
    world.fire("retry:a:2")
    assert [(r.attempt, r.deferral, chained(r)) for r in world.requests] == [
        (1, 0, ["b", "c"]),
        (1, 1, []),
        (2, 0, ["b", "c"]),
    ]


def test_a_worker_that_goes_on_is_not_asked(world: World) -> None:
    world.submit(*LINE, edges="a>b b>c")
    world.succeed("a", "A", chain="continues")
    assert world.asked() == [("a", 1)]
    assert world.states() == {"a": "succeeded", "b": "running"}
    world.succeed("b", "B", chain="returned")
    assert world.asked() == [("a", 1), ("c", 1)]
    world.succeed("c", "C")
    assert world.status == "succeeded"


def test_the_next_step_is_what_the_fold_would_ask_for() -> None:
    """Including its budget, its links, and its chained steps."""
    nodes = (
        llm("a", inputs={"word": "{{x}}"}),
        function(
            "b", inputs={"whole": "a.output", "part": "a.output.list[0].name", "text": "{{x}}", "n": [1, {"z": 2}]}
        ),
        llm("c", "other@1", inputs={"old": {"deep": ["a.output", "b.output"]}, "big": "b.output"}, max_tokens=9)
        | policy(timeout_ms=5, sla_ms=7),
        function("d"),
    )
    events = {
        "a": (inline({"list": [{"name": 1.5}], "é": None}), 300),
        "b": (BIG, 0),
        "c": (inline("text"), 50),
    }
    spec_ = resolved(*nodes, edges="a>b b>c c>d", other=prompt("{{old}} {{big}}", "other"))
    plain, chained = World(), World()
    chained.rules = RunFold(chain_steps=True)
    for one in (plain, chained):
        one.feed(submitted(spec_, inputs={"x": "in"}, budget_nano=320, tags={"k": "v"}))
    going = again(chained.requests[0])
    for step_id, (output, cost) in events.items():
        after = next_request(going, output, cost, plain.now_ms)
        assert after is not None
        plain.succeed(step_id, output, **paid(cost))
        expected = plain.requests[-1]
        assert structs.replace(after, continuation=[], args_hash="") == expected
        assert after.args_hash == args_hash(expected.args, expected.links)
        going = after
    assert (going.step_id, going.run_budget_nano, going.continuation) == ("d", 0, [])


#: A text with U+0000 is no value of ours, see ``schemas.values``.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100)
@given(output=st.fixed_dictionaries({"part": JSON, "more": JSON}), inputs=JSON)
def test_any_value_names_the_same_arguments_on_both_sides(output: Any, inputs: Any) -> None:
    world = World()
    world.rules = RunFold(chain_steps=True)
    nodes = (function("a"), function("b", inputs={"one": "a.output.part", "x": "{{x}}"}), function("c"))
    world.submit(*nodes, edges="a>b b>c", inputs={"x": inputs})
    after = next_request(again(world.requests[0]), inline(output), 0, world.now_ms)
    assert after is not None
    said = StepSucceeded(output=inline(output), chain="continues", **world.outcome("a", 1))
    world.feed(decode("run-events", encode(said)))
    world.succeed("b", "B", chain="continues", args_hash=after.args_hash)
    assert world.states()["b"] == "succeeded"


def test_every_ride_has_values_of_its_own(world: World) -> None:
    nodes = (function("a"), function("b"), function("c", inputs={"old": "a.output"}))
    world.submit(*nodes, edges="a>b b>c")
    output = inline({"list": [1]})
    second = next_request(again(world.requests[0]), output, 0, world.now_ms)
    assert second is not None
    second.args["a"]["list"].append(2)  # a function that changes what it was given
    third = next_request(second, inline("B"), 0, world.now_ms)
    assert third is not None
    assert third.args == {"old": {"list": [1]}}
    assert output.value == {"list": [1]}


@pytest.mark.parametrize("output", [inline({"other": 1}), inline("x" * 600_000)], ids=["missing", "too-large"])
def test_where_the_fold_fails_a_run_nobody_goes_on(world: World, output: Any) -> None:
    world.submit(function("a"), function("b", inputs={"x": "a.output.part"}), edges="a>b")
    assert next_request(again(world.requests[0]), output, 0, world.now_ms) is None
    world.succeed("a", output, chain="returned")
    assert world.status == "failed"


def test_a_later_step_that_cannot_be_bound_is_left_to_the_fold(world: World) -> None:
    world.submit(function("a"), function("b"), function("c", inputs={"x": "a.output.part"}), edges="a>b b>c")
    second = next_request(again(world.requests[0]), inline("no parts"), 0, world.now_ms)
    assert second is not None
    assert (second.step_id, second.continuation) == ("b", [])


def test_given_back_after_somebody_else_recorded_the_step(world: World) -> None:
    """Whoever went on with it may be gone, so what was carried is asked for."""
    world.submit(*LINE, edges="a>b b>c")
    world.succeed("a", "A", chain="continues")
    world.feed(deferred("a"))
    assert world.asked() == [("a", 1), ("b", 1)]
    assert chained(world.requests[-1]) == ["c"]
    world.fail("a", chain="returned")
    world.succeed("a", "A", chain="returned")
    assert world.asked() == [("a", 1), ("b", 1), ("b", 1), ("b", 1)]
    world.succeed("a", "A", chain="continues")
    world.succeed("a", "A")
    assert len(world.requests) == 4, "whoever goes on, or had nothing else, gives nothing back"


def test_what_was_given_back_before_rides_with_nobody(world: World) -> None:
    world.submit(*LINE, edges="a>b b>c")
    world.feed(deferred("a"))
    world.succeed("a", "A", chain="continues")
    assert world.asked() == [("a", 1), ("b", 1)]


def deferred(step_id: str) -> StepDeferred:
    return StepDeferred(
        run_id=RUN, org_id=ORG, step_id=step_id, attempt=1, until_ms=1, reason="busy", deferral=1, chain="returned"
    )


def test_a_result_of_other_arguments_costs_and_is_asked_for_again(world: World) -> None:
    world.submit(*LINE, edges="a>b b>c")
    world.succeed("a", "recorded", chain="continues")
    world.succeed("b", "of something else", chain="continues", args_hash="0" * 24, **paid(7))
    assert world.states() == {"a": "succeeded", "b": "running"}
    assert (world.step("b").attempt, world.step("b").cost_nano) == (2, 7)
    assert (world.asked()[-1], world.requests[-1].args) == (("b", 2), {"a": "recorded"})
    assert {"reason": "other_args"} in world.counted("agentflow_orchestrator_late_events_total")
    world.succeed("b", "again", attempt=1, chain="continues", args_hash="0" * 24, **paid(7))
    assert world.state.get(RUN, "p").cost_nano == 7, "once"


def test_a_step_gone_on_to_for_nothing_costs_and_its_attempt_is_used_up(world: World) -> None:
    """Its worker went on from an attempt that had been given up."""
    world.submit(function("a", {"timeout_ms": 1_000, "retries": {"initial_ms": 1}}), *LINE[1:], edges="a>b b>c")
    world.fire("timeout:a:1")
    world.succeed("a", "too late", chain="continues")
    for _ in range(2):
        world.succeed("b", "of something else", chain="continues", args_hash="0" * 24, **paid(7))
    assert (world.states(), world.state.get(RUN, "p").cost_nano) == ({"a": "waiting", "b": "pending"}, 7)
    world.fire("retry:a:2")
    assert chained(world.requests[-1]) == []
    world.succeed("a", "A", attempt=2)
    assert world.asked()[-1] == ("b", 2)
    world.succeed("b", "B", attempt=2, **paid(1))
    world.succeed("c", "C")
    assert (world.status, world.step("b").cost_nano) == ("succeeded", 8)


def test_a_step_gone_on_to_after_a_cancel_costs(world: World) -> None:
    world.submit(*LINE, edges="a>b b>c")
    world.cancel()
    world.succeed("a", "late", chain="continues")
    for _ in range(2):
        world.succeed("b", "late", args_hash="0" * 24, **paid(7))
    assert (world.status, world.states()) == ("canceled", {"a": "canceled", "b": "canceled"})
    assert world.views[-1].cost_nano == 7


def test_a_restored_run_asks_for_the_step_it_is_at(world: World) -> None:
    world.submit(*LINE, edges="a>b b>c")
    world.succeed("a", "A", chain="continues")
    restored = World()
    restored.take_in(world.rules.outstanding(world.state, RUN, world.now_ms))
    assert [(r.step_id, r.args, chained(r)) for r in restored.requests] == [("b", {"a": "A"}, ["c"])]


def test_a_failure_in_a_chain_is_retried_as_ever(world: World) -> None:
    world.submit(function("a"), function("b", {"retries": {"initial_ms": 1}}), function("c"), edges="a>b b>c")
    world.succeed("a", "A", chain="continues")
    error = {"chain": "returned", "args_hash": args_hash({"a": "A"}, [])}
    world.fail("b", **error)
    assert isinstance(world.events[-1][0], StepFailed)
    assert world.states() == {"a": "succeeded", "b": "waiting"}
    world.fire("retry:b:2")
    assert [(r.step_id, r.attempt, chained(r)) for r in world.requests] == [("a", 1, ["b", "c"]), ("b", 2, ["c"])]
