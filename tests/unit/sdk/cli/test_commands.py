"""Every command sends the request that it is for, and prints its answer in every format."""

from pathlib import Path
from typing import Any

import click
import pytest
from agentflow.cli.main import root

from tests.support.audit import KEY
from tests.support.ctl import DEFINITION, RUN, STEPS, WHOLE, Ctl
from tests.support.rollout_answers import DEPLOYMENT_ID, ENDED_ID

_RUNS = "/api/v1/workflows/runs"
#: The command, and the last request that it sends: method, path, body and parameters.
CASES: dict[str, tuple[tuple[str, ...], tuple[str, str, Any, dict[str, Any]]]] = {
    "workflow submit": (
        (
            *("document_analysis", "--inputs", '{"a": 1}', "--input", "b=2", "--input", "c=x", "--tag", "team=docs"),
            *["--budget", "0.05", "--deadline", "1m30s", "--version", "2", "--project", "p", "--end-user", "u"],
            *["--subject", "customer-17"],
        ),
        (
            "POST",
            _RUNS,
            {
                "workflow_name": "document_analysis",
                "inputs": {"a": 1, "b": 2, "c": "x"},
                "workflow_version": 2,
                "tags": {"team": "docs"},
                "budget_cents": "5",
                "deadline_ms": 90_000,
                "project": "p",
                "end_user": "u",
                "subject": "customer-17",
            },
            {},
        ),
    ),
    "workflow list": (
        ("--status", "running", "--workflow", "w", "--tag", "team=docs", "--since", "1h", "--until", "now"),
        ("GET", _RUNS, None, {"status": "running", "workflow": "w", "tag": ["team:docs"], "since": "1h", "limit": 100}),
    ),
    "workflow get": ((RUN, "--outputs"), ("GET", f"{_RUNS}/{RUN}", None, {"step_outputs": "true"})),
    "workflow logs": ((RUN, "--node", "n"), ("GET", f"{_RUNS}/{RUN}/steps", None, {"node": "n", "limit": 1000})),
    "workflow cancel": ((RUN, "--reason", "r"), ("POST", f"{_RUNS}/{RUN}/cancel", {"reason": "r"}, {})),
    "workflow waiting": ((RUN,), ("POST", f"{_RUNS}/waiting", {"ids": [RUN]}, {})),
    "workflow wait": ((RUN,), ("GET", f"{_RUNS}/{RUN}", None, {})),
    "workflow watch": ((RUN,), ("GET", f"{_RUNS}/{RUN}", None, {})),
    "workflow restart": ((RUN, "--from", "analyze"), ("POST", f"{_RUNS}/{RUN}/restart", {"from": "analyze"}, {})),
    "workflow fork": (
        (RUN, "--inputs", '{"a": 2}', "--from", "n"),
        ("POST", f"{_RUNS}/{RUN}/fork", {"inputs": {"a": 2}, "from": "n"}, {}),
    ),
    "workflow signal": (
        (RUN, "approval", "--data", '{"ok": true}'),
        ("POST", f"{_RUNS}/{RUN}/signals/approval", '{"ok": true}', {}),
    ),
    "workflow update": (
        (RUN, "address", "--data", '{"zip": 1}', "--timeout-ms", "500"),
        ("POST", f"{_RUNS}/{RUN}/updates/address", '{"zip": 1}', {"timeout_ms": 500}),
    ),
    "workflow register": (("flow.yaml",), ("POST", "/api/v1/workflows", "name: x\n", {})),
    "workflow validate": (("flow.yaml",), ("POST", "/api/v1/workflows", "name: x\n", {"dry_run": "true"})),
    "workflow definitions": ((), ("GET", "/api/v1/workflows", None, {})),
    "workflow definition": (
        ("document_analysis", "--version", "1"),
        ("GET", "/api/v1/workflows/document_analysis", None, {"version": 1}),
    ),
    "workflow graph": (("document_analysis",), ("GET", "/api/v1/workflows/document_analysis", None, {})),
    "prompt create": (
        (
            *("greeter", "--template", "Greet {{name}}", "--schema", '{"name": {}}', "--version", "3"),
            *("--message", "shorter", "--label", "production"),
        ),
        (
            "POST",
            "/api/v1/prompts",
            {
                "name": "greeter",
                "template": "Greet {{name}}",
                "schema": {"name": {}},
                "version": 3,
                "message": "shorter",
                "labels": ["production"],
            },
            {},
        ),
    ),
    "prompt register": (("flow.yaml",), ("POST", "/api/v1/prompts", "name: x\n", {})),
    "prompt list": ((), ("GET", "/api/v1/prompts", None, {})),
    "prompt get": (("greeter", "3"), ("GET", "/api/v1/prompts/greeter", None, {"version": 3})),
    "prompt pull": (("prompts", "greeter"), ("GET", "/api/v1/prompts/greeter", None, {})),
    "prompt push": (
        ("prompts", "--label", "staging", "--message", "why"),
        (
            "POST",
            "/api/v1/prompts",
            {"name": "shortener", "template": "Shorten {{text}}", "message": "why", "labels": ["staging"]},
            {},
        ),
    ),
    "prompt diff": (("greeter@3", "greeter@2"), ("GET", "/api/v1/prompts/greeter", None, {"version": 2})),
    # What it sends when it is not a dry run is in commands/prompts/test_optimise.py.
    "prompt optimise": (
        ("greeter", "--dataset", "words@1", "--budget", "1.00", "--dry-run"),
        ("GET", "/api/v1/datasets/words/rows", None, {"version": 1}),
    ),
    "prompt eval": (
        (
            *("greeter", "4", "--against", "production", "--dataset", "questions@2", "--scorer", "exact"),
            *[
                "--scorer",
                "contains:Ada",
                "--repeats",
                "3",
                "--fail-under",
                "0.9",
                "--budget",
                "1",
                "--quality",
                "gold",
            ],
        ),
        ("GET", "/api/v1/evaluations/eval_1", None, {}),
    ),
    "prompt versions": (("greeter",), ("GET", "/api/v1/prompts/greeter/versions", None, {})),
    "prompt labels": (("greeter",), ("GET", "/api/v1/prompts/greeter/labels", None, {})),
    "prompt label": (
        ("greeter", "production", "4", "--expect", "3"),
        ("PUT", "/api/v1/prompts/greeter/labels/production", {"version": 4, "expected_version": 3}, {}),
    ),
    "prompt scoring": (
        (
            *("greeter", "--sample", "0.1", "--scorer", "latency:2000", "--version", "production"),
            *("--judge-day", "50", "--judge-call", "0.5", "--calibration", "eval_1"),
        ),
        (
            "PUT",
            "/api/v1/prompts/greeter/scoring",
            {
                "sample": 0.1,
                "scorers": [{"kind": "latency", "options": {"limit_ms": 2000.0}}],
                "version": "production",
                "judge": {"cents_per_day": "50", "cents_per_call": "0.5", "calibration": "eval_1"},
            },
            {},
        ),
    ),
    "prompt quality": (
        ("greeter", "--points", "hour", "--by", "model", "--since", "1h"),
        ("GET", "/api/v1/prompts/greeter/quality/points", None, {"every": "hour", "by": "model", "since": "1h"}),
    ),
    "prompt scores": (
        ("greeter", "--since", "1h"),
        ("GET", "/api/v1/prompts/greeter/scores", None, {"since": "1h"}),
    ),
    "prompt deploy": (
        (
            *("greeter@4", "--env", "staging", "--ab", "--steps", "1%,0.1,50%", "--entity", "input.user_id"),
            *("--metric", "score", "--metric", "errors", "--margin", "score=0.02", "--step-runs", "30"),
            *("--step-time", "5m", "--min-runs", "90", "--min-time", "1h", "--max-time", "2d", "--message", "why"),
        ),
        (
            "POST",
            "/api/v1/prompts/greeter/deployments",
            {
                "version": 4,
                "environment": "staging",
                "mode": "ab",
                "steps": [0.01, 0.1, 0.5],
                "entity": "input.user_id",
                "metrics": ["score", "errors"],
                "rules": {"score": {"margin": 0.02}},
                "step_runs": 30,
                "step_ms": 300_000,
                "least_runs": 90,
                "least_ms": 3_600_000,
                "most_ms": 172_800_000,
                "message": "why",
            },
            {},
        ),
    ),
    "prompt rollout list": (
        ("--prompt", "greeter", "--env", "production", "--status", "running"),
        (
            "GET",
            "/api/v1/deployments",
            None,
            {"prompt": "greeter", "environment": "production", "status": "running", "limit": 100},
        ),
    ),
    "prompt rollout status": (("greeter",), ("GET", f"/api/v1/deployments/{DEPLOYMENT_ID}", None, {})),
    "prompt rollout watch": (
        (ENDED_ID, "--time-limit", "1s"),
        ("GET", f"/api/v1/deployments/{ENDED_ID}", None, {}),
    ),
    **{
        f"prompt rollout {action}": (
            (DEPLOYMENT_ID, "--no-wait"),
            ("POST", f"/api/v1/deployments/{DEPLOYMENT_ID}/{action}", None, {}),
        )
        for action in ("promote", "rollback", "stop")
    },
    "prompt rollout step": (
        ("greeter", "50%", "--no-wait"),
        ("POST", f"/api/v1/deployments/{DEPLOYMENT_ID}/step", {"share": 0.5}, {}),
    ),
    "prompt archive": (("greeter",), ("DELETE", "/api/v1/prompts/greeter", None, {})),
    "prompt restore": (("greeter",), ("POST", "/api/v1/prompts/greeter/restore", None, {})),
    "prompt export": (
        ("greeter@3", "--to", "dotprompt"),
        ("GET", "/api/v1/prompts/greeter", None, {"version": 3}),
    ),
    "prompt lint": (
        ("prompts", "--tier", "gold=openai/gpt-4o"),
        ("GET", "/api/v1/prices", None, {"provider": "openai", "model": "gpt-4o"}),
    ),
    "dataset import": (
        ("questions", "flow.yaml", "--format", "jsonl", "-m", "why", "--column", "page=web class:pii"),
        (
            "POST",
            "/api/v1/datasets",
            "name: x\n",
            {"name": "questions", "message": "why", "columns": '{"page": "web class:pii"}'},
        ),
    ),
    "dataset list": ((), ("GET", "/api/v1/datasets", None, {})),
    "dataset get": (("questions", "2"), ("GET", "/api/v1/datasets/questions", None, {"version": 2})),
    "dataset rows": (
        ("questions", "--limit", "5"),
        ("GET", "/api/v1/datasets/questions/rows", None, {"limit": 5}),
    ),
    "dataset from-runs": (
        ("production", "--workflow", "w", "--node", "n", "--since", "1d", "--no-expected", "--iterations", "all"),
        (
            "POST",
            "/api/v1/datasets/from-runs",
            {
                "name": "production",
                "workflow": "w",
                "node": "n",
                "status": "succeeded",
                "since": "1d",
                "limit": 100,
                "expected": False,
                "iterations": "all",
            },
            {},
        ),
    ),
    "evaluation list": (
        ("--prompt", "greeter"),
        ("GET", "/api/v1/evaluations", None, {"prompt": "greeter", "limit": 100}),
    ),
    "evaluation get": (("eval_1",), ("GET", "/api/v1/evaluations/eval_1", None, {})),
    "evaluation report": (
        ("eval_1", "--html", "report.html"),
        ("GET", "/api/v1/evaluations/eval_1/report.html", None, {}),
    ),
    "evaluation cancel": (
        ("eval_1", "--reason", "r"),
        ("POST", "/api/v1/evaluations/eval_1/cancel", {"reason": "r"}, {}),
    ),
    "evaluation label": (
        ("eval_1", "labels.csv"),
        (
            "POST",
            "/api/v1/evaluations/eval_1/labels",
            {"labels": [{"case_id": "c1", "scorer": "llm_judge", "human": "tie", "repeat": 1}]},
            {},
        ),
    ),
    "trace get": ((RUN,), ("GET", f"/api/v1/traces/{RUN}", None, {"limit": 1000})),
    "trace query": (
        (
            "--start",
            "1h",
            "--end",
            "now",
            "--status",
            "failed",
            "--min-cost",
            "$0.01",
            "--min-time",
            "2m",
            "--tag",
            "a=b",
        ),
        (
            "POST",
            "/api/v1/traces/query",
            {
                "start": "1h",
                "status": "failed",
                "min_cost_usd": "0.01",
                "min_duration": 120.0,
                "tags": {"a": "b"},
                "limit": 100,
            },
            {},
        ),
    ),
    "trace diff": ((RUN, "b"), ("POST", "/api/v1/traces/diff", {"a": RUN, "b": "b"}, {})),
    "trace why": ((RUN,), ("GET", f"/api/v1/traces/{RUN}/cause", None, {})),
    "trace outliers": (
        ("--measure", "cost", "--start", "1d", "--limit", "5"),
        ("POST", "/api/v1/traces/outliers", {"measure": "cost", "start": "1d", "limit": 5}, {}),
    ),
    "trace sessions": ((), ("GET", "/api/v1/sessions", None, {"end": "now", "limit": 100})),
    "trace users": ((), ("GET", "/api/v1/users", None, {"start": "30d", "end": "now", "limit": 100})),
    "trace replay": ((RUN,), ("GET", f"/api/v1/traces/{RUN}/records", None, {"limit": 1000})),
    "budget create": (
        (
            *[
                "--limit",
                "1000",
                "--period",
                "monthly",
                "--scope",
                "workflow",
                "--target",
                "w",
                "--soft-limit",
                "$900",
                "--on-exceeded",
                "wait",
            ],
            *["--threshold", "50", "--timezone", "Europe/Berlin", "--name", "n"],
        ),
        (
            "POST",
            "/api/v1/budgets",
            {
                "limit_usd": "1000",
                "period": "month",
                "scope": "workflow",
                "target": "w",
                "soft_limit_usd": "900",
                "on_exceeded": "wait",
                "thresholds": [50],
                "timezone": "Europe/Berlin",
                "name": "n",
            },
            {},
        ),
    ),
    "budget list": ((), ("GET", "/api/v1/budgets", None, {})),
    "budget get": (("bud_1",), ("GET", "/api/v1/budgets/bud_1/status", None, {})),
    "budget forecast": (("bud_1",), ("GET", "/api/v1/budgets/bud_1/forecast", None, {})),
    "budget update": (
        ("bud_1", "--limit", "2,000", "--pause"),
        ("PATCH", "/api/v1/budgets/bud_1", {"limit_usd": "2000", "paused": True}, {}),
    ),
    "budget delete": (("bud_1",), ("DELETE", "/api/v1/budgets/bud_1", None, {})),
    "schedule create": (
        ("morning", "--workflow", "report", "--cron", "0 8 * * *", "--inputs", '{"k": "{{slot}}"}', "--budget", "1"),
        (
            "POST",
            "/api/v1/schedules",
            {
                "name": "morning",
                "workflow_name": "report",
                "cron": "0 8 * * *",
                "inputs": {"k": "{{slot}}"},
                "budget_cents": "100",
            },
            {},
        ),
    ),
    "schedule list": ((), ("GET", "/api/v1/schedules", None, {})),
    "schedule get": (("sch_1",), ("GET", "/api/v1/schedules/sch_1", None, {})),
    "schedule pause": (("sch_1",), ("PATCH", "/api/v1/schedules/sch_1", {"paused": True}, {})),
    "schedule resume": (("sch_1",), ("PATCH", "/api/v1/schedules/sch_1", {"paused": False}, {})),
    "schedule delete": (("sch_1",), ("DELETE", "/api/v1/schedules/sch_1", None, {})),
    "schedule backfill": (
        ("sch_1", "--from", "a", "--to", "b"),
        ("POST", "/api/v1/schedules/sch_1/backfill", {"from": "a", "to": "b"}, {}),
    ),
    "key create": (
        ("ci", "--permission", "read"),
        ("POST", "/api/v1/keys", {"name": "ci", "permissions": ["read"]}, {}),
    ),
    "key list": (("--project", "p"), ("GET", "/api/v1/keys", None, {"project": "p"})),
    "key get": (("k1",), ("GET", "/api/v1/keys/k1", None, {})),
    "key update": (
        ("k1", "--scope", "workflow:w", "--expires", "1d", "--rate", "60"),
        (
            "PATCH",
            "/api/v1/keys/k1",
            {"scopes": ["workflow:w"], "expires_at": "2026-11-29T20:00:00.000Z", "requests_per_minute": 60},
            {},
        ),
    ),
    "key rotate": (("k1", "--overlap", "1h"), ("POST", "/api/v1/keys/k1/rotate", {"overlap_s": 3600}, {})),
    "key whoami": ((), ("GET", "/api/v1/whoami", None, {})),
    "project create": (("search", "--name", "n"), ("POST", "/api/v1/projects", {"id": "search", "name": "n"}, {})),
    "project list": (("--archived",), ("GET", "/api/v1/projects", None, {"archived": "true"})),
    "project archive": (("search",), ("PATCH", "/api/v1/projects/search", {"archived": True}, {})),
    "subject show": (("customer 17", "--runs"), ("GET", "/api/v1/subjects/customer%2017", None, {})),
    "subject erase": (("c17", "--yes"), ("POST", "/api/v1/subjects/c17/erase", None, {})),
    "org list": ((), ("GET", "/api/v1/organisations", None, {})),
    "org get": (("acme",), ("GET", "/api/v1/organisations/acme", None, {})),
    "org jinja": (("acme", "on"), ("PATCH", "/api/v1/organisations/acme", {"jinja_prompts": True}, {})),
    "org rename": (("acme", "New"), ("PATCH", "/api/v1/organisations/acme", {"name": "New"}, {})),
    "org move": (
        ("acme", "--to", "west"),
        ("POST", "/api/v1/organisations/acme/moves", {"to": "west"}, {}),
    ),
    "org status": (("acme",), ("GET", "/api/v1/organisations/acme/moves", None, {})),
    "org clean": (
        ("acme", "--keys"),
        ("DELETE", "/api/v1/organisations/acme/moves/remains", None, {"keys": "true"}),
    ),
    "org abort": (("acme",), ("POST", "/api/v1/organisations/acme/moves/abort", {}, {})),
    "key revoke": (("k1",), ("DELETE", "/api/v1/keys/k1", None, {})),
    "org create": (
        ("acme", "--name", "Acme"),
        ("POST", "/api/v1/organisations", {"id": "acme", "name": "Acme"}, {}),
    ),
    "route get": ((RUN, "--step", "analyze"), ("GET", f"/api/v1/runs/{RUN}/route", None, {"step": "analyze"})),
    "route score": (
        (RUN, "analyze", "0.9"),
        ("POST", f"/api/v1/runs/{RUN}/scores", {"step_id": "analyze", "score": 0.9}, {}),
    ),
    "route evaluate": (
        ("--prompt", "greeter@3", "--tier", "gold", "--by", "cheapest", "--days", "7"),
        (
            "POST",
            "/api/v1/routes/evaluate",
            {"prompt": "greeter@3", "tier": "gold", "policy": {"by": "cheapest"}, "days": 7},
            {},
        ),
    ),
    "usage": (
        ("--since", "2026-11-01", "--until", "1h", "--by", "workflow,tag.team"),
        ("GET", "/api/v1/bills", None, {"from": "2026-11-01", "to": "1h", "group_by": "workflow,tag.team"}),
    ),
    "trace import": (("spans.json",), ("POST", "/v1/traces", {"resourceSpans": []}, {})),
    "batch list": ((), ("GET", "/api/v1/batches", None, {"limit": 100})),
    "batch get": (("b1",), ("GET", "/api/v1/batches/b1", None, {})),
    "batch calls": (("b1", "--cursor", "c"), ("GET", "/api/v1/batches/b1/calls", None, {"limit": 100, "cursor": "c"})),
    "batch cancel": (("b1",), ("POST", "/api/v1/batches/b1/cancel", None, {})),
    "policy apply": (("policy.yaml",), ("POST", "/api/v1/policies", {"document": "name: support\nrules: []\n"}, {})),
    "policy list": ((), ("GET", "/api/v1/policies", None, {})),
    "policy show": (("support@3",), ("GET", "/api/v1/policies/support/versions/3", None, {})),
    "policy active": ((), ("GET", "/api/v1/policies/active", None, {})),
    "policy activate": (
        ("support@3", "--mode", "shadow"),
        ("POST", "/api/v1/policies/support/activate", {"version": 3, "mode": "shadow"}, {}),
    ),
    "policy deactivate": ((), ("DELETE", "/api/v1/policies/active", None, {})),
    "workflow approve": (
        (RUN, "mail", "--question", "q1"),
        ("POST", f"{_RUNS}/{RUN}/approvals", {"step": "mail", "approve": True, "question": "q1"}, {}),
    ),
    "workflow refuse": (
        (RUN, "mail"),
        ("POST", f"{_RUNS}/{RUN}/approvals", {"step": "mail", "approve": False}, {}),
    ),
    "compliance facts": (("--route", "openai/m"), ("GET", "/api/v1/providers/facts", None, {"route": "openai/m"})),
    "compliance state": (
        ("providers.json",),
        ("PUT", "/api/v1/providers/facts", {"providers": [{"route": "openai/*", "regions": ["eu"]}]}, {}),
    ),
    "compliance report": (
        ("--from", "30d", "--to", "1d", "--file", "report.html", "--format", "html"),
        ("GET", "/api/v1/compliance/report", None, {"from": "30d", "to": "1d", "format": "json"}),
    ),
    "audit list": (
        ("--kind", "denial", "--run", "r1"),
        ("GET", "/api/v1/audit", None, {"kind": "denial", "run_id": "r1", "limit": 100}),
    ),
    "audit checkpoint": (("--size", "5"), ("GET", "/api/v1/audit/checkpoint", None, {"size": 5})),
    "audit key": ((), ("GET", "/api/v1/audit/key", None, {})),
    "audit export": (("report.html",), ("GET", "/api/v1/audit/lines", None, {"first": 0, "size": 12})),
    "audit prove": (("4", "--key", KEY.public.text), ("GET", "/api/v1/audit/proof", None, {"index": 4})),
    "audit expire": (
        ("--kind", "key_use", "--before", "90d"),
        ("POST", "/api/v1/audit/expire", {"kind": "key_use", "before": "90d"}, {}),
    ),
    "audit retention": ((), ("GET", "/api/v1/retention", None, {})),
    "audit hold create": (
        ("case-7", "--reason", "case 7", "--run", "r1"),
        ("POST", "/api/v1/audit/holds", {"name": "case-7", "reason": "case 7", "run_id": "r1"}, {}),
    ),
    "audit hold list": ((), ("GET", "/api/v1/audit/holds", None, {})),
    "audit hold remove": (("case-7",), ("DELETE", "/api/v1/audit/holds/case-7", None, {})),
    "tool list": ((), ("GET", "/api/v1/tools", None, {})),
    "tool servers": ((), ("GET", "/api/v1/mcp/servers", None, {})),
    "tool add-server": (
        (
            *("docs", "https://mcp.example.com/mcp", "--header", "Authorization=Bearer ${SECRET:DOCS}"),
            *("--integrity", "third_party", "--class", "internal"),
        ),
        (
            "PUT",
            "/api/v1/mcp/servers/docs",
            {
                "url": "https://mcp.example.com/mcp",
                "headers": {"Authorization": "Bearer ${SECRET:DOCS}"},
                "integrity": "third_party",
                "classes": ["internal"],
            },
            {},
        ),
    ),
    "tool remove-server": (("docs",), ("DELETE", "/api/v1/mcp/servers/docs", None, {})),
    "tool inspect": (("docs",), ("GET", "/api/v1/mcp/servers/docs/tools", None, {})),
    "tool pin": (
        ("docs", "search", "read=3f9a"),
        ("POST", "/api/v1/mcp/servers/docs/pins", {"tools": {"search": None, "read": "3f9a"}}, {}),
    ),
    "tool unpin": (("docs", "search"), ("DELETE", "/api/v1/mcp/servers/docs/pins/search", None, {})),
    "tool declared": ((), ("GET", "/api/v1/queues/tools", None, {})),
    "tool declare": (
        ("counting", "tools.yaml"),
        (
            "PUT",
            "/api/v1/queues/counting/tools/mail.send",
            {"source": ["third_party"], "effects": True, "sinks": {"to": "recipient"}},
            {},
        ),
    ),
    "tool undeclare": (("counting", "mail.send"), ("DELETE", "/api/v1/queues/counting/tools/mail.send", None, {})),
    "secret set": (
        ("SHOP_KEY", "--host", "api.example.com", "--file", "secret.txt"),
        ("PUT", "/api/v1/secrets/SHOP_KEY", {"value": "a-secret-value", "hosts": ["api.example.com"]}, {}),
    ),
    "secret list": ((), ("GET", "/api/v1/secrets", None, {})),
    "secret versions": (("SHOP_KEY",), ("GET", "/api/v1/secrets/SHOP_KEY", None, {})),
    "secret allow": (
        ("SHOP_KEY", "--tool", "shop.*"),
        ("PATCH", "/api/v1/secrets/SHOP_KEY", {"tools": ["shop.*"]}, {}),
    ),
    "secret use": (("SHOP_KEY", "1"), ("PATCH", "/api/v1/secrets/SHOP_KEY", {"version": 1}, {})),
    "secret delete": (
        ("SHOP_KEY", "--version", "1"),
        ("DELETE", "/api/v1/secrets/SHOP_KEY/versions/1", None, {}),
    ),
    "run delete": (("r1",), ("DELETE", "/api/v1/workflows/runs/r1", None, {})),
    "run retention": ((), ("GET", "/api/v1/retention", None, {})),
    "run hold create": (
        ("case-7", "--reason", "case 7", "--workflow", "claims"),
        ("POST", "/api/v1/retention/holds", {"name": "case-7", "reason": "case 7", "workflow_name": "claims"}, {}),
    ),
    "run hold list": ((), ("GET", "/api/v1/retention/holds", None, {})),
    "run hold remove": (("case-7",), ("DELETE", "/api/v1/retention/holds/case-7", None, {})),
    "webhook create": (
        ("https://example.com/hooks", "--event", "run.*"),
        ("POST", "/api/v1/webhooks", {"url": "https://example.com/hooks", "events": ["run.*"]}, {}),
    ),
    "webhook list": ((), ("GET", "/api/v1/webhooks", None, {})),
    "webhook show": (("wh_1",), ("GET", "/api/v1/webhooks/wh_1", None, {})),
    "webhook change": (("wh_1", "--disable"), ("PATCH", "/api/v1/webhooks/wh_1", {"enabled": False}, {})),
    "webhook rotate": (("wh_1",), ("POST", "/api/v1/webhooks/wh_1/rotate", {"overlap_s": 86_400}, {})),
    "webhook test": (("wh_1",), ("POST", "/api/v1/webhooks/wh_1/test", None, {})),
    "webhook deliveries": (
        ("wh_1", "--state", "dead"),
        ("GET", "/api/v1/webhooks/wh_1/deliveries", None, {"state": "dead", "limit": 100}),
    ),
    "webhook retry": (("wh_1", "7"), ("POST", "/api/v1/webhooks/wh_1/deliveries/7/retry", None, {})),
    "webhook delete": (("wh_1",), ("DELETE", "/api/v1/webhooks/wh_1", None, {})),
    "trigger create": (
        (
            "orders",
            "flow",
            "--topic",
            "orders",
            "--format",
            "avro",
            "--input",
            "order=payload.id == 1",
            "--source",
            "'urn:shop'",
        ),
        (
            "POST",
            "/api/v1/triggers",
            {
                "name": "orders",
                "workflow_name": "flow",
                "inputs": {"order": "payload.id == 1"},
                "source": "'urn:shop'",
                "topic": {"name": "orders", "format": "avro"},
            },
            {},
        ),
    ),
    "trigger list": ((), ("GET", "/api/v1/triggers", None, {})),
    "trigger show": (("tr_1",), ("GET", "/api/v1/triggers/tr_1", None, {})),
    "trigger change": (("tr_1", "--filter", "true"), ("PATCH", "/api/v1/triggers/tr_1", {"filter": "true"}, {})),
    "trigger pause": (("tr_1",), ("PATCH", "/api/v1/triggers/tr_1", {"paused": True}, {})),
    "trigger resume": (("tr_1",), ("PATCH", "/api/v1/triggers/tr_1", {"paused": False}, {})),
    "trigger rotate": (("tr_1",), ("POST", "/api/v1/triggers/tr_1/rotate", {"overlap_s": 86_400}, {})),
    "trigger try": (("tr_1", '{"id": 1}'), ("POST", "/api/v1/triggers/tr_1/try", {"payload": {"id": 1}}, {})),
    "trigger delete": (("tr_1",), ("DELETE", "/api/v1/triggers/tr_1", None, {})),
    "stop create": (
        ("--scope", "provider", "--target", "openai", "--reason", "outage", "--pause"),
        ("POST", "/api/v1/stops", {"scope": "provider", "mode": "pause", "reason": "outage", "target": "openai"}, {}),
    ),
    "stop list": (("--resumed",), ("GET", "/api/v1/stops", None, {"resumed": "true"})),
    "stop resume": (("stp_1",), ("DELETE", "/api/v1/stops/stp_1", None, {})),
    "quota list": ((), ("GET", "/api/v1/quotas", None, {})),
    "quota set": (
        ("--provider", "cohere", "--tokens-per-day", "9"),
        (
            "PUT",
            "/api/v1/quotas",
            {
                "limits": [
                    {"provider": "openai", "requests_per_minute": 500},
                    {"provider": "cohere", "tokens_per_day": 9},
                ]
            },
            {},
        ),
    ),
    "quota unset": (("--provider", "openai"), ("PUT", "/api/v1/quotas", {"limits": []}, {})),
    "limit get": ((), ("GET", "/api/v1/limits", None, {})),
    "limit set": (
        ("--runs", "50", "--workflow", "report=10", "--project", "web=20"),
        (
            "PUT",
            "/api/v1/limits",
            {"workflows": {"report": 10}, "projects": {"web": 20}, "max_running_runs": 50},
            {},
        ),
    ),
    "limit unset": ((), ("DELETE", "/api/v1/limits", None, {})),
    "cache get": ((), ("GET", "/api/v1/cache", None, {})),
    "cache purge": (
        ("--prompt", "greeter@3", "--tag", "team=docs"),
        ("POST", "/api/v1/cache/purge", {"prompt": "greeter@3", "tags": {"team": "docs"}}, {}),
    ),
    "vault status": ((), ("GET", "/api/v1/vault", None, {})),
    "vault rotate": ((), ("POST", "/api/v1/vault/rotate", {"key": "organisation", "begin": True}, {})),
    "price list": (
        ("openai", "--model", "gpt-4o"),
        ("GET", "/api/v1/prices", None, {"provider": "openai", "model": "gpt-4o"}),
    ),
    "dlq list": (
        ("--topic", "run-events", "--since", "1d"),
        ("GET", "/api/v1/admin/dead-letters", None, {"topic": "run-events", "since": "1d", "limit": 100}),
    ),
    "dlq show": (("run-events.dlq/3@17",), ("GET", "/api/v1/admin/dead-letters/run-events.dlq/3/17", None, {})),
    "dlq retry": (
        ("run-events.dlq/3@17",),
        ("POST", "/api/v1/admin/dead-letters/retry", {"positions": ["run-events.dlq/3@17"]}, {}),
    ),
    "topics list": ((), ("GET", "/api/v1/admin/topics", None, {})),
    "worker list": ((), ("GET", "/api/v1/workers", None, {})),
    "status": ((), ("GET", "/ready", None, {})),
    "doctor": ((), ("GET", "/api/v1/functions", None, {})),
    "api": (
        ("GET", "/api/v1/limits", "--param", "a=b", "--header", "X-A=1"),
        ("GET", "/api/v1/limits", None, {"a": "b"}),
    ),
}
TOOLS_OF_QUEUE = "mail.send: {source: third_party, effects: true, sinks: {to: recipient}}\n"
#: Commands that send nothing.
QUIET = {
    "audit verify",
    "compliance verify",
    "completion",
    "mcp",
    "policy check",
    "policy test",
    "prompt import",
    *(f"config {name}" for name in ("set", "unset", "get", "show", "check", "profiles", "use")),
}


