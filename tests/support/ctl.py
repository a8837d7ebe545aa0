"""``agentctl`` on an API of documents: what commands send is recorded, what they print is compared."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentflow.cli.api import Answer
from agentflow.cli.main import root
from agentflow.cli.session import Session
from agentflow.client.events import RunEvent
from click.testing import CliRunner

from tests.support import ctl_audit, ctl_comparisons, ctl_compliance, ctl_policies, ctl_traces
from tests.support.ctl_retention import RETENTION
from tests.support.ctl_tools import TOOLS
from tests.support.ctl_triggers import TRIGGERS
from tests.support.ctl_webhooks import WEBHOOKS
from tests.support.rollout_answers import DEPLOYMENT, DEPLOYMENT_ID, ENDED_ID, LINE, ROLLED_BACK
from tests.support.runs import START_MS, function, resolved, submitted
from topics.codec import encode

RUN = "0eecbc4e-72c4-58b6-83d2-e04ab6255896"
NOW = 1_795_896_000.0  # 2026-11-28T20:00:00Z
_AT = "2026-11-28T19:59:00.000Z"
_REMAINS: dict[str, Any] = {
    "organisation": "acme",
    "cell": "west",
    "counts": {"postgres workflow_run": 2},
    "removed": {},
    "stays": ["keys"],
}
_MOVE: dict[str, Any] = {
    "id": "0123456789abcdef0123456789abcdef",
    "organisation": "acme",
    "to": "west",
    "url": "https://west.example",
    "state": "draining",
    "aborting": False,
    "problem": "open: 2 runs",
    "copies": 0,
    "digests": {},
    "copy_s": None,
    "started_by": "key:bootstrap-1",
    "created_at": _AT,
    "state_at": _AT,
    "ended_at": None,
}
_RUNS = "/api/v1/workflows/runs"

STEPS = [
    {
        "id": "split",
        "node_id": "split",
        "type": "function",
        "status": "succeeded",
        "attempts": 1,
        "cost_usd": "0",
        "started_at": _AT,
        "finished_at": "2026-11-28T19:59:01.500Z",
    },
    {
        "id": "analyze",
        "node_id": "analyze",
        "type": "llm",
        "status": "failed",
        "attempts": 3,
        "cost_usd": "0.002853",
        "provider": "local",
        "model": "local-gold",
        "started_at": "2026-11-28T19:59:01.500Z",
        "finished_at": "2026-11-28T19:59:04.000Z",
        "error": {"code": "provider_unavailable", "message": "local: unavailable", "step_id": "analyze"},
    },
]
RECORDS = [
    {"offset": 7, "at_ms": START_MS, "record": encode(submitted(resolved(function("split")), run_id=RUN)).decode()}
]
SUMMARY = {
    "id": RUN,
    "workflow_name": "document_analysis",
    "workflow_version": 1,
    "status": "failed",
    "cost_usd": "0.002853",
    "total_cost_usd": "0.002853",
    "tokens": {"input": 326, "output": 125},
    "tags": {"team": "docs"},
    "submitted_at": _AT,
    "error": {"code": "provider_unavailable", "message": "local: unavailable", "step_id": "analyze"},
}
WHOLE = {**SUMMARY, "steps": STEPS, "trace_id": "0" * 31 + "1", "source": "api", "finished_at": "2026-11-28T19:59:04Z"}
SUCCEEDED = {**WHOLE, "status": "succeeded", "error": None, "steps": STEPS[:1]}
ACCEPTED = {
    "id": RUN,
    "workflow_name": "document_analysis",
    "workflow_version": 1,
    "status": "queued",
    "duplicate": False,
}
BUDGET = {
    "id": "bud_1",
    "name": "org per month",
    "scope": "org",
    "target": None,
    "period": "month",
    "limit_usd": "1000",
    "soft_limit_usd": None,
    "on_exceeded": "reject",
    "paused": False,
    "timezone": "UTC",
    "version": 1,
}
STATUS = {
    **BUDGET,
    "state": "open",
    "spent_usd": "12.5",
    "held_usd": "0",
    "remaining_usd": "987.5",
    "window": "2026-11",
    "next_window_at": "2026-12-01T00:00:00Z",
}
SCHEDULE = {
    "id": "sch_1",
    "name": "morning",
    "workflow_name": "report",
    "cron": "0 8 * * *",
    "time_zone": "UTC",
    "paused": False,
    "next_runs": ["2026-11-29T08:00:00Z"],
    "overlap": "skip",
    "catchup": "latest",
    "inputs": {},
    "problem": None,
}
DEFINITION = {
    "name": "document_analysis",
    "version": 1,
    "hash": "9f86d081",
    "required_inputs": ["document_key"],
    "created_at": _AT,
    "spec": {
        "name": "document_analysis",
        "dag": {
            "nodes": [{"id": "analyze", "type": "llm"}, {"id": "ingest", "type": "tool"}],
            "edges": [{"from": "ingest", "to": "analyze"}],
        },
    },
}
PROMPT = {
    "name": "greeter",
    "version": 3,
    "versions": 3,
    "template": "Greet {{name}}",
    "hash": "ab12",
    "created_at": _AT,
}
PROMPT_VERSION = {
    "version": 3,
    "labels": ["production"],
    "message": "shorter",
    "author": "k1",
    "parent": 2,
    "hash": "ab12",
    "created_at": _AT,
}
SCORING = {
    "prompt": "greeter",
    "sample": 0.1,
    "scorers": [{"kind": "latency", "options": {"limit_ms": 2000.0}}],
    "version": "production",
    "changed_by": "key_1",
    "changed_at": "2026-11-01T00:00:00Z",
}
LABEL = {
    "name": "greeter",
    "label": "production",
    "version": 3,
    "revision": 2,
    "moved_by": "k1",
    "moved_at": _AT,
}
KEY = {"id": "k1", "name": "ci", "permissions": ["read"], "last4": "wxyz", "created_at": _AT, "organisation": "default"}
PROJECT = {"id": "search", "name": "Search team", "archived": False, "created_at": _AT}
SUBJECT = {"subject": f"sub_{'0' * 32}", "key": "active", "erased_at": None, "runs": [], "next_cursor": None}
ERASED = {"subject": f"sub_{'0' * 32}", "erased_at": _AT, "first": True, "runs_canceled": 2, "audit_event": "erased/1"}
BILLED = {"calls": 2, "input_tokens": 326, "output_tokens": 125, "amount_usd": "0.002853", "presumed_usd": "0"}
BATCH = {
    "id": "b1",
    "provider": "openai",
    "model": "gpt-4o",
    "state": "submitted",
    "requests": 7,
    "counts": {"open": 5, "failed": 1},
    "cost_usd": "0.5",
    "formed_at": _AT,
    "problem": None,
}
COMPARISON = {
    "baseline": "3",
    "candidate": "4",
    "difference": 0.05,
    "low": 0.01,
    "high": 0.09,
    "verdict": "better",
    "wins": 3,
    "losses": 1,
    "ties": 6,
}
EVALUATION = {
    "id": "eval_1",
    "prompt": "greeter",
    "version": 4,
    "against": 3,
    "dataset": "questions@2",
    "cases": 10,
    "repeats": 3,
    "run_id": RUN,
    "created_at": _AT,
    "state": "succeeded",
    "progress": {"done": 60, "failed": 1, "total": 60},
    "cost_usd": "0.0192",
    "fail_under": 0.9,
    "passed": True,
    "failures": [],
    "error": None,
    "report": {
        "versions": [
            {
                "version": version,
                "mean": mean,
                "low": mean - 0.02,
                "high": mean + 0.02,
                "n": 10,
                "clusters": 10,
                "errors": 1,
                "unscored": 0,
                "cost": {"p50": 1000, "p95": 2000, "total": 9_600_000},
                "latency": {"p50": 12, "p95": 40, "total": 500},
            }
            for version, mean in (("4", 0.95), ("3", 0.9))
        ],
        "comparison": COMPARISON,
        "regressions": [{"case_id": "c7", "tags": [], "before": 1.0, "after": 0.5, "scorers": {}}],
        "judges": [{"scorer": "llm_judge", "warnings": ["it has 3 labels; label 50 pairs"]}],
    },
}
DATASET = {
    "id": "questions@2",
    "name": "questions",
    "version": 2,
    "cases": 3,
    "hash": "9f86",
    "author": "k1",
    "message": "why",
    "created_at": _AT,
}
STOP = {"id": "stp_1", "mode": "stop", "scope": "org", "target": None, "reason": "outage", "created_by": "k1"}
QUOTAS = {"limits": [{"provider": "openai", "model": None, "requests_per_minute": 500}], "updated_at": None}
LIMITS = {
    "max_running_runs": 50,
    "workflows": {"report": {"max_running_runs": 10, "running": 0}},
    "projects": {"web": {"max_running_runs": 20, "running": 1}},
    "running": 1,
    "waiting": 0,
}
QUALITY = {
    "prompt": "greeter",
    "series": [
        {
            "scorer": "latency",
            "by": "version",
            "value": "4",
            "scores": 2_048,
            "window": 310,
            "mean": 0.6125,
            "stability": 0.312,
            "changes": [
                {"at": "2026-11-24T08:12:00Z", "before": 0.81, "after": 0.61, "scores": 1_760, "run_id": "run_1"}
            ],
            "newest_at": "2026-11-24T09:00:00Z",
        }
    ],
}
CACHE = {"hits": 3, "misses": 1, "entries": 2, "bytes": 100, "saved_usd": "0.5", "scopes": []}
VAULT = {
    "state": "settling",
    "version": 1,
    "versions": [
        {"version": 1, "master": "8f3a2b1c0d4e5f60", "seals": True, "created_at": _AT},
        {"version": 2, "master": "8f3a2b1c0d4e5f60", "seals": False, "created_at": _AT},
    ],
    "master": "8f3a2b1c0d4e5f60",
    "behind": 0,
    "subjects": 900,
    "erased": 100,
    "tokens": 4_200,
    "left": 0,
}
PRICE = {
    "provider": "openai",
    "model": "gpt-4o",
    "version": "v1",
    "context_tokens": 128000,
    "bands": [{"over_input_tokens": 0, "usd_per_mtok": {"input_tokens": "2.5", "output_tokens": "10"}}],
}
ROUTE = {
    "run_id": RUN,
    "step_id": "analyze",
    "choices": [
        {
            "attempt": 1,
            "route": "openai/a",
            "candidates": [
                {"route": "openai/a", "score": 0.9, "quality": 0.8, "cost_nano": 1500000, "latency_ms": 200}
            ],
            "excluded": [{"route": "openai/b", "reason": "open", "detail": "its breaker is open"}],
        }
    ],
    "tries": [],
}
WORKER = {
    "id": "worker-1",
    "state": "live",
    "lanes": ["step-requests.gold"],
    "concurrency": 10,
    "in_flight": 2,
    "version": "0.1.0",
    "last_seen_at": _AT,
    "providers": ["local"],
    "memory_bytes": 100 << 20,
    "memory_limit_bytes": 1000 << 20,
}
LETTER = {
    "position": "run-events.dlq/3@17",
    "at": _AT,
    "reason": "schema",
    "message": "schema: no good",
    "origin": "run-events/3@5",
    "key": "k",
    "attempts": 3,
    "retries": 0,
}
READY = {
    "status": "ready",
    "dependencies": {
        name: {"status": "ok", "ms": 1.0} for name in ("kafka", "redis", "postgres", "clickhouse", "nats")
    },
}

ANSWERS: dict[tuple[str, str], Any] = {
    **ctl_audit.ANSWERS,
    **ctl_compliance.ANSWERS,
    **ctl_policies.ANSWERS,
    ("POST", f"{_RUNS}/{RUN}/approvals"): {"id": RUN, "step": "mail", "approve": True, "asked": "send"},
    ("POST", _RUNS): ACCEPTED,
    ("GET", _RUNS): {"runs": [SUMMARY], "next_cursor": None},
    ("GET", f"{_RUNS}/{RUN}"): WHOLE,
    ("GET", f"{_RUNS}/{RUN}/steps"): {"steps": STEPS, "next_cursor": None},
    ("GET", f"/api/v1/traces/{RUN}"): ctl_traces.WHOLE,
    ("GET", f"/api/v1/traces/{RUN}/timeline"): ctl_traces.TIMELINE,
    ("POST", "/api/v1/traces/diff"): ctl_comparisons.RUNS,
    ("GET", f"/api/v1/traces/{RUN}/cause"): ctl_comparisons.CAUSE,
    ("POST", "/api/v1/traces/causes"): ctl_comparisons.CAUSES,
    ("POST", "/api/v1/traces/query"): ctl_traces.FOUND,
    ("POST", "/api/v1/traces/outliers"): ctl_traces.OUTLIERS,
    ("GET", "/api/v1/sessions"): ctl_traces.SESSIONS,
    ("GET", "/api/v1/sessions/chat-7"): {**ctl_traces.SESSIONS["sessions"][0], "runs": [ctl_traces.SUMMARY]},
    ("GET", "/api/v1/users"): ctl_traces.USERS,
    ("GET", f"/api/v1/traces/{RUN}/records"): {"records": RECORDS, "next_cursor": None},
    ("POST", f"{_RUNS}/{RUN}/cancel"): {"id": RUN, "status": "running", "workflow_name": "document_analysis"},
    ("POST", f"{_RUNS}/{RUN}/restart"): {**ACCEPTED, "forked_from": RUN, "reused": ["split"]},
    ("POST", f"{_RUNS}/{RUN}/fork"): {**ACCEPTED, "forked_from": RUN, "reused": []},
    ("POST", f"{_RUNS}/{RUN}/updates/address"): {
        "id": RUN,
        "update": "address",
        "update_id": "u1",
        "state": "answered",
        "step": "confirm",
        "output": {"zip": 1},
        "error": None,
    },
    ("POST", f"{_RUNS}/{RUN}/signals/approval"): {
        "id": RUN,
        "signal": "approval",
        "signal_id": "s1",
        "status": "running",
    },
    ("POST", f"{_RUNS}/waiting"): {
        "runs": [
            {
                "id": RUN,
                "status": "running",
                "waiting": None,
                "steps": [{"id": "analyze", "waiting": {"kind": "lane", "on": "step-requests.gold", "detail": "3"}}],
            }
        ],
        "unknown": [],
    },
    ("POST", "/api/v1/workflows"): DEFINITION,
    ("GET", "/api/v1/workflows"): {"workflows": [{**DEFINITION, "versions": 1}]},
    ("GET", "/api/v1/workflows/document_analysis"): DEFINITION,
    ("POST", "/api/v1/prompts"): PROMPT,
    ("GET", "/api/v1/prompts"): {"prompts": [PROMPT]},
    ("GET", "/api/v1/prompts/greeter"): PROMPT,
    ("POST", "/api/v1/evaluations"): EVALUATION,
    ("GET", "/api/v1/evaluations/eval_1"): EVALUATION,
    ("GET", "/api/v1/evaluations"): {"evaluations": [EVALUATION]},
    ("POST", "/api/v1/evaluations/eval_1/cancel"): {"id": "eval_1", "run_id": RUN, "state": "running"},
    ("POST", "/api/v1/evaluations/eval_1/labels"): {"id": "eval_1", "labels": 2},
    ("GET", "/api/v1/evaluations/eval_1/junit.xml"): "<testsuites/>",
    ("GET", "/api/v1/evaluations/eval_1/report.html"): "<!doctype html>",
    ("DELETE", "/api/v1/prompts/greeter"): PROMPT,
    ("POST", "/api/v1/prompts/greeter/restore"): PROMPT,
    ("GET", "/api/v1/prompts/greeter/versions"): {"name": "greeter", "versions": [PROMPT_VERSION]},
    ("GET", "/api/v1/prompts/greeter/labels"): {"name": "greeter", "labels": [LABEL], "moves": [LABEL]},
    ("PUT", "/api/v1/prompts/greeter/labels/production"): LABEL,
    ("DELETE", "/api/v1/prompts/greeter/labels/production"): None,
    ("PUT", "/api/v1/prompts/greeter/scoring"): SCORING,
    ("GET", "/api/v1/prompts/greeter/scoring"): SCORING,
    ("DELETE", "/api/v1/prompts/greeter/scoring"): None,
    ("GET", "/api/v1/prompts/greeter/quality"): QUALITY,
    ("GET", "/api/v1/prompts/greeter/quality/points"): {
        "prompt": "greeter",
        "by": "model",
        "every": "hour",
        "since": "2026-11-24T00:00:00Z",
        "points": [
            {
                "at": "2026-11-24T08:00:00Z",
                "scorer": "latency",
                "value": "m",
                "scores": 9,
                "mean": 0.81,
                "deviation": 0.1,
            }
        ],
    },
    ("GET", "/api/v1/prompts/greeter/scores"): {
        "prompt": "greeter",
        "since": "2026-11-01T00:00:00Z",
        "scores": [{"version": 4, "scorer": "latency", "mean": 0.5, "scored": 2, "failed": 1}],
    },
    ("POST", "/api/v1/prompts/greeter/deployments"): LINE,
    ("GET", "/api/v1/deployments"): {"deployments": [LINE], "next_cursor": None},
    ("GET", f"/api/v1/deployments/{DEPLOYMENT_ID}"): DEPLOYMENT,
    ("GET", f"/api/v1/deployments/{ENDED_ID}"): ROLLED_BACK,
    **{
        ("POST", f"/api/v1/deployments/{DEPLOYMENT_ID}/{action}"): LINE
        for action in ("promote", "rollback", "stop", "step")
    },
    ("POST", "/api/v1/datasets"): DATASET,
    ("POST", "/api/v1/datasets/from-runs"): {
        **DATASET,
        "skipped": {"value is not in history": 1},
        "redacted": {"pii": {"email": 2}},
    },
    ("GET", "/api/v1/datasets"): {"datasets": [DATASET]},
    ("GET", "/api/v1/datasets/questions"): DATASET,
    ("GET", "/api/v1/datasets/questions/rows"): {
        "cases": [{"id": "a", "inputs": {"question": "?"}, "expected": "!", "tags": ["t"], "cluster": ""}],
        "next_cursor": None,
    },
    ("GET", "/api/v1/datasets/words"): {**DATASET, "id": "words@1", "name": "words", "version": 1},
    ("GET", "/api/v1/datasets/words/rows"): {
        "cases": [{"id": f"w{n}", "inputs": {"word": str(n)}, "expected": "yes"} for n in range(8)],
        "next_cursor": None,
    },
    ("POST", "/api/v1/budgets"): BUDGET,
    ("GET", "/api/v1/budgets"): {"budgets": [BUDGET]},
    ("PATCH", "/api/v1/budgets/bud_1"): {**BUDGET, "limit_usd": "2000"},
    ("DELETE", "/api/v1/budgets/bud_1"): None,
    ("GET", "/api/v1/budgets/bud_1/status"): STATUS,
    ("GET", "/api/v1/budgets/bud_1/forecast"): {"id": "bud_1", "window": "2026-11", "forecast_usd": "13"},
    ("POST", "/api/v1/schedules"): SCHEDULE,
    ("GET", "/api/v1/schedules"): {"schedules": [SCHEDULE]},
    ("GET", "/api/v1/schedules/sch_1"): SCHEDULE,
    ("PATCH", "/api/v1/schedules/sch_1"): {**SCHEDULE, "paused": True},
    ("DELETE", "/api/v1/schedules/sch_1"): None,
    ("POST", "/api/v1/schedules/sch_1/backfill"): {"id": "b1", "from": "a", "to": "b", "submitted": 7},
    ("POST", "/api/v1/keys"): {**KEY, "key": "af_k1_secret"},
    ("GET", "/api/v1/keys"): {"keys": [KEY]},
    ("DELETE", "/api/v1/keys/k1"): None,
    ("GET", "/api/v1/keys/k1"): KEY,
    ("PATCH", "/api/v1/keys/k1"): KEY,
    ("POST", "/api/v1/keys/k1/rotate"): {**KEY, "key": "af_k1_secret"},
    ("GET", "/api/v1/whoami"): {
        "kind": "key",
        "key_id": "k1",
        "organisation": "default",
        "permissions": ["read", "write"],
        "scopes": [],
    },
    ("GET", "/api/v1/organisations"): {"organisations": [{"id": "acme", "name": "Acme", "created_at": _AT}]},
    ("GET", "/api/v1/organisations/acme"): {"id": "acme", "name": "Acme", "created_at": _AT},
    ("PATCH", "/api/v1/organisations/acme"): {"id": "acme", "name": "New", "created_at": _AT},
    ("GET", "/api/v1/subjects/customer%2017"): SUBJECT,
    ("POST", "/api/v1/subjects/c17/erase"): ERASED,
    ("POST", "/api/v1/projects"): PROJECT,
    ("GET", "/api/v1/projects"): {"projects": [PROJECT]},
    ("PATCH", "/api/v1/projects/search"): {**PROJECT, "archived": True},
    ("GET", "/api/v1/organisations/acme/moves/plan"): {
        "organisation": "acme",
        "to": "west",
        "against": [],
        "open": {"runs": 2},
        "stays": ["cached answers"],
        "behind": {"dead letters": 3},
    },
    ("GET", "/api/v1/organisations/acme/moves/remains"): _REMAINS,
    ("DELETE", "/api/v1/organisations/acme/moves/remains"): _REMAINS | {"counts": {}},
    ("POST", "/api/v1/organisations/acme/moves"): _MOVE,
    ("GET", "/api/v1/organisations/acme/moves"): _MOVE,
    ("POST", "/api/v1/organisations/acme/moves/abort"): _MOVE,
    ("POST", "/api/v1/organisations"): {
        "id": "acme",
        "name": "Acme",
        "submissions_topic": "workflow-submissions.acme",
        "key": {**KEY, "key": "af_k1_secret"},
    },
    **WEBHOOKS,
    **RETENTION,
    **TOOLS,
    **TRIGGERS,
    ("POST", "/api/v1/stops"): STOP,
    ("GET", "/api/v1/stops"): {"stops": [STOP]},
    ("DELETE", "/api/v1/stops/stp_1"): None,
    ("GET", "/api/v1/quotas"): QUOTAS,
    ("PUT", "/api/v1/quotas"): QUOTAS,
    ("GET", "/api/v1/limits"): LIMITS,
    ("PUT", "/api/v1/limits"): LIMITS,
    ("DELETE", "/api/v1/limits"): None,
    ("GET", "/api/v1/cache"): CACHE,
    ("POST", "/api/v1/cache/purge"): {"entries": 2, "bytes": 100},
    ("GET", "/api/v1/vault"): VAULT,
    ("POST", "/api/v1/vault/rotate"): {"state": "done", "version": 2, "left": 0, "damaged": 0, "wrapped": 0},
    ("POST", "/v1/traces"): {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "it ends before it starts"}},
    ("GET", "/api/v1/prices"): {"at": None, "prices": [PRICE]},
    ("GET", f"/api/v1/runs/{RUN}/route"): ROUTE,
    ("POST", f"/api/v1/runs/{RUN}/scores"): {
        "run_id": RUN,
        "step_id": "analyze",
        "score": 0.9,
        "group": "g",
        "counts_for": ["routes", "quality"],
    },
    ("POST", "/api/v1/routes/evaluate"): {
        "prompt": "greeter@3",
        "tier": "gold",
        "choices": 5,
        "logged": {"value": 0.5},
        "doubly_robust": {"value": 0.6, "low": 0.5, "high": 0.7},
    },
    ("GET", "/api/v1/bills"): {
        "group_by": ["workflow", "tag.team"],
        "total": BILLED,
        "groups": [{**BILLED, "values": {"workflow": "document_analysis", "tag.team": "docs"}}],
    },
    ("GET", "/api/v1/batches"): {"batches": [BATCH]},
    ("GET", "/api/v1/batches/b1"): BATCH,
    ("GET", "/api/v1/batches/b1/calls"): {
        "calls": [
            {
                "call_id": "run_1:ask:1#batch",
                "run_id": "run_1",
                "step_id": "ask",
                "attempt": 1,
                "state": "answered",
                "cost_usd": "0.5",
                "ended_at": "2026-11-22T00:00:00.000Z",
            }
        ],
        "next_cursor": "run_1:ask:1#batch",
    },
    ("POST", "/api/v1/batches/b1/cancel"): {**BATCH, "state": "canceling"},
    ("GET", "/api/v1/workers"): {"workers": [WORKER], "lost_after_s": 9},
    ("GET", "/api/v1/admin/topics"): {
        "topics": [{"name": "run-events", "partitions": 4, "problems": [], "key": "run id", "summary": "events"}]
    },
    ("GET", "/api/v1/admin/dead-letters"): {"letters": [LETTER], "total": 1},
    ("GET", "/api/v1/admin/dead-letters/run-events.dlq/3/17"): {
        **LETTER,
        "headers": [{"name": "af-reason", "value": "schema"}],
        "value": '{"a": 1}',
        "value_base64": "eyJhIjogMX0=",
    },
    ("POST", "/api/v1/admin/dead-letters/retry"): {
        "retried": [{"position": LETTER["position"], "went_to": "run-events/3@99", "problem": None}],
        "total": 1,
    },
    ("GET", "/api/v1/functions"): {"functions": [], "problems": []},
    ("GET", "/ready"): READY,
}


@dataclass
class Sent:
    """A request that a command sent."""

    method: str
    path: str
    params: Mapping[str, Any]
    body: Any
    headers: Mapping[str, str]


@dataclass
class FakeApi:
    """Answers with documents. ``answers`` replace the usual ones; a list is answered one after the other."""

    answers: dict[tuple[str, str], Any] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        document: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Record the request; an unknown path is 404."""
        self.sent.append(Sent(method, path, params or {}, document if document is not None else json, headers or {}))
        own = self.answers.get((method, path))
        if isinstance(own, list):
            own = own.pop(0) if len(own) > 1 else own[0]
        found = own if own is not None else ANSWERS.get((method, path), missing(path))
        return found if isinstance(found, Answer) else Answer(200, found, {"date": "Sat, 28 Nov 2026 20:00:00 GMT"})

    def watch(self, run_id: str) -> Iterator[RunEvent]:
        """Record it, and yield the events of ``answers``."""
        self.sent.append(Sent("GET", f"{_RUNS}/{run_id}/events", {"tokens": True}, None, {}))
        yield from self.answers.get(("WATCH", run_id), [])


