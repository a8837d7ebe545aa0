"""Deployments in memory: for unit tests and proofs of what crashes leave behind."""

import fnmatch
from collections.abc import Callable

from msgspec import structs

from schemas.clock import now_ms
from schemas.errors import Conflict
from schemas.records.rollouts.deployments import (
    DeploymentDecided,
    DeploymentOverridden,
    DeploymentStarted,
    DeploymentStepped,
)
from schemas.rollouts.deployment import Deployment, DeploymentFilter, NewDeployment, one_runs, unknown


class MemoryDeployments:
    """The store as ``services.prompts.rollouts.control`` describes it. ``said`` is what reached the topic."""

    def __init__(self, now_ms: Callable[[], int] = now_ms) -> None:
        self.rows: dict[str, Deployment] = {}
        self.said: list[DeploymentStarted | DeploymentOverridden | DeploymentStepped] = []
        self._now_ms = now_ms

    async def start(self, new: NewDeployment) -> Deployment:
        if new.id in self.rows:
            return self.rows[new.id]
        for one in self.rows.values():
            if one.status == "running" and one.rollout == new.rollout:
                raise Conflict(one_runs(one))
        self.rows[new.id] = Deployment(**structs.asdict(new), started_ms=self._now_ms())
        self.said.append(new.start())
        return self.rows[new.id]

    async def get(self, org_id: str, deployment_id: str) -> Deployment:
        one = self.rows.get(deployment_id)
        if one is None or one.org_id != org_id:
            raise unknown(deployment_id)
        return one

    async def page(self, org_id: str, wanted: DeploymentFilter) -> tuple[list[Deployment], str | None]:
        found = [
            one
            for one in reversed(self.rows.values())
            if one.org_id == org_id
            and wanted.prompt in (None, one.prompt)
            and wanted.environment in (None, one.environment)
            and wanted.status in (None, one.status)
            and (wanted.project is None or one.project in (None, wanted.project))
            and (wanted.prompts_like is None or any(_is_like(one.prompt, like) for like in wanted.prompts_like))
        ]
        ids = [one.id for one in found]
        limit, start = wanted.limit, 0 if wanted.cursor is None else ids.index(wanted.cursor) + 1
        more = ids[start + limit - 1] if len(found) > start + limit else None
        return found[start : start + limit], more

    async def running(self, org_id: str | None = None) -> list[Deployment]:
        return [one for one in self.rows.values() if one.status == "running" and org_id in (None, one.org_id)]

    async def say(self, record: DeploymentOverridden | DeploymentStepped) -> None:
        await self.get(record.org_id, record.deployment_id)
        self.said.append(record)

    async def record(self, decided: DeploymentDecided, problem: str = "") -> bool:
        one = self.rows.get(decided.deployment_id)
        if one is None or one.org_id != decided.org_id or decided.number <= one.number:
            return False
        ended = None if decided.status == "running" else one.ended_ms or decided.at_ms
        self.rows[one.id] = structs.replace(
            one,
            decision=decided,
            number=decided.number,
            status=decided.status,
            step=decided.step,
            problem=problem,
            ended_ms=ended,
        )
        return True


def _is_like(text: str, like: str) -> bool:
    return fnmatch.fnmatchcase(text, like.replace("%", "*").replace("_", "?"))
