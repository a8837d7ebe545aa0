"""What foreign spans say of calls, in the names of those who instrument programs.

    OpenTelemetry GenAI   gen_ai.operation.name, gen_ai.provider.name, gen_ai.usage.input_tokens, …
    OpenLLMetry           traceloop.span.kind, llm.request.type, gen_ai.usage.prompt_tokens, llm.usage.…
    OpenInference         openinference.span.kind, llm.model_name, llm.token_count.prompt, …
    LangSmith, LangChain  langsmith.span.kind, langsmith.metadata.ls_provider, …

Each fact is read from the first name that has it and from no second one: spans often carry two families of names for
the same tokens. A span that is no call and no tool is ``external``, whatever it says of tokens, since frameworks repeat
on their own spans what the calls below them used.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.records.base import Json, Usage

SpanKind = Literal["llm_call", "embedding", "tool_call", "external"]

_CALL: SpanKind = "llm_call"
_OTHER: SpanKind = "external"
#: Names that say what a span is, best first, with the values that mean a call or a tool. Any other value: neither.
_KINDS: tuple[tuple[str, Mapping[str, SpanKind]], ...] = (
    ("agentflow.type", {"llm_call": _CALL, "embedding": "embedding", "tool_call": "tool_call"}),
    ("openinference.span.kind", {"llm": _CALL, "embedding": "embedding", "tool": "tool_call"}),
    (
        "gen_ai.operation.name",
        {
            "chat": _CALL,
            "text_completion": _CALL,
            "generate_content": _CALL,
            "embeddings": "embedding",
            "execute_tool": "tool_call",
        },
    ),
    ("llm.request.type", {"chat": _CALL, "completion": _CALL, "embedding": "embedding"}),
    ("langsmith.span.kind", {"llm": _CALL, "embedding": "embedding", "tool": "tool_call"}),
    ("traceloop.span.kind", {"tool": "tool_call"}),
)
_PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "langsmith.metadata.ls_provider")
_MODEL = (
    *("gen_ai.response.model", "gen_ai.request.model", "llm.model_name", "embedding.model_name"),
    *("llm.response.model", "llm.request.model", "langsmith.metadata.ls_model_name"),
)
_TOOL = ("gen_ai.tool.name", "tool.name", "traceloop.entity.name")
_WORKFLOW = ("gen_ai.workflow.name", "traceloop.workflow.name")
_SESSION = (
    *("session.id", "gen_ai.conversation.id", "traceloop.association.properties.session_id"),
    *("traceloop.association.properties.thread_id", "langsmith.metadata.thread_id", "langsmith.metadata.session_id"),
)
_USER = ("user.id", "enduser.id", "traceloop.association.properties.user_id", "langsmith.metadata.user_id")
#: Kinds of usage: names of their counts, best first.
_COUNTS: Mapping[str, Sequence[str]] = {
    "input_tokens": (
        *("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens"),
        "llm.token_count.prompt",
    ),
    "output_tokens": (
        *("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens"),
        "llm.token_count.completion",
    ),
    "cache_read_tokens": (
        *("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
        "llm.token_count.prompt_details.cache_read",
    ),
    "cache_write_tokens": (
        *("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens"),
        "llm.token_count.prompt_details.cache_write",
    ),
    "reasoning_tokens": (
        *("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "llm.usage.reasoning_tokens"),
        "llm.token_count.completion_details.reasoning",
    ),
}
#: Their names of providers, in lower case, where the price lists have others.
_PROVIDERS: Mapping[str, str] = {
    "aws.bedrock": "aws",
    "bedrock": "aws",
    "amazon_bedrock": "aws",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "az.ai.openai": "azure",
    "az.ai.inference": "azure",
    "azure_openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "vertexai": "google",
    "vertex_ai": "google",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "x_ai": "x-ai",
    "xai": "x-ai",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
}
#: Frameworks that some instrumentations name as the provider.
_NO_PROVIDERS = frozenset({"langchain", "llamaindex", "langgraph", "haystack", "crewai", "unknown"})
_DIGITS = re.compile(r"[0-9]{1,12}")
_MOST_TOKENS = 10**12
_MAX_NAME = 256


@dataclass(frozen=True, slots=True)
class Facts:
    """What a span says of itself; empty texts where it says nothing. ``models`` are the names to price it by."""

    type: SpanKind
    provider: str
    models: tuple[str, ...]
    usage: Usage
    tool: str
    workflow: str
    session_id: str
    user_id: str


NO_USAGE = Usage()


def facts_of(attributes: Mapping[str, Json]) -> Facts:
    """Return what attributes of any of the dialects say."""
    kind = _kind(attributes)
    called = kind in ("llm_call", "embedding")
    return Facts(
        type=kind,
        provider=_provider(attributes) if called else "",
        models=_models(attributes) if called else (),
        usage=usage_of(attributes) if called else NO_USAGE,
        tool=_text(attributes, _TOOL) if kind == "tool_call" else "",
        workflow=_text(attributes, _WORKFLOW),
        session_id=_text(attributes, _SESSION),
        user_id=_text(attributes, _USER),
    )


def usage_of(attributes: Mapping[str, Json]) -> Usage:
    """Return the tokens of a call.

    Some count cached tokens beside the input instead of within it; where the parts are more than the whole, they do.
    Reasoning that is more than the output cannot be, and counts as not given.
    """
    counts = {kind: _count(attributes, names) for kind, names in _COUNTS.items()}
    cached = counts["cache_read_tokens"] + counts["cache_write_tokens"]
    if cached > counts["input_tokens"]:
        counts["input_tokens"] += cached
    if counts["reasoning_tokens"] > counts["output_tokens"]:
        counts["reasoning_tokens"] = 0
    return Usage(**counts)


def provider_name(name: str) -> str:
    """Return the price lists' name of a provider; ``""`` for a framework."""
    lower = name.strip().lower()
    return "" if lower in _NO_PROVIDERS else _PROVIDERS.get(lower, lower)


def _kind(attributes: Mapping[str, Json]) -> SpanKind:
    for name, kinds in _KINDS:
        value = attributes.get(name)
        if isinstance(value, str) and value:
            return kinds.get(value.lower(), _OTHER)
    return _OTHER


def _models(attributes: Mapping[str, Json]) -> tuple[str, ...]:
    found = [value[:_MAX_NAME] for name in _MODEL if isinstance(value := attributes.get(name), str) and value]
    return tuple(dict.fromkeys(found))


def _provider(attributes: Mapping[str, Json]) -> str:
    return next(filter(None, (provider_name(_text(attributes, (name,))) for name in _PROVIDER)), "")


def _text(attributes: Mapping[str, Json], names: Sequence[str]) -> str:
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value:
            return value[:_MAX_NAME]
    return ""


def _count(attributes: Mapping[str, Json], names: Sequence[str]) -> int:
    for name in names:
        value = attributes.get(name)
        if value is None or isinstance(value, bool):
            continue
        if isinstance(value, str):
            value = int(value) if _DIGITS.fullmatch(value) else -1
        if isinstance(value, float):
            value = int(value) if value.is_integer() else -1
        if isinstance(value, int) and 0 <= value <= _MOST_TOKENS:
            return value
    return 0
