"""Rollouts on ``workflow-events.<organisation>``: what was decided, for other systems.

The ``id`` of an event is the deployment's and the number of its decision.
"""

from typing import ClassVar

from schemas.records.base import CloudEvent, Int64, Part
from schemas.records.rollouts.deployments import MetricNumbers
from schemas.rollouts.plan import Mode, Status


class RolloutDecision(Part, frozen=True, kw_only=True):
    """The data of these events; see ``schemas.records.rollouts.deployments`` for the reasons and the metrics' numbers.

    ``step`` counts from 1, ``share`` is the canary's in it. ``by`` is the id of a key where somebody decided by hand.
    """

    deployment_id: str
    prompt: str
    environment: str
    mode: Mode
    number: Int64
    status: Status
    reason: str
    stable_version: Int64
    canary_version: Int64
    step: Int64
    share: float
    by: str = ""
    runs: Int64 = 0
    metrics: list[MetricNumbers] = []


class RolloutStarted(CloudEvent, frozen=True, kw_only=True, tag_field="type", tag="rollout.started"):
    """A rollout began."""

    type: ClassVar[str] = "rollout.started"


class RolloutStepped(CloudEvent, frozen=True, kw_only=True, tag_field="type", tag="rollout.stepped"):
    """The canary gets a larger share."""

    type: ClassVar[str] = "rollout.stepped"


class RolloutPromoted(CloudEvent, frozen=True, kw_only=True, tag_field="type", tag="rollout.promoted"):
    """The new version stays."""

    type: ClassVar[str] = "rollout.promoted"


class RolloutRolledBack(CloudEvent, frozen=True, kw_only=True, tag_field="type", tag="rollout.rolled_back"):
    """The stable version returned."""

    type: ClassVar[str] = "rollout.rolled_back"


class RolloutStopped(CloudEvent, frozen=True, kw_only=True, tag_field="type", tag="rollout.stopped"):
    """The rollout ended without a verdict, with the stable version."""

    type: ClassVar[str] = "rollout.stopped"


RolloutEvent = RolloutStarted | RolloutStepped | RolloutPromoted | RolloutRolledBack | RolloutStopped
