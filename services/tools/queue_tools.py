"""What is declared of tools on queues: by an administrator of the organisation, never by the worker that has them."""

from collections.abc import Mapping

from connectors.postgres.database import Database
from connectors.postgres.tools.queue_tools import Key, QueueTool, QueueToolStore
from schemas.errors import InvalidInput
from schemas.labels.declarations import declaration_problems
from schemas.records.security.pinned import ToolSecurity
from services.tools.remembered import Remembered


class QueueTools:
    """Reads and changes them. A change is known to every process within seconds; runs keep what they pinned."""

    def __init__(self, store: QueueToolStore) -> None:
        self._store = store
        self._known = Remembered(store.all)

    async def of(self, org_id: str) -> Mapping[Key, ToolSecurity]:
        """Return what an organisation declares, by queue and tool. Raises ``Unavailable``."""
        return {(one.queue, one.tool): one.security for one in await self._known.of(org_id)}

    async def all(self, org_id: str) -> list[QueueTool]:
        """Return all declarations as they are stored now. Raises ``Unavailable``."""
        return await self._store.all(org_id)

    async def put(self, org_id: str, key: Key, security: ToolSecurity, by: str) -> QueueTool:
        """Declare a tool. Raises ``InvalidInput`` with all problems, ``Conflict`` and ``Unavailable``."""
        problems = list(declaration_problems(security))
        if problems:
            raise InvalidInput.of(*problems)
        stored = await self._store.put(org_id, key, security, by)
        self._known.forget(org_id)
        return stored

    async def delete(self, org_id: str, key: Key) -> None:
        """Remove what is declared of a tool. Raises ``NotFound`` and ``Unavailable``."""
        await self._store.delete(org_id, key)
        self._known.forget(org_id)


def queue_tools_of(database: Database) -> QueueTools:
    """Return them for a process."""
    return QueueTools(QueueToolStore(database))
