"""Tools in the chat wire format, and how the local models call them."""

import json

import pytest

from connectors.providers.base import ModelRequest
from connectors.providers.compatible import chat
from connectors.providers.compatible.chat import read_completion, request_body
from connectors.providers.conversation import Asked, ToolSpec, Turn, weight, wire_names
from connectors.providers.local.provider import LocalProvider
from connectors.providers.local.tools import calls_of_turn, without_calls
from connectors.providers.wire import MalformedError

SEARCH = ToolSpec("library.search", "Search.", {"type": "object", "properties": {"text": {"type": "string"}}})
READ = ToolSpec("read", "Read.", {"type": "object"})
TOOLS = (SEARCH, READ)
PROMPT = """Find what there is about whales and summarize it:

@tool library.search {"text": "whales"}
@tool read {"key": "a"}

  @tool read
The rest is no call. @tool read
"""
TURN = Turn("look", (Asked("c1", "library.search", {"text": "é"}), Asked("c2", "read")), ("[1]", "text"))


def asked(**changes):
    return ModelRequest(model="local-echo", prompt=PROMPT, max_tokens=50, idempotency_key="k", **changes)


def completion(*calls, content=None):
    message = {"role": "assistant", "content": content, "tool_calls": list(calls)}
    return {"choices": [{"message": message, "finish_reason": "tool_calls"}]}


def call(arguments, name="library_search", id_="c1"):
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_tools_and_turns_in_a_request():
    body = request_body(asked(tools=TOOLS, turns=(TURN,)))
    assert [tool["function"]["name"] for tool in body["tools"]] == ["library_search", "read"]
    assert body["tools"][0] == {
        "type": "function",
        "function": {"name": "library_search", "description": "Search.", "parameters": SEARCH.parameters},
    }
    prompt, said, *results = body["messages"]
    assert prompt == {"role": "user", "content": PROMPT}
    assert (said["role"], said["content"]) == ("assistant", "look")
    assert [one["function"]["name"] for one in said["tool_calls"]] == ["library_search", "read"]
    assert json.loads(said["tool_calls"][0]["function"]["arguments"]) == {"text": "é"}
    assert results == [
        {"role": "tool", "tool_call_id": "c1", "content": "[1]"},
        {"role": "tool", "tool_call_id": "c2", "content": "text"},
    ]
    assert "tools" not in request_body(asked())


def test_names_on_the_wire_are_short_and_each_another_one():
    names = wire_names([ToolSpec(name, "", {}) for name in ("a.b", "a_b", "x" * 80, "x" * 81)])
    assert len(set(names.values())) == 4
    assert max(map(len, names.values())) <= 64
    assert names["a.b"] == "a_b"


def test_calls_in_an_answer():
    found = read_completion(completion(call('{"text": "whales"}'), call("[", id_="c2"), call("{}", "rm", "c3")), TOOLS)
    assert found.text == ""
    good, bad, unknown = found.asked
    assert good == Asked("c1", "library.search", {"text": "whales"})
    assert (bad.args, "not a JSON object" in bad.problem) == ({}, True)
    assert unknown.name == "rm"
    assert read_completion(completion(call("{}"), content="so"), TOOLS).text == "so"


@pytest.mark.parametrize("calls", [["x"], [{"id": "a"}], [{"function": {"name": "a"}}]])
def test_calls_that_are_malformed(calls):
    with pytest.raises(MalformedError):
        read_completion(completion(*calls), TOOLS)


def test_who_was_given_no_tools_asks_for_none():
    body = completion(call("{}"), content="text")
    assert (read_completion(body).asked, read_completion(body).text) == ((), "text")


def test_the_notation_of_the_local_models():
    first = calls_of_turn(PROMPT, 0)
    assert [(one.name, one.args) for one in first] == [("library.search", {"text": "whales"}), ("read", {"key": "a"})]
    assert [(one.name, one.args) for one in calls_of_turn(PROMPT, 1)] == [("read", {})]
    assert calls_of_turn(PROMPT, 2) == ()
    assert calls_of_turn("@tool read {bad", 0)[0].problem
    assert without_calls([PROMPT, "result"]).endswith("The rest is no call. @tool read\n\nresult")
    assert "library.search" not in without_calls([PROMPT])


async def test_a_local_model_calls_tools_and_then_answers():
    provider = LocalProvider()
    first = await provider.complete(asked(tools=TOOLS))
    assert [one.name for one in first.asked] == ["library.search", "read"]
    assert (first.text, first.finish_reason) == ("", "tool_calls")
    # What it says it received reads back as the same calls.
    assert chat.read_completion(first.received, TOOLS).asked == first.asked
    turns = tuple(Turn("", calls, ("r",) * len(calls)) for calls in (calls_of_turn(PROMPT, n) for n in range(2)))
    last = await provider.complete(asked(tools=TOOLS, turns=turns))
    assert (last.asked, last.finish_reason) == ((), "stop")
    assert last.text.endswith("r")
    most = provider.count_tokens("local-echo", weight(PROMPT, TOOLS, turns))
    assert first.usage.input_tokens < last.usage.input_tokens <= most
    plain = await provider.complete(asked())
    assert plain.asked == ()
    await provider.close()
