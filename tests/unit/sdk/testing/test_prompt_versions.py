"""What a prompt's version says beside its text counts in simulated runs as it does on a server."""

from typing import Any

import pytest
from agentflow import Workflow
from agentflow.errors import InvalidWorkflow
from agentflow.testing import Fails, FakeApi, SimulatedRun, Simulator, Takes, ToolUses

CHAT = {
    "messages": [
        {"role": "system", "template": "Be {{tone}}."},
        {"role": "developer", "template": "No lists."},
        {"role": "user", "template": "An example?"},
        {"role": "assistant", "template": "Yes."},
        {"role": "user", "template": "Judge {{text}}"},
    ]
}
SCORE = {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}
INPUTS = {"text": "a", "tone": "short"}


def judge(models: Any, prompt: dict[str, Any], inputs: dict[str, Any] | None = None, **config: Any) -> SimulatedRun:
    """Run one call of ``prompt``, whose node is not a first one."""
    workflow = Workflow("w").wait("before", ms=0).llm("ask", "judge@2", **config)
    workflow = workflow.inputs(text="{{text}}", tone="{{tone}}").depends_on("before").end()
    return Simulator(workflow, models={"ask": models}, prompts={"judge": prompt}).run(inputs or INPUTS)


def test_a_chat_is_rendered_as_its_messages() -> None:
    [call] = judge("fine", CHAT, system="You judge.").assert_called("judge", times=1)
    assert (call.prompt, call.developer) == ("Judge a", "No lists.")
    assert call.system == "You judge.\n\nBe short."
    assert list(call.history) == [("user", "An example?"), ("assistant", "Yes.")]


@pytest.mark.parametrize("dialect", ["mustache", "jinja"])
def test_a_template_is_read_in_its_dialect(dialect: str) -> None:
    [call] = judge("x", {"template": "{{text}} {{tone}}", "dialect": dialect}).calls
    assert call.prompt == "a short"


def test_the_parameters_of_the_version_count_where_the_node_has_none() -> None:
    parameters = {"provider": "openai", "model": "gpt-4o", "temperature": 0.2, "max_tokens": 50}
    [call] = judge("fine", CHAT | {"parameters": parameters}, max_tokens=70).calls
    assert call.parameters == {"provider": "openai", "model": "gpt-4o", "temperature": 0.2, "max_tokens": 70}


def test_values_that_break_the_schema_fail_the_step_before_its_call() -> None:
    schema = {"text": {"type": "string", "maxLength": 3, "required": True}}
    run = judge("fine", CHAT | {"schema": schema}, {"text": "too long", "tone": "x"})
    assert (run.steps["ask"].error, run.steps["ask"].attempts) == ("invalid_prompt_input", 1)
    assert "prompt judge@2: its values break its schema: $.text" in str(run.error)
    assert judge("fine", CHAT | {"schema": schema}).status == "succeeded"


def test_inputs_that_a_first_node_certainly_gets_are_checked_at_the_start() -> None:
    prompts = {"judge": {"template": "Judge {{text}}", "schema": {"text": {"type": "string", "required": True}}}}
    simulator = Simulator(Workflow("w").llm("ask", "judge@2").end(), models={"*": "x"}, prompts=prompts)
    with pytest.raises(InvalidWorkflow, match=r"inputs\.text: .*string"):
        simulator.run({"text": 5})


@pytest.mark.parametrize(("answer", "output"), [('{"score": 1}', {"score": 1}), ({"score": 2}, {"score": 2})])
def test_an_answer_that_follows_its_schema_is_its_value(answer: Any, output: Any) -> None:
    assert judge(answer, CHAT | {"output_schema": SCORE}).output == {"ask": output}


@pytest.mark.parametrize("answer", ["no", {"score": "high"}, "{'score': 1}"])
def test_an_answer_that_breaks_its_schema_fails_the_step(answer: Any) -> None:
    run = judge(answer, CHAT | {"output_schema": SCORE})
    assert (run.steps["ask"].error, run.steps["ask"].attempts) == ("invalid_output", 1)
    assert [call.error for call in run.calls] == ["invalid_output"]


REPAIRED = CHAT | {"output_schema": SCORE, "repair": True}


def test_with_repair_an_answer_is_read_leniently() -> None:
    run = judge("{'score': 1}", REPAIRED)
    assert (run.output, len(run.calls)) == ({"ask": {"score": 1}}, 1)


