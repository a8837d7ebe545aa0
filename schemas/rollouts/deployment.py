"""A deployment as the store has it: a prompt's new version in an environment, by a plan, and what was decided last."""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct

from schemas.errors import NotFound
from schemas.records.rollouts.deployments import DeploymentDecided, DeploymentStarted
from schemas.rollouts.plan import CANARY, Arm, Plan, Status, rollout_key


class NewDeployment(Struct, frozen=True, kw_only=True):
    """A deployment that begins. ``environment`` is a label of the prompt.

    ``stable_version`` is what the label names, 0 for none. ``entity`` is the path of an input, such as
    ``input.user_id``, whose value decides the arm; without one the run's id does. ``started_by`` is the id of a key.
    """

    id: str
    org_id: str
    prompt: str
    environment: str
    plan: Plan
    stable_version: int
    canary_version: int
    entity: str = ""
    project: str | None = None
    message: str = ""
    started_by: str = ""

    @property
    def rollout(self) -> str:
        """The prompt's environment, which is the key of its records."""
        return rollout_key(self.org_id, self.prompt, self.environment)

    def start(self) -> DeploymentStarted:
        """Return the record by which the fold begins the deployment."""
        return DeploymentStarted(
            org_id=self.org_id,
            prompt=self.prompt,
            environment=self.environment,
            deployment_id=self.id,
            stable_version=self.stable_version,
            canary_version=self.canary_version,
            plan=self.plan,
            by=self.started_by,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentFilter:
    """Which deployments a page has, and how many. ``cursor`` is where the page before ended.

    With ``project`` those of other projects' prompts are left out. ``prompts_like`` are patterns of ``LIKE``, of which
    the prompt matches one.
    """

    limit: int
    prompt: str | None = None
    environment: str | None = None
    status: Status | None = None
    project: str | None = None
    prompts_like: Sequence[str] | None = None
    cursor: str | None = None


class Deployment(NewDeployment, frozen=True, kw_only=True):
    """A deployment with its newest recorded decision. ``problem`` says why its label did not follow the decision.

    ``number`` is that of the decision, 0 before the first. Times are milliseconds since 1970.
    """

    status: Status = "running"
    step: int = 0
    number: int = 0
    decision: DeploymentDecided | None = None
    problem: str = ""
    started_ms: int = 0
    ended_ms: int | None = None

    def version(self, arm: Arm) -> int:
        """Return the version of an arm."""
        return self.canary_version if arm == CANARY else self.stable_version


def one_runs(other: Deployment) -> str:
    """Return what to say when a deployment runs already."""
    return (
        f"deployment {other.id} of prompt {other.prompt} runs in {other.environment}, with version "
        f"{other.canary_version} as its canary; promote it, roll it back or stop it first"
    )


def unknown(deployment_id: str) -> NotFound:
    """Return the error of a deployment that the organisation does not have."""
    return NotFound(f"there is no deployment {deployment_id}; see GET /api/v1/deployments")
