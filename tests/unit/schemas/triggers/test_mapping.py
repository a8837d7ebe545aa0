"""From what arrived to a submission."""

import pytest

from schemas.errors import BadRecord, InvalidInput
from schemas.triggers.arrived import TopicRecord, readable
from schemas.triggers.mapping import Mapped, Rules, checked_id, compile_rules

ORDER = TopicRecord({"id": "o-1", "total": 7, "customer": 12}, topic="orders", partition=3, offset=42)


def rules(**said: str) -> Rules:
    return Rules("topic", {"order": "payload", "total": "payload.total"}, **said)


def test_of_maps_inputs_id_and_subject() -> None:
    made = compile_rules(rules(idempotency="payload.id", subject="payload.customer")).of(ORDER.variables())
    assert made == Mapped({"order": ORDER.payload, "total": 7}, "o-1", "12")


def test_of_gives_no_id_without_an_expression() -> None:
    assert compile_rules(rules()).of(ORDER.variables()) == Mapped({"order": ORDER.payload, "total": 7})
    assert ORDER.position == "orders:3:42"


def test_filter_holds_back() -> None:
    assert compile_rules(rules(filter="payload.total > 100")).of(ORDER.variables()) is None
    assert compile_rules(rules(filter="payload.total < 100")).of(ORDER.variables()) is not None


def test_filter_that_cannot_decide_is_no_silent_drop() -> None:
    with pytest.raises(BadRecord, match="filter"):
        compile_rules(rules(filter="payload.nothing > 1")).of(ORDER.variables())


@pytest.mark.parametrize("text", ["payload.total > 1", "payload", "''"])
def test_id_that_is_none_is_a_bad_record(text: str) -> None:
    with pytest.raises(BadRecord):
        compile_rules(rules(idempotency=text)).of(ORDER.variables())


def test_every_wrong_expression_is_named() -> None:
    with pytest.raises(InvalidInput) as raised:
        compile_rules(Rules("topic", {"a": "payload +", "b": "payload"}, filter="'x'", subject="who"))
    assert [problem.path for problem in raised.value.problems] == ["inputs.a", "filter", "subject"]


@pytest.mark.parametrize("value", ["", "x" * 257, "a\0b"])
def test_checked_id_refuses(value: str) -> None:
    with pytest.raises(BadRecord):
        checked_id("the header x", value)


@pytest.mark.parametrize(("raw", "text"), [(b"a", "a"), (None, ""), (b"\xff", ""), (b"a\0", ""), (b"x" * 9_000, "")])
def test_readable(raw: bytes | None, text: str) -> None:
    assert readable(raw) == text
