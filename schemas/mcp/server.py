"""AgentFlow as an MCP server, without any input or output: a message in, steps to take, an answer out.

Every tool is requests to the HTTP API with the caller's key, so what the key may not do, no tool does.
"""

import json
from collections.abc import Generator, Mapping
from typing import Any, Final

from schemas.mcp import protocol
from schemas.mcp.arguments import misfits
from schemas.mcp.calls import CALLS, Call, submit_run
from schemas.mcp.protocol import STATELESS, VERSIONS, Incoming, Message, RpcError
from schemas.mcp.steps import Answered, Ask, Refused, Step, asked
from schemas.mcp.tools import FIXED, Offered, Tool, offered

Json = Any
Reply = Generator[Step, Answered | None, Message | None]
#: Workflows as tools in one page of ``tools/list``.
PAGE: Final = 100
_INSTRUCTIONS: Final = (
    "AgentFlow runs workflows of model calls and tools with a hard bound on their cost. Call list_workflows, then "
    "submit_run without accept_cost_usd to learn what a run may cost, then again with it; wait_for_run gives its "
    "output. why explains a wait or a failure, cost_of_run what was spent."
)
_CAPABILITIES: Final[dict[str, Json]] = {"tools": {"listChanged": False}}
#: How long a client of a revision without sessions may use a list again.
_FRESH_MS: Final = 10_000


def reply(message: Incoming, version: str) -> Reply:
    """Return the answer to a message of a client, ``None`` to a notification. ``version`` is AgentFlow's.

    Nothing is raised: what goes wrong is an error in the answer.
    """
    if message.id is None:
        return None
    try:
        protocol.check_version(message.version)
        result = yield from _result(message, version)
    except RpcError as exc:
        return protocol.error_answer(message.id, exc)
    except Refused as exc:
        error = RpcError(protocol.INTERNAL_ERROR, str(exc), {"code": exc.code, **exc.details})
        return protocol.error_answer(message.id, error)
    return protocol.answer(message.id, {"resultType": "complete", **result} if message.version in STATELESS else result)


def _result(message: Incoming, version: str) -> Generator[Step, Answered | None, dict[str, Json]]:
    match message.method:
        case "initialize":
            return {"protocolVersion": protocol.negotiated(message.params.get("protocolVersion")), **_about(version)}
        case "server/discover":
            return {"supportedVersions": list(VERSIONS), **_fresh(), **_about(version)}
        case "ping":
            return {}
        case "tools/list":
            return (yield from _listed(message))
        case "tools/call":
            return (yield from _called(message))
    raise RpcError(protocol.METHOD_NOT_FOUND, f"there is no method {message.method!r} here")


def _about(version: str) -> dict[str, Json]:
    about = {"name": "agentflow", "title": "AgentFlow", "version": version}
    return {"capabilities": _CAPABILITIES, "serverInfo": about, "instructions": _INSTRUCTIONS}


def _fresh() -> dict[str, Json]:
    return {"ttlMs": _FRESH_MS, "cacheScope": "private"}


def _listed(message: Incoming) -> Generator[Step, Answered | None, dict[str, Json]]:
    """Return a page of the tools that the key may use: those that write are not shown to one that may only read."""
    start = _start(message.params.get("cursor"))
    who = yield from asked(Ask("GET", "/api/v1/whoami"))
    writes = "write" in who["permissions"]
    workflows = yield from _workflows() if writes else _none()
    shown = workflows[start : start + PAGE]
    fixed = [one.described() for one in FIXED if writes or not one.writes] if start == 0 else []
    found: dict[str, Json] = {"tools": [*fixed, *(one.tool.described() for one in shown)]}
    if start + PAGE < len(workflows):
        found["nextCursor"] = str(start + PAGE)
    return found | (_fresh() if message.version in STATELESS else {})


def _workflows() -> Generator[Step, Answered | None, list[Offered]]:
    found = yield from asked(Ask("GET", "/api/v1/workflows"))
    return offered(found["workflows"])


def _none() -> Generator[Step, Answered | None, list[Offered]]:
    yield from ()
    return []


def _start(cursor: Json) -> int:
    if cursor is None:
        return 0
    if not isinstance(cursor, str) or not cursor.isascii() or not cursor.isdigit() or len(cursor) > 6:
        raise RpcError(protocol.INVALID_PARAMS, "the cursor is not one of a page before")
    return int(cursor)


def _called(message: Incoming) -> Generator[Step, Answered | None, dict[str, Json]]:
    name, given = message.params.get("name"), message.params.get("arguments") or {}
    if not isinstance(name, str) or not isinstance(given, dict):
        raise RpcError(protocol.INVALID_PARAMS, "tools/call takes the name of a tool and its arguments, an object")
    token = message.meta.get("progressToken")
    try:
        tool, workflow = yield from _found(name)
        _check(tool, given)
        if workflow is None:
            result = yield from CALLS[tool.name](Call(given, token))
        else:
            result = yield from submit_run(Call({"wait_s": 60, **given, "workflow": workflow}, token))
    except Refused as exc:
        return _failed(exc)
    return {"content": [{"type": "text", "text": _text(result)}], "structuredContent": result, "isError": False}


def _found(name: str) -> Generator[Step, Answered | None, tuple[Tool, str | None]]:
    """Return a tool, and the workflow that it runs. Raises ``RpcError`` for an unknown one."""
    for one in FIXED:
        if one.name == name:
            return one, None
    for workflow in (yield from _workflows()):
        if workflow.tool.name == name:
            return workflow.tool, workflow.workflow
    raise RpcError(protocol.INVALID_PARAMS, f"there is no tool {name!r}; tools/list names them")


def _check(tool: Tool, given: Mapping[str, Json]) -> None:
    """Raise ``Refused`` for arguments that break a tool's schema: a model may correct its call."""
    if wrong := misfits(tool, given):
        raise Refused("bad_arguments", f"the arguments of {tool.name} do not fit: {'; '.join(wrong)}")


def _failed(exc: Refused) -> dict[str, Json]:
    said = {"error": {"code": exc.code, "message": str(exc), **exc.details}}
    return {"content": [{"type": "text", "text": _text(said)}], "structuredContent": said, "isError": True}


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
