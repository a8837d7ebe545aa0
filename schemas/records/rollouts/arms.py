"""Rollouts in a run: which arm it has of which deployment, and what its calls say of that."""

from schemas.records.base import Int64, Part
from schemas.rollouts.plan import Arm


class RunArm(Part, frozen=True, kw_only=True):
    """The version of a prompt that a run got, of a deployment that ran when it was submitted.

    ``step`` is the step of the plan whose ratio it was, and ``entity`` decided the arm if the plan is sticky.
    ``other_version`` is the version that its spec has beside ``version``: of a canary the stable one, which replaces it
    after a rollback, and with ``shadow`` the one whose answers nobody gets. ``run_id`` is the run whose exposure it is,
    where that is not this one: the run that was submitted, or the one that was done again.
    """

    prompt: str
    environment: str
    deployment_id: str
    arm: Arm
    version: Int64
    step: Int64 = 0
    entity: str = ""
    other_version: Int64 = 0
    shadow: bool = False
    run_id: str = ""

    @property
    def ref(self) -> str:
        """The reference to the prompt as nodes write it."""
        return f"{self.prompt}@{self.environment}"

    @property
    def other_ref(self) -> str:
        """The reference to the other version, as it is pinned."""
        return f"{self.prompt}@{self.other_version}"
