"""The hash of a value: equal for equal values, another for other ones, there for every JSON value."""

import hashlib

import pytest

from schemas.records.hashes import value_hash


def test_it_is_the_sha256_of_canonical_json() -> None:
    assert value_hash({"b": [1, None], "a": "ü"}) == hashlib.sha256('{"a":"ü","b":[1,null]}'.encode()).hexdigest()


def test_order_of_keys_does_not_matter_and_order_of_items_does() -> None:
    assert value_hash({"a": 1, "b": 2}) == value_hash({"b": 2, "a": 1})
    assert value_hash([1, 2]) != value_hash([2, 1])
    assert value_hash(1) != value_hash(1.0) != value_hash("1.0")


@pytest.mark.parametrize("value", [2**80, "\ud800", {"a": ["\udfff", 2**70]}, None, "", {}])
def test_every_json_value_has_one(value: object) -> None:
    assert len(value_hash(value)) == 64
    assert value_hash([value]) != value_hash(value)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x"])
def test_what_is_no_json_value_has_none(value: object) -> None:
    assert value_hash(value) == ""
