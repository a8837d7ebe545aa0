"""What of foreign spans is kept, by the policy ``CAPTURE``.

Anything that nobody here knows may be content: a prompt, an answer, a document. So without ``full`` only texts of names
that are known to be harmless are kept as they are. Numbers and truth values say how much, never what, and stay.
"""

import re
from collections.abc import Mapping
from typing import Any

from schemas.records.base import Json
from schemas.records.run_events import Capture
from services.calls.capture import redacted
from services.observability.otlp.incoming.spans import IncomingSpan

#: Names, and beginnings of names that end with a dot, whose texts are no content.
_HARMLESS = re.compile(
    r"""
    (gen_ai\.(operation\.name|provider\.name|system|request\.(model|encoding_formats|choice\.count)
        |response\.(model|id|finish_reasons)|output\.type|conversation\.id|agent\.(id|name|version)
        |workflow\.name|tool\.(name|type|call\.id)|token\.type|openai\..*|prompt\.name))
    |(llm\.(request\.type|model_name|provider|system|request\.model|response\.model))
    |(openinference\.(span\.kind|project\.name))|embedding\.model_name|tool\.name|(session|user|enduser|agent)\.(id|name)
    |(traceloop\.(span\.kind|entity\.(name|path|version)|workflow\.name
        |association\.properties\.(session_id|thread_id|user_id)))
    |(langsmith\.(span\.kind|metadata\.(ls_provider|ls_model_name|ls_model_type|thread_id|session_id|user_id)))
    |(service\..*|telemetry\.sdk\..*|deployment\.environment(\.name)?|otel\.scope\.name|host\.name)
    |error\.type|exception\.type|server\.address|network\..*|http\.(request\.)?method|rpc\.(system|service|method)
    |agentflow\.(type|otlp\.cut)
    """,
    re.VERBOSE,
)


def captured(span: IncomingSpan, capture: Capture) -> None:
    """Remove from a span, or replace in it, what the policy does not let be stored."""
    if capture == "full":
        return
    span.attributes = allowed(span.attributes, capture)
    span.events = [one._replace(attributes=allowed(one.attributes, capture)) for one in span.events]
    span.status_message = _message(span.status_message, capture)


def allowed(attributes: Mapping[str, Json], capture: Capture) -> dict[str, Json]:
    """Return what of attributes may be stored."""
    kept: dict[str, Json] = {}
    for name, value in attributes.items():
        if isinstance(value, int | float) or _HARMLESS.fullmatch(name):
            kept[name] = value
        elif capture == "redacted":
            kept[name] = redacted(value)
    return kept


def _message(message: str, capture: Capture) -> str:
    """Return an error's text: providers quote the prompt in theirs."""
    if not message or capture == "none":
        return ""
    digest: dict[str, Any] = redacted(message)
    return f"{digest['length']} characters, sha256 {digest['sha256']}"
