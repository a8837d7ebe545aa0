"""Finds the exact definition that a run was started with."""

import msgspec

from connectors.postgres.history.runs import StoredRun
from connectors.redis.readers.specs import SpecReader
from schemas.errors import InvalidInput, NotFound
from schemas.records.rollouts.arms import RunArm
from schemas.spec.model import ResolvedSpec
from services.prompts.rollouts.arms import Arms
from services.workflows.resolver import WorkflowResolver


class RunDefinitions:
    """Finds definitions by their hash: as registered, or from the table if a prompt has a newer version.

    ``arms`` knows the versions of runs that have part in a rollout.
    """

    def __init__(self, plans: WorkflowResolver, kept: SpecReader, arms: Arms | None = None) -> None:
        self._plans = plans
        self._kept = kept
        self._arms = arms

    async def of(self, org_id: str, run: StoredRun) -> ResolvedSpec | None:
        """Return the definition of a run, ``None`` if it is unavailable. Raises ``Unavailable``."""
        try:
            plan = await self._plans.plan(org_id, run.workflow_name, run.workflow_version)
            if plan.resolved.hash == run.spec_hash:
                return plan.resolved
            if (armed := await self._armed(org_id, run, plan.resolved)) is not None and armed.hash == run.spec_hash:
                return armed
        except (NotFound, InvalidInput):
            pass
        kept = await self._kept.find(run.id, run.spec_hash)
        return kept if kept is not None and kept.hash == run.spec_hash else None

    async def _armed(self, org_id: str, run: StoredRun, resolved: ResolvedSpec) -> ResolvedSpec | None:
        if self._arms is None or not run.rollouts:
            return None
        return await self._arms.again(org_id, resolved, msgspec.convert(run.rollouts, list[RunArm]))
