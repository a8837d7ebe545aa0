"""One organisation with a thing of each kind, in which secrets are planted that no other organisation may ever see."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

API = "/api/v1"
DEADLINE_S = 90.0
LABEL, NEXT = "production", "staging"
#: All organisations have a workflow and a prompt of this name, with the same text and inputs: what one of them paid
#: for must not answer another.
SHARED = "shared_greeting"
SHARED_TEXT = "Say one thing about {{word}}"
_TURNS = {"model": "local-echo", "provider": "local"}
#: Answered by the stand-in for the batch API of ``tests.support.batch_service``.
BATCHED = {"provider": "anthropic", "model": "claude-3-5-haiku-latest", "max_tokens": 50}
_Found = TypeVar("_Found")
_ENDED = {"succeeded", "failed", "canceled"}


@dataclass
class Tenant:
    """An organisation. ``mark`` is part of every name and secret of it, and of nothing else.

    ``values`` are its things by the names of parameters that may name them; ``unmarked`` are ids that have no mark;
    ``cursors`` are pages of its lists, by path. A secret is in no request of another organisation, a name may be.
    """

    mark: str
    org_id: str
    client: httpx.AsyncClient
    values: dict[str, list[Any]] = field(default_factory=dict)
    unmarked: set[str] = field(default_factory=set)
    cursors: dict[str, list[str]] = field(default_factory=dict)
    secrets: int = 0

    def name(self, kind: str) -> str:
        """Return the name of the organisation's thing of a kind."""
        return f"{self.mark}_{kind}"

    def secret(self) -> str:
        """Return a text that only this organisation may see."""
        self.secrets += 1
        return f"{self.mark}-secret-{self.secrets}"

    def have(self, parameter: str, *values: Any) -> None:
        """Note values for a parameter. Those without the mark are ids, and found by themselves."""
        self.values.setdefault(parameter, []).extend(values)
        self.unmarked |= {one for one in values if isinstance(one, str) and self.mark not in one and len(one) >= 16}

    async def post(self, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        """Send a request that must succeed."""
        return await self._sent("POST", path, json=body, **more)

    async def put(self, path: str, body: Any) -> dict[str, Any]:
        """Send a request that must succeed."""
        return await self._sent("PUT", path, json=body)

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        """Send a request that must succeed."""
        return await self._sent("GET", path, params=params)

    async def _sent(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = await self.client.request(method, path if path.startswith("/v1/") else f"{API}{path}", **more)
        assert answer.is_success, (method, path, answer.status_code, answer.text)
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found


async def planted(tenant: Tenant) -> None:
    """Make a thing of each kind, run workflows to their ends, and note what can name them."""
    await _access(tenant)
    await _definitions(tenant)
    await _runs(tenant)
    await _money(tenant)
    await _evaluations(tenant)
    await _traces(tenant)
    await _pages(tenant)


async def _access(own: Tenant) -> None:
    project = own.name("project")
    await own.post("/projects", {"id": project, "name": own.secret()})
    key = await own.post("/keys", {"name": own.secret(), "permissions": ["read"]})
    await own.put("/providers/openai/credentials", {"api_key": f"{own.secret()}-0123456789"})
    secret = own.name("secret").upper().replace("-", "_")
    for number in (1, 2):
        value = {"value": f"{own.secret()}-{number}", "hosts": ["a.example"]}
        await own.put(f"/secrets/{secret}", value)
    own.have("secret_name", secret)
    own.have("secret_version", "1")
    own.have("mcp_server", "docs")
    own.have("mcp_tool", "search")
    own.have("queue_tool", own.name("tool"))
    own.have("project_id", project)
    own.have("project", project)
    own.have("key_id", key["id"])
    own.have("subject_id", own.name("person"))
    own.unmarked.add(key["key"])


async def _definitions(own: Tenant) -> None:
    prompt, dataset = own.name("prompt"), own.name("dataset")
    for text in ("Say {{word}}, please", "Say {{word}}, and no more"):
        await own.post("/prompts", {"name": prompt, "template": f"{text} ({own.secret()})"})
    await own.put(f"/prompts/{prompt}/labels/{LABEL}", {"version": 1, "expected_version": None})
    scorer = {"kind": "contains", "options": {"values": [own.secret()]}}
    await own.put(f"/prompts/{prompt}/scoring", {"sample": 1, "scorers": [scorer]})
    await own.post("/prompts", {"name": SHARED, "template": SHARED_TEXT})
    cases = [{"inputs": {"word": own.secret()}, "expected": own.secret()} for _ in range(3)]
    await own.post(f"/datasets?name={dataset}", {"cases": cases})
    for name, dag in _workflows(own).items():
        await own.post("/workflows", {"name": name, "version": 1, "description": own.secret(), "dag": dag})
        own.have("workflow", name)
    schedule = {"workflow_name": own.name("flow"), "interval_s": 3600, "paused": True}
    for _ in range(2):
        made = await own.post("/schedules", schedule | {"name": own.secret(), "inputs": {"word": own.secret()}})
        own.have("schedule_id", made["id"])
    own.have("prompt", prompt)
    own.have("dataset", dataset)
    own.have("label", own.name("label"), LABEL)
    await own.put(f"/prompts/{prompt}/labels/{own.name('label')}", {"version": 2, "expected_version": None})


def _workflows(own: Tenant) -> dict[str, dict[str, Any]]:
    ask = {"id": "greet", "type": "llm", "config": {"prompt_ref": f"{own.name('prompt')}@1", **_TURNS}}
    kept = {"id": "greet", "type": "llm", "config": {"prompt_ref": f"{SHARED}@1", "cache": True, **_TURNS}}
    merge = {"id": own.name("node"), "type": "function", "config": {"function_name": "result_merger"}}
    wait = {"id": "ask", "type": "signal", "config": {"name": "go"}}
    # What fails says what it looked for.
    fetch = {"id": "fetch", "type": "tool", "config": {"tool_name": "s3.fetch", "tool_args": {"key": "{{key}}"}}}
    remote = {"id": "remote", "type": "function", "config": {"function_name": own.name("function")}}
    batched = {"id": "greet", "type": "llm", "config": {"prompt_ref": f"{own.name('prompt')}@1", **BATCHED}}
    batched["policy"] = {"batch": "only"}
    return {
        own.name("flow"): {"nodes": [ask, merge], "edges": [{"from": "greet", "to": own.name("node")}]},
        SHARED: {"nodes": [kept], "edges": []},
        own.name("waits"): {"nodes": [wait], "edges": []},
        own.name("fails"): {"nodes": [fetch], "edges": []},
        own.name("remote"): {"nodes": [remote | {"queue": f"org/{own.name('queue')}"}], "edges": []},
        own.name("batched"): {"nodes": [batched], "edges": []},
    }


async def _runs(own: Tenant) -> None:
    project = own.name("project")
    baggage = {"baggage": f"session.id={own.name('session')},user.id={own.name('user')}"}
    for _ in range(3):
        body = {"workflow_name": own.name("flow"), "inputs": {"word": own.secret()}, "project": project}
        await _run(own, body | {"tags": {own.name("tag"): own.name("value")}}, headers=baggage)
    large = {"word": (own.secret() + " ") * 8_000}
    await _run(own, {"workflow_name": own.name("flow"), "inputs": large})
    await _run(own, {"workflow_name": own.name("fails"), "inputs": {"key": own.secret()}})
    for name in ("waits", "remote"):
        headers = {"Idempotency-Key": own.name(f"key-{name}")}
        await _run(own, {"workflow_name": own.name(name), "inputs": {}}, ends=False, headers=headers)
        own.have("idempotency-key", own.name(f"key-{name}"))
    await _run(own, {"workflow_name": own.name("batched"), "inputs": {"word": own.secret()}})
    own.have("batch_id", *(one["id"] for one in (await own.get("/batches"))["batches"]))
    await _lease(own)
    await own.put(f"/queues/{own.name('queue')}/tools/{own.name('tool')}", {"source": ["user"], "effects": False})
    own.have("tag", f"{own.name('tag')}:{own.name('value')}")
    own.have("session_id", own.name("session"))
    own.have("user", own.name("user"))
    own.have("node", own.name("node"), "greet")
    own.have("queue", own.name("queue"))


async def _lease(own: Tenant) -> None:
    """Lease the step that waits in the organisation's queue, as its own worker."""
    body = {"worker_id": own.name("worker"), "lease_s": 3_600, "wait_s": 20}

    async def leased() -> dict[str, Any] | None:
        found = await own.post(f"/queues/{own.name('queue')}/lease", body)
        return next(iter(found["leases"]), None)

    own.have("lease", (await until(leased, "a step is leased"))["lease"])


async def _run(own: Tenant, body: dict[str, Any], *, ends: bool = True, **more: Any) -> dict[str, Any]:
    run = await own.post("/workflows/runs", body, **more)
    own.have("run_id", run["id"])
    shown = await until(lambda: _known(own, run["id"], ends=ends), f"a run of {body['workflow_name']} has ended")
    if shown.get("trace_id"):
        own.have("trace_id", shown["trace_id"])
    for text in _texts(shown):
        if text.startswith("sha256:") or (len(text) == 64 and set(text) <= set("0123456789abcdef")):
            own.have("sha256", text.removeprefix("sha256:"))
    return shown


async def _known(own: Tenant, run_id: str, *, ends: bool) -> dict[str, Any] | None:
    answer = await own.client.get(f"{API}/workflows/runs/{run_id}", params={"step_outputs": True})
    if not answer.is_success:
        return None
    found: dict[str, Any] = answer.json()
    return found if found["status"] in _ENDED or not ends else None


async def _money(own: Tenant) -> None:
    budget = {"name": own.secret(), "scope": "workflow", "target": own.name("flow"), "period": "day", "limit_usd": "5"}
    stop = {"scope": "workflow", "target": own.name("fails"), "mode": "pause", "reason": own.secret()}
    own.have("budget_id", (await own.post("/budgets", budget))["id"])
    webhook = (await own.post("/webhooks", {"url": "https://a.example/", "description": own.secret()}))["id"]
    own.have("webhook_id", webhook)
    own.have("number", str((await own.post(f"/webhooks/{webhook}/test", {}))["number"]))
    trigger = {"name": own.secret(), "workflow_name": own.name("flow"), "inputs": {"word": "payload.word"}}
    made = await own.post("/triggers", trigger | {"webhook": {}})
    own.have("trigger_id", made["id"])
    # Who knows an address may post there: of a wrong one nobody learns anything.
    own.have("address", "tr_0123456789abcdef." + "A" * 43)
    own.have("stop_id", (await own.post("/stops", stop))["id"])
    await own.put("/limits", {"max_running_runs": 50, "workflows": {own.name("flow"): 40}})
    price = {"provider": "openai", "model": own.name("model"), "input_usd_per_mtok": "1", "output_usd_per_mtok": "1"}
    await own.post("/prices/overrides", {"prices": [price]})
    await own.put("/providers/facts", {"providers": [{"route": f"{own.mark}/*", "regions": ["eu"]}]})
    own.have("model", own.name("model"))


async def _evaluations(own: Tenant) -> None:
    prompt, dataset = own.name("prompt"), own.name("dataset")
    body = {"prompt": prompt, "version": 1, "dataset": dataset, "scorers": [{"kind": "exact"}], **_TURNS}
    for _ in range(2):
        made = await own.post("/evaluations", body)
        own.have("evaluation_id", made["id"])
    for environment in (NEXT, own.name("stage")):
        made = await own.post(f"/prompts/{prompt}/deployments", {"version": 1, "environment": environment})
        own.have("deployment_id", made["id"])
        own.have("environment", environment)


async def _traces(own: Tenant) -> None:
    """Send a trace of another program, and wait until it and those of the runs can be found."""
    now = time.time_ns()
    trace = f"{abs(hash(own.mark)):032x}"[-32:]
    attributes = {"session.id": own.name("session"), "user.id": own.name("user"), "input.value": own.secret()}
    span = {
        "traceId": trace,
        "spanId": trace[:16],
        "name": own.secret(),
        "startTimeUnixNano": str(now - 10**9),
        "endTimeUnixNano": str(now),
        "attributes": [{"key": key, "value": {"stringValue": text}} for key, text in attributes.items()],
    }
    await own.post("/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    own.have("trace_id", trace)

    async def found() -> dict[str, Any] | None:
        page = await own.post("/traces/query", {"start": "1h", "limit": 100})
        return page if len(page["traces"]) >= 6 else None

    await until(found, "the traces are found")


async def _pages(own: Tenant) -> None:
    """Note a second page of each list that has one."""
    run = own.values["run_id"][0]
    dataset, session = own.values["dataset"][0], own.values["session_id"][0]
    paths = {
        "/workflows/runs": "/workflows/runs",
        "/workflows/runs/{run_id}/steps": f"/workflows/runs/{run}/steps",
        "/traces/{run_id}/records": f"/traces/{run}/records",
        "/traces/{trace_id}": f"/traces/{own.values['trace_id'][0]}",
        "/sessions": "/sessions",
        "/sessions/{session_id}": f"/sessions/{session}",
        "/users": "/users",
        "/deployments": "/deployments",
        "/datasets/{name}/rows": f"/datasets/{dataset}/rows",
        "/evaluations": "/evaluations",
    }
    for path, own_path in paths.items():
        page = await own.get(own_path, limit=1)
        if page.get("next_cursor"):
            own.cursors[path] = [page["next_cursor"]]
    query = await own.post("/traces/query", {"start": "1h", "limit": 1})
    own.cursors["/traces/query"] = [query["next_cursor"]]
    assert len(own.cursors) >= 6, own.cursors


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for child in children for text in _texts(child)]


async def until(look: Callable[[], Awaitable[_Found | None]], what: str) -> _Found:
    """Look again until something is found."""
    deadline = time.monotonic() + DEADLINE_S
    while (found := await look()) is None:
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.1)
    return found
