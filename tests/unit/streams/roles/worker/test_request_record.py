"""A dead step request fails the attempt that it names, and nobody else's."""

import orjson
import pytest

from connectors.ports.engine import InRecord
from schemas.errors import Undecodable
from streams.roles.worker.request_record import failed_by_dead_letter, read_request
from streams.runtime.routing import to_out
from topics.catalogue import RUN_EVENTS

TOPIC = "step-requests.silver"
GOOD = {"v": "1.0", "run_id": "r", "org_id": "o", "step_id": "s", "attempt": 2, "tier": 7}
ERROR = Undecodable("schema", "tier: Input should be 'gold'")


def record(said: object, key: bytes | None = b"r:s") -> InRecord:
    return InRecord(TOPIC, 1, 42, 0, key, orjson.dumps(said))


def test_the_attempt_fails_and_the_failure_says_where_the_letter_is() -> None:
    failed = failed_by_dead_letter(record(GOOD), ERROR, 9)
    assert failed is not None
    assert (failed.run_id, failed.step_id, failed.attempt, failed.error.code) == ("r", "s", 2, "dead_letter")
    assert failed.error.details == {"dead_letter": f"{TOPIC}/1@42", "reason": "schema"}
    assert f"{TOPIC}.dlq" in failed.error.message
    out = to_out(failed)
    assert (out.topic, out.key) == (RUN_EVENTS, b"r")


@pytest.mark.parametrize(
    "said",
    [
        {**GOOD, "run_id": 1},
        {**GOOD, "org_id": ""},
        {**GOOD, "attempt": True},
        {**GOOD, "attempt": 0},
        {**GOOD, "attempt": "2"},
        {**GOOD, "step_id": "other"},
        [GOOD],
        "text",
    ],
)
def test_what_names_no_attempt_fails_none(said: object) -> None:
    assert failed_by_dead_letter(record(said), ERROR, 9) is None


@pytest.mark.parametrize(
    "bad", [InRecord(TOPIC, 0, 0, 0, b"r:s", b"{"), InRecord(TOPIC, 0, 0, 0, b"r:s", None), record(GOOD, None)]
)
def test_bytes_that_say_nothing_fail_none(bad: InRecord) -> None:
    assert failed_by_dead_letter(bad, ERROR, 9) is None


def test_record_of_another_type_is_no_request() -> None:
    failed = failed_by_dead_letter(record(GOOD), ERROR, 9)
    assert failed is not None
    topic, key, value, _ = to_out(failed)
    with pytest.raises(Undecodable, match="run-events takes step requests, not StepFailed"):
        read_request(InRecord(topic, 0, 0, 0, key, value))
