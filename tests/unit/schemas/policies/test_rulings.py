"""Rulings: which rule decides, what is strictest, and that every error denies."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidInput
from schemas.labels.label import TRUSTED, UNLABELLED, Integrity, Label
from schemas.labels.mapped import Labels
from schemas.policies.compiled import PolicySet, compile_policy
from schemas.policies.document import Policy
from schemas.policies.facts import ModelFacts, OutputFacts, Reader, ReadFacts, ToolFacts, Where
from schemas.policies.read import read_policy
from schemas.policies.rulings import STRICTNESS, Ruling
from schemas.records.security.pinned import UNDECLARED, ToolSecurity

WEB = Label(Integrity.WEB, origins=frozenset({"page"}))
WHERE = Where(org="acme", workflow="mail", node="send", kind="tool", tags={"team": "x"})
SEND = ToolSecurity(effects=True, sinks={"to": "recipient", "body": "content"})
READ = ToolSecurity()


def policy(*rules: str, **more: Any) -> PolicySet:
    document = read_policy("name: p\nrules:\n" + "".join(f"  - {{{rule}}}\n" for rule in rules))
    return compile_policy(Policy.model_validate(document.document | more))


def call(security: ToolSecurity = READ, **more: Any) -> ToolFacts:
    args = more.pop("args", {"to": "bob@example.org", "body": "hello"})
    labels = Labels({(): TRUSTED, **{(name,): label for name, label in more.pop("labels", {}).items()}})
    said = {"where": WHERE, "tool": "send", "control": TRUSTED, "context": TRUSTED} | more
    return ToolFacts(security=security, args=args, labels=labels, **said)


TO = "id: to, at: tool_call, when: 'args.to.integrity > USER', verdict: deny, reason: who gets it"


def test_a_rule_denies_by_the_label_of_an_argument() -> None:
    ruling = policy(TO).tool_call(call(labels={"to": WEB}))
    assert (ruling.verdict, ruling.said) == ("deny", "deny")
    assert ruling.message == "rule 'to': who gets it"
    (decision,) = ruling.decisions
    assert (decision.point, decision.rule, decision.subject, decision.enforced) == ("tool_call", "to", "send", True)
    assert decision.labels == {"to": ["web", "from:page"]}


def test_what_no_rule_limits_is_allowed_without_decisions() -> None:
    assert policy(TO).tool_call(call(labels={"body": WEB})) == Ruling()


def test_calls_with_effects_are_denied_unless_a_rule_allows_them() -> None:
    ruling = policy(TO).tool_call(call(SEND))
    assert (ruling.verdict, ruling.decisions[0].rule) == ("deny", "default")
    allow = "id: yes, at: tool_call, when: 'args.to.trusted', verdict: allow"
    ruling = policy(TO, allow).tool_call(call(SEND))
    assert (ruling.verdict, [one.rule for one in ruling.decisions]) == ("allow", ["yes"])
    ruling = policy(TO, allow).tool_call(call(SEND, labels={"to": WEB}))
    assert (ruling.verdict, [one.rule for one in ruling.decisions]) == ("deny", ["to", "default"])
    assert policy(TO).tool_call(call(UNDECLARED)).verdict == "deny"
    assert policy(TO, effects="allow").tool_call(call(SEND)).verdict == "allow"
    assert policy(TO, effects="ask").tool_call(call(SEND)).verdict == "ask"


def test_an_allow_never_lifts_a_deny() -> None:
    allow = "id: yes, at: tool_call, verdict: allow"
    ruling = policy(allow, TO).tool_call(call(SEND, labels={"to": WEB}))
    assert (ruling.verdict, {one.rule for one in ruling.decisions}) == ("deny", {"to", "yes"})


@given(st.lists(st.sampled_from(["deny", "ask", "redact"]), min_size=1, max_size=8))
def test_the_strictest_verdict_wins_and_all_decisions_are_kept(verdicts: list[str]) -> None:
    more = {"redact": ", redact: [$.to]"}
    rules = [f"id: r{at}, at: tool_call, verdict: {one}{more.get(one, '')}" for at, one in enumerate(verdicts)]
    ruling = policy(*rules).tool_call(call())
    assert ruling.verdict == min(verdicts, key=STRICTNESS.index)  # type: ignore[arg-type]
    assert [one.verdict for one in ruling.decisions] == verdicts


@pytest.mark.parametrize(
    "when",
    [
        "args.nobody.integrity > USER",
        "args.to.integrity > 'web'",
        "args.to.value > 5",
        "1 / 0 == 1",
        "args.to.value.matches('(a')",
        "args.to.value",
        "args.all(a, args.all(b, args.all(c, args.all(d, args.all(e, args.all(f, true))))))",
    ],
)
def test_a_condition_that_cannot_be_decided_denies(when: str) -> None:
    # Of ten arguments, six nested loops are over the number of steps of one evaluation.
    args = {"to": "x", **{f"a{at}": 1 for at in range(9)}}
    rule = f'id: odd, at: tool_call, when: "{when}", verdict: redact, redact: [$.to]'
    ruling = policy(rule).tool_call(call(args=args))
    assert (ruling.verdict, ruling.decisions[0].rule) == ("deny", "odd")
    assert ruling.decisions[0].reason.startswith("error: ")
    assert ruling.changes.redact == ()


@pytest.mark.parametrize(
    "value", ["a\0b", "\ud800", 2**70, 2**63, "x" * 40_000, list(range(300)), {"a": {1: 2}}, b"x", float("nan")]
)
def test_a_value_that_conditions_cannot_read_denies_where_it_is_read(value: object) -> None:
    rule = "id: value, at: tool_call, when: \"args.to.value == 'x'\", verdict: deny"
    facts = call(args={"to": value})
    assert policy(rule).tool_call(facts).message.startswith("rule 'value': error: ")
    assert policy(TO).tool_call(facts).verdict == "allow"


@pytest.mark.parametrize("args", [{f"a{at}": 1 for at in range(65)}, {"a\0": 1}, {"\ud800": 1}])
def test_arguments_that_cannot_be_read_deny(args: dict[str, Any]) -> None:
    ruling = policy(TO).tool_call(call(args=args))
    assert (ruling.verdict, ruling.decisions[0].rule) == ("deny", "error")


def test_shadow_records_and_changes_nothing() -> None:
    ruling = policy(TO, mode="shadow").tool_call(call(SEND, labels={"to": WEB}))
    assert (ruling.verdict, ruling.said, ruling.message) == ("allow", "deny", "")
    assert [one.enforced for one in ruling.decisions] == [False, False]
    error = policy("id: e, at: tool_call, when: 1/0 == 1, verdict: deny", mode="shadow").tool_call(call())
    assert (error.verdict, error.said, error.decisions[0].enforced) == ("allow", "deny", False)


def test_a_run_pins_the_mode_and_a_rule_may_be_in_shadow_alone() -> None:
    document = read_policy(f"name: p\nmode: shadow\nrules: [{{{TO}}}]")
    assert compile_policy(document, "enforce").tool_call(call(labels={"to": WEB})).verdict == "deny"
    ruling = policy(f"{TO}, mode: shadow").tool_call(call(labels={"to": WEB}))
    assert (ruling.verdict, ruling.said) == ("allow", "deny")


def test_patterns_choose_tools_workflows_and_nodes() -> None:
    rule = "id: a, at: tool_call, tools: [se*d, x], workflows: ['ma*'], nodes: [send], verdict: deny"
    assert policy(rule).tool_call(call()).verdict == "deny"
    for other in ({"tool": "sends"}, {"where": Where(org="a", workflow="xmail", node="send")}):
        assert policy(rule).tool_call(call(**other)).verdict == "allow"


def test_undeclared_arguments_of_effects_are_sinks() -> None:
    rule = "id: a, at: tool_call, when: \"sinks.exists(s, s.sink == 'unknown' && !s.trusted)\", verdict: deny"
    one = policy(rule, effects="allow")
    labels = {"bcc": WEB}
    args = {"to": "x", "bcc": "y"}
    assert one.tool_call(call(SEND, args=args, labels=labels)).verdict == "deny"
    assert one.tool_call(call(UNDECLARED, args=args, labels=labels)).verdict == "deny"
    assert one.tool_call(call(READ, args=args, labels=labels)).verdict == "allow"


@pytest.mark.parametrize(
    ("args", "effects"),
    [
        ({"url": "u"}, False),
        ({"url": "u", "method": "GET"}, False),
        ({"method": "get"}, True),
        ({"method": ["GET"]}, True),
    ],
)
def test_a_call_that_only_reads_has_no_effects_and_its_sinks_all_the_same(args: dict[str, Any], effects: bool) -> None:
    request = ToolSecurity(effects=True, sinks={"url": "url"}, reads_when={"method": ["", "GET"]})
    facts = call(request, args={"x": 1} | args, labels={"url": WEB, "x": WEB})
    ruling = policy("id: a, at: tool_call, when: tool.effects, verdict: redact, redact: [$.x]").tool_call(facts)
    assert (ruling.verdict, bool(ruling.decisions)) == (("deny", True) if effects else ("allow", False))
    unknown = policy(
        "id: a, at: tool_call, when: \"sinks.exists(s, s.sink == 'unknown')\", verdict: deny", effects="allow"
    )
    assert (unknown.tool_call(facts).verdict == "deny") is effects
    if "url" in args:
        url = policy("id: a, at: tool_call, when: \"sinks.exists(s, s.sink == 'url' && !s.trusted)\", verdict: deny")
        assert url.tool_call(facts).verdict == "deny"


def model_call(provider: str = "openai", **more: Any) -> ModelFacts:
    labels = Labels({(): TRUSTED, ("doc",): Label(classes=frozenset({"health"}))})
    context = labels.whole
    said = {"where": WHERE, "model": "m", "labels": labels, "control": TRUSTED, "context": context} | more
    return ModelFacts(provider=provider, **said)


def test_a_model_call_is_routed_to_what_every_rule_allows() -> None:
    health = "at: model_call, when: \"'health' in context.classes\", verdict: route"
    ruling = policy(
        f"id: a, {health}, route: [azure, local/llama]", f"id: b, {health}, route: [local, azure/gpt]"
    ).model_call(model_call())
    assert ruling.verdict == "route"
    assert ruling.changes.routes == ("azure/gpt", "local/llama")
    none = policy(f"id: a, {health}, route: [azure]", f"id: b, {health}, route: [local]").model_call(model_call())
    assert (none.verdict, none.decisions[-1].rule) == ("deny", "error")
    shadow = policy(f"id: a, {health}, route: [azure], mode: shadow").model_call(model_call())
    assert (shadow.verdict, shadow.changes.routes) == ("allow", None)


def test_what_is_not_known_of_a_provider_denies() -> None:
    rule = "id: days, at: model_call, when: 'model.retention > 30', verdict: deny"
    assert policy(rule).model_call(model_call(retention=7)).verdict == "allow"
    assert policy(rule).model_call(model_call(retention=90)).verdict == "deny"
    assert policy(rule).model_call(model_call()).message.startswith("rule 'days': error: ")


def test_an_output_is_redacted_by_path_and_class() -> None:
    rules = (
        "id: a, at: output, when: \"'card' in output.classes\", verdict: redact, redact: [$.a]",
        "id: b, at: output, verdict: redact, redact: [$.a, $.b], redact_classes: [card]",
    )
    labels = Labels.of_whole(Label(classes=frozenset({"card"})))
    ruling = policy(*rules).output(OutputFacts(where=WHERE, value={"a": 1}, labels=labels, control=TRUSTED))
    assert ruling.verdict == "redact"
    assert (ruling.changes.redact, ruling.changes.redact_classes) == (("$.a", "$.b"), {"card"})


def test_rules_of_results_and_of_answers_are_apart() -> None:
    rules = (
        "id: answers, at: output, verdict: deny",
        "id: results, at: output, tools: ['web.*'], when: output.integrity > USER, verdict: deny",
    )

    def given(tool: str, label: Label = UNLABELLED) -> list[str]:
        facts = OutputFacts(where=WHERE, value={"a": 1}, labels=Labels.of_whole(label), control=TRUSTED, tool=tool)
        return [one.rule for one in policy(*rules).output(facts).decisions]

    assert given("") == ["answers"]
    assert given("web.search") == ["results"]
    assert given("web.search", TRUSTED) == given("mail.read") == []
    assert policy(*rules).rules_results
    assert not policy(rules[0]).rules_results


def test_a_reader_is_judged_by_readers_of_the_label() -> None:
    rule = "id: who, at: read, when: output.limited && !(reader.id in output.readers), verdict: deny"
    limited = Label(readers=frozenset({"ann"}))

    def reading(who: str, label: Label) -> Ruling:
        return policy(rule).read(ReadFacts(where=WHERE, reader=Reader(id=who), label=label, control=TRUSTED))

    assert reading("ann", limited).verdict == "allow"
    assert reading("bob", limited).verdict == "deny"
    assert reading("bob", TRUSTED).verdict == "allow"


@pytest.mark.parametrize(("readers", "verdict"), [(None, "allow"), (frozenset({"r0"}), "deny")])
def test_more_recipients_than_conditions_read_deny_where_readers_are_limited(readers: Any, verdict: str) -> None:
    rule = (
        "id: r, at: tool_call, when: 'sinks.exists(s, s.limited && !recipients.all(r, r in s.readers))', verdict: deny"
    )
    args = {"to": {"a": ["r0"] * 200, "b": ["r0"] * 200}, "body": "x"}
    facts = call(SEND, args=args, labels={"body": Label(readers=readers)})
    assert policy(rule, effects="allow").tool_call(facts).verdict == verdict
    few = call(SEND, args={"to": {"a": ["r0", None]}, "body": "x"}, labels={"body": Label(readers=readers)})
    assert policy(rule, effects="allow").tool_call(few).verdict == "allow"


def test_every_variable_of_the_reference_can_be_read() -> None:
    common = "node.kind == 'tool' && workflow.name == 'mail' && org == 'acme' && tags.team == 'x' && values.limit == 3"
    common += " && run.id == '' && key.roles == [] && control.origins == []"
    rule = f'id: a, at: tool_call, when: "{common}", verdict: deny'
    assert policy(rule, values={"limit": 3}).tool_call(call()).message == "rule 'a'"


def test_a_document_that_was_not_read_strictly_is_refused_when_compiled() -> None:
    raw = {"name": "p", "rules": [{"id": "a", "at": "tool_call", "when": "nonsense(", "verdict": "deny"}]}
    with pytest.raises(InvalidInput, match=re.escape("rules[0].when")):
        compile_policy(Policy.model_validate(raw))


_CONDITIONS = st.sampled_from(
    [
        "args.to.integrity > USER",
        "args.nobody.integrity > USER",
        "control.integrity == WEB",
        "sinks.exists(s, s.sink == 'recipient' && !s.trusted)",
        "1 / 0 == 1",
        "tool.effects",
        "args.to.value",
    ]
)
_LABELS = st.sampled_from([TRUSTED, Label(Integrity.USER), WEB])


@given(st.lists(st.tuples(_CONDITIONS, st.sampled_from(["deny", "ask"])), min_size=1, max_size=30), _LABELS, _LABELS)
def test_rules_together_decide_what_each_decides_alone(rules: list[tuple[str, str]], to: Label, control: Label) -> None:
    facts = call(SEND, labels={"to": to}, control=control)
    texts = [f'id: r{at}, at: tool_call, when: "{when}", verdict: {said}' for at, (when, said) in enumerate(rules)]
    together = policy(*texts, effects="allow").tool_call(facts)
    alone = [one for text in texts for one in policy(text, effects="allow").tool_call(facts).decisions]
    assert list(together.decisions) == alone
