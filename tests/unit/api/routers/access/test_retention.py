"""How long things are kept, as an organisation is shown it."""

from types import SimpleNamespace
from typing import Any

from api.caller import Caller
from api.routers.access.retention import get_retention
from schemas.configuration.audit_days import KINDS, audit_days_of
from services.retention.sweeper import KeptDays


async def test_an_organisation_sees_its_days_by_kind_of_audit_entry() -> None:
    kept = KeptDays.read(30, "")
    days = audit_days_of("key_use=90,decisions=365", "acme:key_use=30,acme:decisions=0")
    parts: Any = SimpleNamespace(retention=SimpleNamespace(runs=kept, traces=kept, audit=days))
    found = await get_retention(Caller("k1", "acme", frozenset({"admin"})), parts)
    assert found.audit_days == dict.fromkeys(KINDS) | {"key_use": 30}
    other = await get_retention(Caller("k1", "other", frozenset({"admin"})), parts)
    assert other.audit_days == dict.fromkeys(KINDS) | {"key_use": 90, "decisions": 365}
