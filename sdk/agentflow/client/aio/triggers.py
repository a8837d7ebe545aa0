"""Incoming webhooks, and topics of other systems, that submit runs."""

from typing import Unpack

from agentflow.bodies import ChangeTrigger, CreateTrigger, RotateTrigger, TryTrigger
from agentflow.client.aio.resource import AsyncResource
from agentflow.models import NewTrigger, TriedTrigger, TriggerAnswer, TriggerPage


class AsyncTriggers(AsyncResource):
    """Triggers of the organisation."""

    async def create(self, **body: Unpack[CreateTrigger]) -> NewTrigger:
        """Create a trigger. The answer has a webhook's address and the secret of its signatures, this once."""
        return await self._ask(NewTrigger, "triggers.create", json=body)

    async def list(self) -> TriggerPage:
        """Return all triggers, with how far topics were submitted."""
        return await self._ask(TriggerPage, "triggers.list")

    async def get(self, trigger_id: str) -> TriggerAnswer:
        """Return a trigger."""
        return await self._ask(TriggerAnswer, "triggers.get", trigger_id)

    async def change(self, trigger_id: str, /, **body: Unpack[ChangeTrigger]) -> TriggerAnswer:
        """Change, pause or resume a trigger."""
        return await self._ask(TriggerAnswer, "triggers.change", trigger_id, json=body)

    async def delete(self, trigger_id: str) -> None:
        """Delete a trigger; its runs stay."""
        await self._raw("triggers.delete", trigger_id)

    async def rotate(self, trigger_id: str, /, **body: Unpack[RotateTrigger]) -> NewTrigger:
        """Make a new secret or address; the one before is good for ``overlap_s`` seconds."""
        return await self._ask(NewTrigger, "triggers.rotate", trigger_id, json=body)

    async def try_(self, trigger_id: str, /, **body: Unpack[TryTrigger]) -> TriedTrigger:
        """Return what would become of a payload; nothing is submitted."""
        return await self._ask(TriedTrigger, "triggers.try_", trigger_id, json=body)
