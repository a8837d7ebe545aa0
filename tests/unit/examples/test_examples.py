"""The examples are what they say: the guide's workflows, their prompts, and real documents that both can work on."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.providers.local import model
from connectors.tools import REGISTRY
from connectors.tools.arguments import argument_problems
from connectors.tools.builtin.split import pieces
from deploy.local.samples.runs import submissions
from schemas.ids import content_hash
from schemas.policies.read import read_policy
from schemas.prompts.inline import take_inline
from schemas.spec.answers import answers_of
from schemas.spec.check.workflow import CheckedSpec, check_spec, parse_workflow
from schemas.spec.flow_keys import run_flow
from schemas.spec.inputs.known_inputs import ArgumentNames
from schemas.spec.model import LlmNode, PinnedPrompt, WorkflowSpec
from schemas.spec.nested import Family, Member, member_key, workflow_nodes
from schemas.spec.references import render, variables_of
from schemas.spec.text.read import read_document
from services.security.flow.check import FlowCheck

EXAMPLES = Path(__file__).parents[3] / "examples"
DOCUMENTS = sorted((EXAMPLES / "documents").glob("*.txt"))


def prompts() -> dict[str, PinnedPrompt]:
    found: dict[str, PinnedPrompt] = {}
    for path in sorted((EXAMPLES / "prompts").glob("*.yaml")):
        document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert sorted(document) == ["name", "template", "version"]
        assert path.stem in (document["name"], f"{document['name']}@{document['version']}")
        found[f"{document['name']}@{document['version']}"] = PinnedPrompt(
            **document, hash=content_hash(document["template"].encode())
        )
    return found


def parsed(path: Path) -> tuple[WorkflowSpec, dict[str, PinnedPrompt]]:
    """A workflow, and the prompts that it may name: those of the examples, and its own."""
    document, inline, problems = take_inline(read_document(path.read_text(encoding="utf-8")))
    assert problems == []
    return parse_workflow(document), prompts() | {one.name: one.pinned(1) for one in inline}


def checked(name: str) -> CheckedSpec:
    spec, known = parsed(EXAMPLES / "workflows" / f"{name}.yaml")
    tools, functions = REGISTRY.names("tool"), REGISTRY.names("function")
    return check_spec(spec, prompts=known, tools=tools, functions=functions, family=family())


def family() -> Family:
    """All workflows of the examples."""
    found = [parsed(path) for path in (EXAMPLES / "workflows").glob("*.yaml")]
    members = {member_key(spec.name, spec.version): Member(spec, known) for spec, known in found}
    return Family(members, {spec.name: spec.version for spec, _ in found})


def test_document_analysis_can_be_registered_and_needs_its_key() -> None:
    spec = checked("document_analysis")
    assert (spec.spec.name, spec.spec.version) == ("document_analysis", 1)
    assert spec.required_inputs == {"document_key"}
    analyze = spec.spec.dag.nodes[1]
    assert isinstance(analyze, LlmNode)
    assert (analyze.config.prompt_ref, analyze.policy.quality, analyze.policy.sla_ms) == (
        "document_analyzer@3",
        "gold",
        30_000,
    )


def test_map_reduce_analysis_can_be_registered() -> None:
    spec = checked("map_reduce_analysis")
    assert [node.id for node in spec.spec.dag.nodes] == ["split", "map_analyze", "reduce_summarize"]
    assert [(edge.source, edge.target) for edge in spec.spec.dag.edges] == [
        ("split", "map_analyze"),
        ("map_analyze", "reduce_summarize"),
    ]
    assert sorted(spec.resolved.prompts) == ["chunk_analyzer@2", "summarizer@1"]


def test_what_a_workflow_runs_is_registered_before_it() -> None:
    """Whoever registers the examples goes through them in the order of their names."""
    for path in (EXAMPLES / "workflows").glob("*.yaml"):
        for node in workflow_nodes(checked(path.stem).spec):
            assert node.config.workflow < path.stem


def test_each_prompt_needs_what_its_node_binds() -> None:
    assert {ref: variables_of(prompt.template) for ref, prompt in prompts().items()} == {
        "document_analyzer@3": {"content"},
        "chunk_analyzer@2": {"item"},
        "summarizer@1": {"chunks"},
        "shortener@1": {"text"},
        "document_classifier@1": {"document_key", "content"},
        "text_processor@2": {"classify"},
        "content_classifier@2": {"content"},
        "moderation_engine@1": {"content", "type"},
        "language_detector@1": {"text"},
        "translator@2": {"text", "target"},
        "text_processor@1": {"text"},
        "simple_analyzer@1": {"text"},
        "advanced_analyzer@3": {"text"},
    }


@pytest.mark.parametrize("path", sorted((EXAMPLES / "workflows").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_workflow_is_right_and_has_runs_that_bring_what_it_needs(path: Path) -> None:
    spec = checked(path.stem)
    runs = [body["inputs"] for body in submissions() if body["workflow_name"] == path.stem]
    assert runs
    assert all(spec.required_inputs <= inputs.keys() for inputs in runs)


def test_the_example_of_mcp_can_be_registered() -> None:
    spec, known = parsed(EXAMPLES / "mcp" / "ask_docs.yaml")
    found = check_spec(spec, prompts=known, tools=REGISTRY.names("tool"), functions=REGISTRY.names("function"))
    assert found.required_inputs == {"question"}
    assert list(argument_problems(spec, REGISTRY)) == []


def test_the_example_of_flow_control_is_right_and_has_a_key_of_every_kind() -> None:
    spec = parse_workflow((EXAMPLES / "flow" / "flow_controlled_sync.yaml").read_text(encoding="utf-8"))
    check_spec(spec, prompts={}, tools=[], functions=["result_merger"])
    gates = run_flow(spec, "acme", {"customer": "ann"}, {}, 0)
    assert gates is not None
    assert [gate.kind for gate in gates.gates] == ["debounce", "concurrency", "concurrency", "rate"]
    assert set(answers_of(spec)) == {"change"}


def test_the_example_of_a_quarantined_call_lets_a_page_choose_among_three_buckets_and_nothing_else() -> None:
    spec, known = parsed(EXAMPLES / "flow" / "quarantined_triage.yaml")
    resolved = check_spec(spec, prompts=known, tools=["http.request", "s3.put"], functions=[]).resolved
    tools = {name: REGISTRY.security("tool", name) for name in ("http.request", "s3.put")}
    endorse = [{"by": "schema", "quarantined": True}]

    def found(**more: Any) -> list[str]:
        policy = read_policy({"name": "ours", "extends": ["default"], **more})
        warnings = FlowCheck("acme", "ours@1", policy, tools, ArgumentNames({})).warnings(resolved)
        return [one.path for one in warnings if one.path.endswith(("bucket", "key"))]

    assert found() == ["dag.nodes[2].config.tool_args.bucket"]
    assert found(endorse=endorse) == []


def test_the_guides_conditions_stand_as_it_writes_them() -> None:
    conditions = {
        node.id: node.config.condition
        for name in ("conditional_processing", "multi_lang_translation", "cost_optimized_processing")
        for node in checked(name).spec.dag.nodes
        if node.config.condition is not None
    }
    assert conditions == {
        "process_text": "classify.output.type == 'text'",
        "process_image": "classify.output.type == 'image'",
        "translate_en": "detect_lang.output.language != 'en'",
        "simple_analyze": "route.output.complexity < 0.8",
        "complex_analyze": "route.output.complexity >= 0.8",
    }


def test_there_are_documents_enough() -> None:
    sizes = [path.stat().st_size for path in DOCUMENTS]
    assert len(sizes) >= 3
    assert 50_000 < max(sizes) < 200_000, "one is long enough to be worth a map-reduce, and fits a record"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_is_clean_text_that_its_readme_explains(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    assert "\r" not in text
    assert text == text.strip() + "\n"
    assert not re.search(r"gutenberg|transcriber|proofread|\[illustration", text, re.IGNORECASE)
    assert f"`{path.name}`" in (EXAMPLES / "documents" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_map_reduce_of_a_document_says_something_of_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    by_ref = prompts()
    analyses = [
        model.answer("local-silver", render(by_ref["chunk_analyzer@2"].template, {"item": piece}), 1024).text
        for piece in pieces(text, 1000, 0)
    ]
    prompt = render(by_ref["summarizer@1"].template, {"chunks": analyses})
    answer = model.answer("local-silver", prompt, 1024)
    quotes = [line.removeprefix("- ") for line in answer.text.splitlines() if line.startswith("- ")]
    assert answer.text.startswith(f"Summary of {len(analyses)} part")
    assert len(quotes) >= 2
    assert all(quote in " ".join(text.split()) for quote in quotes)
    assert "Key terms: " in answer.text
