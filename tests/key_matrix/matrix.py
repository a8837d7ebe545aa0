"""The matrix of keys: every operation of the OpenAPI document, asked by every caller that must not reach the owner.

A leak is a try that is answered as it must not be (a status), that shows something of the owner, or that changes it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from tests.key_matrix.stage import API, MARK, PROMPT, PROVIDER, WORKFLOW, Caller, Stage
from topics.catalogue import RUN_EVENTS

OPEN = "none"
#: Paths whose names are the same for all organisations.
_SHARED = re.compile("/providers/|/secrets/|/mcp/servers/|/optimizer/|/queues/|/batches/|/admin/|/subjects/")
#: Sees the state of the owner; the answers of these lists must not change.
WATCHED = (
    "workflows", "prompts", "workflows/runs", "schedules", "budgets", "stops?resumed=true", "limits", "quotas", "keys",
    "projects?archived=true", "providers/credentials", "datasets", "evaluations", "webhooks", "secrets",
    "deployments", "triggers",
)  # fmt: skip


#: Lists of definitions, which keys of every project may add to.
DEFINITIONS = ("workflows", "prompts", "datasets")
#: Keys of one project see these of the whole organisation, and themselves.
OF_ALL_PROJECTS = (
    "/workflows", "/workflows/{name}", "/prompts", "/prompts/{name}", "/prompts/{name}/versions",
    "/prompts/{name}/labels", "/prompts/{name}/restore", "/prompts/{name}/scoring", "/whoami", "/keys",
    "/datasets", "/datasets/{name}", "/datasets/{name}/versions", "/datasets/{name}/rows",
)  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """One operation of the document, with a request that names the owner's things."""

    method: str
    path: str
    permission: str
    scopes: frozenset[str]
    projects: bool
    url: str
    body: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def names_owner(self) -> bool:
        """Return whether the path itself names a thing of the owner."""
        return self.url.partition("?")[0] != self.path and not _SHARED.search(self.path)


@dataclass(frozen=True)
class Found:
    """What the matrix tried, and what leaked."""

    operations: int
    tries: int
    leaks: list[str]


def operations(document: dict[str, Any], things: dict[str, str]) -> Iterator[Operation]:
    """Yield every operation of a document, with the owner's things in its path, query and body."""
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            yield Operation(
                method.upper(),
                path,
                said["x-permission"],
                frozenset(said["x-scopes"]),
                said["x-projects"],
                _url(path, said, things),
                _filled(BODIES.get(f"{method.upper()} {path.removeprefix(API)}", _example(said)), things),
            )


async def tried(stage: Stage) -> Found:
    """Try every operation with every caller."""
    # What a caller makes of its own, under a name of the owner's, must not answer for the owner's: that comes last.
    every = sorted(operations(stage.api.app.openapi(), stage.things), key=_makes)
    leaks: list[str] = []
    tries = 0
    for caller in stage.callers:
        before = await _state(stage)
        async with stage.api.as_key(caller.key) as client:
            for one in every:
                if _is_its_own(one, caller):
                    continue
                tries += 1
                if (leak := await _leak(client, one, caller)) is not None:
                    leaks.append(f"{caller.name}: {one}: {leak}")
        leaks += [f"{caller.name}: changed {what}" for what in _changed(before, await _state(stage), caller)]
    return Found(len(every), tries, leaks)


async def control(stage: Stage) -> list[str]:
    """Return the operations that the owner itself cannot reach: a refusal of others would prove nothing."""
    every = list(operations(stage.api.app.openapi(), stage.things))
    unreached = []
    for one in sorted(every, key=lambda one: one.method == "DELETE"):
        client = stage.api.client if one.permission == "platform" else stage.owner
        answer = await client.request(one.method, one.url, json=one.body)
        refused = answer.status_code in (401, 403, 422) or (answer.status_code == 404 and one.names_owner)
        if refused and one.path.removeprefix(API) not in UNREACHED:
            unreached.append(f"{one}: {answer.status_code} {answer.text[:200]}")
    return unreached