def commands(group: click.Group, path: str = "") -> dict[str, click.Command]:
    """Return every command below a group by its words."""
    context, found = click.Context(group), {}
    for name in group.list_commands(context):
        one = group.get_command(context, name)
        assert one is not None
        words = f"{path} {name}".strip()
        found |= commands(one, words) if isinstance(one, click.Group) else {words: one}
    return found


def test_every_command_has_a_case() -> None:
    assert set(commands(root)) == set(CASES) | QUIET


@pytest.mark.parametrize("name", CASES)
def test_a_command_sends_the_request_it_is_for(tmp_path: Path, name: str) -> None:
    ctl = Ctl(tmp_path)
    args, (method, path, body, params) = CASES[name]
    done = ctl(*name.split(), *_files(tmp_path, args))
    found = ctl.last
    assert (found.method, found.path, found.body, dict(found.params)) == (method, path, body, params), done.err
    # The run of these documents has failed, one call is stopped, and one rollout was rolled back.
    assert done.code == (1 if name in {"workflow wait", "workflow watch", "doctor", "prompt rollout watch"} else 0), (
        done.err
    )


@pytest.mark.parametrize("form", ["json", "yaml", "name", "wide"])
@pytest.mark.parametrize("name", [name for name in CASES if name.split()[-1] in {"list", "get", "definitions"}])
def test_lists_and_documents_are_printed_in_every_format(tmp_path: Path, name: str, form: str) -> None:
    ctl = Ctl(tmp_path)
    done = ctl(*name.split(), *CASES[name][0], "-o", form)
    assert done.code == 0, done.err
    assert done.out.strip()
    if form == "json":
        assert isinstance(done.document, dict)
    if form == "name":
        assert all(len(line.split()) <= 2 for line in done.out.splitlines())


