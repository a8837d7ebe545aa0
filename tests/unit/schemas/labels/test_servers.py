"""Labels of MCP servers, and the names by which runs pin them."""

import pytest

from schemas.errors import BadRecord
from schemas.labels.label import Integrity, Label
from schemas.labels.servers import MCP_SOURCE, server_label, server_of, server_words, tool_key


def test_words_of_a_server_are_a_label() -> None:
    words = server_words("third_party", ["internal", "customers", "internal"])
    assert words == ["third_party", "class:customers", "class:internal"]
    assert server_label(words) == Label(Integrity.THIRD_PARTY, frozenset({"customers", "internal"}))
    assert server_label(MCP_SOURCE) == Label(Integrity.WEB)


def test_words_that_are_no_label_are_refused() -> None:
    with pytest.raises(BadRecord):
        server_label(["trusted", "nonsense"])


@pytest.mark.parametrize(
    ("name", "config", "key"),
    [
        ("mcp.call", {"server": "docs", "tool": "search"}, "mcp.call:docs"),
        ("mcp.call", {}, "mcp.call"),
        ("mcp.call", {"server": 7}, "mcp.call"),
        ("http.request", {"server": "docs"}, "http.request"),
    ],
)
def test_only_calls_of_servers_are_named_with_them(name: str, config: dict[str, object], key: str) -> None:
    assert tool_key(name, config) == key
    assert server_of(key) == ("docs" if key == "mcp.call:docs" else "")