def missing(path: str) -> Answer:
    """Return what the API answers for something that is not there."""
    return problem(404, "not-found", f"there is nothing at {path}")


def problem(status: int, kind: str, detail: str, *parts: Mapping[str, str]) -> Answer:
    """Return an error answer."""
    return Answer(
        status,
        {"type": f"urn:agentflow:problem:{kind}", "status": status, "detail": detail, "problems": list(parts)},
    )


@dataclass
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


class Ctl:
    """Runs commands in a directory of the test's own. Its clock moves by sleeps alone."""

    def __init__(self, folder: Path, answers: dict[tuple[str, str], Any] | None = None) -> None:
        self.api = FakeApi(answers or {})
        self.env = {"AGENTFLOW_CONFIG": str(folder / "config.toml"), "AGENTFLOW_TOKEN": "af_0123456789_token"}
        self.folder = folder
        self.clock = NOW

    def __call__(self, *args: str, stdin: str | None = None, given_api: bool = True) -> Ended:
        """Run one command."""
        session = Session(
            given_api=self.api if given_api else None,
            env=self.env,
            here=self.folder,
            now=lambda: self.clock,
            sleep=self._sleep,
        )
        done = CliRunner().invoke(root, args, obj=session, input=stdin, prog_name="agentctl")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ended(done.exit_code, done.stdout, done.stderr)

    def _sleep(self, seconds: float) -> None:
        self.clock += seconds

    @property
    def last(self) -> Sent:
        """The last request."""
        return self.api.sent[-1]
