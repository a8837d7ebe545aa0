"""Stored rows as the API shows them: times in RFC 3339, money as exact decimal text, inline payloads as their value."""

from collections.abc import Mapping
from typing import Any

from api.render import steps as render_steps
from connectors.postgres.history.run_counts import Children
from connectors.postgres.history.runs import RunLine, StoredRun, StoredStep
from connectors.postgres.money.budgets import StoredBudget
from connectors.redis.readers.spend import Amounts
from connectors.redis.submission_markers import Receipt
from connectors.tools.security import shown
from schemas import ids
from schemas.api_models.base import RunLinks, timestamp
from schemas.api_models.definitions import BudgetAnswer, BudgetForecast, BudgetStatus
from schemas.api_models.runs import (
    AdmissionForecast,
    Failure,
    ParentAnswer,
    RunAccepted,
    RunAnswer,
    RunDryRun,
    RunRollout,
    RunSummary,
    StepAnswer,
    Tokens,
    Waiting,
)
from schemas.api_models.security.policies import PinnedSecurity
from schemas.api_models.tools import DeclaredSecurity
from schemas.budgets import API_KEY_TAG, PROJECT_TAG, Budget, window_name
from schemas.money import cents, usd
from schemas.records.security.pinned import RunSecurity
from schemas.tables.wait_reasons import Wait, read_wait
from services.budgets.forecast import Forecast
from services.runs.dry_run import DryRun

RUNS = "/api/v1/workflows/runs"
#: Children of one mapped node that are shown with their run; all others are read by page.
CHILDREN_SHOWN = 100


def links(run_id: str, workflow: str, version: int) -> RunLinks:
    """Return the links of a run."""
    return RunLinks(
        self=f"{RUNS}/{run_id}",
        cancel=f"{RUNS}/{run_id}/cancel",
        steps=f"{RUNS}/{run_id}/steps",
        events=f"{RUNS}/{run_id}/events",
        workflow=f"/api/v1/workflows/{workflow}?version={version}",
    )


def accepted(receipt: Receipt, duplicate: bool) -> RunAccepted:
    """Return the answer to a submission."""
    return RunAccepted(
        id=receipt.run_id,
        workflow_name=receipt.workflow_name,
        workflow_version=receipt.workflow_version,
        duplicate=duplicate,
        submitted_at=timestamp(receipt.submitted_at_ms),
        links=links(receipt.run_id, receipt.workflow_name, receipt.workflow_version),
    )


def dry_run(found: DryRun, at_ms: int) -> RunDryRun:
    """Return what a submission would do."""
    record = found.record
    return RunDryRun(
        id=None if record.submission_id is None else record.run_id,
        duplicate=found.duplicate,
        workflow_name=record.workflow_name,
        workflow_version=record.workflow_version,
        definition_hash=record.spec.hash,
        required_inputs=sorted(found.required),
        stored_inputs=found.stored,
        admission=AdmissionForecast(
            decision=found.admission.decision, on=found.admission.on, detail=found.admission.detail
        ),
        budgets=[budget_status(stored, amounts, at_ms) for stored, amounts in found.budgets],
        budget_cents=cents(record.budget_nano) if record.budget_nano is not None else None,
        deadline_ms=record.deadline_ms,
        cheapest_path_usd=None if found.path is None else usd(found.path.cheapest_nano),
        unbounded=[] if found.path is None else list(found.path.unbounded),
        security=_security(record.security),
    )


def _security(security: RunSecurity | None) -> PinnedSecurity | None:
    if security is None:
        return None
    tools = {name: DeclaredSecurity.model_validate(shown(one)) for name, one in security.tools.items()}
    return PinnedSecurity(policy=security.policy, mode=security.mode, inputs=security.inputs, tools=tools)


def queued(receipt: Receipt) -> RunAnswer:
    """Return an accepted run that is not in history yet."""
    return RunAnswer(
        id=receipt.run_id,
        workflow_name=receipt.workflow_name,
        workflow_version=receipt.workflow_version,
        status="queued",
        tags=_shown(receipt.tags),
        project=receipt.tags.get(PROJECT_TAG),
        submitted_at=timestamp(receipt.submitted_at_ms),
        links=links(receipt.run_id, receipt.workflow_name, receipt.workflow_version),
        budget_cents=cents(receipt.budget_nano) if receipt.budget_nano is not None else None,
        source=receipt.source,
        submission_id=receipt.submission_id,
        trace_id=ids.trace_id(receipt.run_id),
    )


