"""The API of one organisation in memory, for tests of code that uses the client: no server, no sockets.

    api = FakeApi(models={"*": "an answer"}, tools={"s3.fetch": "some text"})
    with api.client() as client:
        client.workflows.register(workflow)
        run = client.workflows.submit("document_analysis", {"document_key": "a.txt"})
        assert client.workflows.wait(run.id).status == "succeeded"

It has prompts with their labels, workflows, submissions with idempotency keys, lists of runs, runs with steps, traces,
cancels and signals; any other path is 501. Runs are those of ``Simulator``, so they are over at once unless they wait
for a signal.
"""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from agentflow.client import AsyncClient, Client
from agentflow.errors import InvalidWorkflow
from agentflow.testing.fake_prompts import FakePrompts, InvalidPrompt
from agentflow.testing.fake_traces import spans_of, trace_of
from agentflow.testing.run import ENDED, SimulatedRun, SimulatedStep
from agentflow.testing.simulator import Simulator

URL = "http://agentflow.fake"
_RUNS = "/api/v1/workflows/runs"


class FakeApi:
    """Answers requests of one organisation. The fakes are those of ``Simulator``.

    ``runs`` are those that were submitted, by id; ``requests`` counts what it was asked.
    """

    def __init__(self, *, org_id: str = "test", **fakes: Any) -> None:
        self.org_id = org_id
        self.runs: dict[str, SimulatedRun] = {}
        self.requests = 0
        self._fakes = fakes
        self._prompts = FakePrompts()
        self._workflows: dict[str, Any] = {}
        self._submitted: dict[str, tuple[Any, str]] = {}

    def client(self, **options: Any) -> Client:
        """Return a client of it. ``options`` are those of ``Client``."""
        return Client(URL, "key", transport=httpx.MockTransport(self), **options)

    def async_client(self, **options: Any) -> AsyncClient:
        """Return an asynchronous client of it."""
        return AsyncClient(URL, "key", transport=httpx.MockTransport(self), **options)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests += 1
        path = request.url.path
        if request.headers.get("x-org-id", self.org_id) != self.org_id:
            return _problem(403, "forbidden", "the key belongs to another organisation")
        match (request.method, path.removeprefix("/api/v1/").split("/")):
            case ("GET", ["", "ready"]):
                return httpx.Response(200, json={"status": "ready", "dependencies": {}})
            case (method, ["prompts", *rest]):
                return self._of_prompts(method, rest, request)
            case ("POST", ["workflows"]):
                return self._register(request.content.decode())
            case ("GET", ["workflows", "runs"]):
                return self._list(request.url.params)
            case ("POST", ["workflows", "runs"]):
                return self._submit(json.loads(request.content), request.headers["idempotency-key"])
            case (_, ["workflows", "runs", run_id, *rest]) if run_id in self.runs:
                return self._of_run(request, run_id, rest)
            case (_, ["workflows", "runs", run_id, *_]):
                return _problem(404, "not-found", f"no run {run_id}")
            case (method, ["traces", name]):
                return self._of_traces(method, name, request)
        return _problem(501, "not-implemented", f"the fake API has no {request.method} {path}")

    def _of_traces(self, method: str, name: str, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if (method, name) == ("POST", "query") else {}
        run_id = body.get("run_id", name)
        if run_id not in self.runs:
            return _problem(404, "not-found", f"no run {run_id}; the fake API finds traces by the ids of runs")
        limit = int(body.get("limit") or request.url.params.get("limit") or 100)
        answer = spans_of if body else trace_of
        return httpx.Response(200, json=answer(run_id, self._name(run_id), self.runs[run_id], limit))

    def _of_prompts(self, method: str, rest: list[str], request: httpx.Request) -> httpx.Response:
        params = request.url.params
        match (method, rest):
            case ("POST", []):
                try:
                    stored, is_new = self._prompts.create(json.loads(request.content))
                except InvalidPrompt as exc:
                    return _problem(422, "invalid-input", str(exc), [vars(one) for one in exc.problems])
                return httpx.Response(201 if is_new else 200, json=stored)
            case ("GET", []):
                return httpx.Response(200, json={"prompts": self._prompts.entries()})
            case ("GET", [name]):
                found = self._prompts.find(name, params.get("version"), params.get("label"))
                if found is None:
                    return _problem(404, "not-found", f"there is no prompt {name} with {dict(params)}")
                return httpx.Response(200, json=found)
            case ("PUT", [name, "labels", label]):
                said = self._prompts.move_label(name, label, json.loads(request.content)["version"])
                if said is None:
                    return _problem(404, "not-found", f"there is no such version of the prompt {name}")
                return httpx.Response(200, json=said)
        return _problem(501, "not-implemented", f"the fake API has no {method} {request.url.path}")

    def _register(self, text: str) -> httpx.Response:
        try:
            simulator = Simulator(text, prompts=self._prompts.given(), **self._fakes)
        except InvalidWorkflow as exc:
            return _problem(422, "invalid-spec", str(exc), [vars(one) for one in exc.problems])
        spec = simulator.checked.resolved.spec
        self._workflows[spec.name] = simulator
        required = sorted(simulator.checked.required_inputs)
        said = {"name": spec.name, "version": spec.version, "hash": simulator.checked.resolved.hash}
        document = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        more = {"required_inputs": required, "created_at": _now(), "spec": document, "warnings": []}
        return httpx.Response(201, json={**said, **more})

    def _submit(self, body: Mapping[str, Any], key: str) -> httpx.Response:
        known = self._submitted.get(key)
        if known is not None and known[0] != body:
            return _problem(422, "submission-conflict", f"the key {key!r} exists with another body")
        if known is None:
            simulator = self._workflows.get(body["workflow_name"])
            if simulator is None:
                return _problem(404, "not-found", f"no workflow {body['workflow_name']}")
            try:
                run = simulator.start(body["inputs"], tags=body.get("tags"))
            except InvalidWorkflow as exc:
                return _problem(422, "invalid-input", str(exc), [vars(one) for one in exc.problems])
            _skip(run)
            known = self._submitted[key] = (body, str(uuid.uuid5(uuid.NAMESPACE_URL, key)))
            self.runs[known[1]] = run
        return httpx.Response(202, json=_head(known[1], body["workflow_name"], "queued"))

    def _list(self, params: httpx.QueryParams) -> httpx.Response:
        rows = [_head(run_id, self._name(run_id), run.status) for run_id, run in reversed(self.runs.items())]
        for param, field in (("status", "status"), ("workflow", "workflow_name")):
            rows = [row for row in rows if params.get(param, row[field]) == row[field]]
        return httpx.Response(200, json={"runs": rows, "next_cursor": None})

    def _name(self, run_id: str) -> str:
        return str(next(body["workflow_name"] for body, known in self._submitted.values() if known == run_id))

    def _of_run(self, request: httpx.Request, run_id: str, rest: list[str]) -> httpx.Response:
        run = self.runs[run_id]
        match (request.method, rest):
            case ("GET", []):
                return httpx.Response(200, json=self._whole(run_id, run))
            case ("GET", ["steps"]):
                return httpx.Response(200, json={"steps": [_step(one) for one in run.steps.values()]})
            case ("GET", ["events"]):
                events = [("step", _step(one)) for one in run.steps.values()]
                end = [("end", {"status": run.status})] if run.status in ENDED else []
                text = "".join(f"event: {kind}\ndata: {json.dumps(data)}\n\n" for kind, data in [*events, *end])
                return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})
            case ("POST", ["cancel"]):
                if run.status in ENDED:
                    return _problem(409, "conflict", f"run {run_id} is {run.status}")
                run.cancel()
                return httpx.Response(202, json={"id": run_id, "status": run.status, "links": _links(run_id)})
            case ("POST", ["signals", name]):
                run.signal(name, json.loads(request.content))
                _skip(run)
                said = {"id": run_id, "signal": name, "signal_id": name, "status": run.status}
                return httpx.Response(202, json={**said, "links": _links(run_id)})
        return _problem(501, "not-implemented", f"the fake API has no {request.method} {request.url.path}")

    def _whole(self, run_id: str, run: SimulatedRun) -> dict[str, Any]:
        failure = None
        if run.error is not None:
            code, _, message = run.error.partition(": ")
            failure = {"code": code, "message": message}
        more = {"output": run.output, "error": failure, "source": "api", "trace_id": "0" * 32}
        return (
            _head(run_id, self._name(run_id), run.status) | more | {"steps": [_step(one) for one in run.steps.values()]}
        )


