"""What one worker process shows on its own ``/metrics``."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from connectors.redis.leases import ClaimAnswer
from schemas.records.steps import StepRequest


class WorkerMetrics:
    """Counts of one process since its start; ``registry`` is the process' own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._in_flight = Gauge("worker_steps_in_flight", "Attempts that are worked on now.", registry=registry)
        self._unacked = Gauge("worker_steps_unacked", "Requests taken and not acked yet.", registry=registry)
        self._steps = Counter(
            "worker_steps_total", "Attempts that ended, by kind and outcome.", ("kind", "outcome"), registry=registry
        )
        self._chained = Counter(
            "worker_chained_steps_total", "Attempts that were gone on to without a request in the log.",
            registry=registry,
        )  # fmt: skip
        self._claims = Counter("worker_claims_total", "Answers to taking a claim.", ("answer",), registry=registry)
        self._bad = Counter(
            "worker_dead_letters_total", "Requests that could not be used.", ("reason",), registry=registry
        )
        self._newer = Counter(
            "worker_newer_major_total", "Partitions paused for a record of a newer major version.", registry=registry
        )

    def watch(self, in_flight: Callable[[], int], unacked: Callable[[], int]) -> None:
        """Show how much is under way whenever somebody looks."""
        self._in_flight.set_function(in_flight)
        self._unacked.set_function(unacked)

    def executed(self, request: StepRequest, error_code: str | None) -> None:
        """Count an attempt that ended."""
        self._steps.labels(request.work.kind, error_code or "ok").inc()

    def deferred(self, request: StepRequest) -> None:
        """Count an attempt that was given back unstarted."""
        self._steps.labels(request.work.kind, "deferred").inc()

    def chained(self) -> None:
        """Count an attempt that was gone on to."""
        self._chained.inc()

    def claimed(self, answer: ClaimAnswer) -> None:
        """Count the answer to taking a claim."""
        self._claims.labels(type(answer).__name__.lower()).inc()

    def dead_letter(self, reason: str) -> None:
        """Count a request that could not be used."""
        self._bad.labels(reason).inc()

    def newer_major(self) -> None:
        """Count a partition that was paused."""
        self._newer.inc()
