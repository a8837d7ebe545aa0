"""Marks of Anthropic's prompt cache: at what the next call repeats, and nowhere else."""

from typing import Any

from connectors.providers.anthropic.request import request_body
from connectors.providers.base import ModelRequest
from connectors.providers.conversation import Asked, Said, ToolSpec, Turn

MARK = {"type": "ephemeral", "ttl": "1h"}
TOOLS = (ToolSpec("one", "", {}), ToolSpec("two", "", {}))


def body(**fields: Any) -> dict[str, Any]:
    return request_body(ModelRequest("claude-haiku-4-5", "hello", 9, "k", **({"prompt_cache": "1h"} | fields)))


def marks(value: Any) -> int:
    if isinstance(value, dict):
        return ("cache_control" in value) + sum(marks(one) for one in value.values())
    return sum(marks(one) for one in value) if isinstance(value, list) else 0


def test_nothing_is_marked_unless_it_is_asked() -> None:
    given = {"tools": TOOLS, "system": "Be brief.", "history": (Said("user", "a"),)}
    assert marks(body(prompt_cache="never", **given)) == 0
    assert body(prompt_cache="never", **given)["system"] == "Be brief."


def test_tools_and_system_are_marked_at_their_end_and_a_prompt_alone_is_not() -> None:
    found = body(tools=TOOLS, system="Be brief.")
    assert [tool.get("cache_control") for tool in found["tools"]] == [None, MARK]
    assert found["system"] == [{"type": "text", "text": "Be brief.", "cache_control": MARK}]
    assert marks(found["messages"]) == 0
    assert marks(body()) == 0


def test_history_and_the_last_turn_are_marked() -> None:
    turn = Turn("so", (Asked("c1", "one", {}),), ("found",))
    found = body(tools=TOOLS, system="s", history=(Said("user", "a"), Said("assistant", "b")), turns=(turn, turn))
    marked = [index for index, message in enumerate(found["messages"]) if marks(message)]
    assert marked == [1, len(found["messages"]) - 1]
    assert marks(found) == 4


def test_five_minutes_are_said_as_well() -> None:
    assert body(prompt_cache="5m", system="s")["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
