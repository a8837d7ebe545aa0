"""Joins, optional nodes and skipped branches: what runs, what is skipped, and what others see of it."""

from typing import Any

import pytest

from schemas.records.run_events import Reused
from streams.core.runs.nodes.join import JOINS
from streams.core.runs.plan.compile import compile_plan
from tests.support.runs import RUN, World, function, resolved

ONCE: dict[str, Any] = {"retries": {"max_attempts": 1}}
OPTIONAL = ONCE | {"optional": True}


@pytest.fixture
def world():
    return World()


#      edges               none     all     any     all_done
TABLE = [
    ("open",              "wait",  "wait", "wait",  "wait"),
    ("taken",             "run",   "run",  "run",   "run"),
    ("untaken",           "skip",  "skip", "skip",  "run"),
    ("open open",         "wait",  "wait", "wait",  "wait"),
    ("open taken",        "wait",  "wait", "run",   "wait"),
    ("open untaken",      "wait",  "skip", "wait",  "wait"),
    ("taken taken",       "run",   "run",  "run",   "run"),
    ("taken untaken",     "run",   "skip", "run",   "run"),
    ("untaken untaken",   "skip",  "skip", "skip",  "run"),
    ("open taken untaken", "wait", "skip", "run",   "wait"),
    ("",                  "run",   "run",  "skip",  "run"),
]  # fmt: skip


@pytest.mark.parametrize(("edges", "none", "every", "some", "all_done"), TABLE, ids=[row[0] or "no" for row in TABLE])
def test_what_the_joins_say(edges, none, every, some, all_done):
    given = edges.split()
    said = {join: JOINS[join](given) for join in (None, "all", "any", "all_done")}
    assert said == {None: none, "all": every, "any": some, "all_done": all_done}
    # The order of the edges is that of the document and must not matter.
    assert {join: JOINS[join](given[::-1]) for join in said} == said


def diamond(world: World, join: str | None, **policies: dict[str, Any]) -> None:
    """``a`` and ``b`` lead to ``c``, which leads to ``d``."""
    nodes = [function(n, policies.get(n), join=join if n == "c" else None) for n in "abcd"]
    world.submit(*nodes, edges="a>c b>c c>d")


@pytest.mark.parametrize(
    ("join", "failing", "states", "status"),
    [
        (None, "a", {"a": "failed", "c": "succeeded", "d": "succeeded"}, "succeeded"),
        (None, "ab", {"a": "failed", "b": "failed", "c": "skipped", "d": "skipped"}, "succeeded"),
        ("all", "a", {"a": "failed", "c": "skipped", "d": "skipped"}, "succeeded"),
        ("any", "a", {"a": "failed", "c": "succeeded", "d": "succeeded"}, "succeeded"),
        ("any", "ab", {"a": "failed", "b": "failed", "c": "skipped", "d": "skipped"}, "succeeded"),
        ("all_done", "ab", {"a": "failed", "b": "failed", "c": "succeeded", "d": "succeeded"}, "succeeded"),
    ],
)
def test_what_becomes_of_a_diamond(world, join, failing, states, status):
    diamond(world, join, a=OPTIONAL, b=OPTIONAL)
    for node in "ab":
        world.fail(node) if node in failing else world.succeed(node)
    for node in "cd":
        if world.step(node).state == "running":
            world.succeed(node)
    assert world.states() == dict.fromkeys("abcd", "succeeded") | states
    assert world.status == status


def test_any_runs_once_and_early_and_the_run_waits_for_the_rest(world):
    diamond(world, "any")
    world.succeed("b", "B")
    assert world.asked() == [("a", 1), ("b", 1), ("c", 1)]
    assert world.requests[-1].args == {"a": None, "b": "B"}
    world.succeed("c")
    world.succeed("d")
    assert world.status == "running"
    world.succeed("a", "A")
    assert world.status == "succeeded"
    assert world.asked() == [("a", 1), ("b", 1), ("c", 1), ("d", 1)]


