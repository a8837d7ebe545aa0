"""``agentctl tool``."""

from typing import Any

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.declared_tools import declared_tools
from agentflow.cli.errors import USAGE, CliError
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.options import group
from agentflow.cli.session import Session
from agentflow.cli.units import pairs

SERVERS = "/api/v1/mcp/servers"
QUEUES = "/api/v1/queues"
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

_ON_QUEUES = (
    Column("QUEUE", "queue"),
    Column("TOOL", "tool"),
    Column("EFFECTS", "security", lambda one: "yes" if one["effects"] else "no"),
    Column("SOURCE", "security", lambda one: ",".join(one["source"])),
    Column("SINKS", "security", lambda one: ",".join(f"{name}:{sink}" for name, sink in one["sinks"].items())),
    Column("BY", "declared_by", wide=True),
)
_OF = click.option("--installation", is_flag=True, help="The queue is the installation's, and not the organisation's.")

command = group("tool", "List tools; declare tools of queues and MCP servers, and pin tools of these.")


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


@make(command, "declared")
def declared(session: Session) -> None:
    """List what is declared of tools on queues."""
    found = session.get(at(QUEUES, "tools"))
    session.rows(found, found["tools"], _ON_QUEUES, "tool")


@make(command, "declare", changes=True, example="agentctl tool declare counting app.py")
@click.argument("queue")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--tool", "only", multiple=True, help="Only this tool of the file. Repeatable.")
@_OF
def declare(session: Session, *, queue: str, file: str, only: tuple[str, ...], installation: bool) -> None:
    """Declare what policies know of the tools of QUEUE, as FILE says: its decorators (.py, which is executed), or YAML.

    What is declared of other tools stays. Tools of which the file says nothing are left out.
    """
    found = declared_tools(file)
    if missing := sorted(set(only) - found.keys()):
        raise CliError(f"{file} has no tool {missing[0]!r}", f"it has {', '.join(sorted(found))}", USAGE)
    whose = {"of": "installation"} if installation else {}
    wanted = {name: said for name, said in found.items() if not only or name in only}
    for name in (name for name, said in wanted.items() if said is None):
        session.note(f"nothing is declared of {name}: it may have effects, and its results are trusted least")
    bodies = {at(QUEUES, queue, "tools", name): whose | said for name, said in wanted.items() if said is not None}
    if session.given.get("dry-run"):
        for path, body in bodies.items():
            session.print_request("PUT", path, body)
        return
    stored = [session.change("PUT", path, body) for path, body in bodies.items()]
    session.rows({"tools": stored}, stored, _ON_QUEUES, "tool")


@make(command, "undeclare", changes=True)
@click.argument("queue")
@click.argument("tool")
@_OF
def undeclare(session: Session, *, queue: str, tool: str, installation: bool) -> None:
    """Remove what is declared of TOOL of QUEUE: it may have effects, and its results are trusted least."""
    params = {"of": "installation" if installation else None}
    session.change("DELETE", at(QUEUES, queue, "tools", tool), params=params)
    session.note(f"nothing is declared of tool {tool} of queue {queue} any more")
