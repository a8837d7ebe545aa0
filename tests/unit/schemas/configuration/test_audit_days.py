"""The setting ``AUDIT_DAYS``."""

import pytest

from schemas.configuration.audit_days import AuditDays, audit_days_of, read_audit_days, read_audit_days_of
from schemas.settings import Settings


def test_days_by_kind() -> None:
    assert read_audit_days("") == {}
    assert read_audit_days(" key_use=90, decisions=365 ") == {"key_use": 90, "decisions": 365}


@pytest.mark.parametrize("text", ["key_use", "uses=3", "key_use=0", "key_use=-1", "key_use=x", "90"])
def test_what_is_wrong_is_said_with_the_kinds(text: str) -> None:
    with pytest.raises(ValueError, match="kinds are decisions, denial, admin, label, restore, key_use"):
        Settings.from_env({"AUDIT_DAYS": text})


def test_days_of_organisations_by_kind() -> None:
    assert read_audit_days_of("") == {}
    said = read_audit_days_of("acme:key_use=30, acme:denial=0,other:label=7")
    assert said == {"acme": {"key_use": 30, "denial": 0}, "other": {"label": 7}}
    days = AuditDays({"key_use": 90}, said)
    assert (days.kept("acme", "key_use"), days.kept("other", "key_use"), days.kept("acme", "denial")) == (30, 90, 0)
    assert sorted(days.said) == [("key_use", 30), ("key_use", 90), ("label", 7)]


@pytest.mark.parametrize("text", ["acme", "key_use=30", ":key_use=30", "acme:key=30", "acme:key_use=x", "acme:key_use"])
def test_what_names_no_organisation_kind_and_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="acme:key_use=30"):
        read_audit_days_of(text)
    with pytest.raises(ValueError, match="AUDIT_DAYS_OF"):
        Settings.from_env({"AUDIT_DAYS_OF": text})


def test_both_settings_are_read_together() -> None:
    days = audit_days_of("key_use=90,denial=30", "acme:key_use=0")
    assert [days.kept(org, "key_use") for org in ("acme", "other")] == [0, 90]
    with pytest.raises(ValueError, match="kinds are"):
        audit_days_of("key_use", "")
