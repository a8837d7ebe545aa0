"""Dry runs of submissions: the run, its admission, and the budgets that apply. Nothing is written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from connectors.postgres.history.run_limits import RunLimits
from connectors.postgres.money.budgets import Budgets, StoredBudget
from connectors.redis.readers.admissions import AdmissionReader
from connectors.redis.readers.flow import room_at_gate
from connectors.redis.readers.spend import Amounts, Spend
from schemas.budgets import API_KEY_TAG, PROJECT_TAG, USER_TAG
from schemas.errors import Unavailable
from schemas.records.run_events import RunSubmitted
from schemas.spec.model import ResolvedSpec
from services.routing.router import LOCAL_ROUTES
from services.runs.admission_required import AdmissionRequired
from services.runs.path_cost import PathCost
from services.runs.submit import Submissions
from services.runs.submitting.drafts import Asked
from services.workflows.provider_checks import pinned_routes


@dataclass(frozen=True, slots=True)
class Admission:
    """The decision on a run: it starts at once or waits; ``None`` if unknown. ``on`` names the full limit."""

    decision: Literal["start", "queue"] | None
    on: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DryRun:
    """A submission that was not made. ``duplicate``: a run with its id exists, and would be answered."""

    record: RunSubmitted
    duplicate: bool
    required: frozenset[str]
    stored: list[str]
    admission: Admission
    budgets: list[tuple[StoredBudget, Amounts]]
    path: PathCost | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRunPorts:
    """The sources of dry runs."""

    submissions: Submissions
    admission_required: AdmissionRequired
    limits: RunLimits
    admission: AdmissionReader
    budgets: Budgets
    spend: Spend


class DryRuns:
    """Answers what submissions would do."""

    def __init__(self, ports: DryRunPorts) -> None:
        self._ports = ports

    async def of(self, asked: Asked) -> DryRun:
        """Return what a submission would do. Raises as it would, ``SubmissionConflict`` included."""
        draft = await self._ports.submissions.draft(asked)
        earlier = await self._ports.submissions.earlier(draft)
        record = draft.record
        return DryRun(
            record,
            earlier is not None,
            draft.required,
            await self._ports.submissions.to_store(draft),
            await self._gates(record)
            or await self._admission(record.org_id, record.workflow_name, record.tags.get(PROJECT_TAG, "")),
            await self._budgets(record.org_id, record.spec, record.tags, record.submitted_at_ms),
            draft.path,
        )

    async def _gates(self, record: RunSubmitted) -> Admission | None:
        """Return the first gate of flow control that the run would not pass now, ``None`` if there is none."""
        if record.flow is None:
            return None
        gates = record.flow.gates
        try:
            keys = await self._ports.admission.keys(record.org_id, [gate.key for gate in gates])
        except Unavailable as exc:
            return Admission(None, detail=f"the keys of flow control cannot be read: {exc}")
        waits = (room_at_gate(gate, key, record.submitted_at_ms) for gate, key in zip(gates, keys, strict=True))
        found = next((wait for wait in waits if wait is not None), None)
        return None if found is None else Admission("queue", found.on, found.detail)

    async def _admission(self, org_id: str, workflow: str, project: str) -> Admission:
        if not await self._ports.admission_required.of({org_id}):
            return Admission("start", detail="there are no limits")
        limits = await self._ports.limits.get(org_id)
        try:
            counts = await self._ports.admission.counts(org_id, [workflow], [project])
            size, running = await self._ports.admission.pool()
        except Unavailable as exc:
            return Admission(None, detail=f"the numbers of running runs cannot be read: {exc}")
        for on, most, now in (
            (f"workflow {workflow}", limits.workflows.get(workflow), counts.running_of[workflow]),
            (f"project {project}", limits.projects.get(project), counts.running_of_projects[project]),
            ("organisation", limits.max_running_runs, counts.running),
            ("pool", size or None, running),
        ):
            if most is not None and now >= most:
                return Admission("queue", on, f"{on} has {now} of {most} runs running")
        return Admission("start", detail="every limit has room")

    async def _budgets(
        self, org_id: str, spec: ResolvedSpec, tags: Mapping[str, str], at_ms: int
    ) -> list[tuple[StoredBudget, Amounts]]:
        targets = set(_targets(spec))
        applying = [
            stored
            for stored in await self._ports.budgets.all(org_id)
            if stored.budget.scope == "org" or (stored.budget.scope, stored.budget.target) in targets | _said(tags)
        ]
        budgets = [stored.budget for stored in applying]
        return list(zip(applying, await self._ports.spend.amounts(org_id, budgets, at_ms), strict=True))


def _targets(resolved: ResolvedSpec) -> Iterator[tuple[str, str | None]]:
    """Yield the scopes and targets of budgets that limit calls of a workflow or of those that it reaches."""
    for one in (resolved, *resolved.children.values()):
        yield "workflow", one.spec.name
        for pinned in pinned_routes(one.spec, one.prompts):
            default = LOCAL_ROUTES[pinned.tier]
            yield "provider", pinned.provider or default.provider
            yield "model", pinned.model or default.model
        for node in one.spec.dag.nodes:
            yield "node", f"{one.spec.name}/{node.id}"


def _said(tags: Mapping[str, str]) -> set[tuple[str, str | None]]:
    """Return the scopes and targets that a submission's tags name."""
    scopes = {PROJECT_TAG: "project", USER_TAG: "user", API_KEY_TAG: "api_key"}
    found: set[tuple[str, str | None]] = {("tag", f"{name}={value}") for name, value in tags.items()}
    return found | {(scope, tags[name]) for name, scope in scopes.items() if name in tags}
