"""The tools of a benchmark's suites for a worker: ``TOOLS=bench/agentdojo/tools_file.py``, with the worlds' address.

Each is named ``<suite>.<tool>``, has the arguments of the suite's own tool, and calls it in the world of its run.
"""

import http.client
import inspect
import json
import os
import threading
from collections.abc import Callable
from functools import reduce
from operator import or_
from types import GenericAlias
from typing import Any

from agentflow import ToolContext, tool

#: ``host:port`` of the worlds.
WORLDS = os.environ["AGENTDOJO_WORLDS"]
_TYPES = {"string": str, "integer": int, "number": float, "boolean": bool, "object": dict[str, Any], "null": None}
_CONNECTIONS = threading.local()


def asked(path: str, body: dict[str, Any]) -> Any:
    """Ask the worlds; return their answer. Raises ``OSError`` and ``http.client.HTTPException``."""
    connection = getattr(_CONNECTIONS, "open", None)
    if connection is None:
        connection = _CONNECTIONS.open = http.client.HTTPConnection(WORLDS, timeout=60)
    try:
        connection.request("POST", path, json.dumps(body))
        answer = connection.getresponse()
        read = answer.read()
    except BaseException:
        _CONNECTIONS.open = None
        connection.close()
        raise
    if answer.status != 200:
        raise OSError(f"the worlds answered {answer.status}: {read[:200]!r}")
    return json.loads(read)


def made(suite: str, described: dict[str, Any]) -> Callable[..., Any]:
    """Return a tool with the signature that its JSON Schema describes."""

    def call(*, context: ToolContext, **args: Any) -> Any:
        key = {"run": context.run_id, "key": context.idempotency_key}
        done = asked("/call", {**key, "tool": described["name"], "args": args})
        # What the suite's tool refuses is a result that its model sees.
        return done.get("value", done)

    keyword = inspect.Parameter.KEYWORD_ONLY
    required = described["parameters"].get("required", ())
    types = {name: _type(schema) for name, schema in described["parameters"].get("properties", {}).items()}
    parameters = [inspect.Parameter("context", keyword, annotation=ToolContext)]
    for name, kind in types.items():
        default = inspect.Parameter.empty if name in required else None
        parameters.append(inspect.Parameter(name, keyword, annotation=kind, default=default))
    call.__name__ = described["name"]
    call.__doc__ = described["summary"]
    call.__annotations__ = {"context": ToolContext, **types}
    vars(call)["__signature__"] = inspect.Signature(parameters)
    return tool(f"{suite}.{described['name']}")(call)


def _type(schema: dict[str, Any]) -> Any:
    if "anyOf" in schema:
        return reduce(or_, (_type(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        return GenericAlias(list, (_type(schema.get("items", {})),))
    # A reference is one of the suites' enumerations, which are texts.
    return str if "$ref" in schema else _TYPES.get(schema.get("type", ""), Any)


for _suite, _contents in asked("/catalogue", {}).items():
    for _one in _contents["tools"]:
        globals()[f"{_suite}_{_one['name']}"] = made(_suite, _one)