def test_a_retry_of_an_early_step_sees_what_its_first_attempt_saw(world):
    diamond(world, "any")
    world.succeed("b", "B")
    world.succeed("a", "A")
    world.fail("c")
    world.fire("retry:c:2")
    assert [r.args for r in world.requests if r.step_id == "c"] == [{"a": None, "b": "B"}] * 2
    world.take_in(world.rules.outstanding(world.state, RUN, world.now_ms))
    assert world.requests[-1].args == {"a": None, "b": "B"}


def test_the_children_of_an_early_map_see_what_it_saw(world):
    nodes = [
        *(function("a"), function("b")),
        function("m", parallel=True, items=["b.output", 2], inputs={"a": "a.output"}, join="any"),
    ]
    world.submit(*nodes, edges="a>m b>m")
    world.succeed("b", "B")
    world.succeed("a", "A")
    world.fail("m[0]")
    world.fire("retry:m[0]:2")
    assert [r.args for r in world.requests[2:]] == [
        {"item": "B", "index": 0, "a": None},
        {"item": 2, "index": 1, "a": None},
        {"item": "B", "index": 0, "a": None},
    ]


def test_what_follows_an_early_node_sees_null_too(world):
    nodes = [function("a"), function("b"), function("c", join="any"), function("d", inputs={"x": "a.output.deep[0]"})]
    world.submit(*nodes, edges="a>c b>c c>d")
    world.succeed("b")
    world.succeed("c")
    assert world.requests[-1].args == {"x": None}


def test_all_skips_at_once_while_others_run(world):
    diamond(world, "all", a=OPTIONAL)
    world.fail("a")
    assert world.states() == {"a": "failed", "b": "running", "c": "skipped", "d": "skipped"}
    assert world.status == "running"
    world.succeed("b")
    assert world.status == "succeeded"


def test_a_failure_that_is_not_optional_still_fails_the_run(world):
    diamond(world, "all_done", a=ONCE)
    world.fail("a")
    assert (world.status, world.states()) == ("failed", {"a": "failed", "b": "canceled"})


def test_an_optional_node_is_retried_first(world):
    diamond(world, None, a={"optional": True, "retries": {"max_attempts": 2, "initial_ms": 1}})
    world.fail("a")
    assert world.step("a").state == "waiting"
    world.fire("retry:a:2")
    world.fail("a", attempt=2)
    assert (world.step("a").state, world.step("a").error.code, world.status) == ("failed", "boom", "running")


def test_references_to_what_there_is_not_are_null(world):
    inputs = {"whole": "a.output", "part": "a.output.x[3].y", "in": ["a.output", {"k": "b.output.v"}]}
    world.submit(function("a", OPTIONAL), function("b"), function("c", inputs=inputs), edges="a>c b>c")
    world.fail("a")
    world.succeed("b", {"v": 7})
    assert world.requests[-1].args == {"whole": None, "part": None, "in": [None, {"k": 7}]}


def test_a_map_over_what_there_is_not_is_empty(world):
    nodes = [
        *(function("a", OPTIONAL), function("b", join="all_done")),
        function("m", parallel=True, items="a.output", inputs={}),
    ]
    world.submit(*nodes, edges="a>b a>m b>m")
    world.fail("a")
    world.succeed("b")
    assert (world.status, world.step("m").state, world.step("m").total) == ("succeeded", "succeeded", 0)


def test_an_optional_map_gives_up_by_its_first_failed_child(world):
    policy = OPTIONAL | {"timeout_ms": 1_000}
    nodes = [function("m", policy, parallel=True, items=[1, 2, 3], inputs={}), function("z", join="all_done")]
    world.submit(*nodes, edges="m>z")
    world.succeed("m[0]")
    world.fail("m[1]")
    assert world.states() == {
        "m": "failed", "m[0]": "succeeded", "m[1]": "failed", "m[2]": "canceled", "z": "running"
    }  # fmt: skip
    assert world.timers == {}
    assert world.requests[-1].args == {"m": None}
    world.succeed("m[2]", cost_nano=5)
    assert (world.step("m[2]").state, world.state.get(RUN, "p").cost_nano) == ("canceled", 5)
    world.succeed("z")
    assert world.status == "succeeded"


