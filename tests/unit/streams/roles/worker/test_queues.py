"""Queues: nodes that name whose workers do them, from the document to the topic."""

from typing import Any

import pytest

from connectors.tools import REGISTRY
from connectors.tools.arguments import argument_problems
from schemas.errors import InvalidSpec
from schemas.records.steps import StepRequest
from schemas.spec.check.workflow import check_spec, parse_workflow, queues_of
from streams.core.runs.fold import RunFold
from streams.roles.worker.role import lanes_of
from streams.runtime.routing import to_out
from tests.support.runs import RUN, World, function, spec
from topics.catalogue import declared, dlq, is_queue, lane, queue_topics, wanted
from topics.codec import decode


def on(queue: str | None, node: dict[str, Any]) -> dict[str, Any]:
    """A node on a queue."""
    return node | {"queue": queue}


def document(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"name": "flow", "version": 1, "dag": {"nodes": list(nodes)}}


def tool(id_: str = "a", name: str = "theirs", **args: Any) -> dict[str, Any]:
    return {"id": id_, "type": "tool", "config": {"tool_name": name, "tool_args": args}}


def checked(*nodes: dict[str, Any]) -> None:
    parsed = parse_workflow(document(*nodes))
    problems = argument_problems(parsed, REGISTRY)
    check_spec(parsed, prompts={}, tools=REGISTRY.names("tool"), functions=REGISTRY.names("function"), further=problems)


def test_what_a_queue_has_is_not_checked() -> None:
    checked(on("gpu", tool()), on("gpu", tool("b", "s3.fetch", any_argument=1)), on("gpu", function("c")))
    with pytest.raises(InvalidSpec, match="there is no tool 'theirs'"):
        checked(tool())


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        ("gold", r"dag.nodes\[0\].queue: 'gold' is a quality"),
        ("dlq", "dead letters"),
        ("org/gold", "is a quality"),
        ("org/dlq", "dead letters"),
        ("Upper", "is not a valid name here"),
        ("a.b", "is not a valid name here"),
        ("", "is not a valid name here"),
        ("x" * 49, "is not a valid name here"),
        ("-x", "is not a valid name here"),
    ],
)
def test_names_are_bounded(queue: str, said: str) -> None:
    with pytest.raises(InvalidSpec, match=said):
        checked(on(queue, tool()))


def test_a_node_that_no_worker_works_on_has_no_queue() -> None:
    with pytest.raises(InvalidSpec, match="the field `queue` is unknown"):
        checked({"id": "w", "type": "wait", "config": {"duration_ms": 5}, "queue": "gpu"})


def test_the_queues_of_a_workflow_are_those_that_its_nodes_name() -> None:
    named = spec(on("gpu", function("a")), on("gpu", function("b")), on("cpu", function("c")), function("d"))
    assert queues_of(named) == {"gpu", "cpu"}


def test_requests_go_to_the_queue_and_are_never_chained() -> None:
    world = World()
    world.rules = RunFold(chain_steps=True)
    nodes = (function("a"), on("gpu", function("b")), on("gpu", function("c")), function("d"), function("e"))
    world.submit(*nodes, edges="a>b b>c c>d d>e")
    for step in "abcd":
        world.succeed(step, step)
    places = [(r.step_id, to_out(r).topic, len(r.continuation)) for r in world.requests]
    assert places == [
        ("a", lane("silver"), 0),
        ("b", lane("gpu"), 0),
        ("c", lane("gpu"), 0),
        ("d", lane("silver"), 1),
        ("e", lane("silver"), 0),
    ]


def test_retries_deferrals_and_children_stay_on_the_queue() -> None:
    world = World()
    policy = {"retries": {"initial_ms": 1}}
    world.submit(on("gpu", function("a", policy, parallel=True, items=[1, 2])))
    world.fail("a[0]")
    world.fire("retry:a[0]:2")
    world.defer("a[1]")
    world.fire("defer:a[1]:1:1")
    assert [(r.step_id, r.attempt, r.deferral) for r in world.requests[2:]] == [("a[0]", 2, 0), ("a[1]", 1, 1)]
    assert {to_out(r).topic for r in world.requests} == {lane("gpu")}


def test_what_is_outstanding_is_asked_for_on_the_queue() -> None:
    world = World()
    world.submit(on("gpu", function("a")))
    commands = world.rules.outstanding(world.state, RUN, world.now_ms)
    (request,) = [c.record for c in commands if isinstance(getattr(c, "record", None), StepRequest)]
    assert request.queue == "gpu"


def test_a_request_of_a_queue_is_read_from_its_topic() -> None:
    world = World()
    world.submit(on("gpu", function("a")))
    out = to_out(world.requests[0])
    assert decode(out.topic, out.value) == world.requests[0]


def test_topics_of_queues_are_declared() -> None:
    assert declared(lane("gpu")).open_part == "queue"
    assert declared(lane("gold")).open_part == ""
    assert dlq(lane("gpu")) == "step-requests.dlq"
    assert set(queue_topics(["gpu", "cpu"])) == {lane("gpu"), lane("cpu")}
    assert lane("gpu") in wanted(queues=["gpu"])
    assert "step-requests" not in wanted()
    for bad in ("gold", "dlq", "A", "a.b.c", "acme.gold", "acme.dlq", "org/a", ""):
        with pytest.raises(ValueError, match="cannot name a queue"):
            queue_topics([bad])


def test_a_queue_of_an_organisation_has_a_topic_that_names_it() -> None:
    assert set(queue_topics(["acme.gpu"])) == {"step-requests.acme.gpu"}
    assert declared("step-requests.acme.gpu").open_part == "queue"
    assert is_queue("step-requests.acme.gpu")
    assert dlq("step-requests.acme.gpu") == "step-requests.dlq"
    with pytest.raises(KeyError, match="not in the catalogue"):
        declared("step-requests.acme.gpu.x")


def test_requests_of_an_organisations_own_queue_go_to_its_topic() -> None:
    world = World()
    world.submit(on("org/gpu", function("a")), on("org/gpu", function("m", parallel=True, items=[1])))
    assert {to_out(r).topic for r in world.requests} == {lane(f"{world.requests[0].org_id}.gpu")}
    assert {r.queue for r in world.requests} == {f"{world.requests[0].org_id}.gpu"}
    out = to_out(world.requests[0])
    assert decode(out.topic, out.value) == world.requests[0]


@pytest.mark.parametrize("bad", ["acme/gpu", "acme.gpu", "org/", "org/org/a", "org/GPU"])
def test_a_node_names_no_queue_of_another_organisation(bad: str) -> None:
    with pytest.raises(InvalidSpec, match="queue"):
        checked(on(bad, function("a")))


def test_queues_are_told_from_other_topics() -> None:
    found = [is_queue(t) for t in (lane("gpu"), lane("gold"), "step-requests.gold.dlq", "step-requests.dlq", "runs")]
    assert found == [True, False, False, False, False]


def test_a_worker_reads_what_its_setting_names() -> None:
    assert lanes_of("gold,silver,bronze") == (lane("gold"), lane("silver"), lane("bronze"))
    assert lanes_of(" gpu , gold,gpu") == (lane("gpu"), lane("gold"))
    assert lanes_of("acme.gpu") == ("step-requests.acme.gpu",)
    for bad in ("", " , ", "Gold", "a.b.c", "dlq"):
        with pytest.raises(ValueError, match=r"queue|WORKER_QUEUES"):
            lanes_of(bad)