async def _leak(client: httpx.AsyncClient, one: Operation, caller: Caller) -> str | None:
    """Return what is wrong about the answer to a try, ``None`` if nothing is."""
    answer = await client.request(one.method, one.url, json=one.body)
    if one.permission == OPEN:
        return "shows the owner" if MARK in answer.text else None
    wanted = _statuses(one, caller)
    if wanted and answer.status_code not in wanted:
        return f"{answer.status_code}, wanted {sorted(wanted)}"
    if answer.status_code >= 500 and answer.status_code != 503:
        return f"{answer.status_code}"
    if answer.is_success and _hidden(one, caller) and MARK in _without_echo(answer.text, one):
        return "shows the owner"
    return None


def _makes(one: Operation) -> tuple[bool, bool]:
    return one.method != "GET", one.method == "POST" and not one.names_owner


def _statuses(one: Operation, caller: Caller) -> frozenset[int]:
    """Return the statuses of which the answer must have one; empty where any may be."""
    if caller.statuses:
        return caller.statuses
    if _refused(one, caller):
        return frozenset({403})
    if (caller.foreign or (_of_runs(one) and caller.project)) and one.names_owner:
        return frozenset({403, 404})
    return frozenset()


def _refused(one: Operation, caller: Caller) -> bool:
    if one.permission == "platform" or one.permission not in caller.permissions | {"authenticated"}:
        return True
    if caller.limited and "any" not in one.scopes and not one.scopes & caller.scopes:
        return True
    return caller.project and not one.projects


def _hidden(one: Operation, caller: Caller) -> bool:
    """Return whether the owner's things must not be shown. Definitions belong to all projects of an organisation."""
    if caller.limited and one.path == f"{API}/whoami":
        return False
    return caller.foreign or (caller.project and one.path.removeprefix(API) not in OF_ALL_PROJECTS)


def _is_its_own(one: Operation, caller: Caller) -> bool:
    """Return whether a key of the owner's organisation has the very permission that a change needs."""
    of_owner = not (caller.foreign or caller.project or caller.statuses)
    return of_owner and one.method != "GET" and one.permission in caller.permissions


def _of_runs(one: Operation) -> bool:
    return "{run_id}" in one.path or "{budget_id}" in one.path or "{key_id}" in one.path


def _without_echo(text: str, one: Operation) -> str:
    """Remove what the request itself said: an answer may repeat it."""
    for said in sorted({WORKFLOW, PROMPT, *_texts(one.body)}, key=len, reverse=True):
        text = text.replace(said, "")
    return text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and MARK in value:
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(child)


async def _state(stage: Stage) -> dict[str, list[str]]:
    """Return the owner's things, as texts by where they are listed."""
    found = {"log": [str(record) for record in stage.api.log.decoded(RUN_EVENTS) if record.org_id == stage.org_id]}
    for path in WATCHED:
        listed = (await stage.owner.get(f"{API}/{path}")).json()
        things = next((value for value in listed.values() if isinstance(value, list)), [listed])
        found[path] = [str(_lasting(one)) for one in things]
    return found


def _lasting(thing: dict[str, Any]) -> dict[str, Any]:
    """Return what no request changes that is refused."""
    return {name: value for name, value in thing.items() if name not in ("last_used_at", "next_runs")}


def _changed(before: dict[str, list[str]], after: dict[str, list[str]], caller: Caller) -> list[str]:
    """Return where things changed. A key of a project may add things of its own."""
    if caller.project:
        return [name for name in before if not set(before[name]) <= set(after[name]) and name not in DEFINITIONS]
    return [name for name in before if before[name] != after[name]]


def _is_of_prompts(path: str) -> bool:
    return "/prompts/" in path or "/datasets/" in path


