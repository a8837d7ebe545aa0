"""Alerts for real: a system under load, Prometheus that scrapes it, Alertmanager, and the times until a webhook hears.

Three conditions are made true and false again: half of the runs fail, runs cost more than 100 dollars an hour, and a
budget is spent to 90%. The price of a model is set so high for it that a few calls are enough.
"""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.lines import BenchError
from bench.observability.grafana_receiver import Receiver
from bench.observability.monitoring import Monitoring
from deploy.local.engines.ports import LOOPBACK
from deploy.local.engines.progress import Progress
from deploy.local.system import System

WITHIN_S = 30.0
#: An hour of money is a minute here, and a group's next notice comes five seconds later.
RESOLVED_WITHIN_S = 120.0
RUNS, BUDGETS, POLICIES = "/api/v1/workflows/runs", "/api/v1/budgets", "/api/v1/policies"
CHEAP, DEAR, FAILS = "alerting_cheap", "alerting_dear", "alerting_fails"
#: A call of some tokens costs tens of dollars.
_PRICE = {
    "provider": "local",
    "model": "local-gold",
    "version": "dear",
    "input_usd_per_mtok": "900000",
    "output_usd_per_mtok": "900000",
}
#: Its runs are searched for personal data, which their texts have none of.
_POLICY: dict[str, Any] = {
    "name": "monitored",
    "effects": "allow",
    "privacy": {"redact": [{"id": "people", "classes": ["pii"], "action": "token", "at": ["provider"]}]},
}
_LLM: dict[str, Any] = {"retries": {"max_attempts": 6, "initial_ms": 20, "jitter": 0}}


@dataclass(frozen=True)
class Times:
    """Seconds from a condition's beginning until the webhook heard, and from its end until it heard of that."""

    fired_s: float
    resolved_s: float


@dataclass
class Stand:
    """The running system, its monitoring, its client, and the receiver of live cost."""

    system: System
    monitoring: Monitoring
    client: httpx.Client
    receiver: Receiver
    since_s: float = field(default_factory=time.time)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def submit(self, workflow: str, text: str = "") -> str:
        """Submit a run; return its id. Raises ``BenchError``."""
        inputs = {"text": text or f"text {next(self.numbers)}"}
        answer = self.client.post(RUNS, json={"workflow_name": workflow, "inputs": inputs})
        if answer.status_code != 202:
            raise BenchError(f"a submission is answered by {answer.status_code}: {answer.text[:200]}")
        return str(answer.json()["id"])


@contextmanager
def standing(home: Path, progress: Progress) -> Iterator[Stand]:
    """Start all of it in a directory. Raises ``BenchError`` and ``EngineError``."""
    prices = home / "prices.json"
    prices.write_text(json.dumps([_PRICE]))
    with Receiver() as receiver:
        env = {
            "PRICES_FILE": str(prices),
            "GRAFANA_URL": receiver.url,
            "GRAFANA_TOKEN": receiver.token,
            "LOCAL_ERROR_RATE": "0.1",
        }
        system = System(home / "system", durable=False, env=env, progress=progress)
        (home / "monitoring").mkdir()
        with system, system.client() as client:
            roles = [
                f"{LOOPBACK}:{role.ready['metrics_port']}"
                for role in system.roles.values()
                if "metrics_port" in role.ready
            ]
            targets = {"agentflow-api": [f"{LOOPBACK}:{system.api_port}"], "agentflow-roles": roles}
            _define(client)
            with Monitoring(home / "monitoring", targets) as monitoring:
                yield Stand(system, monitoring, client, receiver)


@contextmanager
def load(stand: Stand, *workflows: str, per_s: float = 6.0) -> Iterator[None]:
    """Submit runs of these workflows in turn, until the end."""
    over, failed = threading.Event(), list[BaseException]()

    def submit() -> None:
        turn = itertools.cycle(workflows)
        while not over.wait(1 / per_s):
            try:
                # Every other text is one that was sent before, so that there are answers to use again.
                number = next(stand.numbers)
                stand.submit(next(turn), f"text {number if number % 2 else 0}")
            except (BenchError, httpx.HTTPError) as exc:
                failed.append(exc)
                return

    thread = threading.Thread(target=submit, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)
    if failed:
        raise BenchError(f"the load ended early: {failed[0]!r}")


