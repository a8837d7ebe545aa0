"""Runs of one workflow that end well or fail by a bad page: ``fetch`` gives it, ``read`` reads it, ``join`` joins."""

from typing import Any

from tests.support.runs import World, function


def tool(id_: str, **config: Any) -> dict[str, Any]:
    return {"id": id_, "type": "tool", "config": {"tool_name": "any"} | config}


NODES = (
    tool("fetch", tool_args={"id": "{{id}}"}),
    tool("other"),
    function("read", inputs={"page": "fetch.output"}),
    function("join", inputs={"a": "read.output", "b": "other.output"}),
)
EDGES = "fetch>read read>join other>join"


def played(fetched: Any, *, fail: str = "", code: str = "bad_page", read: Any = "text", **inputs: Any) -> World:
    """A run in which ``fetch`` gives a page, ``read`` reads it, and ``fail`` fails for good."""
    world = World()
    world.submit(*NODES, edges=EDGES, inputs={"id": 1} | inputs)
    for step_id, output in (("fetch", fetched), ("other", "x"), ("read", read), ("join", "done")):
        if step_id == fail:
            world.fail(step_id, code, retryable=False)
            return world
        world.succeed(step_id, output)
    assert world.status == "succeeded"
    return world