@pytest.mark.parametrize(
    "name", [name for name, one in commands(root).items() if any("--dry-run" in p.opts for p in one.params)]
)
def test_a_dry_run_changes_nothing(tmp_path: Path, name: str) -> None:
    ctl = Ctl(tmp_path)
    done = ctl(*name.split(), *_files(tmp_path, CASES[name][0]), "--dry-run")
    assert done.code == 0, done.err
    for sent in ctl.api.sent:
        asks = sent.method == "GET" or sent.params.get("dry_run") == "true" or (sent.body or {}).get("dry_run") is True
        assert asks, sent


def _files(folder: Path, args: tuple[str, ...]) -> tuple[str, ...]:
    (folder / "flow.yaml").write_text("name: x\n", encoding="utf-8")
    (folder / "spans.json").write_text('{"resourceSpans": []}', encoding="utf-8")
    (folder / "policy.yaml").write_text("name: support\nrules: []\n", encoding="utf-8")
    (folder / "tools.yaml").write_text(TOOLS_OF_QUEUE, encoding="utf-8")
    (folder / "labels.csv").write_text("case_id,scorer,human,repeat\nc1,llm_judge,tie,1\n", encoding="utf-8")
    facts = '{"providers": [{"route": "openai/*", "regions": ["eu"]}]}'
    (folder / "providers.json").write_text(facts, encoding="utf-8")
    (folder / "secret.txt").write_text("a-secret-value\n", encoding="utf-8")
    (folder / "prompts").mkdir(exist_ok=True)
    (folder / "prompts" / "shortener.prompt.md").write_text("Shorten {{text}}\n", encoding="utf-8")
    named = (
        *("flow.yaml", "labels.csv", "policy.yaml", "prompts", "providers.json", "report.html", "secret.txt"),
        *("spans.json", "tools.yaml"),
    )
    return tuple(str(folder / arg) if arg in named else arg for arg in args)


