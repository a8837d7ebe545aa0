"""Ids derive from the things that they name, so a repeated event, retry or restore produces the same id.

Trace and span ids have the sizes of the W3C Trace Context recommendation (16 and 8 bytes, lower-case hex).
"""

import hashlib
import re
import uuid
from functools import lru_cache

import orjson

#: Namespace of every run id; fixed forever, since a change would make old submissions new runs.
RUN_NAMESPACE = uuid.UUID("6f0c1f5e-3f0a-5d0b-9a57-0c5f7a3e9b21")

HTTP_SOURCE = "api"
#: Prefix of the source of a run that another run's step started.
CHILD_SOURCE = "run:"
_FORK = "fork:"
#: Sources that begin so are of submissions that AgentFlow makes itself.
OWN_SOURCES = ("fork:", "run:", "schedule:", "trigger:")
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")


def run_id(org_id: str, source: str, submission_id: str | None) -> str:
    """Return the run's id: UUIDv5 of organisation, source and submission id; random (v4) without an id."""
    if submission_id is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(RUN_NAMESPACE, f"{len(org_id)}:{org_id}{len(source)}:{source}{submission_id}"))


#: Partitions that a run's id can name.
MOST_PARTITIONS = 0xFFF
_PLACED = "8"


def placed_run_id(run: str, partitions: int) -> str:
    """Return the id of a run that is placed among ``partitions``: a UUIDv8 (RFC 9562) that names the number.

    The other 110 bits are those of the given id. An id that names no number is of a run that began before the topics
    of runs grew. Raises ``ValueError`` for a number that no id can name.
    """
    if not 1 <= partitions <= MOST_PARTITIONS:
        raise ValueError(f"topics of runs have 1 to {MOST_PARTITIONS} partitions, not {partitions}")
    return f"{run[:14]}{_PLACED}{partitions:03x}{run[18:]}"


def named_partitions(run: str) -> int | None:
    """Return the number of partitions that a run's id names; ``None`` for one that names none."""
    if len(run) != 36 or run[14] != _PLACED:
        return None
    try:
        return int(run[15:18], 16) or None
    except ValueError:
        return None


def _beside(run: str, made: str) -> str:
    """Return an id that is made of a run's, placed like that."""
    partitions = named_partitions(run)
    return made if partitions is None else placed_run_id(made, partitions)


def fork_source(run: str) -> str:
    """Return the source of a run that continues from another run's results."""
    return f"{_FORK}{run}"


def forked_from(source: str) -> str | None:
    """Return the run that a run with this source continues from, if any."""
    return source[len(_FORK) :] if source.startswith(_FORK) else None


def child_source(run: str) -> str:
    """Return the source of the runs that a run's steps start."""
    return f"{CHILD_SOURCE}{run}"


def started_by(source: str) -> str | None:
    """Return the parent that this source names, if any; only the run's ``parent`` proves it."""
    return source[len(CHILD_SOURCE) :] if source.startswith(CHILD_SOURCE) else None


def child_run_id(run: str, step_id: str, attempt: int) -> str:
    """Return the id of the run that an attempt of a step starts: UUIDv5 of the three, and of no submission."""
    return _beside(run, str(uuid.uuid5(RUN_NAMESPACE, f"child:{len(run)}:{run}{len(step_id)}:{step_id}{attempt}")))


def fork_run_id(org_id: str, run: str, key: str | None) -> str:
    """Return the id of a run that continues from another one; it is placed like that."""
    return _beside(run, run_id(org_id, fork_source(run), key))


def request_id(run: str, step_id: str, attempt: int) -> str:
    """Return the id of one attempt of one step; it is the lease's key."""
    return f"{run}:{step_id}:{attempt}"


def idempotency_key(run: str, step_id: str) -> str:
    """Return the idempotency key of a step's calls, the same for all of its attempts."""
    return f"{run}:{step_id}"


def call_id(request: str, ordinal: int) -> str:
    """Return the id of one request to a provider. ``ordinal`` counts the calls of the attempt, from 1."""
    return f"{request}#{ordinal}"


