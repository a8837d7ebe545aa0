"""Answers about policies, as the documents that commands read."""

from typing import Any

_POLICIES = "/api/v1/policies"
_AT = "2027-01-15T08:00:00.000Z"
VERSION = {"name": "support", "version": 3, "hash": "a" * 64, "created_by": "key_1", "created_at": _AT}
POLICY = {**VERSION, "document": {"name": "support"}}
ACTIVATION = {
    "number": 2,
    "name": "support",
    "version": 3,
    "hash": "a" * 64,
    "mode": "shadow",
    "activated_by": "key_1",
    "activated_at": _AT,
}
ACTIVE = {"active": ACTIVATION, "history": [ACTIVATION]}
_NONE = {**ACTIVATION, "number": 3, "name": None, "version": None, "hash": None}
ANSWERS: dict[tuple[str, str], Any] = {
    ("POST", _POLICIES): POLICY,
    ("GET", _POLICIES): {
        "active": ACTIVATION,
        "policies": [{"name": "support", "newest": 3, "versions": 3, "created_at": _AT}],
    },
    ("GET", f"{_POLICIES}/support"): {"name": "support", "versions": [VERSION]},
    ("GET", f"{_POLICIES}/support/versions/3"): POLICY,
    ("GET", f"{_POLICIES}/active"): ACTIVE,
    ("POST", f"{_POLICIES}/support/activate"): ACTIVE,
    ("DELETE", f"{_POLICIES}/active"): {"active": None, "history": [_NONE, ACTIVATION]},
}
