"""Every operation of the HTTP API that the client has, by the name of its method.

A new route is one line here and one method in ``aio``; a test compares this table with the OpenAPI document, and calls
every method. ``keyed`` operations honour ``Idempotency-Key``, so their requests may be sent again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from agentflow.client.retries import SAFE_METHODS


@dataclass(frozen=True, slots=True)
class Operation:
    """A method and a path with ``{placeholders}``."""

    method: str
    path: str
    keyed: bool = False

    @property
    def safe(self) -> bool:
        """Whether a repeated request has no second effect."""
        return self.keyed or self.method in SAFE_METHODS

    def at(self, *ids: str) -> str:
        """Return the path with its placeholders replaced, in their order. Raises ``ValueError`` for an empty id."""
        parts = iter(ids)
        return "/".join(_id(next(parts)) if part.startswith("{") else part for part in self.path.split("/"))


def _id(value: str) -> str:
    if not value:
        raise ValueError("an id is empty; the request would go to another path")
    return quote(value, safe="")


def _get(path: str) -> Operation:
    return Operation("GET", path)


def _post(path: str, *, keyed: bool = False) -> Operation:
    return Operation("POST", path, keyed)


def _put(path: str) -> Operation:
    return Operation("PUT", path)


def _patch(path: str) -> Operation:
    return Operation("PATCH", path)


def _delete(path: str) -> Operation:
    return Operation("DELETE", path)


_V1 = "/api/v1"
_RUNS = "/api/v1/workflows/runs"

OPERATIONS: Mapping[str, Operation] = {
    "workflows.submit": _post(_RUNS, keyed=True),
    "workflows.list": _get(_RUNS),
    "workflows.get": _get(_RUNS + "/{run_id}"),
    "workflows.steps": _get(_RUNS + "/{run_id}/steps"),
    "workflows.watch": _get(_RUNS + "/{run_id}/events"),
    "workflows.cancel": _post(_RUNS + "/{run_id}/cancel"),
    "workflows.restart": _post(_RUNS + "/{run_id}/restart", keyed=True),
    "workflows.fork": _post(_RUNS + "/{run_id}/fork", keyed=True),
    "workflows.signal": _post(_RUNS + "/{run_id}/signals/{name}", keyed=True),
    "workflows.update": _post(_RUNS + "/{run_id}/updates/{name}", keyed=True),
    "workflows.update_result": _get(_RUNS + "/{run_id}/updates/{name}/{update_id}"),
    "workflows.approve": _post(_RUNS + "/{run_id}/approvals", keyed=True),
    "workflows.waiting": _get(_RUNS + "/{run_id}/waiting"),
    "workflows.waiting_by_ids": _get(_RUNS + "/waiting"),
    "workflows.waiting_of": _post(_RUNS + "/waiting"),
    "workflows.bulk": _post(_RUNS + "/bulk"),
    "workflows.register": _post(_V1 + "/workflows"),
    "workflows.definitions": _get(_V1 + "/workflows"),
    "workflows.definition": _get(_V1 + "/workflows/{name}"),
    "traces.get": _get(_V1 + "/traces/{trace_id}"),
    "traces.query": _post(_V1 + "/traces/query"),
    "traces.outliers": _post(_V1 + "/traces/outliers"),
    "traces.sessions": _get(_V1 + "/sessions"),
    "traces.session": _get(_V1 + "/sessions/{session_id}"),
    "traces.users": _get(_V1 + "/users"),
    "traces.timeline": _get(_V1 + "/traces/{trace_id}/timeline"),
    "traces.diff": _post(_V1 + "/traces/diff"),
    "traces.cause": _get(_V1 + "/traces/{trace_id}/cause"),
    "traces.causes": _post(_V1 + "/traces/causes"),
    "traces.replay_policy": _post(_V1 + "/traces/policy"),
    "traces.records": _get(_V1 + "/traces/{run_id}/records"),
    "objects.get": _get(_V1 + "/objects/{sha256}"),
    "routes.score": _post(_V1 + "/runs/{run_id}/scores"),
    "routes.explain": _get(_V1 + "/runs/{run_id}/route"),
    "routes.evaluate": _post(_V1 + "/routes/evaluate"),
    "prompts.create": _post(_V1 + "/prompts"),
    "prompts.list": _get(_V1 + "/prompts"),
    "prompts.get": _get(_V1 + "/prompts/{name}"),
    "prompts.versions": _get(_V1 + "/prompts/{name}/versions"),
    "prompts.archive": _delete(_V1 + "/prompts/{name}"),
    "prompts.restore": _post(_V1 + "/prompts/{name}/restore"),
    "prompts.labels": _get(_V1 + "/prompts/{name}/labels"),
    "prompts.move_label": _put(_V1 + "/prompts/{name}/labels/{label}"),
    "prompts.remove_label": _delete(_V1 + "/prompts/{name}/labels/{label}"),
    "prompts.scoring": _get(_V1 + "/prompts/{name}/scoring"),
    "prompts.set_scoring": _put(_V1 + "/prompts/{name}/scoring"),
    "prompts.remove_scoring": _delete(_V1 + "/prompts/{name}/scoring"),
    "prompts.scores": _get(_V1 + "/prompts/{name}/scores"),
    "prompts.quality": _get(_V1 + "/prompts/{name}/quality"),
    "prompts.quality_points": _get(_V1 + "/prompts/{name}/quality/points"),
    "prompts.deploy": _post(_V1 + "/prompts/{name}/deployments"),
    "rollouts.list": _get(_V1 + "/deployments"),
    "rollouts.get": _get(_V1 + "/deployments/{deployment_id}"),
    "rollouts.promote": _post(_V1 + "/deployments/{deployment_id}/promote"),
    "rollouts.rollback": _post(_V1 + "/deployments/{deployment_id}/rollback"),
    "rollouts.stop": _post(_V1 + "/deployments/{deployment_id}/stop"),
    "rollouts.step": _post(_V1 + "/deployments/{deployment_id}/step"),
    "datasets.add": _post(_V1 + "/datasets"),
    "datasets.from_runs": _post(_V1 + "/datasets/from-runs"),
    "datasets.list": _get(_V1 + "/datasets"),
    "datasets.get": _get(_V1 + "/datasets/{name}"),
    "datasets.versions": _get(_V1 + "/datasets/{name}/versions"),
    "datasets.rows": _get(_V1 + "/datasets/{name}/rows"),
    "evaluations.create": _post(_V1 + "/evaluations", keyed=True),
    "evaluations.list": _get(_V1 + "/evaluations"),
    "evaluations.get": _get(_V1 + "/evaluations/{evaluation_id}"),
    "evaluations.cancel": _post(_V1 + "/evaluations/{evaluation_id}/cancel"),
    "evaluations.label": _post(_V1 + "/evaluations/{evaluation_id}/labels"),
    "evaluations.html": _get(_V1 + "/evaluations/{evaluation_id}/report.html"),
    "evaluations.junit": _get(_V1 + "/evaluations/{evaluation_id}/junit.xml"),
    "otlp.send": _post("/v1/traces"),
    "schedules.create": _post(_V1 + "/schedules"),
    "schedules.list": _get(_V1 + "/schedules"),
    "schedules.get": _get(_V1 + "/schedules/{schedule_id}"),
    "schedules.change": _patch(_V1 + "/schedules/{schedule_id}"),
    "schedules.delete": _delete(_V1 + "/schedules/{schedule_id}"),
    "schedules.backfill": _post(_V1 + "/schedules/{schedule_id}/backfill"),
    "budgets.create": _post(_V1 + "/budgets"),
    "budgets.list": _get(_V1 + "/budgets"),
    "budgets.get": _get(_V1 + "/budgets/{budget_id}"),
    "budgets.change": _patch(_V1 + "/budgets/{budget_id}"),
    "budgets.delete": _delete(_V1 + "/budgets/{budget_id}"),
    "budgets.status": _get(_V1 + "/budgets/{budget_id}/status"),
    "budgets.forecast": _get(_V1 + "/budgets/{budget_id}/forecast"),
    "audit.list": _get(_V1 + "/audit"),
    "audit.lines": _get(_V1 + "/audit/lines"),
    "audit.checkpoint": _get(_V1 + "/audit/checkpoint"),
    "audit.checkpoints": _get(_V1 + "/audit/checkpoints"),
    "audit.proof": _get(_V1 + "/audit/proof"),
    "audit.consistency": _get(_V1 + "/audit/consistency"),
    "audit.key": _get(_V1 + "/audit/key"),
    "audit.expire": _post(_V1 + "/audit/expire"),
    "audit.hold": _post(_V1 + "/audit/holds"),
    "audit.holds": _get(_V1 + "/audit/holds"),
    "audit.release": _delete(_V1 + "/audit/holds/{name}"),
    "mcp.list": _get(_V1 + "/mcp/servers"),
    "mcp.put": _put(_V1 + "/mcp/servers/{mcp_server}"),
    "mcp.delete": _delete(_V1 + "/mcp/servers/{mcp_server}"),
    "mcp.inspect": _get(_V1 + "/mcp/servers/{mcp_server}/tools"),
    "mcp.pin": _post(_V1 + "/mcp/servers/{mcp_server}/pins"),
    "mcp.unpin": _delete(_V1 + "/mcp/servers/{mcp_server}/pins/{mcp_tool}"),
    "secrets.list": _get(_V1 + "/secrets"),
    "secrets.put": _put(_V1 + "/secrets/{secret_name}"),
    "secrets.get": _get(_V1 + "/secrets/{secret_name}"),
    "secrets.change": _patch(_V1 + "/secrets/{secret_name}"),
    "secrets.delete": _delete(_V1 + "/secrets/{secret_name}"),
    "secrets.delete_version": _delete(_V1 + "/secrets/{secret_name}/versions/{secret_version}"),
    "retention.get": _get(_V1 + "/retention"),
    "retention.hold": _post(_V1 + "/retention/holds"),
    "retention.holds": _get(_V1 + "/retention/holds"),
    "retention.delete_run": _delete(_V1 + "/workflows/runs/{run_id}"),
    "retention.release": _delete(_V1 + "/retention/holds/{name}"),
    "webhooks.create": _post(_V1 + "/webhooks"),
    "webhooks.list": _get(_V1 + "/webhooks"),
    "webhooks.get": _get(_V1 + "/webhooks/{webhook_id}"),
    "webhooks.change": _patch(_V1 + "/webhooks/{webhook_id}"),
    "webhooks.delete": _delete(_V1 + "/webhooks/{webhook_id}"),
    "webhooks.rotate": _post(_V1 + "/webhooks/{webhook_id}/rotate"),
    "webhooks.test": _post(_V1 + "/webhooks/{webhook_id}/test"),
    "webhooks.deliveries": _get(_V1 + "/webhooks/{webhook_id}/deliveries"),
    "webhooks.retry": _post(_V1 + "/webhooks/{webhook_id}/deliveries/{number}/retry"),
    "triggers.create": _post(_V1 + "/triggers"),
    "triggers.list": _get(_V1 + "/triggers"),
    "triggers.get": _get(_V1 + "/triggers/{trigger_id}"),
    "triggers.change": _patch(_V1 + "/triggers/{trigger_id}"),
    "triggers.delete": _delete(_V1 + "/triggers/{trigger_id}"),
    "triggers.rotate": _post(_V1 + "/triggers/{trigger_id}/rotate"),
    "triggers.try_": _post(_V1 + "/triggers/{trigger_id}/try"),
    "stops.create": _post(_V1 + "/stops"),
    "stops.list": _get(_V1 + "/stops"),
    "stops.resume": _delete(_V1 + "/stops/{stop_id}"),
    "optimizer.suggestions": _get(_V1 + "/optimizer/suggestions"),
    "optimizer.changes": _get(_V1 + "/optimizer/changes"),
    "optimizer.apply": _post(_V1 + "/optimizer/suggestions/{suggestion_id}/apply"),
    "optimizer.undo": _post(_V1 + "/optimizer/suggestions/{suggestion_id}/undo"),
    "limits.get": _get(_V1 + "/limits"),
    "limits.put": _put(_V1 + "/limits"),
    "limits.delete": _delete(_V1 + "/limits"),
    "queues.lease": _post(_V1 + "/queues/{name}/lease"),
    "queues.heartbeat": _post(_V1 + "/queues/{name}/heartbeat"),
    "queues.complete": _post(_V1 + "/queues/{name}/complete"),
    "queues.release": _post(_V1 + "/queues/{name}/release"),
    "queues.tools": _get(_V1 + "/queues/tools"),
    "queues.declare": _put(_V1 + "/queues/{name}/tools/{queue_tool}"),
    "queues.undeclare": _delete(_V1 + "/queues/{name}/tools/{queue_tool}"),
    "quotas.get": _get(_V1 + "/quotas"),
    "quotas.put": _put(_V1 + "/quotas"),
    "cache.get": _get(_V1 + "/cache"),
    "cache.purge": _post(_V1 + "/cache/purge"),
    "bills.get": _get(_V1 + "/bills"),
    "bills.reconcile": _post(_V1 + "/bills/reconcile"),
    "price_lists.create": _post(_V1 + "/prices/overrides"),
    "price_lists.list": _get(_V1 + "/prices/overrides"),
    "price_lists.get": _get(_V1 + "/prices/overrides/{version}"),
    "vault.status": _get(_V1 + "/vault"),
    "vault.rotate": _post(_V1 + "/vault/rotate"),
    "policies.create": _post(_V1 + "/policies"),
    "policies.list": _get(_V1 + "/policies"),
    "policies.test": _post(_V1 + "/policies/test"),
    "policies.active": _get(_V1 + "/policies/active"),
    "policies.deactivate": _delete(_V1 + "/policies/active"),
    "policies.versions": _get(_V1 + "/policies/{name}"),
    "policies.get": _get(_V1 + "/policies/{name}/versions/{version}"),
    "policies.activate": _post(_V1 + "/policies/{name}/activate"),
    "batches.list": _get(_V1 + "/batches"),
    "batches.get": _get(_V1 + "/batches/{batch_id}"),
    "batches.calls": _get(_V1 + "/batches/{batch_id}/calls"),
    "batches.cancel": _post(_V1 + "/batches/{batch_id}/cancel"),
    "keys.create": _post(_V1 + "/keys"),
    "keys.list": _get(_V1 + "/keys"),
    "keys.get": _get(_V1 + "/keys/{key_id}"),
    "keys.change": _patch(_V1 + "/keys/{key_id}"),
    "keys.rotate": _post(_V1 + "/keys/{key_id}/rotate"),
    "keys.revoke": _delete(_V1 + "/keys/{key_id}"),
    "keys.whoami": _get(_V1 + "/whoami"),
    "projects.create": _post(_V1 + "/projects"),
    "projects.list": _get(_V1 + "/projects"),
    "projects.get": _get(_V1 + "/projects/{project_id}"),
    "projects.change": _patch(_V1 + "/projects/{project_id}"),
    "subjects.get": _get(_V1 + "/subjects/{subject_id}"),
    "subjects.erase": _post(_V1 + "/subjects/{subject_id}/erase"),
    "organisations.create": _post(_V1 + "/organisations"),
    "organisations.list": _get(_V1 + "/organisations"),
    "organisations.get": _get(_V1 + "/organisations/{org_id}"),
    "organisations.change": _patch(_V1 + "/organisations/{org_id}"),
    "organisations.plan_move": _get(_V1 + "/organisations/{org_id}/moves/plan"),
    "organisations.move": _post(_V1 + "/organisations/{org_id}/moves"),
    "organisations.get_move": _get(_V1 + "/organisations/{org_id}/moves"),
    "organisations.get_remains": _get(_V1 + "/organisations/{org_id}/moves/remains"),
    "organisations.remove_remains": _delete(_V1 + "/organisations/{org_id}/moves/remains"),
    "organisations.abort_move": _post(_V1 + "/organisations/{org_id}/moves/abort"),
    "compliance.report": _get(_V1 + "/compliance/report"),
    "compliance.facts": _get(_V1 + "/providers/facts"),
    "compliance.state": _put(_V1 + "/providers/facts"),
    "compliance.versions": _get(_V1 + "/providers/facts/versions"),
    "compliance.version": _get(_V1 + "/providers/facts/versions/{version}"),
    "credentials.list": _get(_V1 + "/providers/credentials"),
    "credentials.put": _put(_V1 + "/providers/{name}/credentials"),
    "credentials.get": _get(_V1 + "/providers/{name}/credentials"),
    "credentials.delete": _delete(_V1 + "/providers/{name}/credentials"),
    "prices.list": _get(_V1 + "/prices"),
    "tools.list": _get(_V1 + "/tools"),
    "tools.functions": _get(_V1 + "/functions"),
    "system.workers": _get(_V1 + "/workers"),
    "system.topics": _get(_V1 + "/admin/topics"),
    "system.dead_letters": _get(_V1 + "/admin/dead-letters"),
    "system.dead_letter": _get(_V1 + "/admin/dead-letters/{topic}/{partition}/{offset}"),
    "system.retry_dead_letters": _post(_V1 + "/admin/dead-letters/retry"),
    "system.health": _get("/health"),
    "system.ready": _get("/ready"),
    "system.metrics": _get("/metrics"),
}


def is_keyed(method: str, path: str) -> bool:
    """Tell whether the API honours an ``Idempotency-Key`` at a path."""
    return any(one.keyed and one.method == method and _fits(one.path, path) for one in OPERATIONS.values())


def _fits(pattern: str, path: str) -> bool:
    wanted, found = pattern.split("/"), path.split("/")
    return len(wanted) == len(found) and all(a == b or (a[:1] == "{" and b) for a, b in zip(wanted, found, strict=True))
