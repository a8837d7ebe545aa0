"""Schemas of inputs, outputs and of what tools give, in simulated runs, which fold by the rules of the server."""

from typing import Any

import pytest
from agentflow import Workflow
from agentflow.errors import InvalidWorkflow
from agentflow.testing import Simulator

from schemas.spec.check.workflow import parse_workflow
from schemas.spec.rules_version import FIRST, VALIDATED, rules_of

NUMBER = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
LIMITED = {"type": "object", "properties": {"amount": {"type": "integer", "maximum": 100}}, "required": ["amount"]}


def paying(**more: Any) -> Workflow:
    return Workflow("pay").tool("charge", "bank.charge", {"amount": "{{amount}}"}, **more)


def test_what_a_tool_gives_must_follow_the_schema_of_its_node():
    workflow = paying(output_schema=NUMBER).end()
    assert Simulator(workflow, tools={"bank.charge": {"total": 3}}).run({"amount": 1}).status == "succeeded"
    run = Simulator(workflow, tools={"bank.charge": {"total": "three"}}).run({"amount": 1})
    assert (run.status, run.steps["charge"].error) == ("failed", "bad_output")
    assert "$.total" in str(run.error)
    assert "three" not in str(run.error)


def test_a_tool_is_asked_again_where_the_node_wants_that():
    answers = iter([{"total": None}, {"total": 4}])
    workflow = paying(output_schema=NUMBER).retries(2, initial_ms=10, retry_on=["bad_output"]).end()
    run = Simulator(workflow, tools={"bank.charge": lambda **_: next(answers)}).run({"amount": 1})
    assert (run.status, run.steps["charge"].attempts) == ("succeeded", 2)


def test_each_child_of_a_map_must_follow_it():
    workflow = Workflow("each").function("one", "f", {"x": "{{item}}"}, output_schema={"type": "integer"})
    workflow = workflow.parallel([1, 2]).end()
    assert Simulator(workflow, functions={"f": lambda x: x}).run().output == {"one": [1, 2]}
    assert Simulator(workflow, functions={"f": lambda x: f"{x}"}).run().status == "failed"


def test_inputs_that_break_the_schema_are_refused_with_their_path():
    simulator = Simulator(paying().input_schema(LIMITED).end(), tools={"bank.charge": 1})
    assert simulator.run({"amount": 100}).status == "succeeded"
    with pytest.raises(InvalidWorkflow, match=r"inputs\.amount"):
        simulator.run({"amount": 101})


def test_a_run_whose_output_breaks_its_schema_fails_and_says_where():
    schema = {"type": "object", "properties": {"charge": {"type": "integer"}}, "required": ["charge"]}
    workflow = paying().output_schema(schema).end()
    assert Simulator(workflow, tools={"bank.charge": 5}).run({"amount": 1}).status == "succeeded"
    run = Simulator(workflow, tools={"bank.charge": "five"}).run({"amount": 1})
    assert run.status == "failed"
    assert run.error is not None
    assert "the output of the run breaks its `output_schema`: $.charge breaks `type`" in str(run.error)


def test_an_output_that_is_not_there_breaks_a_schema_that_demands_it():
    workflow = Workflow("w").tool("a", "t").condition("false").output_schema({"required": ["a"]}).end()
    assert Simulator(workflow, tools={"t": 1}).run().status == "failed"


def test_inputs_of_a_nested_workflow_are_checked_by_its_schema():
    child = paying().input_schema(LIMITED).end()
    parent = Workflow("parent").function("ask", "f").workflow("sub", "pay").inputs(amount="ask.output")
    parent = parent.depends_on("ask").end()
    tools: dict[str, Any] = {"bank.charge": 5}
    assert Simulator(parent, workflows=[child], tools=tools, functions={"f": 7}).run().output == {"sub": 5}
    run = Simulator(parent, workflows=[child], tools=tools, functions={"f": 700}).run()
    assert (run.status, run.steps["sub"].error) == ("failed", "bad_input")
    assert "$.amount breaks `maximum`" in str(run.error)


def test_schemas_are_checked_when_a_workflow_is():
    for workflow in (
        paying(output_schema={"type": "x"}),
        paying().input_schema({"$ref": "http://elsewhere/x"}),
        paying().output_schema({"pattern": r"(?<=a)b"}),
    ):
        with pytest.raises(InvalidWorkflow, match="is no JSON schema"):
            workflow.end().validate()


def test_only_workflows_with_schemas_need_the_rules_that_know_them():
    def rules(workflow: Workflow) -> int:
        return rules_of(parse_workflow(workflow.end().document()))

    assert rules(paying()) == FIRST
    for one in (paying(output_schema=NUMBER), paying().input_schema(LIMITED), paying().output_schema(NUMBER)):
        assert rules(one) == VALIDATED
