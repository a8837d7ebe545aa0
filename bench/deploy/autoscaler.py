"""KEDA and the horizontal pod autoscaler as pure functions, for a ScaledObject of the chart: how many pods it asks for.

KEDA polls the lag of a consumer group and hands it to the autoscaler, which divides it by the threshold and stays
within the behaviour that the object states. Formulas: Kubernetes' page "Horizontal Pod Autoscaling", algorithm details
and configurable scaling behaviour; KEDA's page of the Apache Kafka scaler.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: How often the autoscaler looks, and the share within which it leaves things as they are (Kubernetes' defaults).
SYNC_S = 15
TOLERANCE = 0.1
NEVER_STORED = -1


@dataclass(frozen=True)
class Partition:
    """Offsets of one partition: its first record that is still there, its end, and what the group has stored."""

    begin: int
    end: int
    stored: int = NEVER_STORED


def partition_lag(one: Partition, *, policy: str = "earliest") -> int:
    """Return the lag as KEDA counts it: without a stored offset all that is there, or 0 with the policy ``latest``."""
    if one.stored == NEVER_STORED:
        return one.end - one.begin if policy == "earliest" else 0
    # Retention may have deleted what the group had not read.
    return max(0, one.end - max(one.stored, one.begin))


def metric(partitions: Sequence[Partition], threshold: int, *, policy: str, idle_consumers: bool) -> int:
    """Return the lag of a topic; without idle consumers, at most what one worker for each partition is worth."""
    total = sum(partition_lag(one, policy=policy) for one in partitions)
    return total if idle_consumers else min(total, threshold * len(partitions))


@dataclass
class Autoscaler:
    """The state of one autoscaler; ``at`` is asked every ``SYNC_S`` seconds."""

    spec: Mapping[str, Any]
    replicas: int
    _wished: deque[tuple[float, int]] = field(default_factory=deque)
    _changes: list[tuple[float, int]] = field(default_factory=list)

    @property
    def thresholds(self) -> list[int]:
        """The lag that one more pod is worth, of each trigger."""
        return [int(trigger["metadata"]["lagThreshold"]) for trigger in self.spec["triggers"]]

    def at(self, now: float, lags: Sequence[int]) -> int:
        """Return the replicas from now on, for the lag of each trigger."""
        wished = max(self._desired(lag, threshold) for lag, threshold in zip(lags, self.thresholds, strict=True))
        wished = min(max(wished, self.spec["minReplicaCount"]), self.spec["maxReplicaCount"])
        next_ = self._within(now, wished)
        if next_ != self.replicas:
            self._changes.append((now, next_ - self.replicas))
            self.replicas = next_
        return self.replicas

    def _desired(self, lag: int, threshold: int) -> int:
        if abs(1 - lag / (threshold * self.replicas)) <= TOLERANCE:
            return self.replicas
        return math.ceil(lag / threshold)

    def _within(self, now: float, wished: int) -> int:
        behaviour = self.spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        window = behaviour["scaleDown"]["stabilizationWindowSeconds"]
        self._wished.append((now, wished))
        while self._wished[0][0] < now - window:
            self._wished.popleft()
        if wished > self.replicas:
            return min(wished, max(self._most(now, policy) for policy in behaviour["scaleUp"]["policies"]))
        calm = max(count for _, count in self._wished)
        if calm < self.replicas:
            return max(calm, *(self._least(now, policy) for policy in behaviour["scaleDown"]["policies"]))
        return self.replicas

    def _before(self, now: float, period: float, *, up: bool) -> int:
        """Return the replicas at the start of a policy's period, counting changes in one direction."""
        moved = sum(change for at, change in self._changes if at > now - period and (change > 0) == up)
        return self.replicas - moved

    def _most(self, now: float, policy: Mapping[str, Any]) -> int:
        before, value = self._before(now, policy["periodSeconds"], up=True), int(policy["value"])
        return before + value if policy["type"] == "Pods" else math.ceil(before * (1 + value / 100))

    def _least(self, now: float, policy: Mapping[str, Any]) -> int:
        before, value = self._before(now, policy["periodSeconds"], up=False), int(policy["value"])
        return before - value if policy["type"] == "Pods" else math.floor(before * (1 - value / 100))
