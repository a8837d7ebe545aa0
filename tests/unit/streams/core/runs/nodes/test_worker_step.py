"""What a request has of its prompt's version."""

from typing import Any

import msgspec
import orjson

from schemas.prompts.form import PromptForm
from schemas.records.steps import AgentTurn, LlmCall, StepRequest
from schemas.spec.model import PinnedPrompt
from schemas.spec.rules_version import FIRST, FORMS, rules_of
from streams.core.runs.requests.sizes import request_size
from tests.support.runs import World, llm, resolved, spec, submitted

FORM = {
    "messages": [
        {"role": "system", "template": "{{> head@1}}"},
        {"role": "user", "template": "Say {{word}}", "images": ["photo"]},
    ],
    "refs": {"head@1": "head@1"},
    "parts": {"head@1": {"template": "Be brief."}},
    "parameters": {"provider": "openai", "model": "gpt-4o", "max_tokens": 50, "temperature": 0.5},
    "input_schema": {"type": "object"},
    "output_schema": {"type": "object"},
    "repair": True,
    "tools": ["s3.fetch"],
}


def asked(node: dict[str, Any], **form: Any) -> StepRequest:
    """Return the first request of a run of one node."""
    made = PromptForm.model_validate(form) if form else None
    version = PinnedPrompt(name="chat", version=1, template="", hash="1" * 64, form=made)
    world = World()
    world.feed(submitted(resolved(node, chat=version), inputs={"word": "x", "photo": "y"}))
    (request,) = (one for one in world.requests if isinstance(one, StepRequest))
    return request


def test_a_request_has_the_form_and_the_parameters_of_its_prompt() -> None:
    work = asked(llm("a", "chat@1", max_tokens=70), **FORM).work
    assert isinstance(work, LlmCall)
    assert (work.provider, work.model, work.max_tokens, work.temperature) == ("openai", "gpt-4o", 70, 0.5)
    assert (work.output_schema, work.images) == ({"type": "object"}, ["photo"])
    assert work.form is not None
    said = msgspec.to_builtins(work.form)
    assert said == {name: FORM[name] for name in ("messages", "refs", "parts", "input_schema", "repair")}


def test_a_form_of_parameters_alone_changes_no_way_of_reading() -> None:
    work = asked(llm("a", "chat@1"), parameters={"max_tokens": 50}).work
    assert isinstance(work, LlmCall)
    assert (work.max_tokens, work.form) == (50, None)


def test_a_plain_prompt_has_the_request_of_before() -> None:
    assert b'"form"' not in msgspec.json.encode(asked(llm("a", "chat@1")))


def test_an_agent_without_tools_has_those_of_its_prompt() -> None:
    node = {"id": "a", "type": "agent", "config": {"prompt_ref": "chat@1"}}
    work = asked(node, **FORM).work
    assert isinstance(work, AgentTurn)
    assert work.tools == ["s3.fetch"]


def test_a_form_counts_in_the_size_of_a_request() -> None:
    request = asked(llm("a", "chat@1"), **FORM)
    plain = msgspec.structs.replace(request.work, form=None)
    assert isinstance(plain, LlmCall)
    more = request_size({}, [], {}, request.work) - request_size({}, [], {}, plain)
    assert more == len(orjson.dumps(msgspec.to_builtins(request.work.form)))  # type: ignore[union-attr]


def test_a_prompt_with_a_form_and_a_repair_need_the_newest_rules() -> None:
    """An older orchestrator would drop both, and ask for something else."""
    form = PromptForm.model_validate(FORM)
    version = PinnedPrompt(name="chat", version=1, template="", hash="1" * 64, form=form)
    with_form = resolved(llm("a", "chat@1"), chat=version)
    assert rules_of(with_form.spec, with_form.prompts.values()) == FORMS
    assert rules_of(spec(llm("a", repair=True, output_schema={}))) == FORMS
    assert rules_of(spec(llm("a"))) == FIRST
