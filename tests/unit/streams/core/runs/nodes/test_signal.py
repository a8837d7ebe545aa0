"""Steps of type ``signal``: what comes from outside, before, in time, too late, twice, or never."""

import pytest

from schemas.errors import InvalidSpec
from schemas.payload import Reference, inline
from schemas.records.run_events import SignalReceived
from schemas.spec.check.waiting_nodes import signal_names
from schemas.spec.check.workflow import check_spec
from schemas.tables.signals import IDS_MOST, KEPT_BYTES, KEPT_MOST, Signals, signal_id
from streams.core.runs.state.entries import decode, encode
from tests.support.runs import ORG, RUN, START_MS, World, function, spec

YES = {"approved": True, "by": "ann"}


@pytest.fixture
def world():
    return World()


def ask(id_="ask", name="approval", policy=None, **config):
    return {"id": id_, "type": "signal", "config": {"name": name} | config, "policy": policy or {}}


def send(world, data=None, name="approval", id_="1"):
    payload = data if isinstance(data, Reference) else inline(data)
    world.feed(SignalReceived(run_id=RUN, org_id=ORG, name=name, signal_id=id_, payload=payload))


def reasons(world):
    return [labels["reason"] for labels in world.counted("agentflow_orchestrator_late_events_total")]


def seen(world, step_id):
    return [step for view in world.views for step in view.steps if step.step_id == step_id][-1]


def test_a_signal_is_the_output_of_the_step_that_waits_for_it(world):
    world.submit(ask(), function("then"), edges="ask>then")
    assert (world.asked(), world.timers) == ([], {})
    view = seen(world, "ask")
    assert (view.state, view.waiting_for, view.waiting_until_ms) == ("waiting", "signal approval", None)
    send(world, YES)
    assert world.requests[-1].args == {"ask": YES}
    world.succeed("then")
    assert world.status == "succeeded"


def test_a_stored_signal_travels_as_its_reference(world):
    stored = Reference(uri="objects:///acme/00", sha256="0" * 64, size=100_000)
    world.submit(ask())
    send(world, stored)
    assert (world.status, world.step("ask").output) == ("succeeded", stored)


@pytest.mark.parametrize("default", [{"approved": False}, False, 0, ""])
def test_without_a_signal_in_time_the_default_is_the_output(world, default):
    world.submit(ask(timeout_ms=5_000, default=default))
    assert world.timers == {"signal:ask:1": START_MS + 5_000}
    world.fire("signal:ask:1")
    assert (world.status, world.step("ask").output.value) == ("succeeded", default)
    send(world, YES)
    assert reasons(world) == ["finished_run"]


def test_without_signal_and_default_the_step_fails(world):
    world.submit(ask(timeout_ms=5_000), function("then"), edges="ask>then")
    world.fire("signal:ask:1")
    error = world.step("ask").error
    assert (world.status, error.code) == ("failed", "signal_timeout")
    assert "within 5000 ms" in error.message


def test_a_signal_in_time_disarms_the_timer(world):
    world.submit(ask(timeout_ms=5_000), function("then"), edges="ask>then")
    send(world, YES)
    assert world.timers == {}
    world.fire("signal:ask:1")
    assert (world.states(), reasons(world)) == ({"ask": "succeeded", "then": "running"}, ["timer"])


def test_a_signal_that_comes_first_is_kept_for_its_step(world):
    world.submit(function("a"), ask(timeout_ms=5_000), function("then"), edges="a>ask ask>then")
    send(world, YES)
    send(world, "second", id_="2")
    world.now_ms += 10_000
    world.succeed("a")
    assert world.timers == {"signal:ask:1": world.now_ms}
    world.fire("signal:ask:1")
    assert world.requests[-1].args == {"ask": YES}
    assert [kept.payload.value for kept in world.state.get(RUN, "sig").kept] == ["second"]


def test_each_signal_goes_to_the_first_step_that_waits(world):
    world.submit(ask("one"), ask("two"), ask("other", name="else"))
    send(world, 1, id_="1")
    assert world.states() == {"one": "succeeded", "two": "waiting", "other": "waiting"}
    send(world, 2, id_="2")
    send(world, 3, "else", id_="3")
    assert (world.status, world.step("two").output.value) == ("succeeded", 2)


