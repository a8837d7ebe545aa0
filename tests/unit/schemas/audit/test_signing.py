"""The signing key of a setting."""

import pytest

from schemas.audit.signing import signing_key


def test_a_long_text_is_a_key_and_the_same_text_the_same_key() -> None:
    one, again = signing_key("a/b", "x" * 32), signing_key("a/b", "x" * 32)
    other = signing_key("a/b", "y" * 32)
    assert one is not None
    assert again is not None
    assert other is not None
    assert one.public == again.public != other.public


def test_no_text_is_no_key_and_a_short_one_is_refused() -> None:
    assert signing_key("a/b", "") is None
    with pytest.raises(ValueError, match="AUDIT_KEY has fewer than 32"):
        signing_key("a/b", "short")
