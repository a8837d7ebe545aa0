"""What a run's security has of what its nodes call."""

from typing import Any

import pytest

from schemas.records.security.pinned import UNDECLARED, RunSecurity, ToolSecurity
from schemas.records.steps import ToolCall
from streams.core.runs.labels.pinned import Pinned

ANY = ToolSecurity(source=["web"], effects=True)
OWN = ToolSecurity(source=["user", "class:internal"], effects=True)
PINNED = Pinned(RunSecurity(tools={"mcp.call": ANY, "mcp.call:docs": OWN, "mail": ANY}))


@pytest.mark.parametrize(
    ("name", "config", "found"),
    [
        ("mcp.call", {"server": "docs", "tool": "search"}, OWN),
        ("mcp.call", {"server": "other", "tool": "search"}, ANY),
        ("mcp.call", {}, ANY),
        ("mail", {"server": "docs"}, ANY),
        ("unknown", {}, UNDECLARED),
    ],
)
def test_a_call_of_an_mcp_server_has_the_label_of_its_server(
    name: str, config: dict[str, Any], found: ToolSecurity
) -> None:
    assert PINNED.declared(ToolCall(name=name, config=config), "w", "n") == found
