"""The labels of what MCP servers give: of those that an organisation declares, and of the installation's."""

from collections.abc import Mapping, Sequence

from connectors.postgres.database import Database
from connectors.postgres.tools.mcp import McpStore
from schemas.labels.servers import server_words
from schemas.settings import Settings
from services.tools.installed_mcp import InstalledServer, installed_servers
from services.tools.remembered import Remembered


class ServerLabels:
    """Reads them. A change is known to every process within seconds; runs keep what they pinned."""

    def __init__(self, store: McpStore, installed: Mapping[str, InstalledServer]) -> None:
        self._declared = Remembered(store.declared)
        self._installed = installed

    async def of(self, org_id: str) -> Mapping[str, Sequence[str]]:
        """Return the words of a label for each server that an organisation may call. Raises ``Unavailable``."""
        declared = await self._declared.of(org_id)
        usable = {name: one for name, one in self._installed.items() if one.is_for(org_id)}
        installed = {name: server_words(one.integrity, one.classes) for name, one in usable.items()}
        return installed | {name: one.source for name, one in declared.servers.items()}

    async def unpinned(self, org_id: str, calls: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return those of these tools, each with its server, that are not pinned. Raises ``Unavailable``."""
        declared = await self._declared.of(org_id)
        return [call for call in calls if call not in declared.pins]


def server_labels_of(settings: Settings, database: Database) -> ServerLabels:
    """Return them for a process. Raises ``ValueError`` for a file of servers that cannot be used."""
    return ServerLabels(McpStore(database), installed_servers(settings.tools.mcp_servers_file))