def try_id(call: str, number: int) -> str:
    """Return the id of the ``number``-th further try of a call, from 1; the call's own is that of the first."""
    return f"{call}~{number}" if number else call


def try_idempotency_key(key: str, number: int, route: str) -> str:
    """Return the idempotency key of a further try: another request, so another key, which a repeat finds again."""
    return f"{key}~{number}:{route}" if number else key


def try_span_id(span: str, number: int) -> str:
    """Return the span id of a further try of a call."""
    return _digest("span", span, str(number))[:16] if number else span


def repair_id(call: str) -> str:
    """Return the id of the call that asks again for the answer of another call."""
    return f"{call}~repair"


def repair_idempotency_key(key: str) -> str:
    """Return the idempotency key of such a call: another request, so another key, which a repeat finds again."""
    return f"{key}~repair"


def repair_span_id(span: str) -> str:
    """Return the span id of such a call."""
    return _digest("span", span, "repair")[:16]


def call_span_id(run: str, step_id: str, attempt: int, call: str) -> str:
    """Return the span id of a call of an attempt, by the call's id: the first try's, a further one's, a repair's."""
    head, mark, tail = call.rpartition("#")
    first, *more = tail.split("~")
    span = span_id(run, step_id, attempt, f"{head}{mark}{first}")
    for part in more:
        span = repair_span_id(span) if part == "repair" else try_span_id(span, int(part) if part.isdigit() else 0)
    return span


def child_step_id(node_id: str, index: int) -> str:
    """Return the step id of one child of a mapped node, e.g. ``analyze[3]``."""
    return f"{node_id}[{index}]"


def child_index(step_id: str, node_id: str) -> int:
    """Return the index in the id of a child of a mapped node; -1 for the id of another step."""
    head, bracket, rest = step_id.rpartition("[")
    digits = rest.removesuffix("]")
    return int(digits) if head == node_id and bracket and rest.endswith("]") and digits.isdigit() else -1


# Every view of a run names its trace. For runs in flight: an id costs a microsecond, and 0.3 KB while it is kept.
@lru_cache(maxsize=1024)
def trace_id(run: str) -> str:
    """Return the run's trace id: 32 hex digits."""
    return _digest("trace", run)[:32]


def trace_of(header: str | None) -> str | None:
    """Return the trace id of a W3C ``traceparent`` header, ``None`` for what is none of version 00."""
    ids = traceparent_ids(header)
    return None if ids is None else ids[0]


def traceparent_ids(header: str | None) -> tuple[str, str] | None:
    """Return trace and span id of a W3C ``traceparent`` header, ``None`` for what is none of version 00.

    Ids of zeros only are invalid there.
    """
    found = _TRACEPARENT.fullmatch(header) if header is not None else None
    return None if found is None else (found[1], found[2])


def span_id(run: str, step_id: str = "", attempt: int = 0, part: str = "") -> str:
    """Return the span id (16 hex digits) of a run, a step, an attempt or a part of one."""
    return _digest("span", run, step_id, str(attempt), part)[:16]


def judge_id(name: str, guard: str) -> str:
    """Return the id, or the idempotency key, of the call of a guard's judge about the answer of another call."""
    return f"{name}~judge:{guard}"


def judge_span_id(span: str, guard: str) -> str:
    """Return the span id of such a call."""
    return _digest("span", span, "judge", guard)[:16]


def guard_span_id(call_span: str, when: str) -> str:
    """Return the span id of the guards that look at a call's input or output."""
    return _digest("span", call_span, "guard", when)[:16]


def phase_span_id(span: str, kind: str, number: int) -> str:
    """Return the span id of a wait inside of a span: its ``number``-th phase, from 0."""
    return _digest("span", span, kind, str(number))[:16]


def traceparent(run: str, step_id: str = "", attempt: int = 0) -> str:
    """Return the W3C ``traceparent`` header of a span, sampled."""
    return f"00-{trace_id(run)}-{span_id(run, step_id, attempt)}-01"


def content_hash(data: bytes) -> str:
    """Return the SHA-256 of canonical bytes as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def canonical_hash(value: object) -> str:
    """Return the hash of a JSON value; the order of keys does not matter."""
    return content_hash(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
