import pytest

from schemas.errors import StepError
from services.routing.choice import Candidate, Choice
from services.routing.fallback import Failure, Limits, may_fall_back, next_routes


def candidate(route: str, score: float, context_tokens: int = 1000, mean: float | None = None) -> Candidate:
    facts = {"quality": 0.9, "cost_nano": 1, "latency_ms": 1.0, "reliability": 1.0, "parts": {}}
    return Candidate(route=route, score=score, mean=mean, context_tokens=context_tokens, **facts)


CHOICE = Choice(
    by="balanced",
    tier="gold",
    policy="1",
    models="1",
    route="a/one",
    candidates=(candidate("a/one", 0.9), candidate("a/two", 0.8, 500), candidate("b/three", 0.7, 2000)),
)


def failed(code: str, *, answered: bool = False, **fields: object) -> Failure:
    retryable = bool(fields.pop("retryable", False))
    return Failure("a/one", StepError(code, "no", retryable=retryable, **fields), answered)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("failure", "may"),
    [
        (failed("provider_unavailable", retryable=True), True),
        (failed("rate_limited", retryable=True), True),
        (failed("rate_limited", retryable=True, retry_after_ms=1001), True),
        (failed("rate_limited", retryable=True, retry_after_ms=1000), False),
        (failed("provider_no_credit"), True),
        (failed("context_too_long"), True),
        (failed("content_filtered"), False),
        (failed("calls_stopped", details={"scope": "model", "target": "one"}), True),
        (failed("calls_stopped", details={"scope": "org", "target": ""}), False),
        (failed("canceled", retryable=True), False),
        (failed("provider_rejected"), False),
        (failed("provider_auth"), False),
        (failed("guard_failed", retryable=True, answered=True), False),
        (failed("provider_unavailable", retryable=True, details={"streamed": "true"}), False),
    ],
)
def test_class_of_the_error_decides_whether_another_route_is_tried(failure: Failure, may: bool) -> None:
    assert may_fall_back(failure, left_ms=1000) is may


@pytest.mark.parametrize(
    ("code", "able", "reason"),
    [
        ("provider_unavailable", ("a/two", "b/three"), None),
        ("provider_no_credit", ("b/three",), "no_credit"),
        ("context_too_long", ("b/three",), "context"),
    ],
)
def test_routes_that_cannot_help_are_passed_over_with_a_reason(code: str, able: tuple[str], reason: str | None) -> None:
    found, out = next_routes(CHOICE, failed(code), Limits(left_ms=1e6, tried={"a/one"}))
    assert found == able
    assert [one.reason for one in out] == ([] if reason is None else [reason])


def test_stop_of_a_provider_leads_to_another_one() -> None:
    stopped = failed("calls_stopped", details={"scope": "provider", "target": "a"})
    found, out = next_routes(CHOICE, stopped, Limits(left_ms=1e6, tried={"a/one"}))
    assert (found, [(one.route, one.reason) for one in out]) == (("b/three",), [("a/two", "stopped")])


def test_route_that_was_measured_to_miss_the_deadline_is_not_tried() -> None:
    limits = Limits(left_ms=500, measured_ms={"a/two": 501, "b/three": 500}, tried={"a/one"})
    found, out = next_routes(CHOICE, failed("provider_error"), limits)
    assert (found, [(one.route, one.reason) for one in out]) == (("b/three",), [("a/two", "too_slow")])


def test_learned_choice_falls_back_by_expected_reward() -> None:
    arms = (candidate("a/x", 0.9, mean=0.1), candidate("a/y", 0.2, mean=0.5), candidate("a/z", 0.3, mean=0.4))
    choice = Choice(by="learn", tier="gold", policy="1", models="1", route="a/x", candidates=arms)
    assert choice.fallbacks == ("a/y", "a/z")
    assert next_routes(choice, None, Limits(left_ms=1, tried={"a/x"}))[0] == ("a/y", "a/z")
