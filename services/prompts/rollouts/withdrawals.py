"""Which arms are withdrawn, in memory, folded from ``deployment-decisions`` by every process that makes calls."""

from schemas.errors import Unavailable
from schemas.records.rollouts.deployments import DeploymentDecided


class Withdrawals:
    """The newest decision of each rollout. Ids of deployments are in the order of their start.

    A deployment that is newer than what was read so far runs: its first decision may come after its first runs.
    Before ``mark_loaded`` reports that the topic was read to its end once, the absence of a decision proves nothing.
    """

    def __init__(self) -> None:
        self._newest: dict[str, DeploymentDecided] = {}
        self._loaded = False

    def apply(self, decided: DeploymentDecided) -> None:
        """Apply one record; a repeat of an older one changes nothing."""
        before = self._newest.get(decided.rollout)
        if before is None or before.deployment_id != decided.deployment_id or before.number <= decided.number:
            self._newest[decided.rollout] = decided

    def mark_loaded(self) -> None:
        """Report that every decision that existed at the start was applied."""
        self._loaded = True

    def is_over(self, rollout: str, deployment_id: str) -> bool:
        """Return whether a deployment is over. Raises ``Unavailable`` before the first load."""
        newest = self._read(rollout, deployment_id)
        return newest is not None and (newest.deployment_id != deployment_id or newest.status != "running")

    def is_withdrawn(self, rollout: str, deployment_id: str, version: int) -> bool:
        """Return whether a deployment's canary, of this version, must not be called any more.

        After another deployment began, its stable version is what became of this one. Raises ``Unavailable`` before the
        first load.
        """
        newest = self._read(rollout, deployment_id)
        if newest is None:
            return False
        if newest.deployment_id != deployment_id:
            return newest.stable_version != version
        return newest.status in ("rolled_back", "stopped")

    def _read(self, rollout: str, deployment_id: str) -> DeploymentDecided | None:
        """Return the newest decision, ``None`` while there is none over the deployment or a later one."""
        if not self._loaded:
            raise Unavailable("rollouts", "what is decided of rollouts has not been read to its end yet")
        newest = self._newest.get(rollout)
        return None if newest is None or newest.deployment_id < deployment_id else newest
