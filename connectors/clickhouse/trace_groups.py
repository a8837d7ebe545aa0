"""What traces and spans add up to, by workflow, provider, model and more: counts, money, times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from connectors.clickhouse.client import ClickHouse
from connectors.clickhouse.trace_filter import DURATION, STATE, VISIBLE, TraceFilter

#: What is counted: whole traces, attempts (a prompt's calls are those of its attempts), or spans.
Unit = Literal["trace", "attempt", "span"]
GroupSort = Literal["count", "cost", "tokens", "errors", "p95", "last"]
#: Keys that differ within a trace; of these spans are counted.
OF_SPANS: Mapping[str, str] = {
    "provider": "provider",
    "model": "model",
    "type": "type",
    "error_code": "error_code",
    "name": "name",
}
#: Keys that a trace has as a whole.
OF_TRACES: Mapping[str, str] = {
    "workflow": "workflow_name",
    "session": "session_id",
    "user": "user_id",
    "project": "tags['agentflow.project']",
}
PROMPT, STATUS = "prompt", "status"
TIMES: Mapping[str, str] = {"hour": "toStartOfHour", "day": "toStartOfDay"}
TAG = "tag."

_COLUMNS = """count(), sum(cost), sum(tokens_in), sum(tokens_out), countIf(failed), quantileExact(0.5)(took),
       quantileExact(0.95)(took), min(began), max(began)"""
_ORDER: Mapping[GroupSort, str] = {
    "count": "count()",
    "cost": "sum(cost)",
    "tokens": "sum(tokens_in + tokens_out)",
    "errors": "countIf(failed)",
    "p95": "quantileExact(0.95)(took)",
    "last": "max(began)",
}
_GROUPS = """
SELECT {names}, {columns}
FROM ({units})
GROUP BY {names}
HAVING {after}
ORDER BY {order} DESC, {names}
LIMIT {{limit:UInt32}}
"""
_TRACE_UNITS = """
SELECT {keys}, sum(cost_nano) AS cost, sum(input_tokens) AS tokens_in, sum(output_tokens) AS tokens_out,
       ({state}) = 'failed' AS failed,
       toUnixTimestamp64Nano(max(ended_at)) - toUnixTimestamp64Nano(min(started_at)) AS took,
       toUnixTimestamp64Nano(min(started_at)) AS began
FROM spans_by_time FINAL
WHERE {visible} AND {of_records}
GROUP BY trace_id
HAVING {wanted}
"""
_ATTEMPT_UNITS = """
SELECT {keys}, sum(cost_nano) AS cost, sum(input_tokens) AS tokens_in, sum(output_tokens) AS tokens_out,
       countIf(type = 'attempt' AND status = 'error') > 0 AS failed, max({duration}) AS took,
       toUnixTimestamp64Nano(min(started_at)) AS began
FROM spans_by_time FINAL
WHERE {visible} AND {of_records} AND attempt > 0
GROUP BY trace_id, step_id, attempt
HAVING {wanted}
"""
_SPAN_UNITS = """
SELECT {keys}, cost_nano AS cost, input_tokens AS tokens_in, output_tokens AS tokens_out, status = 'error' AS failed,
       {duration} AS took, toUnixTimestamp64Nano(started_at) AS began
FROM spans_by_time FINAL
WHERE {visible} AND {of_records} AND {wanted}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLine:
    """One group: its values in the order of the keys, and what it adds up to.

    Money is nano-dollars; times are nanoseconds, those of beginnings since the epoch. ``p50_ns`` and ``p95_ns`` are of
    durations.
    """

    values: list[str]
    count: int
    cost_nano: int
    input_tokens: int
    output_tokens: int
    errors: int
    p50_ns: int
    p95_ns: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """How groups are made and sorted. Without ``unit`` the keys decide what they count.

    A group without a value of a key counts what has none, but for keys of spans, which most spans have not, and with
    ``named``. ``after`` are the measure and the first value of the last group of the page before.
    """

    unit: Unit | None = None
    sort: GroupSort = "count"
    limit: int = 100
    named: bool = False
    after: tuple[int, str] | None = None


BY_COUNT = Grouping()


def unit_of(keys: Sequence[str]) -> Unit:
    """Return what groups by these keys count."""
    if PROMPT in keys:
        return "attempt"
    return "span" if any(key in OF_SPANS for key in keys) else "trace"


class TraceGroups:
    """Groups of an organisation's traces. Raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def by(
        self, org_id: str, wanted: TraceFilter, keys: Sequence[str], grouping: Grouping = BY_COUNT
    ) -> list[GroupLine]:
        """Return groups by keys, those with the most first; ``tag.<name>`` is the key of a tag."""
        unit = unit_of(keys) if grouping.unit is None else grouping.unit
        sort, after = grouping.sort, grouping.after
        given = wanted.parameters(org_id) | {"limit": grouping.limit}
        place = "1"
        if after is not None:
            place = (
                f"({_ORDER[sort]} < {{after:Int64}} OR {_ORDER[sort]} = {{after:Int64}} AND g0 > {{after_id:String}})"
            )
            given |= {"after": after[0], "after_id": after[1]}
        given |= {f"key{n}": key.removeprefix(TAG) for n, key in enumerate(keys) if key.startswith(TAG)}
        names = ", ".join(f"g{n}" for n in range(len(keys)))
        units = _units(unit, keys, wanted, named=grouping.named)
        sql = _GROUPS.format(names=names, columns=_COLUMNS, units=units, order=_ORDER[sort], after=place)
        return [_line(row, len(keys)) for row in await self._clickhouse.query(sql, given)]


def _units(unit: Unit, keys: Sequence[str], wanted: TraceFilter, *, named: bool) -> str:
    expressions = [_key(unit, number, key) for number, key in enumerate(keys)]
    some = [f"g{n} != ''" for n, key in enumerate(keys) if named or key in OF_SPANS or key == PROMPT]
    common = {
        "keys": ", ".join(f"{one} AS g{n}" for n, one in enumerate(expressions)),
        "visible": VISIBLE,
        "of_records": wanted.of_records(),
        "duration": DURATION,
        "state": STATE,
    }
    match unit:
        case "trace":
            return _TRACE_UNITS.format(wanted=" AND ".join([wanted.of_trace(), *some]), **common)
        case "attempt":
            if wanted.of_span() != "1":
                some.append(f"countIf({wanted.of_span()}) > 0")
            return _ATTEMPT_UNITS.format(wanted=" AND ".join(["1", *some]), **common)
        case "span":
            return _SPAN_UNITS.format(wanted=" AND ".join([wanted.of_one(), *some]), **common)


def _key(unit: Unit, number: int, key: str) -> str:
    if key == STATUS and unit == "trace":
        return STATE
    if key in TIMES:
        began = "started_at" if unit == "span" else "min(started_at)"
        return f"formatDateTime({TIMES[key]}({began}), '%Y-%m-%dT%H:%i:00Z')"
    column = f"tags[{{key{number}:String}}]" if key.startswith(TAG) else _COLUMN_OF[key]
    return f"toString({column})" if unit == "span" else f"toString(max({column}))"


_COLUMN_OF: Mapping[str, str] = {**OF_SPANS, **OF_TRACES, PROMPT: "prompt", STATUS: "status"}


def _line(row: tuple[Any, ...], keys: int) -> GroupLine:
    return GroupLine(
        values=[str(value) for value in row[:keys]],
        **dict(zip(GroupLine.__slots__[1:], (int(value) for value in row[keys:]), strict=True)),
    )
