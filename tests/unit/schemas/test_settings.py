"""Settings that are on or off."""

import pytest

from schemas.settings import Settings


@pytest.mark.parametrize(("raw", "expected"), [("true", True), ("TRUE", True), ("false", False), ("", False)])
def test_a_flag_is_true_or_false(raw: str, expected: bool) -> None:
    assert Settings.from_env({"CHAIN_STEPS": raw}).chain_steps is expected


@pytest.mark.parametrize("raw", ["1", "yes", "on"])
def test_anything_else_is_refused_by_name(raw: str) -> None:
    with pytest.raises(ValueError, match=f"CHAIN_STEPS='{raw}' is neither true nor false"):
        Settings.from_env({"CHAIN_STEPS": raw})
