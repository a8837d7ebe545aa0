"""What was open at a cut."""

from connectors.ports.archive import LogRow
from deploy.backup.restoring.inflight import READ_AHEAD, Lanes, lowest_places
from schemas.ids import idempotency_key
from schemas.payload import inline
from schemas.records.base import ErrorInfo
from schemas.records.run_events import StepDeferred, StepFailed, StepSucceeded
from schemas.records.steps import FunctionCall, StepRequest
from topics.codec import encode

LANE = ("step-requests.gold", 0)
NOW = 1_800_000_000_000


def _asked(offset: int, run: str, attempt: int = 1, deferral: int = 0) -> LogRow:
    request = StepRequest(
        run_id=run,
        org_id="o",
        workflow_name="w",
        workflow_version=1,
        step_id="s",
        node_id="s",
        attempt=attempt,
        deferral=deferral,
        tier="gold",
        work=FunctionCall(name="f"),
        requested_at_ms=NOW + offset,
    )
    return LogRow(offset, NOW, run.encode(), encode(request))


def _succeeded(run: str) -> LogRow:
    event = StepSucceeded(
        run_id=run, org_id="o", step_id="s", attempt=1, started_at_ms=NOW, finished_at_ms=NOW, output=inline({"a": 1})
    )
    return LogRow(0, NOW, run.encode(), encode(event))


def _failed(run: str) -> LogRow:
    error = ErrorInfo(code="c", message="m", retryable=True)
    event = StepFailed(
        run_id=run, org_id="o", step_id="s", attempt=1, started_at_ms=NOW, finished_at_ms=NOW, error=error
    )
    return LogRow(1, NOW, run.encode(), encode(event))


def _deferred(run: str, deferral: int) -> LogRow:
    event = StepDeferred(
        run_id=run, org_id="o", step_id="s", attempt=1, until_ms=NOW, reason="quota", deferral=deferral
    )
    return LogRow(2, NOW, run.encode(), encode(event))


def _open(lanes: Lanes) -> list[tuple[str, int, int]]:
    return [(one.request.run_id, one.request.attempt, one.request.deferral) for one in lanes.open()]


def test_requests_without_an_outcome_are_open() -> None:
    lanes = Lanes({LANE: 1})
    before = _asked(0, "behind-the-place")
    lanes.take_requests(LANE, [before, _asked(1, "a"), _asked(2, "b"), _asked(3, "c"), _asked(4, "c", attempt=2)])
    lanes.take_events([_succeeded("a"), _failed("c"), LogRow(9, NOW, b"x", b"not json"), LogRow(9, NOW, b"x", None)])

    assert _open(lanes) == [("b", 1, 0), ("c", 2, 0)]


def test_a_deferred_attempt_is_open_once_it_is_given_out_again() -> None:
    lanes = Lanes({})
    lanes.take_requests(LANE, [_asked(1, "a"), _asked(2, "b"), _asked(3, "b", deferral=1), _asked(4, "d", deferral=1)])
    lanes.take_events([_deferred("a", 1), _deferred("b", 1), _succeeded("d")])

    assert _open(lanes) == [("b", 1, 1)]


def test_only_what_workers_read_ahead_may_have_begun() -> None:
    lanes = Lanes({LANE: 10})
    lanes.take_requests(LANE, [_asked(10, "a"), _asked(10 + READ_AHEAD, "b")])

    assert [(one.request.run_id, one.begun) for one in lanes.open()] == [("a", True), ("b", False)]


def test_an_old_outcome_is_of_an_earlier_life() -> None:
    lanes = Lanes({})
    lanes.take_requests(LANE, [_asked(1, "a")])
    lanes.take_events([_succeeded("a")._replace(at_ms=NOW - 3_600_000)])

    assert _open(lanes) == [("a", 1, 0)]


def test_the_key_of_an_open_attempt_stays_that_of_its_step() -> None:
    lanes = Lanes({})
    lanes.take_requests(LANE, [_asked(1, "a", attempt=3)])

    assert lanes.open()[0].request.idempotency_key == idempotency_key("a", "s")


def test_of_several_groups_the_lowest_place_counts() -> None:
    groups = {"one": {"t": {0: 5, 1: 7}}, "two": {"t": {0: 3}, "u": {0: 9}}}

    assert lowest_places(groups) == {("t", 0): 3, ("t", 1): 7, ("u", 0): 9}
