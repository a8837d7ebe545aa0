"""Registers workflows that services make: the version that says the same, else the next one."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from connectors.postgres.workflows import Workflows
from schemas.errors import Conflict
from services.workflows.registration import Registrations
from services.workflows.resolver import WorkflowResolver

_TRIES = 5


class Registering:
    """Registers documents whose text depends on their version alone."""

    def __init__(self, workflows: Workflows, registrations: Registrations, plans: WorkflowResolver) -> None:
        self._workflows = workflows
        self._registrations = registrations
        self._plans = plans

    async def version(
        self, org_id: str, name: str, document: Callable[[int], Mapping[str, Any]], project: str | None = None
    ) -> int:
        """Return the version of a workflow that says this.

        Raises ``InvalidSpec`` for a document that is none, and ``Conflict`` while others register the same workflow.
        """
        for _ in range(_TRIES):
            newest = await self._workflows.latest(org_id, name) or 0
            for version in (newest, newest + 1):
                if version == 0:
                    continue
                try:
                    text = orjson.dumps(document(version)).decode()
                    draft = await self._registrations.check(org_id, text, project)
                    await self._registrations.store(org_id, draft)
                except Conflict:
                    continue
                self._plans.forget(org_id)
                return version
        raise Conflict(f"workflow {name} is being registered by others; send the request again")
