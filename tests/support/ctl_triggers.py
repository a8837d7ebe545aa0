"""What the documents of an API say of triggers, for tests of agentctl."""

from typing import Any

_POSITION = {
    "partition": 0,
    "next_offset": 90,
    "lag": 10,
    "submitted": 80,
    "filtered": 9,
    "refused": 1,
    "updated_at": "2026-11-22T18:31:42.474Z",
}
TRIGGER = {
    "id": "tr_1",
    "name": "orders",
    "kind": "topic",
    "workflow_name": "flow",
    "workflow_version": None,
    "inputs": {"order": "payload.id"},
    "filter": "",
    "source": "",
    "idempotency": "",
    "subject": "",
    "tags": {},
    "project": None,
    "budget_cents": None,
    "webhook": None,
    "topic": {"name": "orders", "format": "avro", "start": "now", "positions": [_POSITION]},
    "paused": False,
    "problem": None,
    "created_by": "k1",
    "created_at": "2026-11-22T18:31:42.474Z",
    "updated_at": "2026-11-22T18:31:42.474Z",
}
_HOOK = TRIGGER | {
    "id": "tr_2",
    "name": "pushes",
    "kind": "webhook",
    "topic": None,
    "webhook": {
        "scheme": "github",
        "path": "/api/v1/hooks/tr_2.***",
        "signature_header": "",
        "idempotency_header": "",
        "cloudevents": False,
        "requests_per_minute": 600,
        "max_bytes": 262_144,
        "old_secret_until": None,
    },
}
_ONE = "/api/v1/triggers/tr_1"
_SECRET = {"address": "/api/v1/hooks/tr_2." + "A" * 43, "secret": "B" * 43}

TRIGGERS: dict[tuple[str, str], Any] = {
    ("POST", "/api/v1/triggers"): TRIGGER | {"address": None, "secret": None},
    ("GET", "/api/v1/triggers"): {"triggers": [TRIGGER, _HOOK]},
    ("GET", _ONE): TRIGGER,
    ("PATCH", _ONE): TRIGGER | {"paused": True},
    ("DELETE", _ONE): None,
    ("POST", f"{_ONE}/rotate"): _HOOK | _SECRET,
    ("POST", f"{_ONE}/try"): {
        "filtered": False,
        "inputs": {"order": 1},
        "source": "trigger:tr_1",
        "submission_id": "1",
        "run_id": "r1",
    },
}
