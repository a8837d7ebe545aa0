"""Requests of one organisation that name things of another, made from the OpenAPI document; the same ones each time."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.tenancy.planted import API, Tenant

SEED = 20261129
#: Names that all organisations share, or that only the bootstrap key may use: their paths name nobody's thing.
SHARED_PATHS = (
    "/providers/",
    "/queues/",
    "/admin/",
    "/prices/overrides/",
    "/organisations/",
    "/optimizer/",
    "/subjects/",
    "/hooks/",
)
#: What changes the things of the one who sends it, whatever it names: it is no request about another.
OWN_CHANGES = frozenset(
    {
        *("POST /workflows", "POST /prompts", "POST /datasets", "POST /keys", "POST /projects", "POST /organisations"),
        *("POST /subjects/{subject_id}/erase", "PUT /secrets/{secret_name}", "PUT /mcp/servers/{mcp_server}"),
        "PUT /queues/{name}/tools/{queue_tool}",
        *("PUT /limits", "DELETE /limits", "PUT /quotas", "POST /prices/overrides", "POST /v1/traces"),
        "PUT /providers/facts",
        *("PUT /providers/{name}/credentials", "DELETE /providers/{name}/credentials", "PATCH /organisations/{org_id}"),
    }
)
#: Bodies of operations whose examples name nothing; ``$name`` is a value of that parameter.
BODIES: dict[str, Any] = {
    "POST /workflows/runs": {"workflow_name": "$workflow", "inputs": {"word": "x"}},
    "POST /workflows/runs/waiting": {"ids": ["$run_id"]},
    "POST /workflows/runs/bulk": {"action": "cancel", "workflow": "$workflow", "dry_run": False},
    "POST /workflows/runs/{run_id}/restart": {"from": "greet"},
    "POST /workflows/runs/{run_id}/fork": {"inputs": {"word": "x"}},
    "POST /workflows/runs/{run_id}/cancel": {"reason": "x"},
    "POST /runs/{run_id}/scores": {"step_id": "greet", "score": 1},
    "POST /routes/evaluate": {"prompt": "$prompt", "tier": "gold", "policy": {"by": "uniform"}},
    "POST /traces/diff": {"a": "$run_id", "b": "$run_id"},
    "POST /traces/causes": {"since": "1h", "workflow": "$workflow"},
    "POST /traces/query": {"start": "1h"},
    "POST /traces/outliers": {"start": "1h"},
    "POST /datasets/from-runs": {"name": "found", "workflow": "$workflow"},
    "POST /evaluations": {"prompt": "$prompt", "version": 1, "dataset": "$dataset", "scorers": [{"kind": "exact"}]},
    "PUT /prompts/{name}/labels/{label}": {"version": 1},
    "PUT /prompts/{name}/scoring": {"sample": 1, "scorers": [{"kind": "cost", "options": {"limit_usd": 1}}]},
    "POST /prompts/{name}/deployments": {"version": 1, "environment": "next"},
    "POST /schedules": {"name": "new", "workflow_name": "$workflow", "interval_s": 60, "paused": True},
    "PATCH /schedules/{schedule_id}": {"name": "changed"},
    "POST /schedules/{schedule_id}/backfill": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T02:00:00Z"},
    "POST /budgets": {"name": "new", "scope": "workflow", "target": "$workflow", "period": "day", "limit_usd": "2"},
    "PATCH /budgets/{budget_id}": {"limit_usd": "3"},
    "PUT /mcp/servers/{mcp_server}": {"url": "https://other.example/mcp"},
    "POST /mcp/servers/{mcp_server}/pins": {"tools": {"search": None}},
    "PUT /queues/{name}/tools/{queue_tool}": {"effects": False},
    "PUT /secrets/{secret_name}": {"value": "another-value", "hosts": ["other.example"]},
    "PATCH /secrets/{secret_name}": {"hosts": ["other.example"]},
    "PATCH /webhooks/{webhook_id}": {"description": "changed"},
    "POST /webhooks/{webhook_id}/rotate": {"overlap_s": 60},
    "POST /triggers": {"name": "new", "workflow_name": "$workflow", "inputs": {"word": "payload"}, "webhook": {}},
    "PATCH /triggers/{trigger_id}": {"filter": "true"},
    "POST /triggers/{trigger_id}/rotate": {"overlap_s": 60},
    "POST /triggers/{trigger_id}/try": {"payload": 1},
    "POST /stops": {"scope": "workflow", "target": "$workflow", "mode": "pause", "reason": "x"},
    "POST /queues/{name}/lease": {"worker_id": "w", "wait_s": 0},
    "POST /queues/{name}/heartbeat": {"lease": "$lease"},
    "POST /queues/{name}/complete": {"lease": "$lease", "output": 1},
    "POST /queues/{name}/release": {"lease": "$lease"},
    "POST /admin/dead-letters/retry": {"positions": ["run-events.dlq/0@0"], "dry_run": True},
    "POST /cache/purge": {"workflow": "$workflow"},
    "PATCH /keys/{key_id}": {"name": "changed"},
    "POST /keys/{key_id}/rotate": {"overlap_s": 60},
    "PATCH /projects/{project_id}": {"name": "changed"},
}
#: Fields and query parameters, by what they name.
_NAMES = {
    "workflow_name": "workflow",
    "ids": "run_id",
    "parent_run_id": "run_id",
    "a": "run_id",
    "b": "run_id",
    "user_id": "user",
    "step": "node",
    "step_id": "node",
    "name": "prompt",
    "target": "workflow",
}
_TIMES = {"start": "1h", "since": "1h", "from": "2026-11-01"}


@dataclass(frozen=True)
class Crossing:
    """A request of ``asker`` about things of ``owner``. ``names_thing``: the path is that of a thing of the owner.

    ``twin`` is the same request about a thing that nobody has, if the path names one: it must be answered alike.
    """

    operation: str
    asker: int
    owner: int
    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    names_thing: bool = False
    twin: str = ""

    @property
    def said(self) -> str:
        """All that the request itself says."""
        return " ".join((self.url, *(f"{k} {v}" for k, v in (*self.params, *self.headers)), self.body))

    def __str__(self) -> str:
        """Return it as a report names it."""
        more = f" {dict(self.params)}" if self.params else ""
        return f"{self.asker} of {self.owner}: {self.method} {self.url}{more} {dict(self.headers) or ''} {self.body}"


@dataclass(frozen=True)
class _Operation:
    """One operation of the document."""

    method: str
    path: str
    parameters: Sequence[dict[str, Any]]
    fields: frozenset[str] = field(default_factory=frozenset)
    example: Any = None

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


def crossings(document: dict[str, Any], tenants: Sequence[Tenant], count: int) -> Iterator[Crossing]:
    """Yield so many different requests, as evenly from all operations as these have different ones."""
    rng, seen = random.Random(SEED), set[Crossing]()
    every = [one for one in _operations(document) if one.key not in OWN_CHANGES]
    pairs = [(a, b) for a in range(len(tenants)) for b in range(len(tenants)) if a != b]
    idle = 0
    while len(seen) < count and idle < 50:
        idle += 1
        for one in every:
            a, b = rng.choice(pairs)
            made = _crossing(one, a, b, tenants, rng)
            if made not in seen and len(seen) < count:
                seen.add(made)
                idle = 0
                yield made


def _operations(document: dict[str, Any]) -> Iterator[_Operation]:
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            content = said.get("requestBody", {}).get("content", {}).get("application/json", {})
            yield _Operation(
                method.upper(),
                path.removeprefix(API),
                said.get("parameters", ()),
                frozenset(_schema(document, content.get("schema", {})).get("properties", ())),
                content.get("example"),
            )


def _schema(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _crossing(one: _Operation, a: int, b: int, tenants: Sequence[Tenant], rng: random.Random) -> Crossing:
    own, other = tenants[a], tenants[b]
    path, twin, names_thing = one.path, one.path, False
    for parameter in (p for p in one.parameters if p["in"] == "path"):
        name = parameter["name"]
        value = str(_value(other, _of_path(one.path, name), rng))
        path = path.replace(f"{{{name}}}", value)
        twin = twin.replace(f"{{{name}}}", _invented(value, other))
        names_thing = names_thing or (value in other.unmarked or other.mark in value)
    if any(shared in one.path for shared in SHARED_PATHS):
        names_thing = False
    prefix = "" if one.path in ("/health", "/ready", "/metrics", "/v1/traces") else API
    return Crossing(
        operation=one.key,
        asker=a,
        owner=b,
        method=one.method,
        url=prefix + path,
        params=tuple(_query(one, own, other, rng)),
        headers=tuple(_headers(one, other, rng)),
        body=_body(one, other, rng),
        names_thing=names_thing,
        twin=prefix + twin if names_thing else "",
    )


def _of_path(path: str, name: str) -> str:
    """Return what a parameter of a path names."""
    if name != "name":
        return name
    kinds = {"/prompts/": "prompt", "/datasets/": "dataset", "/queues/": "queue", "/providers/": "provider"}
    kinds |= {"/signals/": "signal", "/updates/": "signal"}
    return next((kind for part, kind in kinds.items() if part in path), "workflow")


def _value(other: Tenant, name: str, rng: random.Random) -> Any:
    shared: dict[str, list[Any]] = {
        "signal": ["go"],
        "update_id": ["0" * 32],
        "provider": ["openai"],
        "org_id": [other.org_id],
        "version": [1],
        "suggestion_id": ["cache-0123456789abcdef"],
        "topic": ["run-events.dlq"],
        "partition": [0],
        "offset": [0],
    }
    values = other.values.get(name) or shared.get(name)
    assert values, f"nothing of an organisation is named by {name}: plant one, or say that all share it"
    return rng.choice(values)


def _invented(value: str, other: Tenant) -> str:
    """Return a value like this one that nobody has."""
    if other.mark in value:
        return value.replace(other.mark, "nobodys" + other.mark[-4:])
    if value in other.unmarked:
        kind, line, digits = value.rpartition("_")
        return kind + line + "".join("0" if c in "123456789abcdef" else c for c in digits[:-1]) + "1"
    return value


def _query(one: _Operation, own: Tenant, other: Tenant, rng: random.Random) -> Iterator[tuple[str, str]]:
    for parameter in (p for p in one.parameters if p["in"] == "query"):
        name, required = parameter["name"], parameter.get("required", False)
        if name == "cursor" and one.path in other.cursors and rng.random() < 0.5:
            yield name, rng.choice(other.cursors[one.path])
        elif name == "limit" and rng.random() < 0.2:
            yield name, str(rng.choice((1, 2, 100)))
        elif name in ("version", "days", "offset"):
            continue
        elif (required or rng.random() < 0.5) and (value := _filter(other, name, rng)) is not None:
            yield name, value
        elif parameter["schema"].get("type") == "boolean" and rng.random() < 0.3:
            yield name, "true"


def _filter(other: Tenant, name: str, rng: random.Random) -> str | None:
    named = _NAMES.get(name, name)
    if named in _TIMES and named not in other.values:
        return _TIMES[named]
    if named == "provider":
        return "openai"
    return str(rng.choice(other.values[named])) if named in other.values else None


def _headers(one: _Operation, other: Tenant, rng: random.Random) -> Iterator[tuple[str, str]]:
    names = {p["name"].lower() for p in one.parameters if p["in"] == "header"}
    if "x-org-id" in names and rng.random() < 0.1:
        yield "X-Org-Id", other.org_id
    if "idempotency-key" in names and rng.random() < 0.5:
        yield "Idempotency-Key", rng.choice(other.values["idempotency-key"])
    if "last-event-id" in names and rng.random() < 0.5:
        yield "Last-Event-ID", "1"


def _body(one: _Operation, other: Tenant, rng: random.Random) -> str:
    body = BODIES.get(one.key, one.example)
    if not isinstance(body, dict):
        return "" if body is None else json.dumps(body)
    body = _filled(body, other, rng)
    # Of what reads, each field that can name a thing does so now and then.
    if one.path.startswith("/traces/") or one.path.endswith("/waiting"):
        for name in sorted(one.fields - body.keys()):
            named = _NAMES.get(name, name)
            if name == "cursor" and one.path in other.cursors and rng.random() < 0.5:
                body[name] = rng.choice(other.cursors[one.path])
            elif named in other.values and rng.random() < 0.3:
                body[name] = rng.choice(other.values[named])
            elif name == "tags" and rng.random() < 0.2:
                key, _, value = rng.choice(other.values["tag"]).partition(":")
                body[name] = {key: value}
    return json.dumps(body)


def _filled(value: Any, other: Tenant, rng: random.Random) -> Any:
    if isinstance(value, dict):
        return {key: _filled(child, other, rng) for key, child in value.items()}
    if isinstance(value, list):
        return [_filled(child, other, rng) for child in value]
    return rng.choice(other.values[value[1:]]) if isinstance(value, str) and value.startswith("$") else value
