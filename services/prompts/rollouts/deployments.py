"""The port of stored deployments, see ``connectors.postgres.prompts.deployments`` and ``connectors.memory``."""

from typing import Protocol

from schemas.records.rollouts.deployments import DeploymentDecided, DeploymentOverridden, DeploymentStepped
from schemas.rollouts.deployment import Deployment, DeploymentFilter, NewDeployment


class Deployments(Protocol):
    """The deployments of all organisations. All methods raise ``Unavailable``."""

    async def start(self, new: NewDeployment) -> Deployment:
        """Store a deployment and say that it begins; a repeat with its id returns what is stored.

        Raises ``Conflict`` while another one runs in the environment.
        """
        ...

    async def get(self, org_id: str, deployment_id: str) -> Deployment:
        """Return a deployment. Raises ``NotFound``."""
        ...

    async def page(self, org_id: str, wanted: DeploymentFilter) -> tuple[list[Deployment], str | None]:
        """Return deployments, the newest first, and the cursor of the next page.

        Raises ``InvalidInput`` for a bad cursor.
        """
        ...

    async def running(self, org_id: str | None = None) -> list[Deployment]:
        """Return the deployments of an organisation that run, of every one without it; the oldest first."""
        ...

    async def say(self, record: DeploymentOverridden | DeploymentStepped) -> None:
        """Let the fold know what somebody decides by hand. Raises ``NotFound`` for a deployment of others."""
        ...

    async def record(self, decided: DeploymentDecided, problem: str = "") -> bool:
        """Store a decision; return false for one that is not newer than the stored one, or of no deployment."""
        ...
