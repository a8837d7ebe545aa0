"""Properties of the pack ``default``: whatever the call, untrusted content chooses no sink of an effect."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.labels.label import TRUSTED, Integrity, Label
from schemas.labels.mapped import Labels
from schemas.labels.paths import Path
from schemas.policies.arguments import argument_labels, has_effects, sink_of
from schemas.policies.compiled import compile_policy
from schemas.policies.facts import ToolFacts, Where
from schemas.policies.packs import PACKS
from schemas.policies.read import read_policy
from schemas.policies.rulings import STRICTNESS
from schemas.records.security.pinned import ToolSecurity

_DEFAULT = compile_policy(read_policy(PACKS["default"]))
_NAMES = st.sampled_from(["to", "url", "sum", "file", "body", "x"])
_SINKS = st.sampled_from(["recipient", "url", "amount", "path", "command", "content"])
_LABELS = st.builds(
    Label,
    st.sampled_from(Integrity),
    st.frozensets(st.sampled_from(["pii", "own"]), max_size=1),
    st.one_of(st.none(), st.just(frozenset({"ann@example.org"}))),
)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(0, 99), st.sampled_from(["ann@example.org", "eve@example.org", ""])
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=2),
    max_leaves=4,
)
_PATHS = st.one_of(st.just(()), st.tuples(_NAMES), st.tuples(_NAMES, st.sampled_from([0, 1, "to"])))


@st.composite
def _facts(draw: st.DrawFn, trusted: list[str]) -> ToolFacts:
    places: dict[Path, Label] = draw(st.dictionaries(_PATHS, _LABELS, max_size=4))
    labels = Labels({(): TRUSTED} | places)
    tool = draw(
        st.builds(
            ToolSecurity,
            declared=st.booleans(),
            effects=st.booleans(),
            sinks=st.dictionaries(_NAMES, _SINKS, max_size=4),
            reads_when=st.dictionaries(_NAMES, st.just(["", "ann@example.org"]), max_size=1),
        )
    )
    return ToolFacts(
        where=Where(org="org", node="node", kind=draw(st.sampled_from(["agent", "tool"]))),
        tool="act",
        security=tool,
        args=draw(st.dictionaries(_NAMES, _VALUES, max_size=4)),
        labels=labels,
        control=draw(_LABELS),
        context=labels.whole.join(draw(_LABELS)),
        trusted=trusted,
    )


@given(_facts([]))
def test_untrusted_content_chooses_no_sink(facts: ToolFacts) -> None:
    ruling = _DEFAULT.tool_call(facts)
    labels = argument_labels(facts.args, facts.labels)
    effects = has_effects(facts.security, facts.args)
    chosen = [name for name in facts.args if sink_of(facts.security, name, effects=effects) not in ("", "content")]
    if any(labels[name].integrity > Integrity.USER for name in chosen):
        assert ruling.verdict == "deny"


@given(_facts([]))
def test_undeclared_tools_have_nothing_to_do_with_untrusted_content(facts: ToolFacts) -> None:
    seen = max(facts.context.integrity, facts.control.integrity, facts.labels.whole.integrity if facts.args else 0)
    if not facts.security.declared and seen > Integrity.USER and facts.args:
        assert _DEFAULT.tool_call(facts).verdict == "deny"


@given(_facts([]))
def test_agents_never_have_all_of_untrusted_content_private_data_and_an_effect(facts: ToolFacts) -> None:
    agent = facts.where.kind == "agent" and has_effects(facts.security, facts.args)
    if agent and facts.context.integrity > Integrity.USER and "pii" in facts.context.classes:
        assert _DEFAULT.tool_call(facts).verdict in ("deny", "ask")


@given(_facts(["mail ann@example.org 42"]), st.sampled_from(Integrity))
def test_less_trust_never_makes_a_verdict_milder(facts: ToolFacts, least: Integrity) -> None:
    raised = Label(least)
    worse = ToolFacts(
        where=facts.where,
        tool=facts.tool,
        security=facts.security,
        args=facts.args,
        labels=facts.labels.raised(raised),
        control=facts.control.join(raised),
        context=facts.context.join(raised),
        trusted=facts.trusted,
    )
    before, after = _DEFAULT.tool_call(facts).verdict, _DEFAULT.tool_call(worse).verdict
    assert STRICTNESS.index(after) <= STRICTNESS.index(before)


@given(_facts(["mail ann@example.org 42"]))
def test_data_with_readers_goes_to_nobody_else(facts: ToolFacts) -> None:
    labels = argument_labels(facts.args, facts.labels)
    effects = has_effects(facts.security, facts.args)
    sinks = {name: sink_of(facts.security, name, effects=effects) for name in facts.args}
    limited = [labels[name].readers for name, sink in sinks.items() if sink and labels[name].readers is not None]
    recipients = [value for name, value in facts.args.items() if sinks[name] == "recipient"]
    if limited and "eve@example.org" in recipients:
        assert _DEFAULT.tool_call(facts).verdict == "deny"
