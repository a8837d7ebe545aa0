"""How long runs are kept, and the holds that keep them longer."""

from typing import Unpack

from agentflow.bodies import HoldRuns
from agentflow.client.aio.resource import AsyncResource
from agentflow.models import RetentionAnswer, RunHoldAnswer, RunHoldPage


class AsyncRetention(AsyncResource):
    """Retention of the organisation's runs."""

    async def get(self) -> RetentionAnswer:
        """Return for how many days ended runs and their traces are kept."""
        return await self._ask(RetentionAnswer, "retention.get")

    async def hold(self, **body: Unpack[HoldRuns]) -> RunHoldAnswer:
        """Create a legal hold: nothing deletes a run that it matches."""
        return await self._ask(RunHoldAnswer, "retention.hold", json=body)

    async def holds(self) -> RunHoldPage:
        """Return the legal holds in force."""
        return await self._ask(RunHoldPage, "retention.holds")

    async def release(self, name: str) -> None:
        """Remove a legal hold."""
        await self._raw("retention.release", name)

    async def delete_run(self, run_id: str) -> None:
        """Delete a run that ended over an hour ago, with its steps, scores and traces."""
        await self._raw("retention.delete_run", run_id)
