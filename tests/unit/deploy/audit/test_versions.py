"""The order of versions, as PEP 440 has it."""

import pytest

from deploy.audit.versions import Version

ORDER = ("0.9", "1.0.dev1", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0.post1", "1.0.1", "1.10", "2024.10", "1!0.1")


def test_versions_are_in_order() -> None:
    assert sorted(set(ORDER), key=Version) == list(ORDER)


@pytest.mark.parametrize(("one", "other"), [("1.0", "1"), ("1.0-1", "1.0.post1"), ("1.0.0c1", "1rc1"), ("1+cpu", "1")])
def test_equal_versions_are_equal(one: str, other: str) -> None:
    assert Version(one) == Version(other)


@pytest.mark.parametrize("text", ["", "abc", "1..2", "1.0 beta"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no version"):
        Version(text)
