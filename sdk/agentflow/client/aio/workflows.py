"""Runs: submit, read, cancel."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from agentflow.client.aio.resource import AsyncResource, given
from agentflow.models import CancelAccepted, RunAccepted, RunAnswer, RunPage, RunSummary


class AsyncWorkflows(AsyncResource):
    """Workflows and their runs."""

    async def submit(
        self,
        workflow_name: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        tags: Mapping[str, str] | None = None,
        budget_cents: Decimal | float | str | None = None,
        deadline_ms: int | None = None,
        project: str | None = None,
        end_user: str | None = None,
        idempotency_key: str | None = None,
        traceparent: str | None = None,
    ) -> RunAccepted:
        """Start a run. The same ``idempotency_key`` with the same body is the same run; without one it gets one.

        Raises ``OutcomeUnknown`` with the run's id when the server could not tell whether it accepted it.
        """
        body = _submission(
            self._client.configuration.project,
            workflow_name,
            inputs,
            workflow_version=version,
            tags=tags,
            budget_cents=budget_cents,
            deadline_ms=deadline_ms,
            project=project,
            end_user=end_user,
        )
        headers = given(traceparent=traceparent)
        return await self._ask(
            RunAccepted, "workflows.submit", json=body, headers=headers, idempotency_key=idempotency_key
        )

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

    async def cancel(self, run_id: str, reason: str | None = None) -> CancelAccepted:
        """Request a run's end. Raises ``Conflict`` when it has ended."""
        return await self._ask(CancelAccepted, "workflows.cancel", run_id, json=given(reason=reason))


def _submission(
    own_project: str | None, workflow_name: str, inputs: Mapping[str, Any] | None, **fields: Any
) -> dict[str, Any]:
    fields["project"] = fields["project"] or own_project
    return {"workflow_name": workflow_name, "inputs": dict(inputs or {}), **given(**fields)}