def test_an_optional_map_whose_child_cannot_be_asked_for(world):
    inputs = {"x": "a.output.gone"}
    nodes = [function("a"), function("m", OPTIONAL, parallel=True, items=[1, 2], inputs=inputs), function("z")]
    world.submit(*nodes, edges="a>m a>z")
    world.succeed("a", {})
    assert world.states() == {"a": "succeeded", "m": "failed", "m[0]": "failed", "z": "running"}
    assert world.asked() == [("a", 1), ("z", 1)]


def test_a_long_branch_that_falls_at_once_needs_no_stack(world):
    count = 900
    nodes = [function(f"n{i}", OPTIONAL, inputs={"x": "{{gone}}"}) | {"join": "all_done"} for i in range(1, count)]
    nodes.insert(0, function("n0", OPTIONAL))
    world.submit(*nodes, edges=" ".join(f"n{i}>n{i + 1}" for i in range(count - 1)))
    world.fail("n0")
    assert world.status == "succeeded"
    assert set(world.states().values()) == {"failed"}


def test_a_branch_is_skipped_to_its_end_with_notes(world):
    world.submit(
        *(function("a"), function("b", OPTIONAL), function("c"), function("d", join="all"), function("e")),
        edges="a>e b>c c>d a>d",
    )
    world.fail("b")
    world.succeed("a", "A")
    world.succeed("e", "E")
    seen = {step.step_id: step for view in world.views for step in view.steps}
    assert {s: (seen[s].state, seen[s].note) for s in "abcde"} == {
        "a": ("succeeded", None),
        "b": ("failed", None),
        "c": ("skipped", "no step before it succeeded"),
        "d": ("skipped", "'c' did not succeed, and it joins all"),
        "e": ("succeeded", None),
    }
    assert world.views[-1].output == {"e": seen["e"].output}, "a skipped sink has no output"


def test_a_run_of_which_nothing_is_left_succeeds_without_output(world):
    world.submit(function("a", OPTIONAL), function("b"), edges="a>b")
    world.fail("a")
    assert (world.status, world.views[-1].output) == ("succeeded", {})
    assert world.counted("workflow_runs_total") == [{"workflow": "flow", "status": "succeeded"}]


def test_reused_steps_that_were_skipped_are_joined_as_such(world):
    nodes = [function("a"), function("b"), function("c"), function("d")]
    world.submit(*nodes, edges="a>b b>c a>d", source="fork:x", reuse={"a": Reused(state="skipped")})
    assert (world.status, set(world.states().values())) == ("succeeded", {"skipped"})


@pytest.mark.parametrize(
    ("at", "special", "chained"),
    [
        ("a", {}, {"a": "b", "b": "c", "c": "d"}),
        ("a", {"policy": OPTIONAL}, {"b": "c", "c": "d"}),
        ("b", {"policy": OPTIONAL}, {"c": "d"}),
        ("d", {"policy": OPTIONAL}, {"a": "b", "b": "c"}),
        ("c", {"join": "all_done"}, {"a": "b"}),
        ("b", {"join": "all"}, {}),  # what follows may start while "a" still runs
        ("c", {"join": "any"}, {"a": "b"}),
    ],
)
def test_node_with_rules_of_its_own_is_neither_chained_nor_chained_past(at, special, chained):
    nodes = [function(n) | (special if n == at else {}) for n in "abcd"]
    plan = compile_plan(resolved(*nodes, edges="a>b b>c c>d"))
    assert {node.id: node.next for node in plan.nodes.values() if node.next} == chained
    hasty = special.get("join") in ("all", "any")
    assert {node.alone for node in plan.nodes.values()} == {not hasty}
