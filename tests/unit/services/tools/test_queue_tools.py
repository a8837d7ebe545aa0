"""Declarations of tools on queues: checked before they are stored, and known to others soon."""

from typing import Any

import pytest

from connectors.postgres.tools.queue_tools import Key, QueueTool
from schemas.errors import InvalidInput
from schemas.records.security.pinned import ToolSecurity
from services.tools.queue_tools import QueueTools

KEY = ("org/mail", "send")
MAIL = ToolSecurity(source=["trusted"], effects=True, sinks={"to": "recipient"})


class Store:
    def __init__(self) -> None:
        self.stored: dict[str, dict[Key, QueueTool]] = {}

    async def put(self, org_id: str, key: Key, security: ToolSecurity, by: str) -> QueueTool:
        one = QueueTool(*key, security, by, 0)
        self.stored.setdefault(org_id, {})[key] = one
        return one

    async def delete(self, org_id: str, key: Key) -> None:
        del self.stored[org_id][key]

    async def all(self, org_id: str) -> list[QueueTool]:
        return list(self.stored.get(org_id, {}).values())


@pytest.fixture
def tools() -> QueueTools:
    store: Any = Store()
    return QueueTools(store)


async def test_a_declaration_is_of_one_organisation_and_queue(tools: QueueTools) -> None:
    assert await tools.of("acme") == {}
    assert (await tools.put("acme", KEY, MAIL, "k1")).declared_by == "k1"
    assert await tools.of("acme") == {KEY: MAIL}
    assert await tools.of("other") == {}
    await tools.delete("acme", KEY)
    assert await tools.of("acme") == {}
    assert await tools.all("acme") == []


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        (ToolSecurity(source=["trustworthy"]), "source"),
        (ToolSecurity(fields={"$.[": ["web"]}), "fields"),
        (ToolSecurity(sinks={"to": "recipient"}), "sinks"),
        (ToolSecurity(pure=True, source=["web"]), "source"),
    ],
)
async def test_a_declaration_that_means_nothing_is_refused(tools: QueueTools, wrong: ToolSecurity, place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await tools.put("acme", KEY, wrong, "k1")
    assert [one.path for one in refused.value.problems] == [place]
    assert await tools.of("acme") == {}