def _url(path: str, said: dict[str, Any], things: dict[str, str]) -> str:
    names = {"trace_id": things["run_id"], "session_id": "none", "update_id": "0" * 32} | dict(
        things, name=PROVIDER if "/providers/" in path else PROMPT if _is_of_prompts(path) else WORKFLOW
    )
    names |= {"name": "go"} if "/signals/" in path or "/updates/" in path else {}
    names |= {"name": "files"} if "/queues/" in path else {}
    names |= {"name": "new"} if "/holds/" in path else {}
    required = [p["name"] for p in said.get("parameters", ()) if p["in"] == "query" and p.get("required")]
    values = {
        "ids": things["run_id"],
        "step": "greet",
        "provider": "openai",
        "from": "2026-11-01",
        "name": PROMPT,
        "to": "west",
    }
    values |= {"index": "0", "old": "1"}
    query = "&".join(f"{name}={values[name]}" for name in required)
    return path.format(**names) + (f"?{query}" if query else "")


def _filled(body: Any, things: dict[str, str]) -> Any:
    """Return a body with the owner's run in it."""
    if isinstance(body, dict):
        return {name: _filled(value, things) for name, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, things) for value in body]
    return things["run_id"] if body == "{run_id}" else body


def _example(said: dict[str, Any]) -> Any:
    media = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    return media.get("example")


