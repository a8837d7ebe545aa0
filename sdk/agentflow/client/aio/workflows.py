"""Workflows and their runs."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict, Unpack

from agentflow.bodies import BulkRuns
from agentflow.client.aio.resource import AsyncResource, given
from agentflow.client.aio.watching import ended, watched
from agentflow.client.document import Document, document
from agentflow.client.events import RunEvent
from agentflow.client.request import encode
from agentflow.errors import RunFailed, TimedOut
from agentflow.models import (
    ApprovalAccepted,
    BulkAnswer,
    CancelAccepted,
    RunAccepted,
    RunAnswer,
    RunDryRun,
    RunForked,
    RunPage,
    RunSummary,
    RunsWaiting,
    RunWaiting,
    SignalAccepted,
    StepAnswer,
    StepPage,
    UpdateAnswer,
    WorkflowAnswer,
    WorkflowDryRun,
    WorkflowPage,
)


class Submission(TypedDict, total=False):
    """Further fields of a submission. ``budget_cents`` caps the run's spending."""

    version: int | None
    tags: Mapping[str, str] | None
    budget_cents: Decimal | float | str | None
    deadline_ms: int | None
    project: str | None
    end_user: str | None
    session: str | None


class AsyncWorkflows(AsyncResource):
    """Workflows and their runs."""

    async def submit(
        self,
        workflow_name: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        traceparent: str | None = None,
        **fields: Unpack[Submission],
    ) -> RunAccepted:
        """Start a run. The same ``idempotency_key`` with the same body is the same run; without one it gets one.

        Raises ``OutcomeUnknown`` with the run's id when the server could not tell whether it accepted it.
        """
        body = _submission(
            self._client.configuration.project,
            workflow_name,
            inputs,
            fields,
        )
        headers = given(traceparent=traceparent)
        return await self._ask(
            RunAccepted, "workflows.submit", json=body, headers=headers, idempotency_key=idempotency_key
        )

    async def preview(
        self,
        workflow_name: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[Submission],
    ) -> RunDryRun:
        """Return what a submission would do; it is refused as that would be, and nothing is stored."""
        body = _submission(self._client.configuration.project, workflow_name, inputs, fields)
        params = {"dry_run": True}
        return await self._ask(RunDryRun, "workflows.submit", params=params, json=body, idempotency_key=idempotency_key)

    async def get(self, run_id: str, *, step_outputs: bool = False) -> RunAnswer:
        """Return a run with its steps, of each mapped node the first 100."""
        params = {"step_outputs": step_outputs or None}
        return await self._ask(RunAnswer, "workflows.get", run_id, params=params)

    async def list(
        self,
        *,
        status: str | None = None,
        workflow: str | None = None,
        tags: Sequence[str] | None = None,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        parent_run_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> RunPage:
        """Return one page of runs, newest first. ``tags`` are ``key=value``, and all must match.

        ``since`` and ``until`` are times of submission, or spans back from now such as ``24h``.
        """
        params = given(status=status, workflow=workflow, tag=tags, since=since, until=until)
        params |= given(parent_run_id=parent_run_id, limit=limit, cursor=cursor)
        return await self._ask(RunPage, "workflows.list", params=params)

    async def list_all(
        self,
        *,
        status: str | None = None,
        workflow: str | None = None,
        tags: Sequence[str] | None = None,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        parent_run_id: str | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[RunSummary]:
        """Yield all runs, newest first; pages are read as they are needed. The filters are those of ``list``."""
        cursor: str | None = None
        while True:
            page = await self.list(
                status=status,
                workflow=workflow,
                tags=tags,
                since=since,
                until=until,
                parent_run_id=parent_run_id,
                limit=page_size,
                cursor=cursor,
            )
            for run in page.runs:
                yield run
            cursor = page.next_cursor
            if cursor is None:
                return

    async def steps(
        self,
        run_id: str,
        *,
        node: str | None = None,
        status: str | None = None,
        outputs: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> StepPage:
        """Return one page of a run's steps."""
        params = given(node=node, status=status, outputs=outputs, limit=limit, cursor=cursor)
        return await self._ask(StepPage, "workflows.steps", run_id, params=params)

    async def steps_all(
        self,
        run_id: str,
        *,
        node: str | None = None,
        status: str | None = None,
        outputs: bool | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[StepAnswer]:
        """Yield all steps of a run; pages are read as they are needed."""
        cursor: str | None = None
        while True:
            page = await self.steps(run_id, node=node, status=status, outputs=outputs, limit=page_size, cursor=cursor)
            for step in page.steps:
                yield step
            cursor = page.next_cursor
            if cursor is None:
                return

    async def watch(
        self, run_id: str, *, last_event_id: str | None = None, tokens: bool = False
    ) -> AsyncIterator[RunEvent]:
        """Yield the changes of a run until its end, whatever connection is lost in between.

        With ``tokens``, answers of models come in parts while providers stream them, and whole once they are there.
        ``last_event_id`` is the ``id`` of the last event that an earlier ``watch`` yielded.
        """
        async for event in watched(self._client, run_id, last_event_id, tokens=tokens):
            yield event

    async def wait(
        self, run_id: str, *, time_limit: float | None = None, step_outputs: bool = False, check: bool = False
    ) -> RunAnswer:
        """Return a run when it has ended. Raises ``TimedOut`` after ``time_limit`` seconds; the run is not canceled.

        With ``check`` a run that did not succeed raises ``RunFailed``.
        """
        run = await ended(self, run_id, time_limit, step_outputs)
        if run is None:
            raise TimedOut(f"run {run_id} has not ended within {time_limit:g} s; it continues, wait or watch it again")
        if check and run.status != "succeeded":
            raise RunFailed(run)
        return run

    async def signal(
        self, run_id: str, name: str, data: Any = None, *, idempotency_key: str | None = None
    ) -> SignalAccepted:
        """Send a run any JSON value, which becomes the output of the step that waits for it."""
        content = encode(data)
        headers = {"Content-Type": "application/json"}
        return await self._ask(
            SignalAccepted,
            "workflows.signal",
            run_id,
            name,
            content=content,
            headers=headers,
            idempotency_key=idempotency_key,
        )

    async def update(
        self,
        run_id: str,
        name: str,
        data: Any = None,
        *,
        answer_within: float = 10.0,
        idempotency_key: str | None = None,
    ) -> UpdateAnswer:
        """Send a run a signal, and return what the node gave that answers it, within ``answer_within`` seconds (60).

        Its ``state`` is ``pending`` when that takes longer; ``update_result`` asks for it again.
        """
        return await self._ask(
            UpdateAnswer,
            "workflows.update",
            run_id,
            name,
            content=encode(data),
            headers={"Content-Type": "application/json"},
            params={"timeout_ms": round(answer_within * 1000)},
            idempotency_key=idempotency_key,
        )

    async def update_result(self, run_id: str, name: str, update_id: str) -> UpdateAnswer:
        """Return what became of an update."""
        return await self._ask(UpdateAnswer, "workflows.update_result", run_id, name, update_id)

    async def approve(
        self,
        run_id: str,
        step: str,
        approve: bool = True,
        *,
        question: str | None = None,
        idempotency_key: str | None = None,
    ) -> ApprovalAccepted:
        """Answer what a step asks before it calls a tool; ``question`` is the one that a person was shown."""
        body = {"step": step, "approve": approve} | given(question=question)
        return await self._ask(
            ApprovalAccepted, "workflows.approve", run_id, json=body, idempotency_key=idempotency_key
        )

    async def restart(
        self, run_id: str, from_node: str | None = None, *, idempotency_key: str | None = None
    ) -> RunForked:
        """Start an ended run again from a node; without one, from its unsuccessful steps. Other results are reused."""
        body = given(**{"from": from_node})
        return await self._ask(RunForked, "workflows.restart", run_id, json=body, idempotency_key=idempotency_key)

    async def fork(
        self,
        run_id: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        from_node: str | None = None,
        idempotency_key: str | None = None,
    ) -> RunForked:
        """Start an ended run again with ``inputs`` merged over its own; ``from_node`` reuses earlier results."""
        body = {"inputs": dict(inputs or {})} | given(**{"from": from_node})
        return await self._ask(RunForked, "workflows.fork", run_id, json=body, idempotency_key=idempotency_key)

    async def waiting(self, run_id: str) -> RunWaiting:
        """Return why each open step of a run waits. It asks the broker: poll it rarely."""
        return await self._ask(RunWaiting, "workflows.waiting", run_id)

    async def waiting_of(self, run_ids: Sequence[str]) -> RunsWaiting:
        """Return the same of up to 50 runs."""
        return await self._ask(RunsWaiting, "workflows.waiting_of", json={"ids": [*run_ids]})

    async def waiting_by_ids(self, run_ids: Sequence[str]) -> RunsWaiting:
        """Return the same by a GET, as a browser or a proxy may cache it."""
        return await self._ask(RunsWaiting, "workflows.waiting_by_ids", params={"ids": [*run_ids]})

    async def bulk(self, **body: Unpack[BulkRuns]) -> BulkAnswer:
        """Cancel or retry many runs by a filter; a dry run unless ``dry_run`` is false."""
        return await self._ask(BulkAnswer, "workflows.bulk", json=body)

    async def register(self, workflow: Document) -> WorkflowAnswer:
        """Register a version: a builder's ``Workflow``, a mapping, or YAML or JSON text. Raises ``Invalid``."""
        return await self._ask(WorkflowAnswer, "workflows.register", **document(workflow))

    async def validate(self, workflow: Document) -> WorkflowDryRun:
        """Let the server check a document as a registration would, and store nothing. Raises ``Invalid``."""
        params = {"dry_run": True}
        return await self._ask(WorkflowDryRun, "workflows.register", params=params, **document(workflow))

    async def definitions(self) -> WorkflowPage:
        """Return the newest version of each workflow."""
        return await self._ask(WorkflowPage, "workflows.definitions")

    async def definition(self, name: str, version: int | None = None) -> WorkflowAnswer:
        """Return one version of a workflow, by default the newest."""
        return await self._ask(WorkflowAnswer, "workflows.definition", name, params=given(version=version))

    async def cancel(self, run_id: str, reason: str | None = None) -> CancelAccepted:
        """Request a run's end. Raises ``Conflict`` when it has ended."""
        return await self._ask(CancelAccepted, "workflows.cancel", run_id, json=given(reason=reason))


def _submission(
    own_project: str | None, workflow_name: str, inputs: Mapping[str, Any] | None, fields: Submission
) -> dict[str, Any]:
    sent: dict[str, Any] = {"project": own_project, **fields}
    sent["workflow_version"] = sent.pop("version", None)
    return {"workflow_name": workflow_name, "inputs": dict(inputs or {}), **given(**sent)}
