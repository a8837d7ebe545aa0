"""Workflows built in Python are the documents that YAML would be."""

from datetime import timedelta
from decimal import Decimal

import pytest
import yaml
from agentflow import Body, Workflow
from agentflow.errors import InvalidWorkflow
from agentflow.yaml_text import yaml_text
from hypothesis import given
from hypothesis import strategies as st

from schemas.spec.text.read import read_document


def everything():
    return (
        Workflow("everything")
        .version(2)
        .description("All types: of nodes")
        .allow_unknown_inputs()
        .cache_all({"ttl": 60})
        .max_parallel(8)
        .deadline(timedelta(hours=1))
        .on_failure("alarm")
        .tool("ingest", "s3.fetch", {"bucket": "documents", "key": "{{document_key}}"})
        .retries(5, initial_ms=100, retry_on=["timeout"])
        .timeout(seconds=2.5)
        .function("split", "text_splitter", {"chunk_size": 1000})
        .depends_on("ingest")
        .llm("analyze", "chunk_analyzer@2", max_tokens=50)
        .parallel(max_parallel=4, on_child_error="collect")
        .quality("Gold")
        .sla(seconds=30)
        .depends_on("split")
        .switch("fork", {"size(analyze.output) > 1": "many"}, default="one")
        .depends_on("analyze")
        .agent("many", prompt="Answer from {{chunks}}", tools=["s3.fetch"], max_turns=3)
        .inputs(chunks="analyze.output")
        .route("cheapest", max_fallbacks=1)
        .depends_on("fork")
        .wait("one", seconds=60)
        .depends_on("fork")
        .signal("approval", "approve", timeout=3600, default={"ok": False})
        .join("any")
        .depends_on("many", "one")
        .workflow("child", "document_analysis", version=1, max_cost_cents=Decimal("2.50"))
        .inputs(document_key="b.txt")
        .condition("approval.output.ok")
        .depends_on("approval")
        .loop(
            "refine",
            Body()
            .llm("draft", "writer@1")
            .inputs(before="loop.previous")
            .llm("judge", "judge@1")
            .inputs(text="draft.output")
            .depends_on("draft"),
            max_iterations=3,
            until="loop.output.score >= 0.9",
            on_exhausted="last",
            output="judge.output",
        )
        .optional()
        .priority(5)
        .depends_on("child")
        .tool("alarm", "mail.send", {"to": "ops"})
        .queue("mail")
        .end()
    )


def test_every_type_of_node_is_valid_by_the_rules_of_the_server():
    checked = everything().validate()
    assert checked.required_inputs == {"document_key"}
    assert {node.type for node in checked.resolved.spec.dag.nodes} == {
        *("tool", "function", "llm", "switch", "agent", "wait", "signal", "workflow", "loop")
    }


def test_the_yaml_of_a_workflow_is_its_document_for_every_reader():
    document = everything().document()
    assert yaml.safe_load(str(everything())) == document
    assert read_document(str(everything())) == document


def test_the_line_of_the_issue_builds_the_guides_first_document():
    workflow = (
        Workflow("document_analysis")
        .version(1)
        .tool("ingest", "s3.fetch", {"bucket": "documents", "key": "{{document_key}}"})
        .llm("analyze", "document_analyzer@3")
        .quality("Gold")
        .sla(seconds=30)
        .inputs(content="ingest.output")
        .depends_on("ingest")
        .end()
    )
    assert workflow.document()["dag"]["nodes"][1] == {
        "id": "analyze",
        "type": "llm",
        "config": {"prompt_ref": "document_analyzer@3", "inputs": {"content": "ingest.output"}},
        "policy": {"quality": "Gold", "sla_ms": 30000},
    }
    assert workflow.document()["dag"]["edges"] == [{"from": "ingest", "to": "analyze"}]


def test_problems_have_paths_and_fixes():
    workflow = Workflow("w").tool("a", "t").sla(ms=-1).llm("b", "p").inputs(x="c.output").depends_on("a").end()
    with pytest.raises(InvalidWorkflow) as failed:
        workflow.validate()
    assert {one.path for one in failed.value.problems} == {
        "dag.nodes[0].policy.sla_ms",
        "dag.nodes[1].config.inputs.x",
    }
    assert all(one.fix for one in failed.value.problems)


def test_names_are_compared_with_those_that_are_given():
    workflow = Workflow("w").tool("a", "s3.fetsch").llm("b", "reader@2").depends_on("a").end()
    with pytest.raises(InvalidWorkflow, match=r"did you mean 's3.fetch'\?"):
        workflow.validate(tools=["s3.fetch"])
    with pytest.raises(InvalidWorkflow, match="the prompt 'reader@2' needs 'text'"):
        workflow.validate(prompts={"reader": "Read {{text}}"})


def test_a_modifier_without_a_node_and_an_empty_workflow_are_refused():
    with pytest.raises(ValueError, match="add one first"):
        Workflow("w").quality("Gold")
    with pytest.raises(ValueError, match="has no node"):
        Workflow("w").end()
    with pytest.raises(ValueError, match="'a' is there twice"):
        Workflow("w").tool("a", "t").tool("a", "t").end()
    with pytest.raises(ValueError, match="seconds= or as ms="):
        Workflow("w").tool("a", "t").sla()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values)
def test_any_value_is_read_back_from_its_yaml(value):
    assert yaml.load(yaml_text(value), yaml.SafeLoader) == value