_BUDGET = {"name": "new", "scope": "workflow", "target": WORKFLOW, "period": "day", "limit_usd": "2"}
_SCHEDULE = {"name": "new", "workflow_name": WORKFLOW, "interval_s": 60, "inputs": {"name": "x"}, "paused": True}
#: Requests that name the owner's things; other operations send the example of the document.
BODIES: dict[str, Any] = {
    "POST /workflows/runs/{run_id}/approvals": {"step": "greet", "approve": True},
    "POST /policies/test": {"name": WORKFLOW, "version": 1},
    "POST /policies/{name}/activate": {"version": 1, "mode": "shadow"},
    "POST /audit/expire": {"kind": "key_use", "before": "1d"},
    "POST /audit/holds": {"name": "new", "reason": "a case"},
    "POST /retention/holds": {"name": "new", "reason": "a case"},
    "POST /workflows/runs": {"workflow_name": WORKFLOW, "inputs": {"name": "x"}},
    "POST /workflows/runs/waiting": {"ids": ["{run_id}"]},
    "POST /workflows/runs/bulk": {"action": "retry", "status": "failed", "dry_run": False},
    "POST /workflows/runs/{run_id}/restart": {"from": "greet"},
    "POST /workflows/runs/{run_id}/fork": {"inputs": {"name": "x"}},
    "POST /workflows/runs/{run_id}/cancel": {"reason": "x"},
    "POST /runs/{run_id}/scores": {"step_id": "greet", "score": 1},
    "POST /traces/query": {"workflow": WORKFLOW},
    "POST /routes/evaluate": {"prompt": PROMPT, "tier": "gold", "policy": {"by": "uniform"}},
    "POST /workflows": {
        "name": WORKFLOW,
        "version": 2,
        "dag": {"nodes": [{"id": "n", "type": "llm", "config": {"prompt_ref": f"{PROMPT}@1"}}], "edges": []},
    },
    "POST /prompts": {"name": PROMPT, "template": "Other"},
    "PUT /prompts/{name}/labels/{label}": {"version": 1},
    "PUT /prompts/{name}/scoring": {"sample": 1, "scorers": [{"kind": "cost", "options": {"limit_usd": 1}}]},
    "POST /prompts/{name}/deployments": {"version": 1, "environment": "next"},
    "POST /schedules": _SCHEDULE,
    "PATCH /schedules/{schedule_id}": {"name": "changed"},
    "POST /schedules/{schedule_id}/backfill": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T02:00:00Z"},
    "POST /budgets": _BUDGET,
    "PATCH /budgets/{budget_id}": {"limit_usd": "3"},
    "PUT /mcp/servers/{mcp_server}": {"url": "http://127.0.0.1:1/mcp"},
    "POST /mcp/servers/{mcp_server}/pins": {"tools": {"search": None}},
    "PUT /queues/{name}/tools/{queue_tool}": {"effects": False},
    "PUT /secrets/{secret_name}": {"value": "another-secret-value", "hosts": ["api.example.com"]},
    "PATCH /secrets/{secret_name}": {"hosts": ["other.example.com"]},
    "POST /webhooks": {"url": "https://new.example/"},
    "PATCH /webhooks/{webhook_id}": {"description": "changed"},
    "POST /webhooks/{webhook_id}/rotate": {"overlap_s": 60},
    "POST /triggers": {"name": "new", "workflow_name": WORKFLOW, "inputs": {"name": "payload"}, "webhook": {}},
    "PATCH /triggers/{trigger_id}": {"filter": "true"},
    "POST /triggers/{trigger_id}/rotate": {"overlap_s": 60},
    "POST /triggers/{trigger_id}/try": {"payload": 1},
    "POST /hooks/{address}": {"action": "opened"},
    "POST /stops": {"scope": "workflow", "target": WORKFLOW, "mode": "pause", "reason": "x"},
    "PUT /limits": {"max_running_runs": 1, "workflows": {WORKFLOW: 1}},
    "PUT /quotas": {"limits": []},
    "POST /queues/{name}/lease": {"worker_id": "w", "wait_s": 0},
    "POST /admin/dead-letters/retry": {"positions": ["run-events.dlq/0@0"], "dry_run": True},
    "POST /vault/rotate": {"key": "organisation"},
    "POST /cache/purge": {"workflow": WORKFLOW},
    "POST /traces/diff": {"a": "{run_id}", "b": "{run_id}"},
    "POST /traces/causes": {"since": "1h", "workflow": WORKFLOW},
    "POST /keys": {"name": "new"},
    "PATCH /keys/{key_id}": {"name": "changed"},
    "POST /keys/{key_id}/rotate": {"overlap_s": 60},
    "POST /projects": {"id": "new-project"},
    "PATCH /projects/{project_id}": {"name": "changed"},
    "POST /organisations": {"id": "new-organisation"},
    "PATCH /organisations/{org_id}": {"name": "changed"},
    "POST /organisations/{org_id}/moves": {"to": "west"},
    "POST /evaluations": {"prompt": PROMPT, "version": 1, "dataset": PROMPT, "scorers": [{"kind": "exact"}]},
    "POST /datasets": {"cases": [{"inputs": {"name": "Ada"}}]},
    "POST /datasets/from-runs": {"name": "changed", "workflow": WORKFLOW},
    "PUT /providers/{name}/credentials": {"api_key": "sk-another-1234567890"},
    "PUT /providers/facts": {"providers": [{"route": "openai/*", "regions": ["eu"]}]},
}
#: What the owner's request finds nothing for: a suggestion comes of many calls, a score of a node that learns, a step
#: of a rollout with more than one, policies of recorded calls, a cause of a run that failed, a report of a signed log,
#: an MCP server at a host that tools may ask.
#: The address of a webhook was shown once.
UNREACHED = frozenset(
    {
        "/compliance/report",
        "/mcp/servers/{mcp_server}",
        "/hooks/{address}",
        "/optimizer/suggestions/{suggestion_id}/apply",
        "/optimizer/suggestions/{suggestion_id}/undo",
        "/runs/{run_id}/route",
        "/runs/{run_id}/scores",
        "/routes/evaluate",
        "/bills/reconcile",
        "/datasets/from-runs",
        "/evaluations/{evaluation_id}/labels",
        "/deployments/{deployment_id}/step",
        "/traces/policy",
        "/traces/{trace_id}/cause",
    }
)
