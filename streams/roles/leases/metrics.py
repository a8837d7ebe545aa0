"""What the role of leases serves of its queues, by topic."""

from typing import Literal

from prometheus_client import CollectorRegistry

from connectors.prometheus.families import counter, gauge
from schemas.metrics import LEASES_ENDED_TOTAL, LEASES_GIVEN_TOTAL, LEASES_OPEN, LEASES_WAITING_REQUESTS

How = Literal["recorded", "returned"]
"""``recorded``: an outcome is in the log. ``returned``: the lease ended or was released without one."""


class LeaseMetrics:
    """The metrics of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._given = counter(LEASES_GIVEN_TOTAL, registry)
        self._ended = counter(LEASES_ENDED_TOTAL, registry)
        self._open = gauge(LEASES_OPEN, registry)
        self._waiting = gauge(LEASES_WAITING_REQUESTS, registry)

    def given(self, topic: str) -> None:
        """Count a lease."""
        self._given.labels(topic).inc()

    def ended(self, topic: str, how: How) -> None:
        """Count the end of a lease."""
        self._ended.labels(topic, how).inc()

    def standing(self, topic: str, leases: int, waiting: int) -> None:
        """Show how a queue is."""
        self._open.labels(topic).set(leases)
        self._waiting.labels(topic).set(waiting)

    def left(self, topic: str) -> None:
        """Show nothing of a queue that is not read any more; its counts stay."""
        self._open.remove(topic)
        self._waiting.remove(topic)
