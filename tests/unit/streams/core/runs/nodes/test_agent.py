"""Steps of type ``agent``: a model that calls tools in a loop, every turn and every call a step of its own."""

import orjson
import pytest

from schemas.errors import InvalidSpec
from schemas.payload import INLINE_LIMIT, Reference, inline
from schemas.records.run_events import ToolUse
from schemas.records.steps import AgentTurn, ToolCall
from schemas.spec.check.workflow import check_spec
from streams.core.runs.nodes import agent as agents
from streams.core.runs.requests import agent_parts
from streams.core.runs.requests.sizes import KIB, RECORD_LIMIT, payload_size
from streams.core.runs.state.entries import decode, encode
from tests.support.runs import RUN, World, function, paid, prompt, resolved, spec, submitted
from topics.codec import encode as encode_record

ONCE = {"retries": {"max_attempts": 1}}
FAST = {"retries": {"max_attempts": 2, "initial_ms": 100, "jitter": 0}}


@pytest.fixture
def world():
    return World()


def agent(id_="bot", policy=None, **config):
    tools = {"prompt_ref": "ask@1", "tools": ["search", "read.file"]}
    return {"id": id_, "type": "agent", "config": tools | config, "policy": policy or ONCE}


def uses(*names):
    return [ToolUse(id=f"c{i}", name=name, args={"n": i}) for i, name in enumerate(names)]


def says(world, turn, *names, text="", **more):
    calls = uses(*names)
    said = {"text": text, "tool_calls": [{"id": c.id, "name": c.name, "args": c.args} for c in calls]}
    world.succeed(f"bot/turn-{turn}", said, tool_calls=calls, **more)


def last_error(world):
    return world.step("bot").error.code


def test_an_agent_that_answers_at_once_is_one_turn(world):
    world.submit(agent(), function("then"), edges="bot>then", inputs={"word": "hi"})
    [request] = world.requests
    assert (request.step_id, request.node_id, request.args) == ("bot/turn-1", "bot", {"word": "hi"})
    assert request.work == AgentTurn(call=request.work.call, tools=["search", "read.file"])
    assert request.work.call.template == "Say {{word}}"
    assert (world.step("bot").state, world.step("bot").waiting_for) == ("waiting", "step bot/turn-1")
    world.succeed("bot/turn-1", {"answer": 42})
    assert world.step("bot").output.value == {"answer": 42}
    assert world.requests[-1].args == {"bot": {"answer": 42}}
    world.succeed("then")
    assert world.status == "succeeded"


def test_calls_are_steps_and_the_next_turn_is_told_what_came_of_them(world):
    world.submit(agent(), inputs={"word": "hi"})
    says(world, 1, "search", "read.file", text="let me see")
    assert world.asked()[1:] == [("bot/turn-1/search[0]", 1), ("bot/turn-1/read.file[1]", 1)]
    assert [r.work for r in world.requests[1:]] == [ToolCall(name="search"), ToolCall(name="read.file")]
    assert [r.args for r in world.requests[1:]] == [{"n": 0}, {"n": 1}]
    assert world.step("bot").waiting_for == "step bot/turn-1/search[0]"
    stored = Reference(uri="objects:///acme/00", sha256="0" * 64, size=100_000)
    world.succeed("bot/turn-1/read.file[1]", stored)
    assert world.asked()[3:] == []
    world.succeed("bot/turn-1/search[0]", ["found"])
    request = world.requests[-1]
    assert (request.step_id, request.args) == ("bot/turn-2", {"word": "hi"})
    [before] = request.work.before
    assert before.said.value["text"] == "let me see"
    assert [result.output for result in before.results] == [inline(["found"]), stored]
    world.succeed("bot/turn-2", "done")
    assert (world.status, world.step("bot").output.value) == ("succeeded", "done")


