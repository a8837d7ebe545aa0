"""The local check and a registration find the same problems, in the same words."""

import copy
import json
from pathlib import Path

import pytest
import yaml
from agentflow.checking import check
from agentflow.errors import InvalidWorkflow

from schemas.errors import InvalidSpec
from schemas.prompts.inline import with_versions
from schemas.spec.check.workflow import prompt_refs
from schemas.spec.inputs.known_inputs import ArgumentNames
from schemas.spec.model import PinnedPrompt
from schemas.spec.nested import Family
from services.workflows.check_requests import Check, Parse

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "examples" / "workflows").glob("*.yaml")}
TOOLS = ["s3.fetch", "s3.put", "image_analyzer"]
FUNCTIONS = ["text_splitter", "result_merger", "result_combiner", "complexity_router"]


def nodes(document):
    return document["dag"]["nodes"]


def changed(change):
    document = copy.deepcopy(DOCUMENTS["document_analysis"])
    change(document)
    return document


def as_registered(document):
    """Return what a registration finds, with prompts that exist as the document names them."""
    try:
        read = Parse(json.dumps(document)).answer()
        own = {one.node: one.pinned(1) for one in read.inline}
        spec = with_versions(read.spec, own)
        empty = PinnedPrompt(name="p", version=1, template="", hash="0")
        prompts = dict.fromkeys(prompt_refs(spec), empty) | {f"{one.name}@1": one for one in own.values()}
        names = ArgumentNames({})
        named = {"tools": TOOLS, "functions": FUNCTIONS, "further": (), "family": Family(), "arguments": names}
        Check(spec=spec, prompts=prompts, **named).answer()
    except InvalidSpec as exc:
        return [str(one) for one in exc.problems]
    return []


def as_checked(document):
    try:
        check(document, tools=TOOLS, functions=FUNCTIONS)
    except InvalidWorkflow as exc:
        return [str(one) for one in exc.problems]
    return []


FAULTS = {
    "a misspelt field": lambda d: nodes(d)[0].update(polciy={}),
    "an unknown type": lambda d: nodes(d)[0].update(type="lmm"),
    "an unknown tool": lambda d: nodes(d)[0]["config"].update(tool_name="s3.get"),
    "an unknown predecessor": lambda d: d["dag"]["edges"].append({"from": "x", "to": "analyze"}),
    "a cycle": lambda d: d["dag"]["edges"].append({"from": "analyze", "to": "ingest"}),
    "a bad condition": lambda d: nodes(d)[1]["config"].update(condition="ingest.output.x ==="),
    "no ancestor": lambda d: nodes(d)[0]["config"].update(inputs={"x": "analyze.output"}),
    "two nodes of one id": lambda d: nodes(d).append(nodes(d)[0]),
    "a negative time": lambda d: nodes(d)[1]["policy"].update(sla_ms=-1),
    "an unknown quality": lambda d: nodes(d)[1]["policy"].update(quality="golden"),
    "a prompt and a reference": lambda d: nodes(d)[1]["config"].update(prompt="Say {{x}}"),
    "reconciled by no tool": lambda d: nodes(d)[1]["policy"].update(on_unknown="reconcile"),
    "no nodes": lambda d: nodes(d).clear(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_document_has_the_problems_of_its_registration(fault):
    document = changed(FAULTS[fault])
    assert as_registered(document) != []
    assert as_checked(document) == as_registered(document)


@pytest.mark.parametrize("name", sorted(DOCUMENTS.keys() - {"reading_list"}))
def test_a_document_of_the_examples_is_checked_as_it_is_registered(name):
    assert as_checked(DOCUMENTS[name]) == as_registered(DOCUMENTS[name])


def test_a_workflow_that_is_not_given_is_taken_to_exist_and_one_that_is_given_is_compared():
    assert as_checked(DOCUMENTS["reading_list"]) == []
    child = copy.deepcopy(DOCUMENTS["map_reduce_analysis"])
    nodes(child)[0]["config"]["inputs"] = {"text": "{{body}}"}
    with pytest.raises(InvalidWorkflow, match="body"):
        check(DOCUMENTS["reading_list"], workflows=[child])
