"""The context that a tool gets of the step that calls it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from connectors.tools.environment import World
from connectors.tools.secrets import NO_SECRETS, CallSecrets
from schemas.errors import StepError
from schemas.payload import Reference


class McpCaller(Protocol):
    """Calls tools of MCP servers, see ``services.tools.mcp``."""

    async def call(self, context: "ToolContext", server: str, tool: str, args: dict[str, Any]) -> dict[str, Any]:
        """Return what a pinned tool gives. Raises ``StepError``."""
        ...


class NoMcp:
    """The caller of a process that calls none."""

    async def call(self, context: "ToolContext", server: str, tool: str, args: dict[str, Any]) -> dict[str, Any]:
        """Refuse."""
        raise StepError("unknown_mcp_server", f"this process calls no MCP servers, such as {server!r}; ask a worker")


class ObjectReader(Protocol):
    """Reads stored bytes; see ``connectors.objects.store``."""

    async def get(self, org_id: str, reference: Reference) -> bytes:
        """Return the bytes of one of the organisation's references."""
        ...


@dataclass(frozen=True, slots=True)
class ToolContext:
    """The caller of a tool, and the resources that it may use.

    ``idempotency_key`` is the same for all attempts of the step, unless its node wants one for each: pass it on to the
    service that the tool calls, and with it ``trace_headers``, those of W3C Trace Context. ``documents_dir`` is the
    directory that local files are read from. ``world`` are the permissions for outside systems,
    ``secrets`` those of the organisation, ``mcp`` what calls MCP servers.
    """

    org_id: str
    run_id: str
    step_id: str
    idempotency_key: str
    documents_dir: Path
    objects: ObjectReader
    world: World = field(default_factory=World)
    trace_headers: Mapping[str, str] = field(default_factory=dict)
    secrets: CallSecrets = NO_SECRETS
    mcp: McpCaller = field(default_factory=NoMcp)

    def secret(self, name: str) -> str:
        """Return a secret that the tool declares. Raises a final ``StepError`` ``unknown_secret`` for another one."""
        return self.secrets.value(name)

    @property
    def progress(self) -> None:
        """``None``: our own workers store no progress, see ``agentflow.ToolContext``."""
        return

    def heartbeat(self, progress: Any = None) -> None:
        """Do nothing: the worker renews the claim itself."""