def test_logs_that_are_followed_print_each_state_once_until_the_end(tmp_path: Path) -> None:
    step = {**STEPS[0], "status": "running", "finished_at": None}
    looks: dict[tuple[str, str], Any] = {
        ("GET", f"{_RUNS}/{RUN}"): [{**WHOLE, "status": "running"}, {**WHOLE, "status": "running"}, WHOLE],
        ("GET", f"{_RUNS}/{RUN}/steps"): [{"steps": [step]}, {"steps": [step]}, {"steps": STEPS}],
    }
    done = Ctl(tmp_path, looks)("workflow", "logs", RUN, "--follow")
    assert [line.split()[1:3] for line in done.out.splitlines()] == [
        ["split", "running"],
        ["split", "succeeded"],
        ["analyze", "failed"],
    ]


def test_a_quota_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    assert Ctl(tmp_path)("quota", "unset", "--provider", "none").code == 3


def test_a_letter_that_cannot_return_is_exit_code_1(tmp_path: Path) -> None:
    refused = {"retried": [{"position": "p", "went_to": None, "problem": "too large"}], "total": 1}
    ctl = Ctl(tmp_path, {("POST", "/api/v1/admin/dead-letters/retry"): refused})
    done = ctl("dlq", "retry", "--topic", "run-events", "--reason", "schema")
    assert (done.code, "too large" in done.out) == (1, True)


