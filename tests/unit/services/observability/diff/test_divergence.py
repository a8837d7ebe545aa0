"""Causes and consequences of two runs' differences."""

from msgspec import structs

from schemas.records.spans import Span
from services.observability.diff.divergence import compare
from services.observability.diff.recorded import Definition, RecordedRun

_MS = 1_000_000


def _run(*spans: Span, tags: dict[str, str] | None = None, definition: Definition | None = None, **root) -> RecordedRun:
    own = {"span_id": "run", "name": "run", "start_ns": 0, "end_ns": 900 * _MS, "type": "run", "status": "ok"} | root
    return RecordedRun(run_id="r", spans=[Span(**own), *spans], tags=tags or {}, definition=definition or Definition())


def _step(step: str, at: int, inputs: str = "i", output: str = "o", parent: str = "run", **more) -> Span:
    said = {"status": "ok", "type": "step", "input_hash": inputs, "output_hash": output} | more
    return Span(
        span_id=step, parent_span_id=parent, name=step, step_id=step, start_ns=at * _MS, end_ns=(at + 9) * _MS, **said
    )


def _call(step: str, at: int, *, cached: bool = False, model: str = "m1", output: str = "o", **said) -> Span:
    return Span(
        span_id=f"{step}#call",
        parent_span_id=step,
        name=f"chat {model}",
        step_id=step,
        start_ns=at * _MS,
        end_ns=(at + 5) * _MS,
        type="llm_call",
        provider="p",
        model=model,
        input_hash="asked",
        output_hash=output,
        attributes={"agentflow.call.cached": cached, **said},
    )


def test_runs_that_differ_in_time_and_cost_only_are_equal():
    a = _run(_step("x", 10), _step("y", 30))
    b = _run(_step("x", 500, cost_nano=7), _step("y", 300))
    assert compare(a, b).equal


def test_what_follows_from_a_step_is_no_cause():
    a = _run(_step("x", 10), _step("y", 30, inputs="x1"))
    b = _run(_step("x", 10, output="other"), _step("y", 30, inputs="x2", output="other"))
    found = compare(a, b)
    assert [cause.step for cause in found.causes] == ["x"]
    assert found.consequences == ["y"]


def test_the_first_of_two_causes_is_the_earlier_one():
    a = _run(_step("x", 10), _step("y", 5))
    b = _run(_step("x", 10, output="other"), _step("y", 5, output="other"))
    found = compare(a, b)
    assert found.first is not None
    assert found.first.step == "y"
    assert [cause.step for cause in found.causes] == ["y", "x"]


def test_a_decision_that_changed_nothing_is_not_first():
    a = _run(_step("x", 5), _call("x", 6), _step("y", 10))
    b = _run(_step("x", 5), _call("x", 6, cached=True), _step("y", 10, output="other"))
    found = compare(a, b)
    assert found.first is not None
    assert found.first.step == "y"
    assert [(cause.step, cause.kind, cause.effect) for cause in found.causes] == [
        ("x", "cache", "decision"),
        ("y", "time", "output"),
    ]


def test_changed_inputs_that_nothing_explains_are_a_cause():
    definitions = Definition(hash="h1"), Definition(hash="h2")
    a = _run(_step("x", 5), _step("y", 10, inputs="old"), definition=definitions[0])
    b = _run(_step("x", 5), _step("y", 10, inputs="new", output="other"), definition=definitions[1])
    first = compare(a, b).first
    assert first is not None
    assert (first.step, first.kind) == ("y", "definition")


def test_a_branch_that_does_not_wait_for_a_cause_is_another_cause():
    needs = Definition(nodes={"x": "1", "y": "1"}, needs={"x": [], "y": []})
    a = _run(_step("x", 5), _step("y", 10, inputs="old"), definition=needs)
    b = _run(_step("x", 5, output="other"), _step("y", 10, inputs="new", output="other"), definition=needs)
    assert [cause.step for cause in compare(a, b).causes] == ["x", "y"]


