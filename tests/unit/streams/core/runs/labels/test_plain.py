"""What is looked up of plain nodes is what would be found again: a run says and keeps the same with and without it."""

from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from schemas.labels.mapped import Labels
from schemas.payload import Inline
from schemas.records.security.pinned import RunSecurity, ToolSecurity
from schemas.tables.runs import SPEC, spec_entity
from streams.core.runs.fold import RunFold
from streams.core.runs.labels import requests, steps
from streams.core.runs.labels.pinned import Begun
from streams.core.runs.labels.plain import begun_before
from streams.core.runs.plan.compile import compile_plan
from streams.core.runs.requests.chained import next_request
from streams.core.runs.state import entries
from streams.core.runs.state.changes import open_run
from tests.support.labels import TOOLS, TRUSTED, Labelled, security, tool
from tests.support.runs import RUN, function, resolved

SPEC_OF_RUNS = resolved(
    tool("a", "search", inputs={"q": "{{q}}"}),
    function("b", inputs={"x": "a.output", "id": "a.output.id", "text": "{{q}} and {{p}}"}),
    function("c", inputs={"x": "b.output"}),
    function("d", inputs={"y": {"z": "a.output.text"}}),
    tool("e", "mail", inputs={"to": "c.output", "body": "d.output"}),
    function("f", policy={"optional": True}, inputs={}),
    function("g", inputs={"x": "e.output"}),
    edges="a>b b>c b>d c>e d>e e>f f>g",
)
#: Shared by all examples, as runs of one workflow share it: what one of them found the next one looks up.
WARM = compile_plan(SPEC_OF_RUNS)

WORDS = st.sampled_from(
    [["trusted"], ["user"], ["web", "from:x"], ["user", "class:pii"], ["user", "readers", "reader:ann"], ["no word"]]
)
LABELS = st.one_of(
    st.just({}),
    st.builds(lambda one: {"$": one}, WORDS),
    st.builds(lambda one, other: {"$": one, "$.id": other}, WORDS, WORDS),
)
DECLARED = st.sampled_from(
    [
        TOOLS,
        TOOLS | {"function:result_merger": ToolSecurity(source=["user"], pure=True, endorses=True)},
        {"search": ToolSecurity(declared=False)},
    ]
)
SECURITIES = st.builds(
    lambda inputs, control, tools: security(inputs or {"$.q": ["user"]}, control=control, tools=tools),
    LABELS,
    st.one_of(st.just([]), WORDS),
    DECLARED,
)


def played(pinned: RunSecurity, outputs: list[dict[str, list[str]]], fails: str, *, warm: bool) -> tuple[Any, ...]:
    """Return what a run commands and keeps, and what a worker that continues by itself asks itself for."""
    world = Labelled()
    world.rules = RunFold(chain_steps=True)
    if warm:
        world.state.put(spec_entity(SPEC_OF_RUNS.hash), SPEC, WARM)
    world.begin(SPEC_OF_RUNS, {"q": 1, "p": 2}, security=pinned)
    continued: list[Any] = []
    for step_id, labels in zip("abcdefg", outputs, strict=True):
        if step_id == fails:
            world.fail(step_id, retryable=False)
            continue
        output = Inline(value={"id": step_id, "text": "t"}, labels=labels)
        asked = [one for one in world.requests if one.step_id == step_id]
        continued += [next_request(one, output, 0, world.now_ms) for one in asked]
        world.succeed(step_id, output)
    return world.commands, continued, world.state.snapshot(lambda _, field, value: entries.encode(field, value))


@given(SECURITIES, st.lists(LABELS, min_size=7, max_size=7), st.sampled_from(["", "c", "f"]))
def test_what_is_looked_up_is_what_would_be_found(
    pinned: RunSecurity, outputs: list[dict[str, list[str]]], fails: str
) -> None:
    looked_up = played(pinned, outputs, fails, warm=True)
    with (
        patch.object(steps, "begun_before", lambda *_: None),
        patch.object(steps, "given_as_read", lambda *_: None),
        patch.object(requests, "chained_before", lambda *found: found[-1]()),
    ):
        assert played(pinned, outputs, fails, warm=False) == looked_up


def test_a_step_before_that_says_nothing_is_not_looked_up() -> None:
    world = Labelled()
    world.begin(SPEC_OF_RUNS, {"q": 1, "p": 2}, security=security())
    run = open_run(world.state, RUN, world.now_ms, 1)
    assert run is not None
    assert run.security is not None
    made = Begun(("trusted",), ("trusted",), Labels.of_whole(TRUSTED))
    assert begun_before(run, run.security, "b", entries.Step("b", "running"), lambda: made) is None
    assert begun_before(run, run.security, "a", entries.Step("a", "running"), lambda: made) is not None
