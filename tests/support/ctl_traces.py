"""A trace as the API answers it: a run with a map, a retried call that failed, and a wait."""

from typing import Any

RUN = "0eecbc4e-72c4-58b6-83d2-e04ab6255896"
TRACE = "3f2a" * 8
_AT = "2026-11-28T19:59:00.000000Z"


def _event(event_id: str, depth: int, of_type: str, start: float, duration: float, **fields: Any) -> dict[str, Any]:
    total = {"cost_usd": "0", "tokens": 0, "input_tokens": 0, "output_tokens": 0, "spans": 1, "calls": 0, "errors": 0}
    return {
        "id": event_id,
        "depth": depth,
        "type": of_type,
        "name": event_id,
        "status": "ok",
        "timestamp": f"2026-11-28T19:59:{start:09.6f}Z",
        "duration": duration,
        "provider": None,
        "model": None,
        "error_code": None,
        "message": None,
        "waiting": None,
        "drawn": False,
        "orphan": False,
        **fields,
        "total": total | fields.get("total", {}),
    }


_FAILED = {"status": "error", "error_code": "provider_unavailable", "message": "local: unavailable"}
_MODEL = {"provider": "local", "model": "local-gold"}
_USED = {"cost_usd": "0.002853", "tokens": 451}
EVENTS = [
    _event("document_analysis", 0, "run", 0, 4.0, status="error", total=_USED),
    _event("split", 1, "step", 0, 0.0005),
    _event("analyze", 1, "map", 0.5, 3.5, **_FAILED, total=_USED),
    _event("analyze[0]", 2, "step", 0.5, 1.0, total={"cost_usd": "0.001", "tokens": 100}),
    _event("chat local-gold", 3, "llm_call", 0.6, 0.9, **_MODEL, total={"cost_usd": "0.001", "tokens": 100}),
    _event("analyze[1]", 2, "step", 0.5, 3.5, **_FAILED, total={"cost_usd": "0.001853", "tokens": 351}),
    _event("quota", 3, "quota", 0.5, 2.0),
    _event("approve", 1, "signal", 4.0, 0.0, status="waiting", drawn=True, waiting="signal approve"),
]
HEAD = {
    "id": TRACE,
    "run_id": RUN,
    "runs": [RUN],
    "workflow": "document_analysis",
    "status": "failed",
    "timestamp": _AT,
    "duration": 4.0,
    "cost_usd": "0.002853",
    "tokens": 451,
    "input_tokens": 326,
    "output_tokens": 125,
    "spans": 8,
    "calls": 1,
    "errors": 3,
    "session_id": "chat-7",
    "user_id": None,
    "project": None,
    "tags": {"team": "docs"},
}
WHOLE = {**HEAD, "drawn": True, "orphans": 0, "left_out": 0, "events": EVENTS, "next_cursor": None}


def _row(event: dict[str, Any]) -> dict[str, Any]:
    start = float(event["timestamp"][17:-1])
    kept = {name: value for name, value in event.items() if name not in {"total", "timestamp", "message"}}
    used = {"cost_usd": event["total"]["cost_usd"], "tokens": event["total"]["tokens"]}
    return {**kept, **used, "start": start, "critical": event["id"] in {"document_analysis", "analyze", "analyze[1]"}}


TIMELINE = {**HEAD, "rows": [{**_row(event), "folded": 0} for event in EVENTS], "left_out": 0}
SUMMARY = {
    **{name: HEAD[name] for name in HEAD if name != "runs"},
    "error_code": "provider_unavailable",
    "providers": ["local"],
    "models": ["local-gold"],
}
FOUND = {"level": "trace", "start": _AT, "end": _AT, "traces": [SUMMARY], "next_cursor": None}
_ADDED_UP = {"errors": 1, "cost_usd": "0.5", "tokens": 900, "first": _AT, "last": "2026-11-28T19:59:30.000000Z"}
SESSIONS = {"sessions": [{"id": "chat-7", "traces": 3, **_ADDED_UP}], "next_cursor": None}
USERS = {"users": [{"id": "ada", "traces": 3, **_ADDED_UP}], "next_cursor": None}
#: What a query answers to each kind of question.
GROUPED = {
    "level": "span",
    "groups": [{"values": {"provider": "openai"}, "count": 12, **_ADDED_UP, "p50": 0.8, "p95": 2.25}],
}

OUTLIERS: dict[str, Any] = {
    "measure": "cost",
    "start": "2026-11-24T00:00:00Z",
    "end": "2026-11-25T00:00:00Z",
    "compared": 412,
    "outliers": [
        {
            "trace_id": "a" * 32,
            "run_id": "run_1",
            "workflow": "document_analysis",
            "duration": None,
            "cost_usd": "0.42",
            "median": "0.03",
            "times": 14.0,
            "score": 9.31,
            "runs": 301,
        }
    ],
}
