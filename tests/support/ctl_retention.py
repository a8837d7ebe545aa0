"""What the documents of an API say of retention, for tests of agentctl."""

from typing import Any

HOLD = {
    "name": "case-7",
    "reason": "case 7",
    "run_id": None,
    "workflow_name": "claims",
    "since": "2026-10-01T00:00:00.000Z",
    "until": None,
    "created_by": "k1",
    "created_at": "2026-11-22T18:31:42.474Z",
}

RETENTION: dict[tuple[str, str], Any] = {
    ("GET", "/api/v1/retention"): {
        "runs_days": 365,
        "traces_days": 90,
        "objects_days": None,
        "costs_days": 400,
        "audit_days": {"key_use": 90, "denial": None},
    },
    ("POST", "/api/v1/retention/holds"): HOLD,
    ("GET", "/api/v1/retention/holds"): {"holds": [HOLD]},
    ("DELETE", "/api/v1/retention/holds/case-7"): None,
    ("DELETE", "/api/v1/workflows/runs/r1"): None,
}
