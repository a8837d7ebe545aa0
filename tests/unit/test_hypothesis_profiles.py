"""Property tests: no time limit for one example, and the same examples each time unless `make test-all` runs them."""

import os
import time

from hypothesis import given, settings
from hypothesis import strategies as st


def test_the_profile_is_fixed_unless_another_is_asked_for() -> None:
    random = os.environ.get("HYPOTHESIS_PROFILE") == "random"
    assert (settings.default.deadline, settings.default.derandomize) == (None, not random)


@settings(max_examples=1)
@given(st.integers())
def test_an_example_may_take_longer_than_a_default_deadline(number: int) -> None:
    time.sleep(0.25)
    assert isinstance(number, int)
