"""Our spans in the words of OpenTelemetry's semantic conventions for generative AI.

They are in development and have changed often, so the log has our own fields (``schemas.records.spans``) and only what
leaves the system is said in their words, as of ``COMMIT``. Beside them stands ``openinference.span.kind``, since
readers that know OpenInference better show a workflow as unknown without it. Tokens are said once, as ``gen_ai.usage``:
two families of counts in one span are added up by some readers.
"""

from collections.abc import Mapping
from typing import Any

from schemas.records.spans import Span, TraceSpans

REPOSITORY = "open-telemetry/semantic-conventions-genai"
#: The commit of that repository whose registry the names were read from.
COMMIT = "e8fc5751506258db1459d1bde47994e01dee922e"

#: The operation that a span is, where the conventions have one.
OPERATIONS: Mapping[str, str] = {
    "run": "invoke_workflow",
    "child_run": "invoke_workflow",
    "agent": "invoke_agent",
    "llm_call": "chat",
    "embedding": "embeddings",
    "tool_call": "execute_tool",
}
#: Kinds of OpenInference; what is not here is a link of the chain.
KINDS: Mapping[str, str] = {
    "agent": "AGENT",
    "llm_call": "LLM",
    "embedding": "EMBEDDING",
    "tool_call": "TOOL",
    "guard": "GUARDRAIL",
}
OTHER_KIND = "CHAIN"
#: Providers whose names in the conventions are not ours.
PROVIDERS: Mapping[str, str] = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}
#: Our attributes that have a name there.
NAMES: Mapping[str, str] = {
    "agentflow.request.max_tokens": "gen_ai.request.max_tokens",
    "agentflow.request.temperature": "gen_ai.request.temperature",
    "agentflow.usage.cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "agentflow.usage.cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "agentflow.usage.reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "agentflow.tool.name": "gen_ai.tool.name",
    "agentflow.tool.call_id": "gen_ai.tool.call.id",
    "agentflow.agent.name": "gen_ai.agent.name",
    "agentflow.prompt.name": "gen_ai.prompt.name",
}
FINISH_REASON = "agentflow.response.finish_reason"
FIRST_PIECE_MS = "agentflow.call.ttft_ms"
_CALLS = frozenset({"llm_call", "embedding"})


def name_of(span: Span, trace: TraceSpans) -> str:
    """Return a span's name there: the operation, then the model, agent, workflow or tool."""
    operation = OPERATIONS.get(span.type)
    target = _target(span, trace)
    return f"{operation} {target}" if operation and target else span.name


def attributes_of(span: Span, trace: TraceSpans) -> dict[str, Any]:
    """Return all attributes of a span there; those that only we have keep their names, which begin with ``agentflow.``.

    Values are JSON values. A span of another program is returned as it came.
    """
    if span.type in ("external", ""):
        return dict(span.attributes)
    said: dict[str, Any] = {"openinference.span.kind": KINDS.get(span.type, OTHER_KIND), "agentflow.type": span.type}
    said |= {NAMES.get(name, name): value for name, value in span.attributes.items()}
    operation = OPERATIONS.get(span.type)
    if operation is not None:
        said["gen_ai.operation.name"] = operation
    if trace.workflow_name:
        said["gen_ai.workflow.name"] = trace.workflow_name
    if trace.session_id:
        said |= {"gen_ai.conversation.id": trace.session_id, "session.id": trace.session_id}
    if trace.user_id:
        said["user.id"] = trace.user_id
    return said | _of_step(span) | _of_call(span)


def _target(span: Span, trace: TraceSpans) -> str:
    match span.type:
        case "llm_call" | "embedding":
            return span.model
        case "tool_call":
            return str(span.attributes.get("agentflow.tool.name", ""))
        case "agent":
            return str(span.attributes.get("agentflow.agent.name", span.step_id))
        case "run":
            return trace.workflow_name
    return ""


def _of_step(span: Span) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if span.step_id:
        said["agentflow.step.id"] = span.step_id
    if span.attempt:
        said["agentflow.step.attempt"] = span.attempt
    if span.error_code:
        said["error.type"] = span.error_code
    if span.input_hash:
        said["agentflow.input.hash"] = span.input_hash
    if span.output_hash:
        said["agentflow.output.hash"] = span.output_hash
    return said


def _of_call(span: Span) -> dict[str, Any]:
    """Return the attributes of a call, and those of the money and the tokens that another span may have."""
    said: dict[str, Any] = {}
    if span.provider:
        said["gen_ai.provider.name"] = PROVIDERS.get(span.provider, span.provider)
    if span.model:
        said["gen_ai.request.model"] = span.model
    if span.type in _CALLS or span.input_tokens:
        said["gen_ai.usage.input_tokens"] = span.input_tokens
    if span.type == "llm_call" or span.output_tokens:
        said["gen_ai.usage.output_tokens"] = span.output_tokens
    if span.type in _CALLS or span.cost_nano:
        said["agentflow.cost.nano_usd"] = span.cost_nano
    if (reason := span.attributes.get(FINISH_REASON)) is not None:
        said["gen_ai.response.finish_reasons"] = [reason]
    if (first_ms := span.attributes.get(FIRST_PIECE_MS)) is not None:
        said["gen_ai.response.time_to_first_chunk"] = first_ms / 1000
    return said
