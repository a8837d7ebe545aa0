"""Answers about compliance, as the documents that commands read."""

from typing import Any

from tests.support.evidence import MONTH, month

_FACTS = "/api/v1/providers/facts"
_AT = "2027-01-15T08:00:00.000Z"
FACTS = {
    "version": 2,
    "created_by": "key_1",
    "created_at": _AT,
    "providers": [{"route": "openai/*", "regions": ["eu"]}],
    "shipped": [],
    "known": [
        {
            "route": "openai",
            "regions": None,
            "retention_days": 30,
            "trains": False,
            "certifications": ["iso27001"],
            "sources": {"trains": "terms"},
        }
    ],
}
_VERSIONS = {"versions": [{"version": 2, "created_by": "key_1", "created_at": _AT, "entries": 1}]}
ANSWERS: dict[tuple[str, str], Any] = {
    ("GET", _FACTS): FACTS,
    ("PUT", _FACTS): FACTS,
    ("GET", f"{_FACTS}/versions"): _VERSIONS,
    ("GET", "/api/v1/compliance/report"): month().report(MONTH),
}
