"""What an organisation's policy says of a workflow before any run: it refuses, asks, allows, or cannot know yet."""

import pickle

import pytest

from schemas.errors import InvalidSpec
from schemas.policies.read import read_policy
from schemas.records.security.pinned import ToolSecurity
from schemas.spec.hash import resolve
from schemas.spec.inputs.known_inputs import ArgumentNames
from services.security.flow.check import FlowCheck
from tests.support.families import flow as workflow
from tests.support.runs import prompt

TOOLS = {
    "fetch": ToolSecurity(source=["web", "class:pii"]),
    "send_email": ToolSecurity(source=["trusted"], effects=True, sinks={"to": "recipient", "body": "content"}),
}
TAKES = ArgumentNames({("tool", "send_email"): frozenset({"to", "body"}), ("tool", "fetch"): frozenset({"url"})})
ALLOW = {"id": "allow-all", "at": "tool_call", "when": "true", "verdict": "allow"}
TAINTED = {"id": "tainted", "at": "tool_call", "when": "sinks.exists(s, s.sink != 'content' && !s.trusted)"}


def policy(*rules: dict, **more):
    return read_policy({"name": "ours", "rules": list(rules)} | more)


def check(found, to: str = "fetch.output", *, provider: str = "", tools=TOOLS):
    nodes = [
        {"id": "fetch", "type": "tool", "config": {"tool_name": "fetch", "tool_args": {"url": "{{page}}"}}},
        {"id": "send", "type": "tool", "config": {"tool_name": "send_email", "tool_args": {"to": to, "body": "hi"}}},
    ]
    edges = "fetch>send"
    if provider:
        config = {"prompt_ref": "ask@1", "provider": provider, "model": "m", "inputs": {"word": "fetch.output"}}
        nodes[1] = {"id": "ask", "type": "llm", "config": config}
        edges = "fetch>ask"
    one = FlowCheck("acme", "ours@3", found, tools, TAKES)
    assert pickle.loads(pickle.dumps(one)) == one
    return one.warnings(resolve(workflow("top", *nodes, edges=edges), {"ask@1": prompt()}))


def test_what_the_policy_denies_is_a_warning_that_names_its_rule():
    (one,) = check(policy(ALLOW, TAINTED | {"verdict": "deny"}))
    assert one.path == "dag.nodes[1].config.tool_args.to"
    assert one.message == (
        "node 'send' (send_email): argument 'to' (recipient) may hold web data (rule 'tainted' denies it): "
        "fetch -> send.to"
    )


def test_a_policy_that_refuses_refuses_what_it_would_deny():
    found = policy(ALLOW, TAINTED | {"verdict": "deny"}, static="refuse")
    with pytest.raises(InvalidSpec) as refused:
        check(found)
    assert [one.path for one in refused.value.problems] == ["dag.nodes[1].config.tool_args.to"]
    assert check(found, to="ops@example.com") == ()


def test_a_policy_in_shadow_mode_only_warns():
    assert len(check(policy(ALLOW, TAINTED | {"verdict": "deny"}, static="refuse", mode="shadow"))) == 1


def test_a_person_who_is_asked_first_refuses_nothing():
    (one,) = check(policy(ALLOW, TAINTED | {"verdict": "ask"}, static="refuse"))
    assert "(rule 'tainted' asks a person first)" in one.message


def test_what_the_policy_allows_is_no_warning():
    assert check(policy(ALLOW)) == ()


def test_no_check_where_the_policy_wants_none():
    assert check(policy(ALLOW, TAINTED | {"verdict": "deny"}, static="off")) == ()


def test_a_call_that_no_rule_allows_is_named():
    (one,) = check(policy(), to="ops@example.com")
    assert one.path == "dag.nodes[1].config.tool_name"
    assert one.message.startswith("node 'send' (send_email): rule 'default' of the policy denies it: no rule allows")


def test_a_rule_that_reads_values_is_open_before_a_run():
    rule = {"id": "ours-only", "at": "tool_call", "when": "!args.to.value.endsWith('@example.com')", "verdict": "deny"}
    assert check(policy(ALLOW, rule, static="refuse"), to="ops@example.com") == ()
    (one,) = check(policy(ALLOW, rule, static="refuse"))
    assert one.message.endswith("may hold web data: fetch -> send.to")