def test_views_say_what_kind_each_part_is(world):
    world.submit(agent(), inputs={"word": "hi"})
    says(world, 1, "search")
    world.succeed("bot/turn-1/search[0]")
    kinds = {step.step_id: (step.kind, step.node_id) for view in world.views for step in view.steps}
    assert kinds == {
        "bot": ("agent", "bot"),
        "bot/turn-1": ("llm", "bot"),
        "bot/turn-1/search[0]": ("tool", "bot"),
        "bot/turn-2": ("llm", "bot"),
    }


def test_a_call_is_tried_again_and_what_failed_for_good_is_told_to_the_model(world):
    world.submit(agent(policy=FAST), inputs={"word": "hi"})
    says(world, 1, "search", "read.file")
    world.succeed("bot/turn-1/read.file[1]", "text")
    world.fail("bot/turn-1/search[0]")
    assert world.step("bot/turn-1/search[0]").state == "waiting"
    world.fire("retry:bot/turn-1/search[0]:2")
    assert world.requests[-1].args == {"n": 0}
    world.fail("bot/turn-1/search[0]", attempt=2)
    failed, fine = world.requests[-1].work.before[0].results
    assert (failed.error.code, failed.output, fine.output) == ("boom", None, inline("text"))
    assert (world.status, world.asked()[-1]) == ("running", ("bot/turn-2", 1))


@pytest.mark.parametrize(
    ("use", "code"),
    [
        (ToolUse(id="c", name="rm -rf /"), "unknown_tool"),
        (ToolUse(id="c", name="search", problem="the arguments are not a JSON object: ["), "bad_arguments"),
    ],
)
def test_what_cannot_be_called_is_a_result_without_a_call(world, use, code):
    world.submit(agent(), inputs={"word": "hi"})
    world.succeed("bot/turn-1", {"text": "", "tool_calls": []}, tool_calls=[use])
    assert world.asked() == [("bot/turn-1", 1), ("bot/turn-2", 1)]
    [result] = world.requests[-1].work.before[0].results
    assert result.error.code == code
    assert all(" " not in step_id for step_id in world.states())


def test_a_turn_asks_for_so_many_calls_and_no_more(world):
    world.submit(agent(), inputs={"word": "hi"})
    assert agents.CALLS_MOST == 32  # the documented limit
    says(world, 1, *["search"] * (agents.CALLS_MOST + 1))
    assert len(world.requests) == 1 + agents.CALLS_MOST
    assert world.step(f"bot/turn-1/search[{agents.CALLS_MOST}]").error.code == "too_many_calls"


def test_too_many_turns_fail_the_agent_and_keep_what_was_said(world):
    world.submit(agent(max_turns=2), function("then"), edges="bot>then", inputs={"word": "hi"})
    for turn in (1, 2):
        says(world, turn, "search")
        if turn == 1:
            world.succeed("bot/turn-1/search[0]")
    assert (world.status, last_error(world), world.timers) == ("failed", "max_turns", {})
    assert world.step("bot/turn-2").output.value["tool_calls"][0]["name"] == "search"
    assert world.asked()[-1] == ("bot/turn-2", 1)


def test_an_agent_that_has_spent_its_money_may_answer_and_not_go_on(world):
    world.submit(agent(max_cost_cents="0.00001"), inputs={"word": "hi"})
    assert world.requests[-1].run_budget_nano == 100
    says(world, 1, "search", **paid(40))
    world.succeed("bot/turn-1/search[0]")
    assert world.requests[-1].run_budget_nano == 60
    says(world, 2, "search", **paid(60))
    assert (world.status, last_error(world)) == ("failed", "max_cost")


@pytest.mark.parametrize(("budget", "code"), [(None, "max_cost"), (1_000, "max_cost"), (50, "run_budget_exceeded")])
def test_a_turn_that_its_cap_refuses_says_whose_cap_it_was(world, budget, code):
    spec_ = resolved(agent(max_cost_cents="0.00001"))
    world.feed(submitted(spec_, inputs={"word": "hi"}, budget_nano=budget))
    assert world.requests[-1].run_budget_nano == min(100, budget or 100)
    world.fail("bot/turn-1", "run_budget_exceeded", retryable=False)
    assert (world.status, last_error(world)) == ("failed", code)


