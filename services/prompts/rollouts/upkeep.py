"""What follows from a decision: the label moves, and the deployment is stored as it is now.

1. find     the deployment; a decision that is not newer than the stored one changes nothing
2. move     the label: to the new version when it is promoted, back when a promotion is taken back by hand
3. record   the decision with its numbers; a deployment that is over makes room for the next one

A crash between 2 and 3 repeats 2, which finds the label moved by this deployment. A label that somebody else moved
meanwhile stays: the deployment says so. Workers need none of this, since they follow the decisions themselves.
"""

import logging
from typing import Protocol

from connectors.postgres.prompts.labels import LabelChange, StoredLabel
from schemas.errors import Conflict, NotFound, Rejected
from schemas.records.rollouts.deployments import DeploymentDecided
from schemas.rollouts.deployment import Deployment
from services.prompts.rollouts.control import Deployments

log = logging.getLogger(__name__)


class Labels(Protocol):
    """The labels of prompts, see ``connectors.postgres.prompts.labels``. All methods raise ``Unavailable``."""

    async def move(self, change: LabelChange, version: int, expected: int | None) -> StoredLabel:
        """Let a label name a version. Raises ``Conflict``, ``NotFound`` and ``TooLarge``."""
        ...

    async def remove(self, change: LabelChange, expected: int | None) -> None:
        """Remove a label. Raises ``NotFound`` and ``Conflict``."""
        ...


class Upkeep:
    """Carries decisions out."""

    def __init__(self, deployments: Deployments, labels: Labels) -> None:
        self._deployments = deployments
        self._labels = labels

    async def apply(self, decided: DeploymentDecided) -> bool:
        """Carry a decision out; return whether it was new. Raises ``Unavailable``: then do it again."""
        try:
            found = await self._deployments.get(decided.org_id, decided.deployment_id)
        except NotFound:
            log.warning("no deployment %s is stored", decided.deployment_id, extra={"action": "unknown_deployment"})
            return False
        if decided.number <= found.number:
            return False
        problem = ""
        try:
            await self._move(decided, found)
        except Rejected as exc:
            problem = f"the label {decided.environment} was not moved: {exc}"
            log.warning("deployment %s: %s", found.id, problem, extra={"action": "label_not_moved"})
        return await self._deployments.record(decided, problem)

    async def _move(self, decided: DeploymentDecided, found: Deployment) -> None:
        by = decided.by or f"deployment:{found.id}"
        change = LabelChange(decided.org_id, decided.prompt, decided.environment, by, _message(decided))
        stable = found.stable_version or None
        if decided.status == "promoted":
            await self._labels.move(change, found.canary_version, stable)
        elif decided.status in ("rolled_back", "stopped") and found.status == "promoted":
            # It was promoted before, and somebody takes that back.
            if stable is not None:
                await self._labels.move(change, stable, found.canary_version)
                return
            try:
                await self._labels.remove(change, found.canary_version)
            except NotFound as exc:
                raise Conflict(str(exc)) from exc


def _message(decided: DeploymentDecided) -> str:
    return f"deployment {decided.deployment_id} was {decided.status.replace('_', ' ')}: {decided.reason}"