def test_what_an_agent_may_have_word_for_word_from_a_user_refuses_nothing():
    """Only calls of agents are endorsed so: what a node binds is what it is labelled."""
    endorse = [{"by": "verbatim", "tools": ["send_email"], "arguments": ["to"]}]
    found = policy(ALLOW, TAINTED | {"verdict": "deny"}, static="refuse", endorse=endorse)
    with pytest.raises(InvalidSpec):
        check(found)
    config = {"prompt_ref": "ask@1", "tools": ["fetch", "send_email"], "inputs": {"word": "hi"}}
    spec = workflow("top", {"id": "helper", "type": "agent", "config": config})
    sink, two = FlowCheck("acme", "ours@3", found, TOOLS, TAKES).warnings(resolve(spec, {"ask@1": prompt()}))
    assert sink.message.startswith("agent 'helper' may choose 'to' (recipient) of send_email by web data")
    assert two.message.startswith("agent 'helper' reads web data, knows private data (pii) and may call send_email")


def test_an_agent_with_all_three_is_refused_where_the_policy_lets_it():
    config = {"prompt_ref": "ask@1", "tools": ["fetch", "send_email"], "inputs": {"word": "hi"}}
    spec = workflow("top", {"id": "helper", "type": "agent", "config": config})
    with pytest.raises(InvalidSpec, match="leave out one of the three"):
        FlowCheck("acme", "ours@3", policy(ALLOW, static="refuse"), TOOLS, TAKES).warnings(
            resolve(spec, {"ask@1": prompt()})
        )


def test_a_provider_that_a_rule_denies_is_named():
    rule = {
        "id": "pii-stays",
        "at": "model_call",
        "when": "context.classes.exists(c, c == 'pii') && model.provider != 'local'",
        "verdict": "deny",
        "reason": "personal data stays here",
    }
    found = policy(ALLOW, rule, static="refuse")
    with pytest.raises(InvalidSpec) as refused:
        check(found, provider="openai")
    (one,) = refused.value.problems
    assert one.path == "dag.nodes[1].config.provider"
    assert one.message.startswith("node 'ask' asks 'openai', which rule 'pii-stays' denies: personal data stays here")
    assert check(found, provider="local") == ()


def test_declarations_and_inputs_of_the_policy_win():
    found = policy(ALLOW, TAINTED | {"verdict": "deny"}, tools={"fetch": {"source": ["trusted"]}})
    assert check(found) == ()
    found = policy(ALLOW, TAINTED | {"verdict": "deny"}, inputs={"top": {"$.page": ["web"]}})
    assert len(check(found, to="{{page}}")) == 1
    assert check(policy(ALLOW, TAINTED | {"verdict": "deny"}), to="{{page}}") == ()


def test_a_label_that_nobody_knows_refuses():
    tools = TOOLS | {"fetch": ToolSecurity(source=["honest"])}
    with pytest.raises(InvalidSpec, match="the label 'honest' is unknown"):
        check(policy(ALLOW, static="refuse"), tools=tools)


def test_answers_with_a_closed_schema_are_trusted_where_the_policy_says_so():
    closed = {"type": "object", "additionalProperties": False, "properties": {"to": {"enum": ["ann", "bob"]}}}
    config = {"prompt_ref": "ask@1", "inputs": {"word": "fetch.output"}, "output_schema": closed}
    nodes = [
        {"id": "fetch", "type": "tool", "config": {"tool_name": "fetch"}},
        {"id": "choose", "type": "llm", "config": config},
        {"id": "send", "type": "tool", "config": {"tool_name": "send_email", "tool_args": {"to": "choose.output.to"}}},
    ]
    resolved = resolve(workflow("top", *nodes, edges="fetch>choose choose>send"), {"ask@1": prompt()})
    for endorse, expected in (([], 1), ([{"by": "schema", "nodes": ["choose"]}], 0)):
        found = policy(ALLOW, TAINTED | {"verdict": "deny"}, endorse=endorse)
        assert len(FlowCheck("acme", "ours@3", found, TOOLS, TAKES).warnings(resolved)) == expected


def test_a_function_that_the_policy_lists_is_trusted():
    nodes = [
        {"id": "fetch", "type": "tool", "config": {"tool_name": "fetch"}},
        {"id": "f", "type": "function", "config": {"function_name": "pick", "function_args": {"x": "fetch.output"}}},
        {"id": "send", "type": "tool", "config": {"tool_name": "send_email", "tool_args": {"to": "f.output"}}},
    ]
    resolved = resolve(workflow("top", *nodes, edges="fetch>f f>send"), {})
    for endorse, expected in (([], 1), ([{"by": "list", "functions": ["pick"]}], 0)):
        found = policy(ALLOW, TAINTED | {"verdict": "deny"}, endorse=endorse)
        assert len(FlowCheck("acme", "ours@3", found, TOOLS, TAKES).warnings(resolved)) == expected