def test_with_repair_an_answer_is_requested_once_more_in_the_same_attempt() -> None:
    run = judge(["no", Takes(2, '{"score": 1}')], REPAIRED)
    first, second = run.calls
    assert (run.output, run.steps["ask"].attempts, run.elapsed_s) == ({"ask": {"score": 1}}, 1, 2)
    assert (first.output, first.error, second.output) == ("no", "invalid_output", {"score": 1})
    assert [first.is_repair, second.is_repair] == [False, True]
    assert list(second.history)[-2:] == [("user", "Judge a"), ("assistant", "no")]
    assert second.prompt.startswith("That answer does not follow the JSON schema: $: it is not JSON")
    assert second.idempotency_key == f"{first.idempotency_key}~repair"


def test_a_second_answer_that_breaks_it_too_fails_the_step() -> None:
    run = judge("no", REPAIRED)
    assert (run.steps["ask"].error, len(run.calls)) == ("invalid_output", 2)
    assert [call.error for call in run.calls] == ["invalid_output", "invalid_output"]


def test_a_second_call_that_fails_leaves_the_first_problem_and_is_retried_where_it_may_be() -> None:
    run = judge(["no", Fails("rate_limited"), '{"score": 3}'], REPAIRED)
    assert (run.output, run.steps["ask"].attempts) == ({"ask": {"score": 3}}, 2)
    final = judge(["no", Fails("refused", retryable=False)], REPAIRED)
    assert (final.steps["ask"].error, final.steps["ask"].attempts) == ("invalid_output", 1)
    assert [call.error for call in final.calls] == ["invalid_output", "refused"]


def test_a_version_that_is_no_prompt_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidWorkflow, match=r"prompts\.judge@2\.output_schema: is no JSON schema"):
        judge("x", CHAT | {"output_schema": {"type": "object", "properties": 5}})
    with pytest.raises(InvalidWorkflow, match=r"prompts\.judge@2\.mesages"):
        judge("x", {"mesages": []})


def test_an_agent_uses_the_tools_of_its_prompts_version() -> None:
    workflow = Workflow("w").agent("bot", "helper@1").inputs(city="{{city}}").end()
    prompt = {"template": "Which {{city}}?", "tools": ["weather"], "output_schema": SCORE, "repair": True}
    turns = [ToolUses([("weather", {"city": "Rome"})]), "no", '{"score": 4}']
    simulator = Simulator(workflow, tools={"weather": "sun"}, models={"bot": turns}, prompts={"helper": prompt})
    run = simulator.run({"city": "R"})
    assert run.output == {"bot": {"score": 4}}
    run.assert_called("weather", times=1)
    assert run.calls[-1].prompt.startswith("Which R?\n\nYou answered before: no\n\nThat answer")
    with pytest.raises(InvalidWorkflow, match="there is no tool 'weather'"):
        Simulator(workflow, tools={}, models={"bot": turns}, prompts={"helper": prompt})


def test_an_agent_needs_tools_of_its_own_or_of_its_prompt() -> None:
    agent = Workflow("w").agent("bot", "helper@1").end()
    assert "tools" not in agent.document()["dag"]["nodes"][0]["config"]
    agent.validate()
    with pytest.raises(InvalidWorkflow, match="neither the agent nor its prompt names tools"):
        agent.validate(prompts={"helper": "Help"})
    with pytest.raises(InvalidWorkflow, match="neither the agent nor its prompt names tools"):
        Workflow("w").agent("bot", prompt="Help").end().validate()


def test_an_agent_without_tools_may_call_every_fake_where_its_prompt_is_not_given() -> None:
    turns = [ToolUses([("weather", {})]), "sun"]
    simulator = Simulator(Workflow("w").agent("bot", "helper@1").end(), tools={"weather": 1}, models={"bot": turns})
    assert simulator.run().output == {"bot": "sun"}


def test_a_schema_may_be_written_as_names_and_types() -> None:
    short = CHAT | {"output_schema": {"score": "integer"}}
    assert judge({"score": "high"}, short).steps["ask"].error == "invalid_output"
    fake = FakeApi(models={"ask": '{"score": "high"}'})
    with fake.client() as client:
        client.prompts.create(name="judge", **short)
        client.workflows.register(Workflow("w").llm("ask", "judge@1").end())
        run = client.workflows.wait(client.workflows.submit("w", INPUTS).id)
    assert (run.status, fake.runs[run.id].steps["ask"].error) == ("failed", "invalid_output")


def test_the_fake_api_runs_a_chat_that_a_client_created() -> None:
    fake = FakeApi(models={"ask": lambda call: f"{call.system} {call.prompt} {call.parameters['model']}"})
    with fake.client() as client:
        client.prompts.create(name="judge", parameters={"model": "m"}, **CHAT)
        client.workflows.register(Workflow("w").llm("ask", "judge@1").end())
        run = client.workflows.wait(client.workflows.submit("w", INPUTS).id)
        assert run.output == {"ask": "Be short. Judge a m"}
