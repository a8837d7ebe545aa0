"""Traces as commands show them: columns, the tree of spans, and the timeline."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentflow.cli.columns import Column, printable
from agentflow.cli.units import usd
from agentflow.cli.views.runs import ago, model

TRACES = "/api/v1/traces"
QUERY = "/api/v1/traces/query"
SESSIONS, USERS = "/api/v1/sessions", "/api/v1/users"

_BAR = 40
_NAME = 44
_MARKS = {
    "ok": "✓",
    "succeeded": "✓",
    "error": "✗",
    "failed": "✗",
    "canceled": "✗",
    "skipped": "-",
    "running": "▶",
    "waiting": "…",
}
#: Kinds of spans that stand for a step.
_STEPS = frozenset({"step", "map", "agent", "timer", "signal", "child_run"})
#: Kinds of spans that only wait; their bars are lighter.
_WAITS = frozenset({"queue", "claim", "quota", "hold", "timer", "signal"})


def took(seconds: Any) -> str:
    """Return a number of seconds for people: ``812ms``, ``4.21s``, ``3m 05s``."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 100:
        return f"{seconds:.2f}s"
    return f"{int(seconds // 60):,}m {int(seconds % 60):02d}s"


def _tokens(count: Any) -> str:
    return f"{count:,}" if count else ""


def _cost(amount: Any) -> str:
    return "" if amount in (None, "0") else usd(amount)


def title(event: Mapping[str, Any]) -> str:
    """Return what people know a span by: its step, which attempt it is, or its own name."""
    if event["type"] in _STEPS and event.get("step_id"):
        return str(event["step_id"])
    if event["type"] == "attempt" and event.get("attempt"):
        return f"attempt {event['attempt']}"
    return str(event["name"])


def _indented(event: Any) -> str:
    return f"{'  ' * event['depth']}{title(event)}"


def _note(event: Mapping[str, Any]) -> str:
    """Return why a span is as it is: its error, what it waits for, that it has no parent."""
    if event.get("error_code"):
        return f"{event['error_code']}: {event.get('message') or ''}".rstrip(": ")
    if event.get("waiting"):
        return f"waits: {event['waiting']}"
    return "its parent is missing" if event.get("orphan") else ""


LIST = (
    Column("TRACE", "id"),
    Column("RUN", "run_id", wide=True),
    Column("WORKFLOW", "workflow"),
    Column("STATUS", "status"),
    Column("AGE", "timestamp", ago, right=True),
    Column("TIME", "duration", took, right=True),
    Column("COST", "cost_usd", usd, right=True),
    Column("TOKENS", "tokens", _tokens, right=True),
    Column("MODELS", "models"),
    Column("ERROR", "error_code"),
    Column("SPANS", "spans", right=True, wide=True),
    Column("SESSION", "session_id", wide=True),
    Column("USER", "user_id", wide=True),
    Column("TAGS", "tags", wide=True),
)
SPANS = (
    Column("TRACE", "trace_id"),
    Column("TYPE", "type"),
    Column("STEP", "step_id"),
    Column("NAME", "name", wide=True),
    Column("STATUS", "status"),
    Column("AGE", "timestamp", ago, right=True),
    Column("TIME", "duration", took, right=True),
    Column("COST", "cost_usd", _cost, right=True),
    Column("TOKENS", "tokens", _tokens, right=True),
    Column("MODEL", "", model),
    Column("ERROR", "error_code"),
    Column("SPAN", "id", wide=True),
)
GROUPS = (
    Column("COUNT", "count", right=True),
    Column("ERRORS", "errors", _tokens, right=True),
    Column("COST", "cost_usd", usd, right=True),
    Column("TOKENS", "tokens", _tokens, right=True),
    Column("P50", "p50", took, right=True),
    Column("P95", "p95", took, right=True),
)
TOTALS = (
    Column("ID", "id"),
    Column("TRACES", "traces", right=True),
    Column("ERRORS", "errors", _tokens, right=True),
    Column("COST", "cost_usd", usd, right=True),
    Column("TOKENS", "tokens", _tokens, right=True),
    Column("LAST", "last", ago, right=True),
    Column("FIRST", "first", ago, right=True, wide=True),
)
ONE = (
    Column("TRACE", "id"),
    Column("RUN", "runs"),
    Column("WORKFLOW", "workflow"),
    Column("STATUS", "status"),
    Column("STARTED", "timestamp"),
    Column("TIME", "duration", took),
    Column("COST", "cost_usd", usd),
    Column("TOKENS", "tokens", _tokens),
    Column("CALLS", "calls"),
    Column("SPANS", "spans"),
    Column("ORPHANS", "orphans", _tokens),
    Column("SESSION", "session_id"),
    Column("USER", "user_id"),
    Column("TAGS", "tags"),
)
EVENTS = (
    Column("SPAN", "", _indented),
    Column("TYPE", "type"),
    Column("STATUS", "status"),
    Column("TIME", "duration", took, right=True),
    Column("COST", "total.cost_usd", _cost, right=True),
    Column("TOKENS", "total.tokens", _tokens, right=True),
    Column("MODEL", "", model),
    Column("NOTE", "", _note),
    Column("STARTED", "timestamp", wide=True),
    Column("ID", "id", wide=True),
)


