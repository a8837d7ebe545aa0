"""Finds the exact definition that a run was started with."""

from connectors.postgres.history.runs import StoredRun
from connectors.redis.spec_reader import SpecReader
from schemas.errors import InvalidInput, NotFound
from schemas.spec.model import ResolvedSpec
from services.workflows.resolver import WorkflowResolver


class RunDefinitions:
    """Finds definitions by their hash: as registered, or from the table if a prompt has a newer version."""

    def __init__(self, plans: WorkflowResolver, kept: SpecReader) -> None:
        self._plans = plans
        self._kept = kept

    async def of(self, org_id: str, run: StoredRun) -> ResolvedSpec | None:
        """Return the definition of a run, ``None`` if it is unavailable. Raises ``Unavailable``."""
        try:
            plan = await self._plans.plan(org_id, run.workflow_name, run.workflow_version)
            if plan.resolved.hash == run.spec_hash:
                return plan.resolved
        except (NotFound, InvalidInput):
            pass
        kept = await self._kept.find(run.id, run.spec_hash)
        return kept if kept is not None and kept.hash == run.spec_hash else None
