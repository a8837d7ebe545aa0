"""``agentctl tool``."""

from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.units import pairs

SERVERS = "/api/v1/mcp/servers"
_TOOLS = (Column("NAME", "name"), Column("KIND", "kind"), Column("SUMMARY", "summary"))
_SERVERS = (
    Column("NAME", "name"),
    Column("URL", "url"),
    Column("PINNED", "pinned", ",".join),
    Column("ENABLED", "enabled", lambda value: "yes" if value else "no"),
    Column("INTEGRITY", "integrity", wide=True),
    Column("CLASSES", "classes", ",".join, wide=True),
    Column("INSTALLATION", "installation", lambda value: "yes" if value else "no", wide=True),
    Column("DESCRIPTION", "description", wide=True),
)


def _short(value: Any) -> str:
    return str(value)[:12] if value else ""


_SEEN = (
    Column("NAME", "name"),
    Column("STATE", "state"),
    Column("HASH", "hash", _short),
    Column("PINNED", "pinned_hash", _short),
    Column("FAULT", "fault"),
)

command = group("tool", "List tools; declare MCP servers, and pin their tools.")


@make(command, "list")
def list_tools(session: Session) -> None:
    """List the tools that nodes may name."""
    found = session.get("/api/v1/tools")
    session.rows(found, found["tools"], _TOOLS, "name")


@make(command, "servers")
def servers(session: Session) -> None:
    """List MCP servers that workflows may call."""
    found = session.get(SERVERS)
    session.rows(found, found["servers"], _SERVERS, "name")


@make(
    command,
    "add-server",
    changes=True,
    example="agentctl tool add-server docs https://mcp.example.com/mcp --header 'X-Key=${SECRET:DOCS}'",
)
@click.argument("name")
@click.argument("url")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="Sent with each request. Repeatable.")
@click.option("--description", help="What it is for.")
@click.option("--integrity", type=OneOf(("trusted", "user", "third_party", "web")),
              help="How far its results are trusted under a policy; web without it.")  # fmt: skip
@click.option("--class", "classes", multiple=True, help="A class of data that its results have. Repeatable.")
@click.option("--timeout-ms", type=click.IntRange(1, 300_000), help="The longest that a call takes.")
@click.option("--disable", is_flag=True, help="Keep it, and call it no more for now.")
def add_server(
    session: Session,
    *,
    name: str,
    url: str,
    headers: tuple[str, ...],
    description: str | None,
    integrity: str | None,
    classes: tuple[str, ...],
    timeout_ms: int | None,
    disable: bool,
) -> None:
    """Declare the MCP server NAME at URL, or change it. Another URL unpins its tools."""
    given = {"description": description, "timeout_ms": timeout_ms, "headers": pairs(headers, "--header") or None}
    body: dict[str, object] = {"url": url} | {key: value for key, value in given.items() if value is not None}
    body |= {"integrity": integrity} if integrity else {}
    body |= {"classes": list(classes)} if classes else {}
    body |= {"enabled": False} if disable else {}
    found = session.change("PUT", at(SERVERS, name), body)
    session.one(found, _SERVERS, "name")
    for warning in found.get("warnings") or ():
        session.note(f"warning: {warning}")


@make(command, "remove-server", changes=True)
@click.argument("name")
def remove_server(session: Session, name: str) -> None:
    """Remove the MCP server NAME with its pins."""
    session.change("DELETE", at(SERVERS, name))
    session.note(f"MCP server {name} is removed")


@make(command, "inspect")
@click.argument("server")
def inspect(session: Session, server: str) -> None:
    """Ask SERVER for its tools, and compare them with those that are pinned. With -o yaml: their schemas."""
    found = session.get(at(SERVERS, server, "tools"))
    session.rows(found, found["tools"], _SEEN, "name")


@make(command, "pin", changes=True, example="agentctl tool pin docs search=3f9a1c")
@click.argument("server")
@click.argument("tools", nargs=-1, required=True, metavar="TOOL[=HASH]...")
def pin(session: Session, *, server: str, tools: tuple[str, ...]) -> None:
    """Pin tools of SERVER as they are now, or only if they still have the HASH that you have read."""
    wanted = {name: expected or None for name, _, expected in (one.partition("=") for one in tools)}
    found = session.change("POST", at(SERVERS, server, "pins"), {"tools": wanted})
    session.rows(found, found["tools"], _SEEN, "name")


@make(command, "unpin", changes=True)
@click.argument("server")
@click.argument("tool")
def unpin(session: Session, *, server: str, tool: str) -> None:
    """Remove the pin of TOOL: it is called no more."""
    session.change("DELETE", at(SERVERS, server, "pins", tool))
    session.note(f"tool {tool} of {server} is unpinned")