def test_children_of_a_map_are_served_by_index(world):
    world.submit(ask(parallel=True, items=["a", "b"]))
    send(world, "first", id_="1")
    assert world.step("ask[0]").output.value == "first"
    send(world, "second", id_="2")
    assert (world.status, world.views[-1].output["ask"].value) == ("succeeded", ["first", "second"])


def test_one_id_is_taken_once(world):
    world.submit(ask("one"), ask("two"), edges="one>two")
    send(world, 1)
    send(world, 1)
    assert (world.states(), reasons(world)) == ({"one": "succeeded", "two": "waiting"}, ["repeated_signal"])


def test_a_signal_that_no_node_waits_for_is_not_kept(world):
    world.submit(ask())
    send(world, 1, "nobody")
    assert (reasons(world), world.state.get(RUN, "sig")) == (["unknown_signal"], None)


@pytest.mark.parametrize(("each", "most"), [(1, KEPT_MOST), ("x" * 60_000, KEPT_BYTES // 60_002)])
def test_a_run_keeps_so_many_and_no_more(world, each, most):
    world.submit(function("a"), ask(), edges="a>ask")
    for number in range(most + 2):
        send(world, each, id_=str(number))
    assert (len(world.state.get(RUN, "sig").kept), reasons(world)) == (most, ["signals_full"] * 2)


def test_a_run_remembers_the_newest_ids(world):
    world.submit(function("a"), ask(), edges="a>ask")
    for number in range(IDS_MOST + 5):
        send(world, id_=str(number))
    ids = world.state.get(RUN, "sig").ids
    assert (len(ids), ids[-1]) == (IDS_MOST, str(IDS_MOST + 4))


def test_signals_of_others_and_of_runs_that_ended_change_nothing(world):
    world.submit(ask())
    world.feed(SignalReceived(run_id=RUN, org_id="other", name="approval", signal_id="1", payload=inline(1)))
    world.cancel()
    before = world.snapshot()
    send(world, 1, id_="2")
    assert (world.snapshot(), reasons(world)) == (before, ["other_organisation", "finished_run"])


def test_the_entry_round_trips(world):
    world.submit(function("a"), ask(), edges="a>ask")
    send(world, YES)
    kept = world.state.get(RUN, "sig")
    assert decode("sig", encode("sig", kept)) == kept
    assert Signals() == Signals((), ())


def test_the_id_of_a_signal_keeps_source_and_id_apart():
    assert signal_id("api", "x") == signal_id("api", "x") != signal_id("ap", "ix")


@pytest.mark.parametrize(
    ("node", "path", "said"),
    [
        (ask(policy={"timeout_ms": 5}), "policy.timeout_ms", "no worker executes a signal"),
        (ask(inputs={"a": 1}), "config.inputs", "a signal has no inputs"),
        (ask(default="x" * 70_000), "config.default", "has over 64 KiB"),
    ],
)
def test_a_signal_that_is_wrong_is_refused(node, path, said):
    with pytest.raises(InvalidSpec) as refused:
        check_spec(spec(node), prompts={}, tools=(), functions=())
    [problem] = refused.value.problems
    assert (problem.path, said in problem.message) == (f"dag.nodes[0].{path}", True)


def test_what_a_workflow_waits_for():
    flow = spec(ask("a"), ask("b"), ask("c", name="other"), function("d"))
    assert signal_names(flow) == {"approval", "other"}


def test_a_run_remembers_which_step_got_an_update(world):
    world.submit(ask(answer="then.output"), function("then"), edges="ask>then")
    send(world, YES, id_="u1")
    signals = world.state.get(RUN, "sig")
    assert signals.step_of("u1") == "ask"
    assert signals.step_of("u2") is None
    assert decode("sig", encode("sig", signals)) == signals


def test_an_update_that_came_early_is_remembered_when_its_step_gets_it(world):
    world.submit(function("first"), ask(answer="then.output"), function("then"), edges="first>ask ask>then")
    send(world, YES, id_="u1")
    assert world.state.get(RUN, "sig").step_of("u1") is None
    world.succeed("first")
    assert world.state.get(RUN, "sig").step_of("u1") == "ask"


def test_a_signal_that_nobody_answers_is_not_remembered(world):
    world.submit(ask(), function("then"), edges="ask>then")
    send(world, YES)
    assert world.state.get(RUN, "sig").given == ()
