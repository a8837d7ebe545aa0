"""W3C trace context and baggage: what the sender of a run says of its own trace, and what its calls send on.

A run has a trace of its own, whose ids derive from its id; the sender's span becomes a link. ``tracestate`` is sent on
as it came. Members of ``baggage`` become tags, a few short ones: the sender's thread of runs and user by the names that
OpenTelemetry has for them.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

from schemas.budgets import RESERVED_TAGS, SESSION_TAG, USER_TAG
from schemas.ids import traceparent_ids
from schemas.values.text import text_fault

#: Tags of one baggage, bytes of a value; as many as a tag may have.
BAGGAGE_MOST = 8
VALUE_MOST = 256
_HEADER_MOST = 8_192
_STATE_MOST = 512
_MEMBERS_MOST = 32
_TAG = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_STATE_MEMBER = re.compile(r"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}")
#: The names of the three headers, in the order of ``sender_context``.
CONTEXT = ("traceparent", "tracestate", "baggage")
_OURS = "agentflow."
_NAMED = {"session.id": SESSION_TAG, "user.id": USER_TAG}


class SenderContext(NamedTuple):
    """What a sender says of its trace: ``traceparent`` and ``tracestate`` as they came, and tags of its baggage."""

    traceparent: str | None = None
    tracestate: str = ""
    tags: Mapping[str, str] = {}


NO_CONTEXT = SenderContext()


def sender_context(traceparent: str | None, tracestate: str | None = None, baggage: str | None = None) -> SenderContext:
    """Return what the three headers say. What is malformed says nothing, as the recommendation asks."""
    if traceparent is None and baggage is None:
        return NO_CONTEXT
    is_sent = traceparent_ids(traceparent) is not None
    state = read_tracestate(tracestate) if is_sent else ""
    return SenderContext(traceparent if is_sent else None, state, read_baggage(baggage))


def read_tracestate(header: str | None) -> str:
    """Return a ``tracestate`` in one line; empty for one that is malformed or too long."""
    members = [member.strip(" \t") for member in (header or "").split(",") if member.strip(" \t")]
    state = ",".join(members)
    is_good = len(members) <= _MEMBERS_MOST and all(_STATE_MEMBER.fullmatch(member) for member in members)
    return state if is_good and len(state) <= _STATE_MOST else ""


def read_baggage(header: str | None) -> dict[str, str]:
    """Return the tags of a ``baggage`` header: its first members that can be tags, and none of names that are ours."""
    tags: dict[str, str] = {}
    if not header or len(header) > _HEADER_MOST:
        return tags
    for member in header.split(","):
        name, _, value = member.partition(";")[0].partition("=")
        tag, text = _NAMED.get(name.strip(), name.strip()), unquote(value.strip(), errors="replace")
        if _is_tag(name.strip()) and 0 < len(text) <= VALUE_MOST and not text_fault(text) and tag not in tags:
            tags[tag] = text
            if len(tags) == BAGGAGE_MOST:
                break
    return tags


def _is_tag(name: str) -> bool:
    return _TAG.fullmatch(name) is not None and name not in RESERVED_TAGS and not name.startswith(_OURS)


def session_of(tags: Mapping[str, str]) -> str:
    """Return the thread that a run belongs to; empty without one."""
    return tags.get(SESSION_TAG, "")


def user_of(tags: Mapping[str, str]) -> str:
    """Return for whom a run runs; empty when nobody is named."""
    return tags.get(USER_TAG, "")


def context_headers(trace: str, span: str, tracestate: str = "") -> dict[str, str]:
    """Return the headers of a request that is made within a span."""
    headers = {"traceparent": f"00-{trace}-{span}-01"}
    return {**headers, "tracestate": tracestate} if tracestate else headers
