"""Expressions of triggers: what they give, and what they say of what they cannot give."""

import pytest

from schemas.errors import BadRecord, Problem
from schemas.triggers.arrived import Request, TopicRecord
from schemas.triggers.expressions import MAX_CHARS, Expression, activation, compile_expression

RECORD = TopicRecord(
    {"total": 7, "items": [{"sku": "a"}, {"sku": "b"}], "note": None},
    topic="orders",
    partition=3,
    offset=42,
    timestamp_ms=1_700_000_000_000,
    key="k-1",
    headers={"source": "shop"},
)


def compiled(text: str, *, decides: bool = False) -> Expression:
    found = compile_expression("inputs.x", text, "topic", decides=decides)
    assert isinstance(found, Expression), found
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("payload.total", 7),
        ("payload", {"total": 7, "items": [{"sku": "a"}, {"sku": "b"}], "note": None}),
        ("payload.items.map(i, i.sku)", ["a", "b"]),
        ("{'sum': payload.total * 2, 'of': headers.source}", {"sum": 14, "of": "shop"}),
        ("key + '/' + topic + '/' + string(partition) + '/' + string(offset)", "k-1/orders/3/42"),
        ("timestamp_ms", 1_700_000_000_000),
        ("timestamp('2026-01-02T03:04:05Z')", "2026-01-02T03:04:05+00:00"),
        ("has(payload.missing) ? payload.missing : 'none'", "none"),
    ],
)
def test_value_is_json(text: str, value: object) -> None:
    assert compiled(text).value(activation("topic", RECORD.variables())) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [("payload.missing", "missing"), ("b'abc'", "cannot be an input"), ("1.0 / 0.0", "cannot be an input")],
)
def test_value_that_is_none_is_a_bad_record(text: str, said: str) -> None:
    with pytest.raises(BadRecord, match=said) as raised:
        compiled(text).value(activation("topic", RECORD.variables()))
    assert raised.value.reason == "expression"
    assert str(raised.value).startswith("inputs.x: ")


def test_steps_are_bounded() -> None:
    numbers = TopicRecord(list(range(1_000)), topic="t", partition=0, offset=0)
    with pytest.raises(BadRecord):
        compiled("payload.map(a, payload.map(b, payload.map(c, a + b + c)))").value(
            activation("topic", numbers.variables())
        )


def test_filter_gives_true_or_false() -> None:
    read = activation("topic", RECORD.variables())
    assert compiled("payload.total > 5", decides=True).holds(read)
    assert not compiled("payload.total > 7", decides=True).holds(read)
    with pytest.raises(BadRecord, match="no true or false"):
        compiled("payload.total", decides=True).holds(read)


@pytest.mark.parametrize(
    ("text", "decides", "said"),
    [
        ("'a'", True, "no true or false"),
        ("offset + ", False, "not a CEL expression"),
        ("query.x", False, "known are payload, headers, key"),
        ("{{payload}}", False, "it has braces"),
        ("x" * (MAX_CHARS + 1), False, "the most is"),
    ],
)
def test_wrong_texts_are_problems_with_their_fix(text: str, said: str, *, decides: bool) -> None:
    found = compile_expression("filter", text, "topic", decides=decides)
    assert isinstance(found, Problem)
    assert said in str(found)
    assert found.fix


def test_request_has_other_variables() -> None:
    found = compile_expression("filter", "query.kind == 'a' && !has(headers.b)", "webhook", decides=True)
    assert isinstance(found, Expression)
    assert found.holds(activation("webhook", Request({}, {}, {"kind": "a"}).variables()))


def test_payload_with_an_integer_beyond_cel_is_a_bad_record() -> None:
    with pytest.raises(BadRecord, match="out of range"):
        compiled("payload").value(activation("topic", TopicRecord(2**70, topic="t", partition=0, offset=0).variables()))
