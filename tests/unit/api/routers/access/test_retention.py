"""What an organisation is told of how long its data are kept."""

from types import SimpleNamespace
from typing import Any, cast

from api.routers.access.retention import get_retention
from schemas.configuration.audit_days import KINDS, audit_days_of
from services.retention.sweeper import KeptDays


async def test_days_of_all_kinds_are_those_of_the_organisation() -> None:
    kept = SimpleNamespace(
        runs=KeptDays.read(365, "acme=30"),
        traces=KeptDays.read(90, ""),
        objects=KeptDays.read(0, "acme=45"),
        costs=KeptDays.read(400, "other=100"),
        audit=audit_days_of("key_use=90,decisions=365", "acme:key_use=30,acme:decisions=0"),
    )

    async def told(org_id: str) -> dict[str, Any]:
        who, parts = cast("Any", SimpleNamespace(org_id=org_id)), cast("Any", SimpleNamespace(retention=kept))
        return (await get_retention(who, parts)).model_dump()

    acme, other = await told("acme"), await told("other")
    assert acme.pop("audit_days") == dict.fromkeys(KINDS) | {"key_use": 30}
    assert other.pop("audit_days") == dict.fromkeys(KINDS) | {"key_use": 90, "decisions": 365}
    assert acme == {"runs_days": 30, "traces_days": 90, "objects_days": 45, "costs_days": 400}
    assert other == {"runs_days": 365, "traces_days": 90, "objects_days": None, "costs_days": 100}
