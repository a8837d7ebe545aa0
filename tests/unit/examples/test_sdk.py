"""Every Go example of the guide has a Python twin below ``examples/sdk``, and each of them runs."""

import importlib.util
from pathlib import Path

import pytest
import yaml
from agentflow import Workflow
from agentflow.testing import FakeApi, Simulator

from connectors.providers.base import ModelRequest
from connectors.providers.custom.building import build_custom
from connectors.providers.custom.registry import CustomProviders
from connectors.tools import METRICS, REGISTRY, Registry
from connectors.tools.tools_file import ToolsFile
from schemas.spec.text.read import read_document

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples" / "sdk"
#: The Go examples of the guide by their headings, and the twin of each.
TWINS = {
    "Basic Setup": "connect",
    "Creating and Submitting Workflows": "document_analysis",
    "Managing Prompts": "prompts",
    "Monitoring Workflows": "monitor",
    "Adding Custom Metrics": "custom_metric",
    "Programmatic Trace Analysis": "analyze_trace",
    "Example 1: Content Moderation Pipeline": "content_moderation",
    "Example 2: Multi-Language Translation": "multi_lang_translation",
    "Example 3: Cost-Optimized Data Processing": "cost_optimized_processing",
    "Adding a Custom AI Provider": "custom_provider",
    "Creating Custom Tools": "custom_tool",
    "Organization Isolation": "organization_isolation",
}
TEMPLATES = {
    path.stem: yaml.safe_load(path.read_text("utf-8")) for path in (ROOT / "examples" / "prompts").glob("*.yaml")
}
PROMPTS = {f"{one['name']}@{one['version']}": one["template"] for one in TEMPLATES.values()}


def load(name):
    spec = importlib.util.spec_from_file_location(f"sdk_example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_twin_is_there_and_every_file_is_a_twin():
    assert sorted(TWINS.values()) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


FLOWS = ["document_analysis", "content_moderation", "multi_lang_translation", "cost_optimized_processing"]


@pytest.mark.parametrize("name", FLOWS)
def test_a_workflow_in_python_is_the_document_of_the_yaml_example(name):
    document = read_document((ROOT / "examples" / "workflows" / f"{name}.yaml").read_text("utf-8"))
    built = load(name).WORKFLOW.document()
    assert built["dag"]["nodes"] == document["dag"]["nodes"]
    assert sorted(map(str, built["dag"]["edges"])) == sorted(map(str, document["dag"]["edges"]))
    assert (built["name"], built["version"]) == (document["name"], document["version"])


@pytest.mark.parametrize("name", FLOWS)
def test_a_workflow_in_python_is_valid_for_the_prompts_and_tools_of_the_examples(name):
    load(name).WORKFLOW.validate(
        prompts=PROMPTS, tools=list(REGISTRY.names("tool")), functions=list(REGISTRY.names("function"))
    )


def test_a_document_is_analysed_and_its_run_is_monitored(capsys):
    api = FakeApi(tools={"s3.fetch": "a text"}, models={"analyze": "It is short."})
    with api.client() as client:
        load("prompts").main(client)
        client.prompts.create(name="document_analyzer", template="Read {{content}}", version=3)
        run = load("document_analysis").main(client)
        load("monitor").main(client, run.id)
        load("analyze_trace").main(client, run.id)
        assert client.workflows.wait(run.id).output == {"analyze": "It is short."}
    said = capsys.readouterr().out
    assert "Prompt created: document_analyzer@1" in said
    assert f"Workflow submitted: {run.id}" in said
    assert "Status: succeeded\nCost: 0 cents\nEvent: run at 2026-" in said
    assert "LLM Call: None (0.00s, 0 tokens)" in said


def test_a_text_is_moderated():
    api = FakeApi(
        tools={"s3.fetch": "spam", "s3.put": lambda body, key: f"{key}: {body}"},
        models={"classify": '{"type": "text"}', "moderate": lambda call: f"{call.tier} {call.args['type']}"},
    )
    with api.client() as client:
        run = load("content_moderation").main(client, "u-1")
        assert client.workflows.get(run.id).output == {"store": "u-1/result.json: gold text"}


@pytest.mark.parametrize(("language", "english"), [("en", None), ("de", "en: Hallo")])
def test_a_text_is_not_translated_into_its_own_language(language, english):
    models = {
        "detect_lang": {"language": language},
        "translator": lambda call: f"{call.args['target']}: {call.args['text']}",
    }
    simulator = Simulator(
        load("multi_lang_translation").WORKFLOW, models=models, functions={"result_combiner": lambda **all_: all_}
    )
    run = simulator.run({"input_text": "Hallo"})
    assert run.output["combine"]["english"] == english
    assert run.output["combine"]["french"] == "fr: Hallo"


@pytest.mark.parametrize(("complexity", "tier"), [(0.2, "bronze"), (0.9, "gold")])
def test_the_dear_model_is_asked_only_where_it_is_needed(complexity, tier):
    simulator = Simulator(
        load("cost_optimized_processing").WORKFLOW,
        models={"preprocess": "text", "*": lambda call: call.tier},
        functions={
            "complexity_router": {"complexity": complexity},
            "result_merger": lambda **parts: parts.get("simple") or parts["complex"],
        },
    )
    assert simulator.run({"input_text": "x"}).output == {"merge": tier}


def test_the_client_connects_and_an_organisation_is_isolated():
    api = FakeApi(org_id="acme")
    with api.client() as client:
        assert load("connect").main(client) == "ready"
    with api.client(org_id="other") as client:
        assert load("organization_isolation").main(client).startswith("access denied")


def loaded(name):
    """What a worker finds in a file of tools and providers."""
    registry, providers = Registry(), CustomProviders()
    ToolsFile(EXAMPLES / f"{name}.py", registry, providers).load()
    return registry, build_custom(providers)


def test_a_tool_of_ones_own_is_made_with_its_configuration_and_called():
    workflow = Workflow("w").tool("greet", "custom_tool", {"name": "Ada"}).config(tool_config={"greeting": "Hi"}).end()
    run = Simulator(workflow, use=[load("custom_tool").CustomTool]).run()
    assert run.output == {"greet": {"result": "Tool execution completed: Hi, Ada"}}
    assert "custom_tool" in loaded("custom_tool")[0].names("tool")


def test_a_metric_of_ones_own_is_counted():
    module = load("custom_metric")
    try:
        run = Simulator(
            Workflow("w").tool("count", "process_data", {"rows": ["a", "b"]}).end(), use=[module.process_data]
        )
        assert run.run().output == {"count": 2}
        labels = {"operation_type": "data_processing", "status": "success"}
        assert METRICS.get_sample_value("custom_operations_total", labels) == 1
    finally:
        METRICS.unregister(module.OPERATIONS)


async def test_a_provider_of_ones_own_answers():
    provider = loaded("custom_provider")[1]["custom"]
    answer = await provider.complete(ModelRequest(model="echo", prompt="a b", max_tokens=9, idempotency_key="k"))
    assert answer.text == "Generated response to: a b"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (2, 5)