def summary(run: RunLine) -> RunSummary:
    """Return a run as lists show it."""
    return RunSummary(**_summary_fields(run))


def whole_run(
    run: StoredRun,
    steps: list[StoredStep],
    children: Mapping[str, Children] | None = None,
    *,
    step_outputs: bool = False,
) -> RunAnswer:
    """Return a run with its steps, and with their outputs if requested. ``children`` are those of mapped nodes."""
    found = children or {}
    return RunAnswer(
        **_summary_fields(run),
        inputs=None if run.inputs is None else run.inputs | (run.stored_inputs or {}),
        output=_output(run, steps),
        steps=[
            step_answer(step, step_outputs, None if step.step_id != step.node_id else found.get(step.node_id))
            for step in steps
            if step.child_index < CHILDREN_SHOWN
        ],
        budget_cents=cents(run.budget_nano) if run.budget_nano is not None else None,
        source=run.source,
        submission_id=run.submission_id,
        trace_id=run.trace_id,
        rollouts=[_rollout(one) for one in run.rollouts or ()],
    )


def _rollout(arm: Mapping[str, Any]) -> RunRollout:
    return RunRollout(**{name: arm[name] for name in RunRollout.model_fields})


def step(stored: StoredStep) -> StepAnswer:
    """Return one step without its output."""
    return step_answer(stored, with_output=False)


def value(payload: dict[str, Any]) -> Any:
    """Return an inline payload's value, or the reference unchanged."""
    return payload.get("value") if payload.get("kind") == "inline" else payload


def budget(stored: StoredBudget) -> BudgetAnswer:
    """Return a budget."""
    return BudgetAnswer(**_budget_fields(stored))


def budget_status(stored: StoredBudget, amounts: Amounts, at_ms: int) -> BudgetStatus:
    """Return a budget in the window of ``at_ms``."""
    limit = stored.budget.limit_nano
    remaining = max(0, limit - amounts.spent_nano - amounts.held_nano)
    return BudgetStatus(
        **_budget_fields(stored),
        window=window_name(stored.budget.windows, at_ms),
        state="paused" if stored.budget.paused else "open" if remaining else "exhausted",
        spent_cents=cents(amounts.spent_nano),
        spent_usd=usd(amounts.spent_nano),
        held_cents=cents(amounts.held_nano),
        held_usd=usd(amounts.held_nano),
        remaining_cents=cents(remaining),
        remaining_usd=usd(remaining),
        next_window_at=timestamp(stored.budget.windows.next_start(at_ms)),
        counted_since=timestamp(amounts.counted_since_ms),
    )


def budget_forecast(budget: Budget, spent_nano: int, found: Forecast | None, at_ms: int) -> BudgetForecast:
    """Return what a budget's present window will have spent at its end."""
    return BudgetForecast(
        id=budget.id,
        window=window_name(budget.windows, at_ms),
        window_ends_at=None if budget.sliding else timestamp(budget.windows.next_start(at_ms)),
        spent_usd=usd(spent_nano),
        limit_usd=usd(budget.limit_nano),
        forecast_usd=None if found is None else usd(found.expected_nano),
        low_usd=None if found is None or found.low_nano is None else usd(found.low_nano),
        high_usd=None if found is None or found.high_nano is None else usd(found.high_nano),
        past_slots=0 if found is None else found.past_slots,
    )


