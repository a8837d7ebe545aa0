"""Patterns of names, compared with the standard library's."""

import time
from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from schemas.policies.patterns import matches


@given(st.text("ab*", min_size=1, max_size=8), st.text("ab", max_size=8))
def test_a_star_is_any_characters(pattern: str, name: str) -> None:
    assert matches([pattern], name) == fnmatchcase(name, pattern)


def test_without_patterns_every_name_matches() -> None:
    assert matches((), "x")
    assert not matches(("y", "z*"), "x")


def test_many_stars_take_no_time() -> None:
    started = time.process_time()
    assert not matches(["*a" * 60 + "*b"], "a" * 10_000)
    assert time.process_time() - started < 1