def _skip(run: SimulatedRun) -> None:
    """Let a run go to its end, unless it waits for a signal."""
    if not run.waiting_for:
        run.finish()


def _head(run_id: str, name: str, status: str) -> dict[str, Any]:
    said = {"id": run_id, "workflow_name": name, "workflow_version": 1, "status": status}
    return {**said, "submitted_at": _now(), "links": _links(run_id)}


def _links(run_id: str) -> dict[str, str]:
    own = f"{_RUNS}/{run_id}"
    return {"self": own, "cancel": f"{own}/cancel", "steps": f"{own}/steps", "events": f"{own}/events", "workflow": ""}


def _step(step: SimulatedStep) -> dict[str, Any]:
    said = {"id": step.id, "node_id": step.node_id, "type": step.type, "status": step.status}
    error = None if step.error is None else {"code": step.error, "message": ""}
    times = {"started_at": step.started_at, "finished_at": step.finished_at}
    money = {"cost_cents": "0", "cost_usd": "0", "tokens": {"input": 0, "output": 0, "kinds": {}}}
    return {**said, **times, **money, "attempts": step.attempts, "output": step.output, "error": error}


def _problem(status: int, kind: str, detail: str, problems: list[dict[str, Any]] | None = None) -> httpx.Response:
    body = {"type": f"urn:agentflow:problem:{kind}", "title": kind, "status": status, "detail": detail}
    return httpx.Response(status, json=body | {"problems": problems or []})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