def test_status_names_what_is_broken_and_ends_with_1(tmp_path: Path) -> None:
    broken = {"status": "not ready", "dependencies": {"kafka": {"status": "error", "ms": 2000, "error": "no broker"}}}
    done = Ctl(tmp_path, {("GET", "/ready"): broken})("status")
    assert done.code == 1
    assert "no broker" in done.out


def test_a_warning_of_a_registration_is_on_stderr(tmp_path: Path) -> None:
    warned = {**DEFINITION, "new": True, "warnings": [{"path": "dag", "message": "is odd", "fix": "even it"}]}
    ctl = Ctl(tmp_path, {("POST", "/api/v1/workflows"): warned})
    done = ctl("workflow", "validate", "-", stdin="name: x\n")
    assert done.code == 0
    assert done.err == "warning: dag is odd; even it\n"
    assert "yes" in done.out


def test_a_cycle_of_nodes_is_drawn_all_the_same(tmp_path: Path) -> None:
    dag = {"nodes": [{"id": "a", "type": "llm"}, {"id": "b", "type": "llm"}], "edges": [{"from": "a", "to": "b"}] * 2}
    dag["edges"].append({"from": "b", "to": "a"})
    ctl = Ctl(tmp_path, {("GET", "/api/v1/workflows/w"): {"spec": {"dag": dag}}})
    assert len(ctl("workflow", "graph", "w").out.splitlines()) == 2
