"""Records to requests and back: a strict receiver finds no fault, and nothing is lost or changed on the way."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from bench.observability.otlp_receiver import Received, attributes_of
from schemas.errors import BadRecord
from schemas.ids import span_id, trace_id
from schemas.records.spans import Phase, Span, SpanLink, TraceSpans
from services.observability.otlp.incoming.dialects import facts_of
from services.observability.otlp.incoming.from_protobuf import read_protobuf
from services.observability.otlp.outgoing.requests import request_of, spans_of
from tests.support.otlp import NOW_NS

RUN = "run-1"
SECOND = 10**9


def span(step: str = "", **fields: Any) -> Span:
    given = {"name": step or "research", "start_ns": NOW_NS - 5 * SECOND, "end_ns": NOW_NS - SECOND, "type": "run"}
    parent = {"parent_span_id": span_id(RUN)} if step else {}
    return Span(span_id=span_id(RUN, step), **(given | parent | fields))


def record(*spans: Span, **fields: Any) -> TraceSpans:
    given = {"record_id": "r", "org_id": "acme", "run_id": RUN, "trace_id": trace_id(RUN), "workflow_name": "research"}
    return TraceSpans(spans=list(spans), **(given | fields))


def received(*records: TraceSpans) -> Received:
    found = Received()
    found.take(request_of(records, {"deployment.environment.name": "test"}))
    return found


CALL = span(
    "ask",
    type="llm_call",
    kind="client",
    provider="openai",
    model="gpt-4o",
    input_tokens=1000,
    output_tokens=200,
    cost_nano=4_500_000,
    attempt=1,
    phases=[Phase(type="quota", start_ns=NOW_NS - 5 * SECOND, end_ns=NOW_NS - 4 * SECOND)],
    links=[SpanLink(trace_id="ab" * 16, span_id="cd" * 8, relation="child_run")],
)


def test_a_run_is_one_tree_without_a_fault():
    found = received(record(CALL), record(span()))
    assert found.faults == found.tree_faults() == []
    assert found.names() == {"invoke_workflow research": 1, "chat gpt-4o": 1, "quota": 1}
    assert found.resources == [
        {"service.name": "agentflow", "service.version": "0.1.0", "agentflow.organisation": "acme"}
        | {"deployment.environment.name": "test"}
    ]


def test_a_call_has_the_names_of_the_conventions_and_of_openinference():
    found = received(record(CALL, tags={"team": "a"}))
    call = next(one for one in found.spans.values() if one.name == "chat gpt-4o")
    said = attributes_of(call)
    wanted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 1000,
        "openinference.span.kind": "LLM",
        "agentflow.cost.nano_usd": 4_500_000,
        "agentflow.run.id": RUN,
        "agentflow.tag.team": "a",
    }
    assert wanted.items() <= said.items()
    assert not [name for name in said if name.startswith("llm.token_count")]
    assert attributes_of(call.links[0]) == {"agentflow.link.relation": "child_run"}


def test_each_organisation_is_a_resource_of_its_own():
    found = received(record(span()), record(span(), org_id="other", trace_id=trace_id("other")))
    assert [one["agentflow.organisation"] for one in found.resources] == ["acme", "other"]


def test_the_same_records_are_the_same_bytes():
    one = record(CALL, span(), tags={"b": "1", "a": "2"})
    other = record(CALL, span(), tags={"a": "2", "b": "1"})
    assert request_of([one], {"x": "1", "a": "2"}) == request_of([other], {"a": "2", "x": "1"})


@pytest.mark.parametrize(
    "bad",
    [
        record(span(), trace_id="t"),
        record(span(), trace_id="0" * 32),
        record(Span(span_id="s", name="n", start_ns=1, end_ns=2)),
        record(span(parent_span_id="0" * 16)),
        record(span(start_ns=0)),
    ],
)
def test_ids_and_times_that_no_receiver_takes_are_named(bad: TraceSpans):
    with pytest.raises(BadRecord):
        spans_of(bad)


def test_a_span_that_ends_before_it_starts_has_no_length():
    found = received(record(span(end_ns=NOW_NS - 9 * SECOND)))
    assert found.faults == []


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
values = scalars | names | st.lists(names, max_size=3)
times = st.integers(NOW_NS - 60 * SECOND, NOW_NS)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start = draw(times)
    return Span(
        span_id=f"{draw(st.integers(1, 2**64 - 1)):016x}",
        name=draw(names),
        kind=draw(st.sampled_from(["internal", "client", "server", "producer", "consumer"])),
        start_ns=start,
        end_ns=start + draw(st.integers(0, SECOND)),
        status=draw(st.sampled_from(["unset", "ok", "error"])),
        status_message=draw(names),
        attributes=draw(st.dictionaries(names.filter(lambda n: not n.startswith("agentflow.")), values, max_size=5)),
        type="llm_call",
        provider=draw(st.sampled_from(["", "openai", "google"])),
        model=draw(st.sampled_from(["", "gpt-4o"])),
        input_tokens=draw(st.integers(0, 10**9)),
        output_tokens=draw(st.integers(0, 10**9)),
    )


@given(spans())
def test_what_leaves_comes_back_as_it_was(one: Span):
    (back,) = read_protobuf(request_of([record(one)], {}), NOW_NS).spans
    assert (back.trace_id, back.span_id, back.parent_span_id) == (trace_id(RUN), one.span_id, "")
    assert (back.start_ns, back.end_ns, back.status_message) == (one.start_ns, one.end_ns, one.status_message)
    assert back.kind == ["", "internal", "server", "client", "producer", "consumer"].index(one.kind)
    assert back.status == ["unset", "ok", "error"].index(one.status)
    kept = {name: value for name, value in one.attributes.items() if value is not None}
    assert {name: back.attributes[name] for name in kept} == kept
    facts = facts_of(back.attributes)
    assert (facts.type, facts.usage.input_tokens, facts.usage.output_tokens) == (
        *("llm_call", one.input_tokens),
        one.output_tokens,
    )
    assert facts.provider == one.provider
    assert facts.models == ((one.model,) if one.model else ())
