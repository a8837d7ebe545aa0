"""Options of a node that are handed to a provider as they are, and those that never are."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

MOST_BYTES = 16_384
#: What AgentFlow sets itself, in any wire's spelling; a call that has one in its body already is refused, too.
_OURS = frozenset(
    {"model", "stream", "stream_options", "messages", "input", "instructions", "contents", "systemInstruction"}
    | {"system", "tools", "toolConfig", "tool_choice", "response_format", "output_format", "temperature", "seed"}
    | {"max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "reasoning_effort"}
    | {"stop", "stop_sequences", "stopSequences", "top_p", "topP"}
)
#: What would multiply or add to what a call costs, beyond what is held for it.
_MONEY = frozenset(
    {"n", "best_of", "candidate_count", "candidateCount", "num_generations", "prediction", "modalities", "audio"}
    | {"background", "web_search_options", "cache_control", "cachedContent", "mcp_servers", "container", "connectors"}
)


def option_problems(options: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Yield the place, the problem and the fix of each option that no provider is handed."""
    for provider, given in options.items():
        if not 0 < len(provider) <= 64:
            yield provider, "is not the name of a provider", "write options by provider, as in {openai: {user: team-7}}"
        for name in _names(given):
            if name in _OURS:
                yield f"{provider}.{name}", "is set by AgentFlow", "remove it, and use the node's own field"
            elif name in _MONEY:
                yield f"{provider}.{name}", "changes what a call costs beyond what is held for it", "remove it"
    if len(json.dumps(options, ensure_ascii=False).encode("utf-8", "surrogatepass")) > MOST_BYTES:
        yield "", f"has more than {MOST_BYTES} bytes", "shorten it"


def merged(body: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Return a body with options, and the first option that the body has already; objects are merged."""
    whole = dict(body)
    for name, value in options.items():
        there = whole.get(name)
        if name not in whole:
            whole[name] = value
        elif isinstance(there, Mapping) and isinstance(value, Mapping):
            whole[name], taken = merged(there, value)
            if taken is not None:
                return whole, f"{name}.{taken}"
        else:
            return whole, name
    return whole, None


def _names(given: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names at the top, and those that Google's wire has one level below."""
    yield from given
    below = given.get("generationConfig")
    if isinstance(below, Mapping):
        yield from below
