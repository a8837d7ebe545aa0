"""What the documents of an API say of webhooks, for tests of agentctl."""

from typing import Any

WEBHOOK = {
    "id": "wh_1",
    "url": "https://example.com/hooks",
    "description": "tickets",
    "events": ["run.*"],
    "enabled": True,
    "disabled_reason": None,
    "created_by": "k1",
    "created_at": "2026-11-22T18:31:42.474Z",
    "old_secret_until": None,
}
DELIVERY = {
    "number": 7,
    "event_id": "r1/failed",
    "event_type": "run.failed",
    "subject": "r1",
    "state": "dead",
    "tries": 11,
    "status": 503,
    "error": "status 503: busy",
    "due_at": None,
    "created_at": "2026-11-22T18:31:42.474Z",
    "ended_at": "2026-11-23T18:31:42.474Z",
}
_ONE = "/api/v1/webhooks/wh_1"
_SECRET = "whsec_" + "A" * 43 + "="

WEBHOOKS: dict[tuple[str, str], Any] = {
    ("POST", "/api/v1/webhooks"): WEBHOOK | {"secret": _SECRET},
    ("GET", "/api/v1/webhooks"): {"webhooks": [WEBHOOK]},
    ("GET", _ONE): WEBHOOK,
    ("PATCH", _ONE): WEBHOOK | {"enabled": False},
    ("DELETE", _ONE): None,
    ("POST", f"{_ONE}/rotate"): WEBHOOK | {"secret": _SECRET},
    ("POST", f"{_ONE}/test"): DELIVERY,
    ("GET", f"{_ONE}/deliveries"): {"deliveries": [DELIVERY], "next_cursor": None},
    ("POST", f"{_ONE}/deliveries/7/retry"): DELIVERY,
}
