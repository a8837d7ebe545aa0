"""Marks of a prompt's stable beginning: Anthropic's service keeps what comes before a mark. No I/O.

Tools come first, then the system text, then the messages; a mark covers all before it, and up to four are taken:

1. the last tool, 2. the system text: both are the same for all calls of a node;
3. the last earlier message of a conversation that is given;
4. the end of the last turn: the next turn of an agent begins with all of this one.

A prompt alone is not marked: it is another one in the next call. Marks before too few tokens (1,024 to 4,096, by model)
are ignored by the service, at no cost.
"""

from typing import Any

from connectors.providers.base import ModelRequest

_Block = dict[str, Any]


def marked(body: dict[str, Any], request: ModelRequest) -> dict[str, Any]:
    """Return the body with its marks; as it is without ``prompt_cache``."""
    if request.prompt_cache == "never":
        return body
    mark = {"cache_control": {"type": "ephemeral", "ttl": request.prompt_cache}}
    more: dict[str, Any] = {}
    if body.get("tools"):
        more["tools"] = _last_marked(body["tools"], mark)
    if body.get("system"):
        more["system"] = [{"type": "text", "text": body["system"]} | mark]
    messages = list(body["messages"])
    before = len(request.history) - 1
    for index in ({before} if request.history else set()) | ({len(messages) - 1} if request.turns else set()):
        messages[index] = messages[index] | {"content": _last_marked(messages[index]["content"], mark)}
    return body | more | {"messages": messages}


def _last_marked(blocks: list[_Block], mark: _Block) -> list[_Block]:
    return [*blocks[:-1], blocks[-1] | mark] if blocks else blocks
