# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""How long runs are kept, and the holds that keep them longer."""

from typing import Unpack

from agentflow.bodies import HoldRuns
from agentflow.client.sync.resource import Resource
from agentflow.models import RetentionAnswer, RunHoldAnswer, RunHoldPage


class Retention(Resource):
    """Retention of the organisation's runs."""

    def get(self) -> RetentionAnswer:
        """Return for how many days ended runs and their traces are kept."""
        return self._ask(RetentionAnswer, "retention.get")

    def hold(self, **body: Unpack[HoldRuns]) -> RunHoldAnswer:
        """Create a legal hold: nothing deletes a run that it matches."""
        return self._ask(RunHoldAnswer, "retention.hold", json=body)

    def holds(self) -> RunHoldPage:
        """Return the legal holds in force."""
        return self._ask(RunHoldPage, "retention.holds")

    def release(self, name: str) -> None:
        """Remove a legal hold."""
        self._raw("retention.release", name)

    def delete_run(self, run_id: str) -> None:
        """Delete a run that ended over an hour ago, with its steps, scores and traces."""
        self._raw("retention.delete_run", run_id)
