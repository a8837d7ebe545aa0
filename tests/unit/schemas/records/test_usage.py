"""Usage: sums of all kinds, and bytes that stay as they were for calls without the newer kinds."""

import msgspec

from schemas.records.base import OTHER_KINDS, USAGE_KINDS, Usage, kinds_together


def test_kinds_that_are_zero_are_not_written() -> None:
    assert msgspec.json.encode(Usage(input_tokens=7, output_tokens=8)) == b'{"input_tokens":7,"output_tokens":8}'
    assert msgspec.json.decode(b'{"input_tokens":7}', type=Usage) == Usage(input_tokens=7)


def test_a_sum_is_over_all_kinds() -> None:
    one = Usage(**{kind: n for n, kind in enumerate(USAGE_KINDS, start=1)})
    assert one.plus(one) == Usage(**{kind: 2 * n for n, kind in enumerate(USAGE_KINDS, start=1)})
    assert one.plus(Usage()) == one


def test_other_kinds_are_those_that_are_not_zero() -> None:
    assert Usage(input_tokens=7, output_tokens=1).kinds is None
    assert Usage(input_tokens=7, cache_read_tokens=3, billed_units=1).kinds == {
        "cache_read_tokens": 3,
        "billed_units": 1,
    }


def test_other_kinds_add_up_like_usages() -> None:
    first, second = Usage(cache_read_tokens=3, web_searches=1), Usage(cache_read_tokens=4, reasoning_tokens=2)
    assert kinds_together(first.kinds, second.kinds) == first.plus(second).kinds
    assert kinds_together(None, second.kinds) == second.kinds
    assert kinds_together(first.kinds, None) == first.kinds
    assert kinds_together(None, None) is None
    assert set(first.kinds or ()) < set(OTHER_KINDS)
