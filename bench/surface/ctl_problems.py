"""Planted problems, by the name of the check of ``agentctl doctor`` that finds each: pure facts, nothing is started."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentflow.cli.doctor.facts import Facts

_MIB = 1 << 20


def _worker(name: str = "worker-1", **more: Any) -> dict[str, Any]:
    said = {"id": name, "state": "live", "concurrency": 10, "in_flight": 2, "version": "0.1.0", "last_seen_at": "t"}
    return said | {"memory_bytes": 100 * _MIB, "memory_limit_bytes": 1000 * _MIB} | more


def _ready(**broken: str) -> dict[str, Any]:
    names = ("kafka", "redis", "postgres", "clickhouse", "nats")
    states = {
        name: {"status": "error", "error": broken[name]} if name in broken else {"status": "ok"} for name in names
    }
    return {"status": "ready", "dependencies": states}


HEALTHY = Facts(
    endpoint="http://127.0.0.1:8080",
    config_file="/home/u/.config/agentflow/config.toml",
    config_mode=0o600,
    ready=_ready(),
    ahead_s=0.4,
    memory=(8_000 * _MIB, 16_000 * _MIB),
    workers=[_worker(), _worker("worker-2"), _worker("worker-3", state="stopped")],
    topics=[{"name": "run-events", "partitions": 4, "problems": []}],
    letters=0,
    waiting=[{"id": "a", "waiting": {"kind": "lane", "on": "step-requests.gold", "detail": "3"}}],
    budgets=[{"id": "b", "name": "n", "state": "open", "spent_usd": "1", "held_usd": "0", "limit_usd": "5"}],
    limits={"running": 1, "waiting": 0},
    schedules=[{"id": "s", "name": "n", "problem": None}],
)

_FAILED = {"id": "r1", "workflow_name": "w", "error": {"code": "provider_auth", "message": "openai: 401"}}
_EXHAUSTED = {
    "id": "bud_1",
    "name": "org per day",
    "state": "exhausted",
    "spent_usd": "5",
    "held_usd": "0.5",
    "limit_usd": "5",
    "next_window_at": "t",
}
_UNREAD = {
    "id": "a",
    "waiting": {"kind": "lane", "on": "step-requests.gpu", "detail": "nobody reads step-requests.gpu"},
}
_REFUSED_SLOT = {"id": "sch_1", "name": "morning", "problem": {"slot": "t", "message": "no such workflow"}}

PLANTED: Mapping[str, Facts] = {
    "connection": replace(HEALTHY, unreachable="Connection refused", ready=None),
    "databases": replace(HEALTHY, ready=_ready(postgres="password authentication failed")),
    "failed-runs": replace(HEALTHY, failed=[_FAILED, _FAILED]),
    "memory": replace(HEALTHY, workers=[_worker(memory_bytes=900 * _MIB)]),
    "no-key": replace(HEALTHY, token=False),
    "refused-key": replace(HEALTHY, refused=(401, "this API key is unknown")),
    "organisation": replace(HEALTHY, refused=(403, "X-Org-ID names another organisation")),
    "config-file": replace(HEALTHY, config_mode=0o644),
    "plain-http": replace(HEALTHY, endpoint="http://agentflow.example.com"),
    "clock": replace(HEALTHY, ahead_s=-90.0),
    "degraded": replace(HEALTHY, ready=_ready(nats="no answer")),
    "no-worker": replace(HEALTHY, workers=[_worker(state="stopped")]),
    "lost-worker": replace(HEALTHY, workers=[_worker(), _worker("worker-2", state="lost")]),
    "busy-workers": replace(HEALTHY, workers=[_worker(in_flight=10)]),
    "versions": replace(HEALTHY, workers=[_worker(), _worker("worker-2", version="0.2.0")]),
    "unread-lane": replace(HEALTHY, waiting=[_UNREAD]),
    "topics": replace(HEALTHY, topics=[{"name": "run-views", "partitions": None, "problems": ["is missing"]}]),
    "dead-letters": replace(HEALTHY, letters=3),
    "budget": replace(HEALTHY, budgets=[_EXHAUSTED]),
    "stop": replace(HEALTHY, stops=[{"id": "stp_1", "mode": "stop", "scope": "org", "reason": "outage"}]),
    "run-limit": replace(HEALTHY, limits={"running": 50, "waiting": 7}),
    "schedules": replace(HEALTHY, schedules=[_REFUSED_SLOT]),
    "tools": replace(HEALTHY, load_problems=["mytools: ImportError: no module named x"]),
}
