# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Incoming webhooks, and topics of other systems, that submit runs."""

from typing import Unpack

from agentflow.bodies import ChangeTrigger, CreateTrigger, RotateTrigger, TryTrigger
from agentflow.client.sync.resource import Resource
from agentflow.models import NewTrigger, TriedTrigger, TriggerAnswer, TriggerPage


class Triggers(Resource):
    """Triggers of the organisation."""

    def create(self, **body: Unpack[CreateTrigger]) -> NewTrigger:
        """Create a trigger. The answer has a webhook's address and the secret of its signatures, this once."""
        return self._ask(NewTrigger, "triggers.create", json=body)

    def list(self) -> TriggerPage:
        """Return all triggers, with how far topics were submitted."""
        return self._ask(TriggerPage, "triggers.list")

    def get(self, trigger_id: str) -> TriggerAnswer:
        """Return a trigger."""
        return self._ask(TriggerAnswer, "triggers.get", trigger_id)

    def change(self, trigger_id: str, /, **body: Unpack[ChangeTrigger]) -> TriggerAnswer:
        """Change, pause or resume a trigger."""
        return self._ask(TriggerAnswer, "triggers.change", trigger_id, json=body)

    def delete(self, trigger_id: str) -> None:
        """Delete a trigger; its runs stay."""
        self._raw("triggers.delete", trigger_id)

    def rotate(self, trigger_id: str, /, **body: Unpack[RotateTrigger]) -> NewTrigger:
        """Make a new secret or address; the one before is good for ``overlap_s`` seconds."""
        return self._ask(NewTrigger, "triggers.rotate", trigger_id, json=body)

    def try_(self, trigger_id: str, /, **body: Unpack[TryTrigger]) -> TriedTrigger:
        """Return what would become of a payload; nothing is submitted."""
        return self._ask(TriedTrigger, "triggers.try_", trigger_id, json=body)
