"""What people do with rollouts: start one, move it on, and decide by hand.

    1. check   the version, the environment and the plan; nothing is written
    2. store   the deployment, and in the same transaction the record that begins it in the fold

What is decided by hand is a record, too: it takes effect when the fold has read it.
"""

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal, Protocol

from msgspec import structs

from connectors.postgres.prompts.labels import StoredLabel
from connectors.postgres.prompts.rows import StoredPrompt
from schemas.clock import now_ms
from schemas.errors import Conflict, InvalidInput, Problem
from schemas.prompts.refs import PromptRef, check_label
from schemas.records.rollouts.deployments import DeploymentDecided, DeploymentOverridden, DeploymentStepped
from schemas.rollouts.deployment import Deployment, DeploymentFilter, NewDeployment, unknown
from services.prompts.registry.prompts import Author
from services.prompts.rollouts.plans import USUAL, PlanRequest, plan_of, version_problem

Action = Literal["promote", "rollback", "stop"]


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


class Labels(Protocol):
    """The labels of prompts, see ``connectors.postgres.prompts.labels``."""

    async def all(self, org_id: str, name: str) -> list[StoredLabel]:
        """Return the labels of a prompt. Raises ``Unavailable``."""
        ...


class Registry(Protocol):
    """The prompts that an author may see, see ``services.prompts.registry.prompts``."""

    @property
    def labels(self) -> Labels:
        """The labels of all prompts."""
        ...

    async def get(self, org_id: str, ref: PromptRef, author: Author) -> StoredPrompt:
        """Return the version that a reference names now. Raises ``NotFound`` and ``Unavailable``."""
        ...

    async def require_owned(self, org_id: str, name: str, author: Author) -> None:
        """Raise ``Forbidden`` when a key of a project would change what all projects use, and ``NotFound``."""
        ...


class Policies(Protocol):
    """How answers are scored, see ``connectors.postgres.prompts.scoring``."""

    async def of_org(self, org_id: str) -> Collection[str]:
        """Return the prompts of an organisation whose answers are scored. Raises ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRequest:
    """A deployment as it is requested. ``ref`` names the new version, the newest one without any.

    With ``first_at_once`` the plan is that of mode ``all`` where the environment has no version yet.
    """

    ref: PromptRef
    environment: str
    plan: PlanRequest = USUAL
    first_at_once: bool = False
    message: str = ""


def _new_id() -> str:
    """Return an id that sorts after those of earlier deployments: workers see by it which of two began later."""
    return f"dep_{now_ms():012x}{secrets.token_hex(10)}"


class Rollouts:
    """The rollouts of all organisations. Every method raises ``Unavailable``."""

    def __init__(
        self,
        registry: Registry,
        deployments: Deployments,
        policies: Policies,
        new_id: Callable[[], str] = _new_id,
    ) -> None:
        self.deployments = deployments
        self._registry = registry
        self._policies = policies
        self._new_id = new_id

    async def start(self, org_id: str, asked: DeployRequest, author: Author) -> Deployment:
        """Start a deployment.

        Raises ``InvalidInput`` with what is wrong of the plan or the version, ``NotFound``, ``Forbidden``, and
        ``Conflict`` while another deployment runs in the environment, or for an archived prompt.
        """
        try:
            environment = check_label(asked.environment)
        except ValueError as exc:
            fix = "an environment is a label of the prompt, such as production"
            raise InvalidInput.of(Problem("environment", str(exc), fix)) from exc
        name = asked.ref.name
        await self._registry.require_owned(org_id, name, author)
        canary = await self._registry.get(org_id, asked.ref, author)
        if canary.archived_ms is not None:
            raise Conflict(f"prompt {name} is archived; restore it: POST /api/v1/prompts/{name}/restore")
        stable = await self._stable(org_id, name, environment, author)
        at_once = asked.first_at_once and stable is None
        plan = structs.replace(asked.plan, mode="all") if at_once else asked.plan
        of_stable = None if stable is None else stable.pinned
        if problem := version_problem(environment, of_stable, canary.pinned, plan.mode):
            raise InvalidInput.of(problem)
        deployment_id = self._new_id()
        scored = name in await self._policies.of_org(org_id)
        return await self.deployments.start(
            NewDeployment(
                id=deployment_id,
                org_id=org_id,
                prompt=name,
                environment=environment,
                plan=plan_of(plan, deployment_id, scored=scored),
                stable_version=0 if stable is None else stable.version,
                canary_version=canary.version,
                entity=plan.entity or "",
                project=canary.project,
                message=asked.message,
                started_by=author.key_id,
            )
        )

    async def get(self, org_id: str, deployment_id: str, author: Author) -> Deployment:
        """Return a deployment whose prompt the author may see. Raises ``NotFound``."""
        found = await self.deployments.get(org_id, deployment_id)
        if not author.sees(found.project) or not author.scopes.allow("prompt", found.prompt):
            raise unknown(deployment_id)
        return found

    async def decide(self, org_id: str, deployment_id: str, action: Action, author: Author) -> Deployment:
        """Decide by hand, also over what was decided; return the deployment as it is stored now, before that.

        Raises ``NotFound``, ``Forbidden``, and ``Conflict`` when another deployment came after it.
        """
        found = await self._owned(org_id, deployment_id, author)
        newest, _ = await self.deployments.page(
            org_id, DeploymentFilter(limit=1, prompt=found.prompt, environment=found.environment)
        )
        if newest and newest[0].id != found.id:
            said = f"deployment {found.id} is over, and {newest[0].id} came after it in {found.environment}"
            raise Conflict(
                f"{said}; deploy version {found.stable_version or found.canary_version} again, or decide that"
            )
        await self.deployments.say(
            DeploymentOverridden(
                org_id=org_id,
                prompt=found.prompt,
                environment=found.environment,
                deployment_id=found.id,
                action=action,
                by=author.key_id,
            )
        )
        return found

    async def step(self, org_id: str, deployment_id: str, step: int, author: Author) -> Deployment:
        """Move a running deployment to a later step; return it as it is stored now, before that.

        Raises ``NotFound``, ``Forbidden``, ``Conflict`` for one that is over, and ``InvalidInput`` for no later step.
        """
        found = await self._owned(org_id, deployment_id, author)
        if found.status != "running":
            raise Conflict(f"deployment {found.id} is over: {found.status}; start another one")
        if not found.step < step < len(found.plan.steps):
            said = f"the deployment is at step {found.step} of 0 to {len(found.plan.steps) - 1}"
            raise InvalidInput.of(Problem("step", said, "name a later step"))
        await self.deployments.say(
            DeploymentStepped(
                org_id=org_id,
                prompt=found.prompt,
                environment=found.environment,
                deployment_id=found.id,
                step=step,
                by=author.key_id,
            )
        )
        return found

    async def _owned(self, org_id: str, deployment_id: str, author: Author) -> Deployment:
        found = await self.get(org_id, deployment_id, author)
        await self._registry.require_owned(org_id, found.prompt, author)
        return found

    async def _stable(self, org_id: str, name: str, environment: str, author: Author) -> StoredPrompt | None:
        labels = {one.label: one.version for one in await self._registry.labels.all(org_id, name)}
        if environment not in labels:
            return None
        return await self._registry.get(org_id, PromptRef(name, labels[environment]), author)
