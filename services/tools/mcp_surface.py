"""MCP servers as the API changes them: declared, inspected, pinned."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from connectors.mcp.session import RemoteTool
from connectors.postgres.tools.mcp import Declared, McpStore, ServerSpec, StoredServer
from connectors.tools.environment import HttpRules
from connectors.tools.http.headers import checked_headers
from connectors.tools.http.request import checked_url
from connectors.tools.mcp import CALL
from connectors.tools.secrets import NO_SECRETS, filled, references
from schemas.errors import Conflict, InvalidInput, NotFound, Problem, StepError
from services.tools.mcp import McpServers, SeenTool
from services.tools.secrets import ToolSecrets


class McpSurface:
    """What the API does with MCP servers. All methods raise ``Unavailable``."""

    def __init__(self, store: McpStore, servers: McpServers, rules: HttpRules, secrets: ToolSecrets | None) -> None:
        self._store = store
        self._servers = servers
        self._rules = rules
        self._secrets = secrets

    @property
    def store(self) -> McpStore:
        """The servers and pins."""
        return self._store

    def installed(self, org_id: str) -> Sequence[str]:
        """Return the names of the installation's servers that an organisation may use."""
        return [name for name, one in self._servers.installed.items() if one.is_for(org_id)]

    async def put(self, org_id: str, spec: ServerSpec, by: str) -> StoredServer:
        """Declare a server. Raises ``InvalidInput`` for an address that may not be asked, and ``Conflict``."""
        self._check(spec.url, spec.headers)
        return await self._store.put(org_id, spec, by)

    async def inspect(self, org_id: str, server: str) -> list[SeenTool]:
        """Return a server's tools as they are now. Raises ``NotFound`` and ``Conflict`` where it cannot be asked."""
        declared = await self._declared(org_id, server)
        secrets = NO_SECRETS if self._secrets is None else self._secrets.of_call(org_id, CALL)
        try:
            return await self._servers.inspect(org_id, server, declared, secrets)
        except StepError as exc:
            cleaned = secrets.cleaned_error(exc) or exc
            raise Conflict(f"MCP server {server} cannot be asked ({exc.code}): {cleaned}") from None

    async def pin(self, org_id: str, server: str, tools: Mapping[str, str | None], by: str) -> list[SeenTool]:
        """Pin tools as they are now; a hash that is given must be that of the tool. All are pinned, or none.

        Raises ``NotFound`` for one that the server does not list, ``Conflict`` for another hash or a bad schema.
        """
        live = {one.name: one for one in await self.inspect(org_id, server)}
        for name, expected in tools.items():
            found = live.get(name)
            if found is None or found.hash is None:
                raise NotFound(f"MCP server {server} lists no tool {name}; look by: agentctl tool inspect {server}")
            if expected is not None and not found.hash.startswith(expected):
                raise Conflict(
                    f"tool {name} has the hash {found.hash}, not {expected}: read it again before you pin it"
                )
            if found.fault is not None:
                raise Conflict(f"tool {name} cannot be pinned: {found.fault}")
        for name in tools:
            tool = RemoteTool(name, live[name].definition)
            await self._store.pin(org_id, server, name, tool.hash, tool.definition, by)
        return [one for one in await self.inspect(org_id, server) if one.name in tools]

    async def _declared(self, org_id: str, server: str) -> Declared:
        declared = await self._store.declared(org_id)
        if server not in declared.servers and server not in self.installed(org_id):
            raise NotFound(f"there is no MCP server {server}; declare it by PUT /api/v1/mcp/servers/{server}")
        return declared

    def _check(self, url: str, headers: Mapping[str, str]) -> None:
        try:
            checked_url(url, self._rules)
        except StepError as exc:
            raise InvalidInput.of(Problem("url", "cannot be an MCP server's", str(exc))) from exc
        named = {name: "x" * 8 for value in headers.values() for name in references(value)}
        try:
            plain = {name: filled(value, named) for name, value in headers.items()}
            checked_headers(plain, {}, urlsplit(url).hostname or "", at_home=True)
        except StepError as exc:
            raise InvalidInput.of(Problem("headers", "cannot be sent", str(exc))) from exc
