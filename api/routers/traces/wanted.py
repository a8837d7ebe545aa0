"""What a query over traces asks for: its body as a filter, and the cursors of its pages."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import get_args

from api.routers.filters import time_ms
from connectors.clickhouse.trace_filter import Level, SpanStatus, TraceFilter, TraceStatus
from connectors.clickhouse.trace_groups import OF_SPANS, OF_TRACES, PROMPT, STATUS, TAG, TIMES, GroupSort
from connectors.clickhouse.trace_query import Ordering
from connectors.clickhouse.traces import SpanScope
from schemas.api_models.traces.query import QueryTraces
from schemas.clock import now_ms
from schemas.errors import InvalidInput, Problem
from schemas.records.spans import SpanType
from schemas.values.cursors import packed, unpacked

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
DEFAULT_START = "1h"
#: The last moment of ClickHouse's nanoseconds is in 2262.
_MAX_MS = 9_214_646_400_000
_STATUSES: dict[Level, tuple[str, ...]] = {"trace": get_args(TraceStatus), "span": get_args(SpanStatus)}
_KEYS = (*OF_TRACES, STATUS, *TIMES, *OF_SPANS, PROMPT)
_GROUP_SORT: dict[str, GroupSort] = {"cost": "cost", "tokens": "tokens", "errors": "errors", "duration": "p95"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: the time of the query, how it is sorted, and the entry before."""

    from_ns: int
    until_ns: int
    sort: str
    key: int
    entry: str


def level_of(body: QueryTraces) -> Level:
    """Return what is listed."""
    return body.level or ("span" if body.run_id else "trace")


def window_of(start: str | None, end: str, path: str) -> tuple[int, int]:
    """Return a time as nanoseconds since the epoch. Raises ``InvalidInput``."""
    now = now_ms()
    until = now + 1 if end == "now" else time_ms(f"{path}.end", end)
    first = DEFAULT_START if start is None else start
    since = now if first == "now" else time_ms(f"{path}.start", first)
    if since is None or until is None or since >= until:
        fix = "give a start before the end, for example start=1h and end=now"
        raise InvalidInput.of(Problem(f"{path}.start", "is not before the end", fix))
    if since < 0 or until > _MAX_MS:
        raise InvalidInput.of(Problem(f"{path}.start", "is outside of 1970 to 2261", "give a time within"))
    return since * NS_PER_MS, until * NS_PER_MS


def filter_of(body: QueryTraces, scope: SpanScope, window: tuple[int, int]) -> TraceFilter:
    """Return the filter of a query. Raises ``InvalidInput``."""
    level = level_of(body)
    problems = [*_status_problems(body, level), *_key_problems(body.group_by), *_type_problems(body.type)]
    for name in ("cost_usd", "duration", "tokens"):
        least, most = getattr(body, f"min_{name}"), getattr(body, f"max_{name}")
        if least is not None and most is not None and least > most:
            problems.append(Problem(f"body.min_{name}", f"is over max_{name}", "swap them"))
    if problems:
        raise InvalidInput.of(*problems)
    return TraceFilter(
        from_ns=window[0],
        until_ns=window[1],
        scope=scope,
        workflow=body.workflow or "",
        status=body.status,
        session_id=body.session_id or "",
        user_id=body.user_id or "",
        run_id=body.run_id or "",
        tags=body.tags,
        provider=body.provider or "",
        model=body.model or "",
        type=body.type or "",
        error_code=body.error_code or "",
        prompt=body.prompt or "",
        text=body.text or "",
        cost=(_nano(body.min_cost_usd), _nano(body.max_cost_usd)),
        duration=(_ns(body.min_duration), _ns(body.max_duration)),
        tokens=(body.min_tokens, body.max_tokens),
    )


def ordering_of(body: QueryTraces, place: Place | None) -> Ordering:
    """Return how a list is sorted. Raises ``InvalidInput`` for a sort of groups without groups."""
    match body.sort:
        case None | "start" | "cost" | "duration" | "tokens" as sort:
            return Ordering(
                sort=sort or "start",
                descending=body.order == "desc",
                limit=body.limit,
                after=None if place is None else (place.key, place.entry),
            )
        case other:
            raise InvalidInput.of(Problem("body.sort", f"{other} is of groups", "give group_by as well"))


def group_sort_of(body: QueryTraces) -> GroupSort:
    """Return how groups are sorted: by their count unless something else is named."""
    return _GROUP_SORT.get(body.sort or "", "count")


def write_place(place: Place) -> str:
    """Return a cursor."""
    return packed([place.from_ns, place.until_ns, place.sort, place.key, place.entry])


def read_place(cursor: str | None, sort: str, path: str) -> Place | None:
    """Return where a cursor continues. Raises ``InvalidInput`` for a bad one, and for one of another order."""
    if cursor is None:
        return None
    try:
        found = Place(*unpacked(cursor))
        numbers = (found.from_ns, found.until_ns, found.key)
        whole = all(type(one) is int and abs(one) < 2**63 for one in numbers)
        if whole and type(found.entry) is str and found.sort == sort:
            return found
    except (ValueError, TypeError):
        pass
    fix = "pass next_cursor of the previous page unchanged, with the same filters and order, or omit it"
    raise InvalidInput.of(Problem(path, "invalid", fix))


def _status_problems(body: QueryTraces, level: Level) -> list[Problem]:
    known = _STATUSES[level]
    if body.status is None or body.status in known:
        return []
    return [Problem("body.status", f"{body.status!r} is no status of a {level}", f"one of {', '.join(known)}")]


def _key_problems(keys: Sequence[str]) -> list[Problem]:
    problems = []
    for number, key in enumerate(keys):
        if key not in _KEYS and not (key.startswith(TAG) and len(key) > len(TAG)):
            problems.append(Problem(f"body.group_by[{number}]", f"{key!r} is not a key", _near(key)))
        elif key in keys[:number]:
            problems.append(Problem(f"body.group_by[{number}]", f"{key!r} is there twice", "remove one"))
    return problems


def _type_problems(type_: str | None) -> list[Problem]:
    known = get_args(SpanType)
    if type_ is None or type_ in known:
        return []
    return [Problem("body.type", f"{type_!r} is not a type of spans", f"one of {', '.join(known)}")]


def _near(key: str) -> str:
    found = difflib.get_close_matches(key, _KEYS, n=1)
    return f"did you mean {found[0]}?" if found else f"one of {', '.join(_KEYS)}, tag.<name>"


def _nano(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount * NS_PER_S)


def _ns(duration_s: float | None) -> int | None:
    return None if duration_s is None else round(duration_s * NS_PER_S)
