"""The setting ``AUDIT_DAYS``."""

import pytest

from schemas.configuration.audit_days import read_audit_days
from schemas.settings import Settings


def test_days_by_kind() -> None:
    assert read_audit_days("") == {}
    assert read_audit_days(" key_use=90, decisions=365 ") == {"key_use": 90, "decisions": 365}


@pytest.mark.parametrize("text", ["key_use", "uses=3", "key_use=0", "key_use=-1", "key_use=x", "90"])
def test_what_is_wrong_is_said_with_the_kinds(text: str) -> None:
    with pytest.raises(ValueError, match="kinds are decisions, denial, admin, label, restore, key_use"):
        Settings.from_env({"AUDIT_DAYS": text})
