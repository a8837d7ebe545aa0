# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Rollouts of prompts: how they are, and what people decide by hand."""

from typing import Literal

from agentflow.client.sync.resource import Resource, given
from agentflow.models import DeploymentAnswer, DeploymentLine, DeploymentPage

RolloutStatus = Literal["running", "promoted", "rolled_back", "stopped"]


class Rollouts(Resource):
    """Deployments of prompts, which ``prompts.deploy`` starts."""

    def list(
        self,
        *,
        prompt: str | None = None,
        environment: str | None = None,
        status: RolloutStatus | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> DeploymentPage:
        """Return a page of deployments without their statistics, the newest first."""
        params = given(prompt=prompt, environment=environment, status=status, limit=limit, cursor=cursor)
        return self._ask(DeploymentPage, "rollouts.list", params=params)

    def get(self, deployment_id: str) -> DeploymentAnswer:
        """Return a deployment with its statistics as they are now, and what it waits for."""
        return self._ask(DeploymentAnswer, "rollouts.get", deployment_id)

    def promote(self, deployment_id: str) -> DeploymentLine:
        """Give all runs the new version. It wins over the statistics; ``get`` shows when it is applied."""
        return self._ask(DeploymentLine, "rollouts.promote", deployment_id)

    def rollback(self, deployment_id: str) -> DeploymentLine:
        """Give all runs the stable version again. It wins over the statistics; ``get`` shows when it is applied."""
        return self._ask(DeploymentLine, "rollouts.rollback", deployment_id)

    def stop(self, deployment_id: str) -> DeploymentLine:
        """End a rollout without a verdict: all runs get the stable version."""
        return self._ask(DeploymentLine, "rollouts.stop", deployment_id)

    def step(self, deployment_id: str, share: float) -> DeploymentLine:
        """Move a rollout to the later step of its plan with this ``share``."""
        return self._ask(DeploymentLine, "rollouts.step", deployment_id, json={"share": share})
