"""Labels and pins of MCP servers as submissions and registrations ask for them."""

from typing import Any

import pytest

from connectors.postgres.tools.mcp import Declared, StoredPin, StoredServer
from services.tools.installed_mcp import InstalledServer
from services.tools.server_labels import ServerLabels


class Store:
    async def declared(self, org_id: str) -> Declared:
        if org_id != "acme":
            return Declared({}, {})
        server = StoredServer("docs", "https://x/", {}, "", ["user", "class:internal"], 1_000, True, "k", 0, 0)
        return Declared({"docs": server}, {("docs", "search"): StoredPin("docs", "search", "h", {}, "k", 0)})


@pytest.fixture
def labels() -> ServerLabels:
    installed = {
        "docs": InstalledServer(url="https://y/", integrity="trusted"),
        "files": InstalledServer(command=["x"], integrity="third_party", classes=["hr"]),
        "theirs": InstalledServer(command=["x"], organisations=["other"]),
    }
    store: Any = Store()
    return ServerLabels(store, installed)


async def test_servers_of_the_organisation_count_before_those_of_the_installation(labels: ServerLabels) -> None:
    assert await labels.of("acme") == {"docs": ["user", "class:internal"], "files": ["third_party", "class:hr"]}
    assert await labels.of("other") == {"docs": ["trusted"], "files": ["third_party", "class:hr"], "theirs": ["web"]}


async def test_tools_that_are_not_pinned_are_named(labels: ServerLabels) -> None:
    calls = [("docs", "search"), ("docs", "write"), ("files", "search")]
    assert await labels.unpinned("acme", calls) == calls[1:]
    assert await labels.unpinned("other", calls) == calls