def _shown(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that callers see: which key submitted a run is for budgets alone."""
    return {name: value for name, value in tags.items() if name != API_KEY_TAG}


def _summary_fields(run: RunLine) -> dict[str, Any]:
    return {
        "id": run.id,
        "workflow_name": run.workflow_name,
        "workflow_version": run.workflow_version,
        "status": run.status,
        "cost_cents": cents(run.cost_nano),
        "cost_usd": usd(run.cost_nano),
        "children_cost_cents": cents(run.children_nano),
        "children_cost_usd": usd(run.children_nano),
        "total_cost_cents": cents(run.cost_nano + run.children_nano),
        "total_cost_usd": usd(run.cost_nano + run.children_nano),
        "tokens": Tokens(input=run.input_tokens, output=run.output_tokens, kinds=run.kinds or {}),
        "tags": _shown(run.tags),
        "project": run.tags.get(PROJECT_TAG),
        "submitted_at": timestamp(run.created_ms),
        "started_at": timestamp(run.started_ms),
        "finished_at": timestamp(run.finished_ms),
        "error": _failure(run.error),
        "parent": _parent(run),
        "compensating": run.compensating,
        "links": links(run.id, run.workflow_name, run.workflow_version),
    }


def _parent(run: RunLine) -> ParentAnswer | None:
    if run.parent_run_id is None:
        return None
    return ParentAnswer(run_id=run.parent_run_id, step_id=run.parent_step_id or "", detached=run.parent_detached)


def _output(run: StoredRun, steps: list[StoredStep]) -> dict[str, Any] | None:
    if run.output is None:
        return None
    return {node: value(p) for node, p in run.output.items()} | {
        node: _output_of_steps(node, steps) for node in run.output_in_steps
    }


def _output_of_steps(node: str, steps: list[StoredStep]) -> Any:
    """Return a node's output from its step, or as the list of its children's outputs in their order."""
    own = [step for step in steps if step.node_id == node and step.output is not None]
    for step in own:
        if step.step_id == node:
            return value(step.output or {})
    children = sorted((step for step in own if step.child_index >= 0), key=lambda step: step.child_index)
    return [value(step.output or {}) for step in children]


def step_answer(step: StoredStep, with_output: bool, children: Children | None = None) -> StepAnswer:
    """Return one step; ``children`` are those of a mapped node."""
    return StepAnswer(
        id=step.step_id,
        node_id=step.node_id,
        type=step.kind,
        status=step.status,
        attempts=step.attempt,
        tokens=Tokens(input=step.input_tokens, output=step.output_tokens, kinds=step.kinds or {}),
        cost_cents=cents(step.cost_nano),
        cost_usd=usd(step.cost_nano),
        provider=step.provider,
        model=step.model,
        cached=step.cached,
        reused_from=step.reused_from,
        child_run_id=step.child_run_id,
        waiting=waiting(_wait(step)) if step.waiting_for is not None else None,
        note=step.note,
        sla_missed=step.sla_missed,
        children=None if children is None else render_steps.children(step.children_total, children),
        output=value(step.output) if with_output and step.output is not None else None,
        error=_failure(step.error),
        started_at=timestamp(step.started_ms),
        finished_at=timestamp(step.finished_ms),
    )


def waiting(wait: Wait) -> Waiting:
    """Return the wait reason of a step."""
    return Waiting(kind=wait.kind, on=wait.on, until=timestamp(wait.until_ms), detail=wait.detail)


def _wait(step: StoredStep) -> Wait:
    """Return the reasons that the fold knows; ``services.runs.explain_waiting`` finds the others on request."""
    failed_with = step.error["message"] if step.error is not None else None
    return read_wait(step.waiting_for or "", step.waiting_until_ms, failed_with)


def _failure(error: dict[str, Any] | None) -> Failure | None:
    if error is None:
        return None
    return Failure(
        code=error["code"],
        message=error["message"],
        step_id=error.get("step_id"),
        details=error.get("details") or {},
    )


def _budget_fields(stored: StoredBudget) -> dict[str, Any]:
    found = stored.budget
    return {
        "id": found.id,
        "name": found.name,
        "scope": found.scope,
        "target": found.target,
        "period": found.period,
        "timezone": found.timezone,
        "week_start": found.week_start,
        "sliding": found.sliding,
        "limit_cents": cents(found.limit_nano),
        "limit_usd": usd(found.limit_nano),
        "soft_limit_cents": None if found.soft_limit_nano is None else cents(found.soft_limit_nano),
        "soft_limit_usd": None if found.soft_limit_nano is None else usd(found.soft_limit_nano),
        "on_exceeded": found.on_exceeded,
        "thresholds": list(found.thresholds),
        "paused": found.paused,
        "version": stored.version,
        "created_at": timestamp(stored.created_ms),
        "updated_at": timestamp(stored.updated_ms),
    }
