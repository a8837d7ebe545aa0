"""Labels of runs that runs start: what goes in, what chose them, and what comes back."""

from typing import Any

import pytest

from schemas.labels.label import Integrity, Label, label_of
from schemas.labels.mapped import Labels
from schemas.payload import Inline
from schemas.records.run_events import ChildFinished, RunSubmitted
from schemas.spec.rules_version import LABELS
from tests.support.families import Kin, flow, runs
from tests.support.labels import UNLABELLED, USER, WEB, security, tool
from tests.support.runs import ORG, RUN, function

SEARCHED = Label(Integrity.WEB, origins=frozenset({"search"}))
KID = flow("kid", function("k", inputs={"x": "{{v}}", "y": "{{w}}"}))


def kin(*nodes: Any, edges: str = "", **more: Any) -> Kin:
    return Kin(flow("top", *nodes, edges=edges), KID, security=security(), rules_version=LABELS, **more)


def child_of(world: Kin) -> RunSubmitted:
    return next(one for one in world.mail if isinstance(one, RunSubmitted))


def test_inputs_and_the_choice_travel_and_the_output_comes_back() -> None:
    world = kin(
        tool("t", "search", inputs={}),
        runs("c", "kid", inputs={"v": "t.output", "w": "{{q}}"}, condition="t.output.id == 1"),
        function("f", inputs={"x": "c.output"}),
        edges="t>c c>f",
        inputs={"q": "x"},
    )
    world.succeed("t", {"id": 1})
    submitted = child_of(world)
    assert submitted.security is not None
    assert submitted.rules_version == LABELS
    assert label_of(submitted.security.control) == SEARCHED
    inputs = Labels.read(submitted.security.inputs)
    assert inputs.at(("v",)).root == SEARCHED
    assert inputs.at(("w",)).whole == USER
    assert submitted.security.tools == security().tools
    world.deliver()
    request = world.requests[-1]
    assert (request.node_id, request.run_id) == ("k", submitted.run_id)
    assert request.security is not None
    assert request.security.control == SEARCHED.words
    world.done(submitted.run_id, "k", "hi")
    step = world.step("c")
    assert Labels.read(step.output.labels).whole == SEARCHED.join(USER)
    asked = world.requests[-1].security
    assert asked is not None
    assert Labels.read(asked.args).at(("x",)).whole == SEARCHED.join(USER)


def test_a_child_that_says_nothing_is_trusted_least() -> None:
    world = kin(runs("c", "kid", inputs={"v": 1, "w": 2}), function("f", inputs={"x": "c.output"}), edges="c>f")
    submitted = child_of(world)
    fields: dict[str, Any] = {
        "run_id": RUN,
        "org_id": ORG,
        "step_id": "c",
        "attempt": 1,
        "child_run_id": submitted.run_id,
    }
    world.feed(ChildFinished(status="succeeded", output=Inline(value=1), **fields))
    assert Labels.read(world.step("c").output.labels).whole == UNLABELLED


@pytest.mark.parametrize(("optional", "label"), [(True, SEARCHED), (False, Label())])
def test_that_an_optional_child_succeeded_tells_of_its_steps(optional: bool, label: Label) -> None:
    kid = flow("kid", tool("k", "search", inputs={}), function("g", inputs={"x": 1}), edges="k>g")
    top = flow(
        "top", runs("c", "kid", {"optional": optional}, inputs={}), function("f", inputs={"x": "c.output"}), edges="c>f"
    )
    world = Kin(top, kid, security=security(), rules_version=LABELS)
    run_id = child_of(world).run_id
    world.deliver()
    world.done(run_id, "k", {"text": "page"})
    world.done(run_id, "g", "constant")
    asked = world.requests[-1]
    assert (asked.step_id, asked.run_id) == ("f", RUN)
    assert asked.security is not None
    assert Labels.read(asked.security.args).at(("x",)).whole == label


def test_how_a_child_failed_tells_of_it() -> None:
    failing = flow("kid", tool("k", "search", {"retries": {"max_attempts": 1}}, inputs={}))
    top = flow(
        "top",
        runs("c", "kid", {"optional": True, "retries": {"max_attempts": 1}}, inputs={}),
        function("f", inputs={"x": "c.output"}) | {"join": "all_done"},
        edges="c>f",
    )
    world = Kin(top, failing, security=security(), rules_version=LABELS)
    run_id = child_of(world).run_id
    world.deliver()
    world.failed(run_id, "k")
    asked = world.requests[-1].security
    assert asked is not None
    assert world.requests[-1].step_id == "f"
    assert label_of(asked.control).covers(WEB)
    assert label_of(asked.control).origins == {"search"}
