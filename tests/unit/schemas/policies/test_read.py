"""Documents of policies: what is read, its hash, and every problem with its place."""

import pytest

from schemas.errors import InvalidInput
from schemas.policies.read import read_policy

TEXT = """
name: mail
tools:
  send: {effects: true, sinks: {to: recipient, body: content}, source: "third_party class:pii"}
inputs:
  "support-*": {$.ticket: web}
rules:
  - {id: to, at: tool_call, tools: [send*], when: "args.to.integrity > USER", verdict: deny, reason: who gets it}
endorse:
  - {by: verbatim, sinks: [recipient], min_chars: 8}
tests:
  - {name: page, at: tool_call, expect: deny, rules: [to], facts: {tool: send, args: {to: a}, labels: {$.to: web}}}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        read_policy(text)
    return [str(one) for one in caught.value.problems]


def test_a_document_and_its_canonical_form_are_one_policy() -> None:
    policy = read_policy(TEXT)
    assert policy.tools["send"].source == ["third_party", "class:pii"]
    assert policy.declarations["send"].effects
    assert read_policy(policy.document) == policy
    assert read_policy(policy.document).hash == policy.hash
    assert read_policy({"rules": policy.document["rules"], **policy.document}).hash == policy.hash


@pytest.mark.parametrize("change", [("verdict: deny", "verdict: ask"), ("> USER", "> TRUSTED"), ("web}}", "user}}")])
def test_every_change_changes_the_hash(change: tuple[str, str]) -> None:
    assert read_policy(TEXT.replace(*change)).hash != read_policy(TEXT).hash


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        ("name: x\nmodes: shadow", "modes", "is no field of a policy"),
        ("rules: []", "name", "required"),
        ("name: x\ntools: {t: {source: wbe}}", "tools.t.source", "no word of a label"),
        ("name: x\ntools: {t: {fields: {a.b: web}}}", "tools.t.fields", "is no path"),
        ("name: x\ntools: {t: {readers: {$.a: b}}}", "tools.t.readers['$.a']", "is no path"),
        ("name: x\ntools: {t: {sinks: {to: somebody}}}", "tools.t.sinks.to", "recipient"),
        ("name: x\ntools: {t: {pure: true, effects: true}}", "tools.t.pure", "declared of a tool with effects"),
        ("name: x\ninputs: {w: {$.a: [user, clas:x]}}", "inputs.w[$.a]", "unknown"),
        ("name: x\nmode: off", "mode", "enforce"),
        ("name: x\neffects: true", "effects", "allow"),
    ],
)
def test_problems_of_parts_have_their_places(text: str, path: str, said: str) -> None:
    (found,) = problems(text)
    assert found.startswith(f"{path}: ")
    assert said in found


@pytest.mark.parametrize(
    ("rule", "path", "said"),
    [
        ("{id: a, at: tool_call, when: 'args.to.', verdict: deny}", "when", "not a CEL expression"),
        ("{id: a, at: tool_call, when: 'arg.to', verdict: deny}", "when", "names 'arg"),
        ("{id: a, at: tool_call, when: 'tool.effcts', verdict: deny}", "when", "fields of tool are name"),
        ("{id: a, at: read, when: 'args.to == 1', verdict: deny}", "when", "unknown at read"),
        ("{id: a, at: tool_call, when: 'sinks.map(s, s.name) == []', verdict: deny}", "when", "`map`"),
        ("{id: a, at: tool_call, when: '1 + 1', verdict: deny}", "when", "type INT"),
        (f"{{id: a, at: tool_call, when: '{'true || ' * 200}true', verdict: deny}}", "when", "the most is 1000"),
        ("{id: a, at: tool_call, verdict: refuse}", "verdict", "allow"),
        ("{id: a, at: output, verdict: ask}", "verdict", "before a tool's call"),
        ("{id: a, at: tool_call, verdict: route, route: [x]}", "verdict", "only a model's call"),
        ("{id: a, at: model_call, verdict: route}", "route", "if its verdict is route"),
        ("{id: a, at: model_call, verdict: deny, route: [x]}", "route", "if its verdict is route"),
        ("{id: a, at: output, verdict: redact}", "redact", "what to redact"),
        ("{id: a, at: output, verdict: redact, redact: [a.b]}", "redact", "is no path"),
        ("{id: a, at: read, verdict: deny, tools: [x]}", "tools", "only rules at tool_call and output"),
        ("{id: a, at: admin, verdict: ask}", "verdict", "before a tool's call"),
        ("{id: a, at: admin, verdict: allow}", "verdict", "tools with effects"),
        ("{id: a, at: admin, verdict: redact, redact: [$.a]}", "verdict", "done or not"),
        ("{id: a, at: admin, verdict: deny, nodes: [x]}", "workflows", "no workflow"),
        ("{id: a, at: admin, when: 'act.name == 1', verdict: deny}", "when", "fields of act are operation"),
        ("{id: a, at: admin, when: 'control.integrity > 1', verdict: deny}", "when", "unknown at admin"),
        ("{id: a, at: output, verdict: allow}", "verdict", "tools with effects"),
        ("{id: a, at: tool_call, verdict: allow, mode: shadow}", "mode", "would be denied"),
        ("{id: error, at: tool_call, verdict: deny}", "id", "another id"),
        ("{id: a b, at: tool_call, verdict: deny}", "id", "pattern"),
    ],
)
def test_problems_of_rules_have_their_places(rule: str, path: str, said: str) -> None:
    (found,) = problems(f"name: x\nrules: [{rule}]")
    assert found.startswith(f"rules[0].{path}: ")
    assert said in found


@pytest.mark.parametrize(
    ("one", "said"),
    [
        ("{by: verbatim}", "names no arguments"),
        ("{by: verbatim, arguments: [a], functions: [f]}", "functions do not"),
        ("{by: schema}", "names no nodes"),
        ("{by: list}", "names no functions"),
        ("{by: list, functions: [f], sinks: [url]}", "no tools, arguments"),
        ("{by: guess}", "verbatim"),
    ],
)
def test_problems_of_endorsements(one: str, said: str) -> None:
    (found,) = problems(f"name: x\nendorse: [{one}]")
    assert found.startswith("endorse[0]")
    assert said in found


TEST = "{name: t, at: read, expect: deny, rules: [b], facts: {reader: ann}}"


def test_all_problems_are_named_at_once() -> None:
    two = "{id: a, at: tool_call, when: 'x', verdict: deny}, {id: a, at: tool_call, when: 'y', verdict: deny}"
    found = problems(f"name: x\nrules: [{two}]\ntests: [{TEST}]")
    assert [one.split(":")[0] for one in found] == ["rules[0].when", "rules[1].id", "rules[1].when", "tests[0].rules"]


def test_values_that_conditions_cannot_read() -> None:
    assert problems(f"name: x\nvalues: {{a: {list(range(300))}}}")[0].startswith("values: ")
