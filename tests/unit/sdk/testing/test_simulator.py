"""Workflows run in memory by the fold, with fakes and a clock that skips."""

import asyncio

import pytest
from agentflow import Body, ToolContext, Workflow, function, tool
from agentflow.errors import InvalidWorkflow
from agentflow.testing import Fails, Simulator, Stuck, Takes, ToolUses
from agentflow.testing.fakes import MissingFake

from schemas.prompts.answers import read_answer


def three_steps():
    return (
        Workflow("three")
        .tool("ingest", "s3.fetch", {"key": "{{document_key}}"})
        .llm("analyze", "analyzer@3")
        .inputs(content="ingest.output")
        .depends_on("ingest")
        .function("count", "word_count")
        .inputs(text="analyze.output")
        .depends_on("analyze")
        .end()
    )


def fakes(**more):
    return {
        "tools": {"s3.fetch": lambda key: f"text of {key}"},
        "models": {"analyzer": lambda call: f"about: {call.prompt}"},
        "functions": {"word_count": lambda text: len(text.split())},
        "prompts": {"analyzer": "Analyze {{content}}"},
        **more,
    }


def test_three_steps_run_to_their_end_and_every_call_is_recorded():
    run = Simulator(three_steps(), **fakes()).run({"document_key": "a.txt"})
    run.assert_succeeded()
    assert run.output == {"count": 5}
    [call] = run.assert_called("analyzer", times=1, content="text of a.txt")
    assert (call.prompt, call.output, call.tier) == ("Analyze text of a.txt", "about: Analyze text of a.txt", "silver")
    run.assert_called("s3.fetch", key="a.txt")
    with pytest.raises(AssertionError, match="should be called 2 times"):
        run.assert_called("analyze", times=2)
    with pytest.raises(AssertionError, match="should not be called"):
        run.assert_not_called("word_count")


def test_a_missing_and_an_unknown_input_are_refused_as_a_server_would():
    with pytest.raises(InvalidWorkflow, match=r"inputs\.document_key: is missing"):
        Simulator(three_steps(), **fakes()).run()


def test_a_tool_without_a_fake_and_a_model_without_one_are_named():
    with pytest.raises(InvalidWorkflow, match=r"there is no tool 's3\.fetch'"):
        Simulator(three_steps(), **fakes(tools={}))
    with pytest.raises(MissingFake, match="no fake for the model 'analyzer@3' of node 'analyze'"):
        Simulator(three_steps(), **fakes(models={})).run({"document_key": "a"})


def test_a_failed_attempt_is_tried_again_after_its_pause_and_the_clock_skips():
    models = {"analyze": [Fails("rate_limited", retry_after_s=30), Fails("timeout"), "fine"]}
    run = Simulator(three_steps(), **fakes(models=models)).run({"document_key": "a"})
    assert run.output == {"count": 1}
    assert run.steps["analyze"].attempts == 3
    assert 30 <= run.elapsed_s < 40
    assert [call.error for call in run.calls_of("analyze")] == ["rate_limited", "timeout", None]
    assert len({call.idempotency_key for call in run.calls_of("analyze")}) == 1