def test_a_turn_that_failed_for_good_fails_the_agent_though_its_error_may_pass(world):
    world.submit(agent(policy=FAST), inputs={"word": "hi"})
    world.fail("bot/turn-1")
    world.fire("retry:bot/turn-1:2")
    world.fail("bot/turn-1", attempt=2)
    assert (world.status, last_error(world), world.states()["bot/turn-1"]) == ("failed", "boom", "failed")


def test_an_optional_agent_that_failed_is_null(world):
    world.submit(agent(policy=ONCE | {"optional": True}), function("then"), edges="bot>then", inputs={"word": "hi"})
    world.fail("bot/turn-1", retryable=False)
    assert (world.status, world.states()) == (
        "succeeded",
        {"bot": "failed", "bot/turn-1": "failed", "then": "skipped"},
    )


def test_a_map_of_agents(world):
    mapped = agent(parallel=True, items=["x", "y"], inputs={"word": "{{item}}"})
    world.submit(mapped, function("then"), edges="bot>then")
    assert [(r.step_id, r.args["word"]) for r in world.requests] == [("bot[0]/turn-1", "x"), ("bot[1]/turn-1", "y")]
    world.succeed("bot[1]/turn-1", {"text": "", "tool_calls": []}, tool_calls=uses("search"))
    world.succeed("bot[1]/turn-1/search[0]", "s")
    assert (world.requests[-1].step_id, world.requests[-1].args["word"]) == ("bot[1]/turn-2", "y")
    world.succeed("bot[1]/turn-2", "Y")
    world.succeed("bot[0]/turn-1", "X")
    assert world.requests[-1].args == {"bot": ["X", "Y"]}


def test_cancel_ends_every_part(world):
    world.submit(agent(policy=ONCE | {"timeout_ms": 1_000}), inputs={"word": "hi"})
    says(world, 1, "search", "read.file")
    assert sorted(world.timers) == ["timeout:bot/turn-1/read.file[1]:1", "timeout:bot/turn-1/search[0]:1"]
    world.cancel()
    assert set(world.states().values()) == {"canceled", "succeeded"}
    assert world.timers == {}


def test_a_restore_asks_for_the_same_again(world):
    world.submit(agent(), inputs={"word": "hi"})
    says(world, 1, "search", "read.file")
    world.succeed("bot/turn-1/search[0]", 1)
    asked = [c.record for c in world.rules.outstanding(world.state, RUN, world.now_ms) if hasattr(c, "record")]
    assert world.requests[2] in asked
    world.succeed("bot/turn-1/read.file[1]", 2)
    again = [c.record for c in world.rules.outstanding(world.state, RUN, world.now_ms) if hasattr(c, "record")]
    assert world.requests[-1] in again
    for field in ("s:bot", "s:bot/turn-1", "s:bot/turn-2"):
        stored = world.state.get(RUN, field)
        assert decode(field, encode(field, stored)) == stored


def as_a_worker(world, request, output):
    """Answer a call as a worker does: what may not be inside is stored."""
    most = request.inline_most or INLINE_LIMIT
    size = len(orjson.dumps(output))
    stored = Reference(uri="objects:///acme/" + "0" * 64, sha256="0" * 64, size=size)
    world.succeed(request.step_id, stored if size > most else output)


def test_a_long_transcript_travels_as_references_and_the_agent_goes_on(world):
    world.submit(agent(max_turns=40), inputs={"word": "hi"})
    for turn in range(1, 40):
        says(world, turn, *["search"] * 20)
        for request in world.requests[-20:]:
            as_a_worker(world, request, "x" * 30_000)
    assert world.status == "running"
    first = {r.inline_most for r in world.requests if r.step_id.startswith("bot/turn-1/")}
    assert 15 * KIB < first.pop() <= 16 * KIB
    assert not first, "the calls of one turn share what there is"
    assert world.requests[-1].step_id == "bot/turn-40"
    assert len(encode_record(world.requests[-1])) < RECORD_LIMIT
    for part in ("bot/turn-40", "bot/turn-39/search[3]"):
        field = f"s:{part}"
        assert decode(field, encode(field, world.state.get(RUN, field))) == world.state.get(RUN, field)
    asked = [c.record for c in world.rules.outstanding(world.state, RUN, world.now_ms) if hasattr(c, "record")]
    assert world.requests[-1] in asked


