"""How big a record may become. A record that the log refuses would stop its partition, so the fold looks first."""

from collections.abc import Iterable
from typing import Any

import msgspec
import orjson

from schemas.errors import BadRecord
from schemas.labels.mapped import Recorded
from schemas.payload import Payload, Reference
from schemas.records.base import ErrorInfo
from schemas.records.steps import AgentTurn, Link, LlmCall, Work
from streams.core.runs.plan.arguments import BindingError

KIB = 1024
#: The log takes messages of 1 MiB; the rest is room for the batch's own bytes, key and headers.
RECORD_LIMIT = 900 * KIB
#: A worker stores outputs over 64 KiB as objects, so anything near this is a defect or a foreign record.
OUTPUT_LIMIT = 512 * KIB
#: Tags and names travel in every record of a run.
LABELS_LIMIT = 64 * KIB
#: A run's inputs inside its record, as the API leaves them there.
INPUTS_LIMIT = 256 * KIB
#: Everything in a step's view or in a request that is not output, error, args or template.
FIXED = 2 * KIB
_CODE_CHARS = 100
_ERROR_CHARS = 4_000
_DETAILS_LIMIT = 16 * KIB


def json_size(value: Any) -> int:
    """Return the bytes of a value as JSON. Raises ``BadRecord`` for an integer that no table can hold."""
    try:
        return len(orjson.dumps(value, default=msgspec.to_builtins))
    except TypeError as exc:
        raise BadRecord("number", f"a value cannot be kept: {exc}; send it as text") from exc


def payload_size(payload: Payload | None) -> int:
    """Return the bytes of a payload in its record."""
    if payload is None:
        return 0
    if isinstance(payload, Reference):
        decided = json_size(payload.decided) if payload.decided else 0
        return 256 + len(payload.uri.encode()) + json_size(payload.tags) + _labels_size(payload) + decided
    return json_size(payload.value) + _labels_size(payload)


def _labels_size(payload: Payload) -> int:
    labels = payload.labels
    if type(labels) is Recorded:
        return labels.size
    return json_size(labels) if labels else 0


def links_size(links: Iterable[Link]) -> int:
    """Return the bytes of links in their record, at most."""
    return sum(64 + payload_size(link.payload) + json_size(link.at) + json_size(link.path) for link in links)


def request_size(args: dict[str, Any], links: Iterable[Link], tags: dict[str, str], work: Work) -> int:
    """Return the bytes of a step's own part of a request, at most."""
    call = work.call if isinstance(work, AgentTurn) else work
    own = json_size([args, tags, call.template if isinstance(call, LlmCall) else ""]) + links_size(links)
    if isinstance(call, LlmCall):
        other = None if call.rollout is None else call.rollout.other
        both = own if other is None else own + FIXED + json_size(other)
        return FIXED + both + (0 if call.form is None else json_size(call.form))
    return FIXED + own + (json_size(call.config) if call.config else 0)


def check_request(step_id: str, args: dict[str, Any], links: Iterable[Link], tags: dict[str, str], work: Work) -> int:
    """Return ``request_size``. Raises ``BindingError`` (``too_large``) when no record takes it."""
    size = request_size(args, links, tags, work)
    if size > RECORD_LIMIT:
        raise BindingError(
            "too_large",
            f"the request of '{step_id}' has {size // KIB} KiB, the most is {RECORD_LIMIT // KIB}; bind fewer or "
            "smaller values with `inputs`, or map over fewer items",
        )
    return size


def too_large(step_id: str, size: int) -> ErrorInfo:
    """Return the error of a step whose output is larger than a record may hold."""
    message = (
        f"the output has {size // KIB} KiB inside its record, the most is {OUTPUT_LIMIT // KIB}; store it as an object"
    )
    return ErrorInfo(code="too_large", message=message, step_id=step_id)


def trimmed(error: ErrorInfo, step_id: str) -> ErrorInfo:
    """Return an error that names its step and is short enough to travel in every view."""
    details = error.details if json_size(error.details) <= _DETAILS_LIMIT else {}
    return msgspec.structs.replace(
        error,
        step_id=step_id,
        code=error.code[:_CODE_CHARS],
        message=error.message[:_ERROR_CHARS],
        details=details,
    )
