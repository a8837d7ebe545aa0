"""What runs after a run has failed or was canceled: the end stays, and is made good as far as the workflow says."""

from typing import Any

import pytest

from schemas.errors import InvalidSpec
from schemas.payload import Reference
from schemas.spec.check.workflow import check_spec
from streams.core.commands import ExpireAt
from streams.core.runs.nodes.run_end import KEEP_FINISHED_MS
from tests.support.runs import RUN, START_MS, World, args_of, function, resolved, spec, submitted

KEEP = {"retries": {"max_attempts": 2, "initial_ms": 10}}


def work(*extra: dict[str, Any], edges: str = "book>pay", **after: str) -> World:
    """A run of two steps, and what undoes the first one when the second one fails."""
    world = World()
    undo = function("undo", KEEP, inputs={"booked": "book.output", "paid": "pay.output", "why": "{{run_error_code}}"})
    nodes = [function("book"), function("pay", {"retries": {"max_attempts": 1}}), undo, *extra]
    world.feed(submitted(resolved(*nodes, edges=edges, **(after or {"on_failure": "undo"}))))
    return world


def expiries(world: World) -> list[int]:
    return [command.at_ms for command in world.last if isinstance(command, ExpireAt)]


def test_a_failure_is_the_end_at_once_and_then_made_good() -> None:
    world = work()
    world.succeed("book", {"id": 7})
    world.fail("pay", retryable=False)
    assert world.status == "failed"
    request = world.requests[-1]
    assert (request.step_id, request.attempt, request.compensation) == ("undo", 1, True)
    assert args_of(request) == {"booked": {"id": 7}, "paid": None, "why": "boom"}
    assert world.views[-1].compensating
    assert expiries(world) == []
    world.now_ms += 10 * KEEP_FINISHED_MS
    world.succeed("undo")
    assert world.status == "failed"
    assert world.states() == {"book": "succeeded", "pay": "failed", "undo": "succeeded"}
    assert not world.views[-1].compensating
    assert expiries(world) == [world.now_ms + KEEP_FINISHED_MS]
    assert world.counted("workflow_runs_total") == [{"workflow": "flow", "status": "failed"}]


def test_a_run_that_succeeds_or_ends_otherwise_compensates_nothing() -> None:
    world = work()
    world.succeed("book")
    world.succeed("pay")
    assert world.status == "succeeded"
    assert "undo" not in world.states()
    assert not [view for view in world.views if view.compensating]
    canceled = work()
    canceled.cancel()
    assert "undo" not in canceled.states()
    assert [step.step_id for step in canceled.views[-1].steps] == ["book", "pay"]


def test_a_second_cancel_stops_nothing() -> None:
    world = work(on_cancel="undo")
    world.succeed("book", 1)
    world.cancel("enough")
    assert args_of(world.requests[-1]) == {"booked": 1, "paid": None, "why": "canceled"}
    world.cancel()
    assert world.step("undo").state == "running"
    world.succeed("undo")
    assert world.status == "canceled"


def test_it_is_tried_again_and_its_failure_is_counted_and_changes_nothing() -> None:
    after = function("tell", join="all_done")
    world = work(after, edges="book>pay undo>tell")
    world.succeed("book")
    world.fail("pay", retryable=False)
    world.fail("undo")
    assert world.step("undo").state == "waiting"
    world.fire("retry:undo:2")
    assert (world.requests[-1].attempt, world.requests[-1].compensation) == (2, True)
    world.fail("undo", attempt=2)
    assert world.counted("agentflow_orchestrator_compensation_failures_total") == [{"workflow": "flow", "node": "undo"}]
    assert world.requests[-1].step_id == "tell"
    world.succeed("tell")
    assert world.status == "failed"
    assert world.views[-1].error is not None
    assert world.views[-1].error.step_id == "pay"


def test_what_follows_a_failure_is_skipped_unless_it_joins_otherwise() -> None:
    world = work(function("tell"), edges="book>pay undo>tell")
    world.succeed("book")
    world.fail("pay", retryable=False)
    world.fail("undo", retryable=False)
    assert world.step("tell").state == "skipped"
    assert not world.views[-1].compensating


