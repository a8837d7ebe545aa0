"""What is said of a record that cannot be used is short, whatever the record holds."""

import orjson
import pytest

from schemas.errors import NewerMajor, Undecodable
from schemas.spec.rules_version import NEWEST
from tests.support.runs import function, resolved, submitted
from topics.catalogue import RUN_EVENTS, RUN_VIEWS
from topics.codec import decode, encode

HUGE = "x" * 900_000


@pytest.mark.parametrize(
    "record",
    [
        {"type": HUGE, "run_id": "r"},
        {"type": "cancel.requested", "run_id": "r", "org_id": "o", "v": HUGE},
        {"type": "cancel.requested", "run_id": "r", "org_id": "o", "v": "9" * 900_000},
        {"type": "cancel.requested", "run_id": {HUGE: 1}, "org_id": "o"},
        {"type": "timer.fired", "run_id": "r", "org_id": "o", "timer": ["retry", "a", 1], "due_ms": HUGE},
    ],
)
def test_a_message_does_not_repeat_the_record(record: dict[str, object]) -> None:
    with pytest.raises(Undecodable) as caught:
        decode(RUN_EVENTS, orjson.dumps(record))
    assert len(str(caught.value)) < 1_000


def test_a_long_message_still_says_where() -> None:
    view = {"type": "run.view", "status": HUGE}
    with pytest.raises(Undecodable, match=r"status"):
        decode(RUN_VIEWS, orjson.dumps(view))


@pytest.mark.parametrize(("rules", "raised"), [(NEWEST + 1, NewerMajor), (NEWEST, Undecodable), ("9", Undecodable)])
def test_a_kind_of_node_of_newer_rules_pauses_its_reader(rules: object, raised: type[Exception]) -> None:
    record = orjson.loads(encode(submitted(resolved(function("a")))))
    record["spec"]["spec"]["dag"]["nodes"][0]["type"] = "sleep"
    with pytest.raises(raised):
        decode(RUN_EVENTS, orjson.dumps(record | {"rules_version": rules}))