def test_a_retry_of_a_call_may_have_as_much_inside_as_the_first_attempt(world):
    world.submit(agent(policy=FAST), inputs={"word": "hi"})
    says(world, 1, *["search"] * 30)
    world.fail("bot/turn-1/search[7]")
    world.fire("retry:bot/turn-1/search[7]:2")
    first = next(r for r in world.requests if r.step_id == "bot/turn-1/search[7]")
    assert world.requests[-1].inline_most == first.inline_most < INLINE_LIMIT


def test_a_short_transcript_says_nothing_of_what_may_be_inside(world):
    world.submit(agent(), inputs={"word": "hi"})
    says(world, 1, "search", "read.file")
    world.succeed("bot/turn-1/search[0]", "x" * 1_000)
    world.succeed("bot/turn-1/read.file[1]", "x")
    assert {request.inline_most for request in world.requests} == {None}


def test_a_turn_may_take_half_of_the_room_that_is_left(world):
    world.submit(agent(), inputs={"word": "hi"})
    for turn in (1, 2):
        says(world, turn, "search")
        world.succeed(f"bot/turn-{turn}/search[0]", "x" * 300 * KIB)
    before = world.requests[-1].work.before
    used = sum(payload_size(one.said) + sum(payload_size(result.output) for result in one.results) for one in before)
    assert world.requests[-1].inline_most == (agent_parts.TRANSCRIPT_ROOM - used) // 2 < INLINE_LIMIT


def test_what_was_said_may_become_too_large(world):
    """As of workers that store nothing of it."""
    world.submit(agent(), inputs={"word": "hi"})
    for turn in range(1, 9):
        if world.status != "running":
            break
        says(world, turn, "search", "read.file")
        world.succeed(f"bot/turn-{turn}/search[0]", "x" * 300_000)
        if world.status == "running":
            world.succeed(f"bot/turn-{turn}/read.file[1]", "x" * 300_000)
    assert (world.status, last_error(world)) == ("failed", "too_large")
    assert "lower max_turns" in world.step("bot").error.message


def test_a_repeated_or_late_result_of_a_part_changes_nothing(world):
    world.submit(agent(), inputs={"word": "hi"})
    says(world, 1, "search")
    before = world.snapshot()
    says(world, 1, "read.file")
    world.succeed("bot", "forged")
    world.succeed("bot/turn-7", "never asked")
    assert world.snapshot() == before


@pytest.mark.parametrize(
    ("config", "path", "said"),
    [
        ({"tools": ["search", "reed"]}, "config.tools[1]", "there is no tool 'reed'"),
        ({"prompt_ref": "other@1"}, "config.prompt_ref", "there is no prompt 'other@1'"),
        ({"cache": True}, "config.cache", "cannot be cached"),
    ],
)
def test_an_agent_that_is_wrong_is_refused(config, path, said):
    with pytest.raises(InvalidSpec) as refused:
        check_spec(spec(agent(**config)), prompts={"ask@1": prompt()}, tools=("search", "read.file"), functions=())
    [problem] = refused.value.problems
    assert (problem.path, said in problem.message) == (f"dag.nodes[0].{path}", True)


def test_its_prompt_is_pinned_and_its_variables_are_required():
    flow = spec(agent())
    checked = check_spec(flow, prompts={"ask@1": prompt()}, tools=("search", "read.file"), functions=())
    assert (checked.required_inputs, set(checked.resolved.prompts)) == ({"word"}, {"ask@1"})
