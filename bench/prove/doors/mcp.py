"""Lines of MCP and of secrets for tools: changed tools that a pin misses, forms of a secret that a result keeps."""

import base64
import random
import string
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from bench.lines import Line
from bench.prove.area import Aim, at_most, line_of
from connectors.mcp.session import remote_tool
from connectors.tools.secrets import CallSecrets
from deploy.local.engines.progress import Progress

AIMS = (
    Aim("mcp_changed_tools_not_noticed", "tools", at_most(0), at_most(0)),
    Aim("mcp_equal_tools_refused", "tools", at_most(0), at_most(0)),
    Aim("tool_secrets_left_in_results", "results", at_most(0), at_most(0)),
)
SEED = 20261129
_ALPHABET = string.ascii_letters + string.digits + "+/=_-.:%\"'\\&"
#: What is left of a secret when three characters at each end may be lost in an encoding.
_EDGE = 3


def measure(quick: bool, _progress: Progress) -> Sequence[Line]:
    """Return the lines; without engines, in seconds."""
    rng = random.Random(SEED)  # noqa: S311 - made texts, the same ones each time
    count = 300 if quick else 5_000
    tools = [_tool(rng, number) for number in range(count)]
    changed = [(tool, one) for tool in tools for one in changes(tool)]
    missed = sum(remote_tool(tool).hash == remote_tool(one).hash for tool, one in changed)
    refused = sum(remote_tool(tool).hash != remote_tool(_reordered(tool)).hash for tool in tools)
    results = [one for _ in range(count) for one in echoes(rng)]
    left = sum(_is_left(secret, text) for secret, text in results)
    return [
        line_of(AIMS, "mcp_changed_tools_not_noticed", missed, f"of {len(changed)} changes of {count} tools"),
        line_of(AIMS, "mcp_equal_tools_refused", refused, f"of {count}, with their fields in another order"),
        line_of(AIMS, "tool_secrets_left_in_results", left, f"of {len(results)} echoes: plain, in URLs, in base64"),
    ]


def changes(tool: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a tool with one thing changed in each place that a model or a check reads."""
    schema = tool["inputSchema"]
    yield tool | {"description": tool["description"] + " "}
    yield tool | {"title": "Another"}
    yield {key: value for key, value in tool.items() if key != "outputSchema"}
    yield tool | {"inputSchema": schema | {"required": []}}
    yield tool | {"inputSchema": schema | {"properties": schema["properties"] | {"also": {"type": "string"}}}}
    yield tool | {"outputSchema": {"type": "object", "required": ["other"]}}


def echoes(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield a secret with a text that repeats it, in the forms that services use."""
    secret = "".join(rng.choice(_ALPHABET) for _ in range(rng.randint(8, 60)))
    before = "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(0, 9)))
    after = "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(0, 9)))
    yield secret, f"{before}{secret}{after}"
    yield secret, f"https://x.example/?key={quote(secret, safe='')}&a={after}"
    yield secret, base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    yield secret, base64.urlsafe_b64encode(f"{before}:{secret}".encode()).decode()


def _is_left(secret: str, text: str) -> bool:
    """Return whether a cleaned text still shows a secret, but for a few characters at its ends."""
    cleaned = CallSecrets("acme", "http.request", handed={"KEY": secret}).cleaned({"echo": [text]})["echo"][0]
    core = secret.encode()[_EDGE:-_EDGE]
    return any(core in one for one in _readings(cleaned.replace("${SECRET:KEY}", " ")))


def _readings(text: str) -> Iterator[bytes]:
    yield text.encode()
    for part in text.split():
        for cut in range(4):
            data = part[cut:]
            data += "=" * (-len(data) % 4)
            for decode in (base64.b64decode, base64.urlsafe_b64decode):
                try:
                    yield decode(data)
                except ValueError:
                    continue


def _tool(rng: random.Random, number: int) -> dict[str, Any]:
    names = [f"a{n}" for n in range(rng.randint(1, 6))]
    properties = {name: {"type": rng.choice(("string", "integer", "boolean"))} for name in names}
    return {
        "name": f"tool_{number}",
        "title": f"Tool {number}",
        "description": f"Does thing {rng.randint(0, 999)}.",
        "inputSchema": {"type": "object", "properties": properties, "required": names[:1]},
        "outputSchema": {"type": "object", "required": ["result"]},
    }


def _reordered(value: Any) -> Any:
    return {key: _reordered(value[key]) for key in reversed(value)} if isinstance(value, dict) else value
