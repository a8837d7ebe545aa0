"""The spans of an attempt: who is below whom, what was waited for, and what may be read in them."""

from typing import Any

import pytest

from schemas.ids import span_id, trace_id
from schemas.payload import Reference, inline
from schemas.records.base import ErrorInfo
from schemas.records.hashes import value_hash
from schemas.records.spans import Phase, Span
from schemas.records.steps import FunctionCall, Link, StepRequest, ToolCall, Work
from services.calls.ledger import Ledger, ToolRun
from services.runs.attempts.outcome import Outcome
from services.runs.attempts.spans import spans_record

MS = 1_000_000
TOOL = ToolCall(name="search")


def a_request(work: Work = TOOL, **changes: Any) -> StepRequest:
    fields: dict[str, Any] = {
        "run_id": "r",
        "org_id": "acme",
        "workflow_name": "flow",
        "workflow_version": 1,
        "step_id": "find[2]",
        "node_id": "find",
        "attempt": 2,
        "tier": "silver",
        "work": work,
        "args": {"q": "x"},
        "requested_at_ms": 100,
    }
    return StepRequest(**(fields | changes))


def attempt_of(request: StepRequest, outcome: Outcome, ledger: Ledger) -> Span:
    return spans_record(request, outcome, ledger, "w1").spans[0]


def test_an_attempt_is_below_its_step_and_its_tool_below_it() -> None:
    ledger = Ledger(tool=ToolRun(121, 129))
    record = spans_record(a_request(), Outcome(120, 130, output=inline([1])), ledger, "w1")
    attempt, tool = record.spans
    assert (record.trace_id, record.workflow_name, record.record_id) == (trace_id("r"), "flow", "r:find[2]:2")
    assert (attempt.span_id, attempt.parent_span_id) == (span_id("r", "find[2]", 2), span_id("r", "find[2]"))
    assert (tool.parent_span_id, tool.type, tool.name) == (attempt.span_id, "tool_call", "execute_tool search")
    assert tool.span_id not in (attempt.span_id, attempt.parent_span_id)
    assert (tool.start_ns, tool.end_ns) == (121 * MS, 129 * MS)
    assert (attempt.input_hash, attempt.output_hash) == (value_hash({"q": "x"}), value_hash([1]))
    assert (tool.input_hash, tool.output_hash) == (attempt.input_hash, attempt.output_hash)


def test_it_begins_with_its_request_and_its_waits_are_phases() -> None:
    ledger = Ledger()
    ledger.waited("claim", 115, 120)
    ledger.waited("quota", 121, 125)
    ledger.waited("hold", 125, 125)
    attempt = attempt_of(a_request(), Outcome(120, 130, output=inline(1)), ledger)
    assert (attempt.start_ns, attempt.end_ns) == (100 * MS, 130 * MS)
    assert attempt.phases == [
        Phase(type="queue", start_ns=100 * MS, end_ns=115 * MS),
        Phase(type="claim", start_ns=115 * MS, end_ns=120 * MS),
        Phase(type="quota", start_ns=121 * MS, end_ns=125 * MS),
    ]


def test_a_worker_whose_clock_is_behind_waits_for_nothing() -> None:
    attempt = attempt_of(a_request(requested_at_ms=150), Outcome(120, 130, output=inline(1)), Ledger())
    assert (attempt.start_ns, attempt.end_ns, attempt.phases) == (120 * MS, 130 * MS, [])


@pytest.mark.parametrize(("capture", "words"), [("full", "no such row"), ("redacted", ""), ("none", "")])
def test_words_of_an_error_are_there_only_when_everything_is_captured(capture: str, words: str) -> None:
    outcome = Outcome(120, 130, error=ErrorInfo(code="rejected", message="no such row"))
    ledger = Ledger(tool=ToolRun(121, 129, failed=True))
    attempt, tool = spans_record(a_request(capture=capture), outcome, ledger, "w1").spans
    assert (attempt.status, attempt.error_code, attempt.status_message) == ("error", "rejected", words)
    assert (tool.status, tool.error_code, tool.status_message, tool.output_hash) == ("error", "rejected", "", "")


def test_a_function_is_nothing_but_its_attempt() -> None:
    record = spans_record(a_request(FunctionCall(name="sum")), Outcome(1, 2, output=inline(3)), Ledger(), "w1")
    (attempt,) = record.spans
    assert attempt.attributes["agentflow.function.name"] == "sum"


def test_stored_values_have_the_hash_that_the_worker_knows() -> None:
    link = Link(at=["q"], payload=inline(1))
    stored = Reference(uri="u", sha256="s", size=9)
    unknown = attempt_of(a_request(links=[link]), Outcome(1, 2, output=stored), Ledger())
    assert (unknown.input_hash, unknown.output_hash) == ("", "")
    ledger = Ledger(input_hash="in", output_hash="out")
    known = attempt_of(a_request(links=[link]), Outcome(1, 2, output=stored), ledger)
    assert (known.input_hash, known.output_hash) == ("in", "out")


def test_the_thread_and_the_user_are_those_of_the_tags() -> None:
    tags = {"agentflow.user": "ada", "agentflow.session": "thread-1", "team": "blue"}
    record = spans_record(a_request(tags=tags), Outcome(1, 2, output=inline(3)), Ledger(), "w1")
    assert (record.user_id, record.session_id, record.tags) == ("ada", "thread-1", tags)
