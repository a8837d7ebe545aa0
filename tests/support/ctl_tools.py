"""What the documents of an API say of secrets for tools and MCP servers, for tests of agentctl."""

from typing import Any

SECRET = {
    "name": "SHOP_KEY",
    "version": 2,
    "hosts": ["api.example.com"],
    "tools": [],
    "created_by": "k1",
    "created_at": "2026-11-22T18:31:42.474Z",
    "changed_at": "2026-11-23T18:31:42.474Z",
    "last_used_at": None,
}
_VERSIONS = [{"version": 2, "created_by": "k1", "created_at": "2026-11-23T18:31:42.474Z"}]
_ONE = "/api/v1/secrets/SHOP_KEY"

TOOLS: dict[tuple[str, str], Any] = {
    ("GET", "/api/v1/secrets"): {"secrets": [SECRET]},
    ("PUT", _ONE): SECRET,
    ("GET", _ONE): SECRET | {"versions": _VERSIONS},
    ("PATCH", _ONE): SECRET,
    ("DELETE", _ONE): None,
    ("DELETE", f"{_ONE}/versions/1"): None,
}