def followed(found: Mapping[str, Any]) -> str:
    """Return a trace as a line: when it began, how it ended, what it took and cost."""
    at = (found.get("timestamp") or "")[11:19]
    parts = (
        at,
        found["status"].ljust(9),
        took(found["duration"]).rjust(7),
        usd(found["cost_usd"]).rjust(11),
        found["id"],
        found.get("workflow") or "",
        found.get("error_code") or "",
    )
    return "  ".join(filter(None, parts))


def head(found: Mapping[str, Any]) -> str:
    """Return the line above a tree or a timeline."""
    parts = [found.get("workflow") or "trace", found["status"], took(found["duration"]), usd(found["cost_usd"])]
    tokens = f"{found['tokens']:,} tokens" if found["tokens"] else ""
    return printable("  ".join(filter(None, [*parts, tokens, f"trace {found['id']}"])))


def tree(found: Mapping[str, Any]) -> list[str]:
    """Return a trace as a tree, a line a span; costs and tokens have those of the spans below."""
    events = found["events"]
    rows = [(f"{lines}{_mark(one['status'])} {title(one)}", one) for lines, one in _branches(events)]
    width = min(_NAME, max((len(name) for name, _ in rows), default=0))
    shown = [
        "  ".join(
            (
                name.ljust(width),
                took(one["duration"]).rjust(7),
                _cost(one["total"]["cost_usd"]).rjust(11),
                (f"{one['total']['tokens']:,} tokens" if one["total"]["tokens"] else "").rjust(13),
                "  ".join(filter(None, (model(one), _note(one)))),
            )
        ).rstrip()
        for name, one in rows
    ]
    more = [_more(found)] if found.get("next_cursor") else []
    return [head(found), *(printable(line) for line in shown), *more]


def _branches(events: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each event with the lines before its name. A last child's lines end with it."""
    # Read backwards, the first that is met at a depth is the last child of its parent.
    open_below: set[int] = set()
    last: list[bool] = []
    opened: list[frozenset[int]] = []
    for one in reversed(events):
        depth = one["depth"]
        last.append(depth not in open_below)
        open_below = {n for n in open_below if n < depth} | {depth}
        opened.append(frozenset(n for n in open_below if n < depth))
    for one, is_last, before in zip(events, reversed(last), reversed(opened), strict=True):
        depth = one["depth"]
        above = "".join("│  " if n in before else "   " for n in range(1, depth))
        yield above + (("└─ " if is_last else "├─ ") if depth else ""), one


def timeline(found: Mapping[str, Any]) -> list[str]:
    """Return a trace as bars over its time. ``*`` marks what its end waited for; waits have lighter bars."""
    rows = found["rows"]
    whole = max(found["duration"], 0.001)
    names = ["  " * row["depth"] + (row["name"] if row["folded"] else title(row)) for row in rows]
    width = min(_NAME, max((len(printable(name)) for name in names), default=0))
    lines = [head(found)]
    for name, row in zip(names, rows, strict=True):
        shown = printable(name)
        shown = shown if len(shown) <= width else f"{shown[: width - 1]}…"
        mark = "*" if row["critical"] else " "
        used = "  ".join(filter(None, (_cost(row["cost_usd"]), model(row), _ended(row))))
        times = f"{row['start']:.3f}-{row['start'] + row['duration']:.3f} s"
        line = f"{mark} {_mark(row['status'])} {shown.ljust(width)}  {_bar(row, whole)}  {times}  {used}"
        lines.append(printable(line).rstrip())
    return [*lines, f"and {found['left_out']:,} more rows"] if found.get("left_out") else lines


def _bar(row: Mapping[str, Any], whole: float) -> str:
    if row["status"] in {"pending", "ready"}:
        return " " * _BAR
    left = min(int(row["start"] / whole * _BAR), _BAR - 1)
    filled = max(1, min(_BAR - left, round(row["duration"] / whole * _BAR)))
    mark = "░" if row["type"] in _WAITS or row["status"] == "waiting" else "█"
    return f"{' ' * left}{mark * filled}".ljust(_BAR)


def _ended(row: Mapping[str, Any]) -> str:
    return _note(row) or (row["status"] if row["status"] not in {"ok", "unset", "succeeded"} else "")


def _mark(status: str) -> str:
    return _MARKS.get(status, "·")


def _more(found: Mapping[str, Any]) -> str:
    return f"… {found['spans'] - len(found['events']):,} more spans: see --limit, or -o timeline"