def test_a_final_error_fails_the_run_and_an_exception_of_a_function_is_final():
    run = Simulator(three_steps(), **fakes(functions={"word_count": lambda text: len(text) // 0})).run(
        {"document_key": "a"}
    )
    assert (run.status, run.steps["count"].attempts) == ("failed", 1)
    assert run.error.startswith("exception: ZeroDivisionError")
    gone = {"s3.fetch": Fails("gone", retryable=False)}
    run = Simulator(three_steps(), **fakes(tools=gone)).run({"document_key": "a"})
    assert (run.error, run.steps["ingest"].attempts) == ("gone: gone", 1)
    with pytest.raises(AssertionError, match="the run is failed: gone: gone"):
        run.assert_succeeded()


def test_an_attempt_over_its_time_limit_fails_and_is_tried_again():
    workflow = Workflow("w").tool("a", "slow").timeout(seconds=2).retries(2, initial_ms=0, jitter=0).end()
    run = Simulator(workflow, tools={"slow": Takes(60, "late")}).run()
    assert (run.status, run.steps["a"].error, run.elapsed_s) == ("failed", "timeout", 4.0)
    assert Simulator(workflow, tools={"slow": Takes(1.5, "soon")}).run().elapsed_s == 1.5


def test_conditions_and_switches_choose_and_the_others_are_skipped():
    workflow = (
        Workflow("w")
        .llm("classify", "classifier@1")
        .switch("fork", {"classify.output.type == 'text'": "read"}, default="look")
        .depends_on("classify")
        .tool("read", "reader")
        .depends_on("fork")
        .tool("look", "viewer")
        .depends_on("fork")
        .tool("rare", "reader")
        .condition("classify.output.score > 0.5")
        .depends_on("classify")
        .end()
    )
    tools = {"reader": "words", "viewer": "picture"}
    run = Simulator(workflow, tools=tools, models={"*": '{"type": "text", "score": 0.1}'}).run()
    assert run.output == {"read": "words"}
    run.assert_skipped("look")
    run.assert_skipped("rare")
    assert "classify.output.score" in (run.steps["rare"].note or "")


def test_a_map_has_a_child_for_each_item_and_collects_errors():
    workflow = (
        Workflow("w")
        .function("split", "splitter")
        .llm("each", "reader@1")
        .inputs(text="{{item}}")
        .parallel(max_parallel=2, on_child_error="collect")
        .depends_on("split")
        .end()
    )

    def answer(call):
        if call.args["text"] == "b":
            raise Fails("content_filtered", retryable=False)
        return call.args["text"].upper()

    run = Simulator(workflow, functions={"splitter": lambda: ["a", "b", "c"]}, models={"each": answer}).run()
    run.assert_succeeded()
    assert run.output["each"][0] == "A"
    assert run.output["each"][1]["error"]["code"] == "content_filtered"
    assert run.steps["each[2]"].output == "C"


def test_a_loop_repeats_until_its_condition_holds():
    body = Body().llm("draft", "writer@1").inputs(n="loop.iteration")
    workflow = Workflow("w").loop("refine", body, max_iterations=5, until="loop.output.score >= 0.9").end()
    run = Simulator(workflow, models={"draft": [{"score": 0.2}, {"score": 0.5}, {"score": 0.95}]}).run()
    assert run.output == {"refine": {"score": 0.95}}
    run.assert_called("draft", times=3)


def approval(**more):
    ask = Workflow("w").signal("ask", "approval", **more).tool("publish", "site.put")
    return Simulator(ask.inputs(by="ask.output.by").depends_on("ask").end(), tools={"site.put": lambda by: by})


def test_a_signal_is_sent_when_the_run_waits_for_it():
    assert approval().run(signals={"approval": {"by": "ann"}}).output == {"publish": "ann"}
    run = approval().start()
    assert (run.status, run.waiting_for) == ("running", {"approval"})
    run.signal("approval", {"by": "bob"})
    assert run.output == {"publish": "bob"}


def test_a_run_that_waits_for_a_signal_that_nobody_sends_is_stuck():
    with pytest.raises(Stuck, match="it waits for the signal approval; give it in signals="):
        approval().run()


def test_the_time_limit_of_a_signal_is_skipped_to():
    run = approval(timeout=86_400, default={"by": "nobody"}).run()
    assert (run.output, run.elapsed_s) == ({"publish": "nobody"}, 86_400)


def test_a_wait_passes_when_the_test_moves_the_clock():
    workflow = Workflow("w").wait("pause", seconds=3600).tool("then", "t").depends_on("pause").end()
    run = Simulator(workflow, tools={"t": 1}).start()
    run.advance(3599)
    assert run.steps["pause"].waiting_for == "timer"
    run.advance(1)
    assert run.status == "succeeded"


def test_a_cancel_ends_the_run_and_compensates():
    workflow = Workflow("w").signal("ask", "go").tool("undo", "refund").on_cancel("undo").end()
    run = Simulator(workflow, tools={"refund": "done"}).start()
    run.cancel("enough")
    assert run.status == "canceled"
    assert run.steps["undo"].output == "done"


def test_a_deadline_fails_a_run_that_is_late():
    workflow = Workflow("w").signal("ask", "go").deadline(seconds=60).end()
    run = Simulator(workflow).run()
    assert (run.status, run.elapsed_s) == ("failed", 60)


def test_an_agent_calls_tools_until_it_answers():
    workflow = Workflow("w").agent("bot", prompt="Which {{city}}?", tools=["weather"]).end()
    turns = [ToolUses([("weather", {"city": "Berlin"})]), "It rains."]
    run = Simulator(workflow, tools={"weather": lambda city: f"rain in {city}"}, models={"bot": turns}).run(
        {"city": "B"}
    )
    assert run.output == {"bot": "It rains."}
    run.assert_called("weather", times=1, city="Berlin")
    assert [call.turn for call in run.calls_of("w.bot")] == [0, 1]


def test_a_nested_workflow_is_a_run_of_its_own():
    child = Workflow("child").llm("ask", "asker@1").inputs(q="{{question}}").end()
    parent = Workflow("parent").workflow("sub", "child").inputs(question="why").end()
    run = Simulator(parent, workflows=[child], models={"asker": "because"}).run()
    assert run.output == {"sub": "because"}
    assert [one.status for one in run.children] == ["succeeded"]


def test_a_signal_reaches_the_nested_run_that_waits_for_it():
    child = Workflow("child").signal("ask", "go").end()
    parent = Workflow("parent").workflow("sub", "child").end()
    assert Simulator(parent, workflows=[child]).run(signals={"go": 7}).output == {"sub": 7}


@tool("weather.today")
def today(context: ToolContext, *, city: str) -> dict[str, str]:
    return {"city": city, "key": context.idempotency_key}


@function
async def shout(*, text: str) -> str:
    await asyncio.sleep(0)
    return text.upper()


class Suffix:
    def __init__(self, *, suffix: str) -> None:
        self.suffix = suffix

    def __call__(self, *, text: str) -> str:
        return text + self.suffix


async def test_own_tools_and_functions_are_called_for_real_with_their_context():
    workflow = (
        Workflow("w")
        .tool("weather", "weather.today", {"city": "Rome"})
        .function("loud", "shout")
        .inputs(text="weather.output.city")
        .depends_on("weather")
        .function("end", "suffix")
        .config(function_config={"suffix": "!"})
        .inputs(text="loud.output")
        .depends_on("loud")
        .end()
    )
    run = Simulator(workflow, use=[today, shout], functions={"suffix": Suffix}).run()
    assert run.output == {"end": "ROME!"}
    assert run.steps["weather"].output["key"] == f"{run.id}:weather"
    with pytest.raises(ValueError, match="decorate it"):
        Simulator(workflow, use=[len])


def test_steps_that_take_their_time_overlap():
    workflow = Workflow("w").tool("a", "t").tool("b", "t").end()
    assert Simulator(workflow, tools={"t": Takes(10, 1)}).run().elapsed_s == 10


def test_a_template_that_lacks_a_value_fails_its_step_for_good():
    workflow = Workflow("w").llm("a", prompt="Say {{word.first}}").inputs(word={"second": 2}).end()
    run = Simulator(workflow, models={"*": "x"}).run()
    assert (run.steps["a"].error, run.steps["a"].attempts) == ("missing_variable", 1)


@pytest.mark.parametrize(
    "text", ['{"a": 1}', " [1] ", '```json\n{"a": 1}\n```', "```\n[2]\n```", "plain", "{no}", "1", ""]
)
def test_an_answer_is_read_as_the_platform_reads_it(text):
    run = Simulator(Workflow("w").llm("a", "p@1").end(), models={"a": text}).run()
    assert run.output == {"a": read_answer(text)}


def test_a_prompt_is_rendered_as_the_server_does():
    prompt = '{{#content}}- {{.}}\n{{/content}}{{tone | default("plain")}}'
    run = Simulator(three_steps(), **fakes(prompts={"analyzer": prompt})).run({"document_key": "a.txt"})
    assert run.assert_called("analyzer")[0].prompt == "- text of a.txt\nplain"


def test_a_value_that_a_filter_refuses_fails_the_call():
    run = Simulator(three_steps(), **fakes(prompts={"analyzer": '{{content | join(",")}}'})).run({"document_key": "a"})
    assert run.status == "failed"
    assert run.assert_called("analyzer")[0].error == "bad_template"


def test_a_malformed_prompt_is_refused_with_its_place():
    with pytest.raises(InvalidWorkflow, match=r"prompts\.analyzer@3: line 1, column 7: .*not closed"):
        Simulator(three_steps(), **fakes(prompts={"analyzer": "Hello {{content"}))


def test_prompts_include_each_other():
    prompts = {"analyzer": '{{> tone@2 how="brief"}} {{content}}', "tone@2": "Be {{how}}{{> mark}}", "mark": "."}
    run = Simulator(three_steps(), **fakes(prompts=prompts)).run({"document_key": "a"})
    assert run.assert_called("analyzer")[0].prompt == "Be brief. text of a"
    with pytest.raises(InvalidWorkflow, match=r"there is no prompt 'other' to include"):
        Simulator(three_steps(), **fakes(prompts=prompts | {"tone@2": "{{> other}}"}))