def test_other_inputs_of_the_run_explain_all():
    a = _run(_step("x", 5, inputs="a"), input_hash="a")
    b = _run(_step("x", 5, inputs="b", output="other"), input_hash="b")
    found = compare(a, b)
    assert found.first is not None
    assert found.first.kind == "inputs"
    assert found.consequences == ["x"]


def test_children_of_a_map_are_paired_by_their_items():
    mapped = _step("m", 10, type="map")
    a = _run(mapped, _step("m[0]", 11, inputs="p", parent="m"), _step("m[1]", 11, inputs="q", parent="m"))
    b = _run(mapped, _step("m[0]", 11, inputs="q", parent="m"), _step("m[1]", 11, inputs="p", parent="m"))
    assert compare(a, b).equal


def test_an_additional_item_of_a_map_is_named_where_nothing_explains_it():
    mapped = _step("m", 10, type="map")
    a = _run(mapped, _step("m[0]", 11, inputs="p", parent="m"))
    b = _run(mapped, _step("m[0]", 11, inputs="p", parent="m"), _step("m[1]", 11, inputs="q", parent="m"))
    found = compare(a, b)
    assert found.first is not None
    assert (found.first.step, found.first.effect) == ("m", "only_b")


def test_steps_that_a_failed_run_never_began_follow_from_its_failure():
    a = _run(_step("x", 30), _step("y", 20), _step("z", 50, inputs="x"))
    failed = _step("x", 30, output="", status="error", error_code="budget_exceeded")
    canceled = _step("y", 20, output="", status="error", error_code="canceled")
    b = _run(failed, canceled, status="error")
    found = compare(a, b)
    assert [(cause.step, cause.kind) for cause in found.causes] == [("x", "policy")]
    assert sorted(found.consequences) == ["y", "z"]


def test_the_environment_explains_a_different_result():
    a = _run(_step("x", 5), tags={"environment": "staging", "team": "a"})
    b = _run(_step("x", 5, output="other"), tags={"environment": "production", "team": "b"})
    first = compare(a, b).first
    assert first is not None
    assert first.kind == "environment"
    assert (first.evidence[0].a, first.evidence[0].b) == ("environment=staging", "environment=production")


def test_turns_of_an_agent_after_a_different_one_follow_from_it():
    agent = _step("bot", 10, type="agent")
    turns = [_step(f"bot/turn-{n}", 10 + n, inputs=f"t{n}", output=f"o{n}", parent="bot") for n in (1, 2, 3)]
    others = [turns[0], structs.replace(turns[1], output_hash="z"), structs.replace(turns[2], input_hash="z3")]
    found = compare(_run(agent, *turns), _run(agent, *others, _step("bot/turn-4", 15, inputs="z4", parent="bot")))
    assert [cause.step for cause in found.causes] == ["bot/turn-2"]
    assert "bot/turn-4" in found.consequences


def test_old_spans_without_types_and_hashes_are_compared_by_their_attributes():
    def attempt(error: str) -> Span:
        said = {"agentflow.step.id": "x", "agentflow.step.attempt": 1} | ({"error.type": error} if error else {})
        status = "error" if error else "ok"
        return Span(
            span_id="1", parent_span_id="run", name="step x", start_ns=1, end_ns=2, status=status, attributes=said
        )

    assert compare(_run(attempt("")), _run(attempt(""))).equal
    first = compare(_run(attempt("")), _run(attempt("quota_exceeded"))).first
    assert first is not None
    assert (first.step, first.kind) == ("x", "policy")


def test_a_run_without_spans_is_compared_with_nothing():
    empty = RecordedRun(run_id="r", spans=[])
    assert compare(empty, empty).equal
    found = compare(empty, _run(_step("x", 5)))
    assert found.first is not None
    assert (found.first.kind, found.first.effect) == ("unknown", "only_b")


