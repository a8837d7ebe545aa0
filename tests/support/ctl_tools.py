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
SERVER = {
    "name": "docs",
    "installation": False,
    "url": "https://mcp.example.com/mcp",
    "headers": {"Authorization": "Bearer ${SECRET:DOCS}"},
    "description": "",
    "timeout_ms": 30_000,
    "enabled": True,
    "integrity": "web",
    "classes": [],
    "pinned": ["search"],
    "warnings": [],
    "created_at": "2026-11-22T18:31:42.474Z",
    "changed_at": "2026-11-22T18:31:42.474Z",
}
SEEN = {
    "name": "search",
    "state": "pinned",
    "hash": "3f9a" * 16,
    "pinned_hash": "3f9a" * 16,
    "fault": None,
    "definition": {"name": "search"},
}
ON_QUEUE = {
    "queue": "org/counting",
    "tool": "mail.send",
    "security": {
        "declared": True,
        "source": ["third_party"],
        "fields": {},
        "readers": {},
        "effects": True,
        "sinks": {"to": "recipient"},
        "reads_when": {},
        "pure": False,
        "endorses": False,
    },
    "declared_by": "k1",
    "declared_at": "2026-11-22T18:31:42.474Z",
}
_ON_QUEUE = "/api/v1/queues/counting/tools/mail.send"
_SERVER = "/api/v1/mcp/servers/docs"
_VERSIONS = [{"version": 2, "created_by": "k1", "created_at": "2026-11-23T18:31:42.474Z"}]
_ONE = "/api/v1/secrets/SHOP_KEY"

TOOLS: dict[tuple[str, str], Any] = {
    ("GET", "/api/v1/tools"): {"tools": [{"name": "s3.fetch", "kind": "tool", "summary": "Read."}], "problems": []},
    ("GET", "/api/v1/mcp/servers"): {"servers": [SERVER]},
    ("PUT", _SERVER): SERVER,
    ("DELETE", _SERVER): None,
    ("GET", f"{_SERVER}/tools"): {"tools": [SEEN]},
    ("POST", f"{_SERVER}/pins"): {"tools": [SEEN]},
    ("DELETE", f"{_SERVER}/pins/search"): None,
    ("GET", "/api/v1/queues/tools"): {"tools": [ON_QUEUE]},
    ("PUT", _ON_QUEUE): ON_QUEUE,
    ("DELETE", _ON_QUEUE): None,
    ("GET", "/api/v1/secrets"): {"secrets": [SECRET]},
    ("PUT", _ONE): SECRET,
    ("GET", _ONE): SECRET | {"versions": _VERSIONS},
    ("PATCH", _ONE): SECRET,
    ("DELETE", _ONE): None,
    ("DELETE", f"{_ONE}/versions/1"): None,
}
