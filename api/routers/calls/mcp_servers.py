"""MCP servers that workflows call: declared, inspected, their tools pinned."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.dependencies import Admin, Parts
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from connectors.postgres.tools.mcp import Declared, ServerSpec, StoredServer
from schemas.api_models.base import timestamp
from schemas.api_models.operations.mcp import (
    McpServerAnswer,
    McpServerPage,
    McpToolAnswer,
    McpToolPage,
    PinTools,
    PutMcpServer,
)
from schemas.labels.label import INTEGRITIES
from schemas.labels.servers import server_label, server_words
from services.tools.mcp import SeenTool

ServerName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
ToolName = Annotated[str, Path(max_length=200)]

router = APIRouter(prefix="/api/v1/mcp/servers", tags=["mcp"], route_class=StrictJsonRoute)


@router.get("", responses=errors())
async def list_mcp_servers(who: Admin, parts: Parts) -> McpServerPage:
    """List the servers that workflows may call: the organisation's, and those of the installation."""
    declared = await parts.mcp.store.declared(who.org_id)
    own = [_answer(one, declared) for one in declared.servers.values()]
    others = [name for name in parts.mcp.installed(who.org_id) if name not in declared.servers]
    return McpServerPage(servers=sorted([*own, *(_installed(name, declared) for name in others)], key=_name))


@router.put("/{mcp_server}", responses=errors(409))
async def put_mcp_server(mcp_server: ServerName, body: PutMcpServer, who: Admin, parts: Parts) -> McpServerAnswer:
    """Declare a server, or change it. Its host must be among those that tools may ask (`HTTP_ALLOW`).

    Another address unpins its tools.
    """
    spec = ServerSpec(
        name=mcp_server,
        url=body.url,
        headers=body.headers,
        description=body.description,
        source=server_words(body.integrity, body.classes),
        timeout_ms=body.timeout_ms,
        enabled=body.enabled,
    )
    stored = await parts.mcp.put(who.org_id, spec, who.key_id)
    return _answer(stored, await parts.mcp.store.declared(who.org_id))


@router.delete("/{mcp_server}", status_code=204, responses=errors(404))
async def delete_mcp_server(mcp_server: ServerName, who: Admin, parts: Parts) -> None:
    """Remove a server with its pins; within five seconds nothing calls it."""
    await parts.mcp.store.delete(who.org_id, mcp_server)


@router.get("/{mcp_server}/tools", responses=errors(404, 409))
async def inspect_mcp_server(mcp_server: ServerName, who: Admin, parts: Parts) -> McpToolPage:
    """Ask a server for its tools, and compare them with those that are pinned."""
    return _page(await parts.mcp.inspect(who.org_id, mcp_server))


@router.post("/{mcp_server}/pins", responses=errors(404, 409))
async def pin_mcp_tools(mcp_server: ServerName, body: PinTools, who: Admin, parts: Parts) -> McpToolPage:
    """Pin tools as they are now: workflows may call these, while they stay so."""
    return _page(await parts.mcp.pin(who.org_id, mcp_server, body.tools, who.key_id))


@router.delete("/{mcp_server}/pins/{mcp_tool}", status_code=204, responses=errors(404))
async def unpin_mcp_tool(mcp_server: ServerName, mcp_tool: ToolName, who: Admin, parts: Parts) -> None:
    """Remove a pin; within five seconds nothing calls the tool."""
    await parts.mcp.store.unpin(who.org_id, mcp_server, mcp_tool)


def _pinned(name: str, declared: Declared) -> list[str]:
    return [tool for server, tool in declared.pins if server == name]


def _answer(one: StoredServer, declared: Declared) -> McpServerAnswer:
    return McpServerAnswer(
        name=one.name,
        installation=False,
        url=one.url,
        headers=one.headers,
        description=one.description,
        integrity=INTEGRITIES[server_label(one.source).integrity],
        classes=sorted(server_label(one.source).classes),
        timeout_ms=one.timeout_ms,
        enabled=one.enabled,
        pinned=_pinned(one.name, declared),
        warnings=_warnings(one, declared),
        created_at=timestamp(one.created_ms),
        changed_at=timestamp(one.changed_ms),
    )


def _installed(name: str, declared: Declared) -> McpServerAnswer:
    return McpServerAnswer(
        name=name,
        installation=True,
        url=None,
        headers={},
        description="",
        integrity=None,
        classes=[],
        timeout_ms=None,
        enabled=True,
        pinned=_pinned(name, declared),
        created_at=None,
        changed_at=None,
    )


def _warnings(one: StoredServer, declared: Declared) -> list[str]:
    """Return what is missing before workflows may call a server."""
    if _pinned(one.name, declared):
        return []
    look, pin = f"agentctl tool inspect {one.name}", f"agentctl tool pin {one.name} TOOL"
    return [f"none of its tools is pinned, so workflows can call none; read them by `{look}`, then `{pin}`"]


def _name(one: McpServerAnswer) -> str:
    return one.name


def _page(tools: list[SeenTool]) -> McpToolPage:
    return McpToolPage(
        tools=[
            McpToolAnswer(
                name=one.name,
                state=one.state,
                hash=one.hash,
                pinned_hash=one.pinned_hash,
                fault=one.fault,
                definition=one.definition,
            )
            for one in tools
        ]
    )
