"""Runs at scheduled times."""

from datetime import datetime
from typing import Unpack

from agentflow.bodies import ChangeSchedule, CreateSchedule
from agentflow.client.aio.resource import AsyncResource
from agentflow.models import BackfillAnswer, ScheduleAnswer, ScheduleDryRun, SchedulePage, WholeSchedule


class AsyncSchedules(AsyncResource):
    """Schedules: one run for each of their slots."""

    async def create(self, **body: Unpack[CreateSchedule]) -> ScheduleAnswer:
        """Create a schedule, with ``cron`` and ``time_zone``, or ``interval_s``."""
        return await self._ask(ScheduleAnswer, "schedules.create", json=body)

    async def preview(self, **body: Unpack[CreateSchedule]) -> ScheduleDryRun:
        """Return when a schedule would run, and what its first run would do; nothing is stored."""
        return await self._ask(ScheduleDryRun, "schedules.create", params={"dry_run": True}, json=body)

    async def list(self, *, project: str | None = None) -> SchedulePage:
        """Return all schedules, or those of a project."""
        return await self._ask(SchedulePage, "schedules.list", params={"project": project})

    async def get(self, schedule_id: str) -> WholeSchedule:
        """Return a schedule with its backfills."""
        return await self._ask(WholeSchedule, "schedules.get", schedule_id)

    async def change(self, schedule_id: str, /, **body: Unpack[ChangeSchedule]) -> ScheduleAnswer:
        """Change a schedule; fields that are not given stay."""
        return await self._ask(ScheduleAnswer, "schedules.change", schedule_id, json=body)

    async def preview_change(self, schedule_id: str, /, **body: Unpack[ChangeSchedule]) -> ScheduleDryRun:
        """Return when the changed schedule would run; nothing is stored."""
        return await self._ask(ScheduleDryRun, "schedules.change", schedule_id, params={"dry_run": True}, json=body)

    async def delete(self, schedule_id: str) -> None:
        """Delete a schedule; its runs stay."""
        await self._raw("schedules.delete", schedule_id)

    async def backfill(self, schedule_id: str, start: datetime | str, end: datetime | str) -> BackfillAnswer:
        """Run the slots from ``start`` (inclusive) to ``end`` (exclusive) that were not run."""
        body = {"from": start, "to": end}
        return await self._ask(BackfillAnswer, "schedules.backfill", schedule_id, json=body)
