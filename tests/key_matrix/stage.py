"""Two organisations for the matrix of keys: the owner with one thing of each kind, and callers that own nothing."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
from redis.asyncio import Redis

from connectors.clickhouse.client import ClickHouse
from connectors.objects.store import LocalObjects
from connectors.ports.engine import InRecord
from connectors.redis.keys import runs_slot
from schemas.budgets import PROJECT_TAG
from schemas.clock import now_ms
from schemas.ids import span_id, trace_id
from schemas.records.spans import Span, TraceSpans
from schemas.tables.runs import SIGNALS
from schemas.tables.signals import Signals
from streams.roles.sinks.analytics import AnalyticsSink
from tests.support.api import Running, unique
from tests.support.history import view_of, write_views
from topics.catalogue import RUN_EVENTS, TRACE_SPANS

API = "/api/v1"
#: In each text of the owner, and nowhere else: an answer that has it shows something of the owner.
MARK = "xq7owner"
#: A name that organisations share: a thing of the owner's with it must not be shown or changed by others' requests.
PROVIDER = "openai"
ALL = ["read", "write", "admin"]
WORKFLOW = f"{MARK}_flow"
PROMPT = f"{MARK}_prompt"
LABEL = "production"


@dataclass(frozen=True)
class Caller:
    """A caller that must not reach the owner's things. ``statuses`` are its only right answers, if given.

    ``foreign`` callers see nothing of the owner, those of another ``project`` the definitions of their organisation.
    """

    name: str
    key: str | None
    statuses: frozenset[int] = frozenset()
    permissions: frozenset[str] = frozenset(ALL)
    limited: bool = False
    project: bool = False
    foreign: bool = False
    scopes: frozenset[str] = frozenset()


@dataclass
class Stage:
    """The owner's client, its things by the names of path parameters, and the callers."""

    api: Running
    owner: httpx.AsyncClient
    things: dict[str, str] = field(default_factory=dict)
    callers: list[Caller] = field(default_factory=list)

    @property
    def org_id(self) -> str:
        """The owner's organisation."""
        return self.things["org_id"]

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Make a thing of the owner."""
        answer = await self.owner.post(f"{API}{path}", json=body)
        assert answer.is_success, (path, answer.text)
        found: dict[str, Any] = answer.json()
        return found


async def staged(api: Running, store: ClickHouse) -> Stage:
    """Make both organisations in a running API."""
    owner = (await api.client.post(f"{API}/organisations", json={"id": unique(MARK), "name": MARK})).json()
    stage = Stage(api, api.as_key(owner["key"]["key"]), {"org_id": owner["id"]})
    await _define(stage)
    await _run(stage, store)
    await _things(stage)
    await _callers(stage)
    return stage


#: It has the workflow's name, as the paths of other definitions have.
POLICY = {
    "name": WORKFLOW,
    "rules": [{"id": "all", "at": "tool_call", "when": "true", "verdict": "allow", "reason": MARK}],
}


async def _define(stage: Stage) -> None:
    await stage.post("/prompts", {"name": PROMPT, "template": "Greet {{name}}"})
    label = {"version": 1, "expected_version": None}
    (await stage.owner.put(f"{API}/prompts/{PROMPT}/labels/{LABEL}", json=label)).raise_for_status()
    stage.things["label"] = LABEL
    scorer = {"kind": "contains", "options": {"values": [MARK]}}
    policy = {"sample": 0.5, "scorers": [scorer]}
    (await stage.owner.put(f"{API}/prompts/{PROMPT}/scoring", json=policy)).raise_for_status()
    node = {"id": "greet", "type": "llm", "config": {"prompt_ref": f"{PROMPT}@1"}}
    wait = {"id": "ask", "type": "signal", "config": {"name": "go"}}
    dag = {"nodes": [node, wait], "edges": [{"from": "greet", "to": "ask"}]}
    await stage.post(f"/datasets?name={PROMPT}", {"cases": [{"inputs": {"name": MARK}}]})
    await stage.post("/workflows", {"name": WORKFLOW, "version": 1, "dag": dag})
    await stage.post("/policies", {"document": POLICY})


async def _run(stage: Stage, store: ClickHouse) -> None:
    await stage.post("/projects", {"id": f"{MARK}-project", "name": MARK})
    body = {"workflow_name": WORKFLOW, "inputs": {"name": MARK}, "project": f"{MARK}-project"}
    run = await stage.post("/workflows/runs", body)
    submitted = stage.api.log.decoded(RUN_EVENTS)[-1]
    await write_views(stage.api.postgres_dsn, view_of(submitted, "succeeded", output={}, finished_at_ms=2))
    objects = LocalObjects(Path(stage.api.settings.objects.directory))
    stored = await objects.to_payload(stage.org_id, MARK * 20_000)
    sha256: str = stored.sha256  # type: ignore[union-attr]
    stage.things |= {"run_id": run["id"], "sha256": sha256, "project_id": f"{MARK}-project"}
    stage.things |= {"trace_id": trace_id(run["id"]), "session_id": f"{MARK}-session"}
    await _update(stage)
    await _spans(stage, store)


async def _update(stage: Stage) -> None:
    """Let the run know an update, as its fold would: one that no step got before the run ended."""
    run = stage.things["run_id"]
    stage.things["update_id"] = "0" * 32
    redis = Redis.from_url(stage.api.redis_url)
    entity = runs_slot(run, stage.api.partitions).entity(run)
    await redis.hset(entity, SIGNALS, msgspec.msgpack.encode(Signals(ids=(stage.things["update_id"],))))
    await redis.aclose()


async def _spans(stage: Stage, store: ClickHouse) -> None:
    run = stage.things["run_id"]
    now_ns = now_ms() * 1_000_000
    root = Span(span_id=span_id(run), name=MARK, start_ns=now_ns - 1_000_000_000, end_ns=now_ns, type="run")
    record = TraceSpans(
        record_id=run,
        trace_id=stage.things["trace_id"],
        org_id=stage.org_id,
        run_id=run,
        spans=[root],
        workflow_name=WORKFLOW,
        tags={PROJECT_TAG: stage.things["project_id"]},
        session_id=stage.things["session_id"],
        user_id=f"{MARK}-user",
    )
    await AnalyticsSink(store).write([(InRecord(TRACE_SPANS, 0, 1, 0, b"k", b"{}"), record)])


async def _things(stage: Stage) -> None:
    schedule = {"name": MARK, "workflow_name": WORKFLOW, "interval_s": 3600, "inputs": {"name": MARK}, "paused": True}
    budget = {"name": MARK, "scope": "workflow", "target": WORKFLOW, "period": "day", "limit_usd": "1"}
    stop = {"scope": "workflow", "target": WORKFLOW, "mode": "pause", "reason": MARK}
    evaluation = {"prompt": PROMPT, "version": 1, "dataset": PROMPT, "scorers": [{"kind": "exact"}]}
    limits = {"max_running_runs": 7, "workflows": {WORKFLOW: 3}}
    prices = {"prices": [{"provider": "openai", "model": MARK, "input_usd_per_mtok": "1", "output_usd_per_mtok": "1"}]}
    stage.things |= {
        "schedule_id": (await stage.post("/schedules", schedule))["id"],
        "budget_id": (await stage.post("/budgets", budget))["id"],
        "stop_id": (await stage.post("/stops", stop))["id"],
        "webhook_id": (webhook := (await stage.post("/webhooks", {"url": f"https://{MARK}.example/"}))["id"]),
        "number": str((await stage.post(f"/webhooks/{webhook}/test", {}))["number"]),
        "secret_name": (await _secret(stage)),
        "secret_version": "1",
        "mcp_server": "docs",
        "mcp_tool": "search",
        "queue_tool": "search",
        "trigger_id": (await stage.post("/triggers", _trigger()))["id"],
        # Of an address nobody has the secret part: it was shown once.
        "address": "tr_0123456789abcdef." + "A" * 43,
        "evaluation_id": (await stage.post("/evaluations", evaluation))["id"],
        "deployment_id": (await stage.post(f"/prompts/{PROMPT}/deployments", {"environment": f"{LABEL}-new"}))["id"],
        "key_id": (await stage.post("/keys", {"name": MARK}))["id"],
        "version": str((await stage.post("/prices/overrides", prices))["version"]),
        # Of these the owner has none: nobody may see them all the same.
        # Each organisation has ids of persons of its own: the same one is another person.
        "subject_id": "customer-1",
        "suggestion_id": "cache-0123456789abcdef",
        "batch_id": "batch_" + "0" * 24,
        "topic": "run-events.dlq",
        "partition": "0",
        "offset": "0",
    }
    (await stage.owner.put(f"{API}/limits", json=limits)).raise_for_status()
    facts = {"providers": [{"route": f"{MARK}/*", "regions": ["eu"]}]}
    (await stage.owner.put(f"{API}/providers/facts", json=facts)).raise_for_status()
    credentials = {"api_key": f"{MARK}-sk-1234567890"}
    (await stage.owner.put(f"{API}/providers/{PROVIDER}/credentials", json=credentials)).raise_for_status()


async def _secret(stage: Stage) -> str:
    """Store a secret in two versions; return its name."""
    name = "SECRET_" + MARK.upper().replace("-", "_")
    for number in (1, 2):
        body = {"value": f"{MARK}-secret-{number}", "hosts": [f"{MARK}.example"]}
        (await stage.owner.put(f"{API}/secrets/{name}", json=body)).raise_for_status()
    return name


def _trigger() -> dict[str, Any]:
    inputs = {"name": f"'{MARK}'"}
    return {"name": MARK, "workflow_name": WORKFLOW, "inputs": inputs, "webhook": {}, "paused": True}


async def _callers(stage: Stage) -> None:
    other = (await stage.api.client.post(f"{API}/organisations", json={"id": unique("other")})).json()
    (await stage.owner.post(f"{API}/projects", json={"id": "elsewhere"})).raise_for_status()
    elsewhere = frozenset({"workflow", "prompt", "gateway"})
    unauthenticated = frozenset({401})
    full = Caller("", None)
    stage.callers = [
        replace(full, name="no key", statuses=unauthenticated),
        replace(full, name="wrong", key=_wrong(stage), statuses=unauthenticated),
        replace(full, name="another organisation's", key=other["key"]["key"], foreign=True),
        replace(full, name="read-only", key=await _key(stage, ["read"]), permissions=frozenset({"read"})),
        replace(full, name="write-only", key=await _key(stage, ["write"]), permissions=frozenset({"write"})),
        replace(full, name="admin-only", key=await _key(stage, ["admin"]), permissions=frozenset({"admin"})),
        replace(full, name="scoped elsewhere", key=await _scoped(stage), limited=True, foreign=True, scopes=elsewhere),
        replace(full, name="of another project", key=await _key(stage, ALL, project="elsewhere"), project=True),
        replace(full, name="expired", key=await _expired(stage), statuses=unauthenticated),
        replace(full, name="revoked", key=await _revoked(stage), statuses=unauthenticated),
    ]


async def _key(stage: Stage, permissions: list[str], **fields: Any) -> str:
    found: str = (await stage.post("/keys", {"name": "key", "permissions": permissions, **fields}))["key"]
    return found


def _wrong(stage: Stage) -> str:
    """Return a key with the id of one that exists, and another secret."""
    return f"af_{stage.things['key_id']}_" + "x" * 43


async def _scoped(stage: Stage) -> str:
    return await _key(stage, ALL, scopes=["workflow:elsewhere", "prompt:elsewhere", "gateway"])


async def _expired(stage: Stage) -> str:
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    made = await stage.post("/keys", {"name": "key", "permissions": ALL, "expires_at": later})
    conn = await asyncpg.connect(stage.api.postgres_dsn)
    await conn.execute("UPDATE api_key SET expires_at = now() - interval '1 second' WHERE id = $1", made["id"])
    await conn.close()
    return str(made["key"])


async def _revoked(stage: Stage) -> str:
    made = await stage.post("/keys", {"name": "key", "permissions": ALL})
    (await stage.owner.delete(f"{API}/keys/{made['id']}")).raise_for_status()
    return str(made["key"])