def test_arguments_that_cannot_be_bound_fail_it_alone() -> None:
    world = World()
    undo = function("undo", inputs={"id": "book.output.id"})
    world.feed(submitted(resolved(function("book"), function("pay"), undo, edges="book>pay", on_failure="undo")))
    world.succeed("book", {"other": 1})
    world.fail("pay", retryable=False)
    assert world.status == "failed"
    assert world.step("undo").state == "failed"
    assert len(world.counted("agentflow_orchestrator_compensation_failures_total")) == 1


def test_a_restore_asks_for_it_again_and_keeps_the_run() -> None:
    world = work()
    world.succeed("book")
    world.fail("pay", retryable=False)
    asked = world.requests[-1]
    commands = world.rules.outstanding(world.state, RUN, world.now_ms)
    assert [c.record for c in commands if getattr(c, "record", None) == asked] == [asked]
    assert not [c for c in commands if isinstance(c, ExpireAt)]
    fields = world.snapshot()[RUN]
    assert set(world.rules.lasting(RUN, fields)) == set(fields)


def test_a_late_result_of_a_canceled_step_is_billed_and_starts_nothing() -> None:
    world = work(on_cancel="undo")
    world.cancel()
    asked = world.asked()
    world.succeed("book", cost_nano=5)
    assert world.asked() == asked
    assert world.step("book").state == "canceled"
    assert world.state.get(RUN, "p").cost_nano == 5


def test_the_nodes_decide_nothing_of_the_end() -> None:
    alone = resolved(function("a"), function("undo"), on_failure="undo")
    world = World()
    world.feed(submitted(alone))
    assert world.asked() == [("a", 1)]
    world.succeed("a", 3)
    assert world.status == "succeeded"
    assert world.views[-1].output is not None
    assert set(world.views[-1].output) == {"a"}


@pytest.mark.parametrize(
    ("nodes", "edges", "after", "path", "message"),
    [
        (["a"], "", {"on_failure": "undo"}, "dag.on_failure[0]", "there is no node"),
        (["a", "u"], "a>u", {"on_failure": "u"}, "dag.on_failure[0]", "an edge leads to"),
        (["a", "u"], "", {"on_cancel": "u u"}, "dag.on_cancel[1]", "named twice"),
        (["u"], "", {"on_cancel": "u"}, "dag.nodes", "the run itself has no work"),
        (["a", "u", "v"], "u>v a>v", {"on_failure": "u"}, "dag.edges[1]", "does not"),
    ],
)
def test_what_is_not_right_is_refused(
    nodes: list[str], edges: str, after: dict[str, str], path: str, message: str
) -> None:
    with pytest.raises(InvalidSpec) as caught:
        check_spec(spec(*map(function, nodes), edges=edges, **after), prompts={}, tools=(), functions=("echo",))
    assert [p for p in caught.value.problems if p.path == path and message in p.message], caught.value.problems


def test_maps_and_conditions_do_not_compensate() -> None:
    undo = function("undo", parallel=True, items=[1], condition="true")
    with pytest.raises(InvalidSpec) as caught:
        check_spec(spec(function("a"), undo, on_failure="undo"), prompts={}, tools=(), functions=("echo",))
    assert {problem.path for problem in caught.value.problems} == {
        "dag.nodes[1].config.parallel",
        "dag.nodes[1].config.condition",
    }


def test_a_normal_node_must_not_name_what_compensates() -> None:
    nodes = [function("a", inputs={"x": "undo.output"}), function("undo")]
    with pytest.raises(InvalidSpec, match="does not run before"):
        check_spec(spec(*nodes, on_failure="undo"), prompts={}, tools=(), functions=("echo",))


def test_the_run_error_is_no_input_that_a_submission_must_give() -> None:
    undo = function("undo", inputs={"why": "{{run_error_message}}", "who": "{{user}}"})
    checked = check_spec(spec(function("a"), undo, on_failure="undo"), prompts={}, tools=(), functions=("echo",))
    assert checked.required_inputs == {"user"}


def test_a_stored_output_is_passed_on_as_it_is() -> None:
    world = work()
    world.succeed("book", Reference(uri="af://x", sha256="0" * 64, size=70_000, media_type="application/json"))
    world.now_ms = START_MS + 5
    world.fail("pay", retryable=False)
    assert args_of(world.requests[-1])["booked"] == ("af://x",)