def search_values(stand: Stand) -> None:
    """Activate a policy by which values are searched, so that the panels of privacy have something to show."""
    stand.client.post(POLICIES, json={"document": _POLICY}).raise_for_status()
    active = {"version": 1, "mode": "enforce"}
    stand.client.post(f"{POLICIES}/{_POLICY['name']}/activate", json=active).raise_for_status()


def error_rate(stand: Stand) -> Times:
    """Let half of the runs fail, then none. Raises ``BenchError`` when an alert does not come."""
    began = time.time()
    with load(stand, CHEAP, FAILS):
        fired = _heard(stand, "HighErrorRate", "firing", began, WITHIN_S)
    ended = time.time()
    with load(stand, CHEAP):
        resolved = _heard(stand, "HighErrorRate", "resolved", ended, RESOLVED_WITHIN_S)
    return Times(fired - began, resolved - ended)


def cost(stand: Stand) -> Times:
    """Run calls that cost tens of dollars, then none. Raises ``BenchError`` when an alert does not come."""
    began = time.time()
    with load(stand, CHEAP, DEAR):
        fired = _heard(stand, "HighCost", "firing", began, WITHIN_S)
    ended = time.time()
    with load(stand, CHEAP, per_s=2):
        resolved = _heard(stand, "HighCost", "resolved", ended, RESOLVED_WITHIN_S)
    return Times(fired - began, resolved - ended)


def budget(stand: Stand) -> Times:
    """Give a budget a limit of which 92% is spent, then raise it. Raises ``BenchError`` when an alert does not come."""
    wide = {"scope": "org", "period": "day", "limit_usd": "9000000", "on_exceeded": "alert", "name": "alerting"}
    made = stand.client.post(BUDGETS, json=wide).raise_for_status().json()
    spent = _spent(stand.client, made["id"])
    path = f"{BUDGETS}/{made['id']}"
    began = time.time()
    stand.client.patch(path, json={"limit_usd": f"{spent / 0.92:.6f}"}).raise_for_status()
    fired = _heard(stand, "BudgetNearlySpent", "firing", began, WITHIN_S)
    ended = time.time()
    stand.client.patch(path, json={"limit_usd": f"{spent * 10:.6f}"}).raise_for_status()
    resolved = _heard(stand, "BudgetNearlySpent", "resolved", ended, RESOLVED_WITHIN_S)
    return Times(fired - began, resolved - ended)


ALERTS: Mapping[str, Callable[[Stand], Times]] = {"error_rate": error_rate, "cost": cost, "budget": budget}


def _heard(stand: Stand, alert: str, status: str, since_s: float, deadline_s: float) -> float:
    notice = stand.monitoring.first(alert, status, since_s, deadline_s)
    if notice is None:
        heard = sorted({f"{one.labels['alertname']} {one.status}" for one in stand.monitoring.notices})
        raise BenchError(f"{alert} is not {status} within {deadline_s:.0f} s; the webhook heard: {heard}")
    return notice.at_s


def _spent(client: httpx.Client, budget_id: str) -> float:
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        spent = float(client.get(f"{BUDGETS}/{budget_id}/status").raise_for_status().json()["spent_usd"])
        if spent:
            return spent
        time.sleep(0.1)
    raise BenchError("nothing is spent of the budget")


def _define(client: httpx.Client) -> None:
    prompt = {"name": "alerting", "template": "Say something about {{.text}}"}
    client.post("/api/v1/prompts", json=prompt).raise_for_status()
    cheap = {"prompt_ref": "alerting@1", "model": "local-echo", "cache": True}
    dear = {"prompt_ref": "alerting@1", "model": "local-gold"}
    fetch = {"tool_name": "s3.fetch", "tool_args": {"key": "not there: {{text}}"}}
    _workflow(client, CHEAP, {"id": "ask", "type": "llm", "config": cheap, "policy": _LLM})
    _workflow(client, DEAR, {"id": "ask", "type": "llm", "config": dear, "policy": _LLM})
    _workflow(client, FAILS, {"id": "get", "type": "tool", "config": fetch, "policy": {"retries": {"max_attempts": 1}}})


def _workflow(client: httpx.Client, name: str, node: dict[str, Any]) -> None:
    body = {"name": name, "version": 1, "dag": {"nodes": [node], "edges": []}}
    answer = client.post("/api/v1/workflows", json=body)
    if answer.status_code != 201:
        raise BenchError(f"{name} is not registered: {answer.text[:300]}")