def test_spans_that_name_each_other_as_parents_are_compared_all_the_same():
    ring = [_step("x", 5, parent="y"), _step("y", 5, parent="x")]
    assert compare(_run(*ring), _run(*ring)).equal
    found = compare(_run(*ring), _run(ring[0], structs.replace(ring[1], output_hash="other")))
    assert [cause.step for cause in found.causes] == ["y"]


def _attempt(step: str, at: int, number: int = 1, **more) -> Span:
    said = {"type": "attempt", "status": "ok", "input_hash": "i", "output_hash": "o"} | more
    return Span(
        span_id=f"{step}#{number}",
        parent_span_id=step,
        name=f"attempt {step}",
        step_id=step,
        attempt=number,
        start_ns=at * _MS,
        end_ns=(at + 9) * _MS,
        **said,
    )


def test_hashes_of_attempts_are_those_of_their_step():
    step = _step("x", 10, inputs="", output="")
    a, b = _run(step, _attempt("x", 10)), _run(step, _attempt("x", 10, output_hash="other"))
    assert compare(a, a).equal
    assert [cause.step for cause in compare(a, b).causes] == ["x"]


def test_a_retry_that_ended_well_is_no_difference():
    step = _step("x", 10, inputs="", output="")
    failed = _attempt("x", 10, output_hash="", status="error", error_code="rate_limited")
    assert compare(_run(step, _attempt("x", 10)), _run(step, failed, _attempt("x", 30, 2))).equal


def test_an_earlier_answer_that_stood_in_is_the_same_call():
    step = _step("x", 10, inputs="", output="")
    call = structs.replace(_call("x", 11), parent_span_id="x#1", attributes={})
    cached = structs.replace(call, type="cache", attributes={"agentflow.cache.kind": "semantic"}, output_hash="stale")
    first = compare(
        _run(step, _attempt("x", 10), call), _run(step, _attempt("x", 10, output_hash="stale"), cached)
    ).first
    assert first is not None
    assert (first.step, first.kind, first.effect) == ("x", "cache", "output")
    assert (first.evidence[0].a, first.evidence[0].b) == ("", "semantic")


def test_functions_and_tools_are_told_apart_by_their_attempts():
    step = _step("x", 10, inputs="", output="")
    for name, kind in (("agentflow.function.name", "time"), ("agentflow.tool.name", "tool_result")):
        attempts = [_attempt("x", 10, attributes={name: "f"}, output_hash=output) for output in "ab"]
        first = compare(_run(step, attempts[0]), _run(step, attempts[1])).first
        assert first is not None
        assert first.kind == kind


def test_a_step_that_was_canceled_or_skipped_follows_from_what_failed():
    states = {"agentflow.step.state": "canceled"}
    a = _run(_step("x", 20), _step("y", 10))
    failed = _step("x", 20, output="", status="error", error_code="exception")
    b = _run(failed, _step("y", 10, output="", status="unset", attributes=states), status="error")
    found = compare(a, b)
    assert [cause.step for cause in found.causes] == ["x"]
    assert found.consequences == ["y"]


def test_calls_of_a_turn_that_moved_are_paired_by_their_place_in_the_turn():
    agent = _step("bot", 10, type="agent")

    def turn(number: int, inputs: str) -> list[Span]:
        return [
            _step(f"bot/turn-{number}", 10 * number, inputs=inputs, output=f"said-{inputs}", parent="bot"),
            _attempt(f"bot/turn-{number}", 10 * number, input_hash=inputs, output_hash=f"said-{inputs}"),
            _step(f"bot/turn-{number}/search[0]", 10 * number + 1, inputs=f"q-{inputs}", parent=f"bot/turn-{number}"),
        ]

    found = compare(_run(agent, *turn(1, "t"), *turn(2, "u")), _run(agent, *turn(1, "s"), *turn(2, "t"), *turn(3, "u")))
    assert "bot/turn-1/search[0]" not in {cause.step for cause in found.causes}
    assert [cause.effect for cause in found.causes] == ["only_b"]
