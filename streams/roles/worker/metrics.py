"""What one worker process shows on its own ``/metrics``."""

from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry

from connectors.prometheus.families import counter, gauge, histogram
from connectors.redis.claims.leases import ClaimAnswer
from schemas.limits.quotas import Ask
from schemas.metrics import (
    WORKER_ABANDONED_ATTEMPTS,
    WORKER_ATTEMPTS_IN_FLIGHT,
    WORKER_ATTEMPTS_TOTAL,
    WORKER_CHAINED_ATTEMPTS_TOTAL,
    WORKER_DEAD_LETTERS_TOTAL,
    WORKER_LEASE_ANSWERS_TOTAL,
    WORKER_OLDEST_UNACKED_SECONDS,
    WORKER_PAUSES_TOTAL,
    WORKER_POLICY_DECISIONS_TOTAL,
    WORKER_POLICY_SECONDS,
    WORKER_PRIVACY_FINDINGS_TOTAL,
    WORKER_PRIVACY_REFUSALS_TOTAL,
    WORKER_PRIVACY_SECONDS,
    WORKER_QUOTA_WAIT_SECONDS,
    WORKER_REFERENCE_CALLS_TOTAL,
    WORKER_UNACKED_REQUESTS,
    WORKER_WATERMARK_SPAN,
)
from schemas.privacy.kinds import KINDS
from schemas.records.security.pinned import Decision
from schemas.records.steps import StepRequest


class WorkerMetrics:
    """Counts of one process since its start; ``registry`` is the process' own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._in_flight = gauge(WORKER_ATTEMPTS_IN_FLIGHT, registry)
        self._unacked = gauge(WORKER_UNACKED_REQUESTS, registry)
        self._oldest = gauge(WORKER_OLDEST_UNACKED_SECONDS, registry)
        self._span = gauge(WORKER_WATERMARK_SPAN, registry)
        self._abandoned = gauge(WORKER_ABANDONED_ATTEMPTS, registry)
        self._attempts = counter(WORKER_ATTEMPTS_TOTAL, registry)
        self._chained = counter(WORKER_CHAINED_ATTEMPTS_TOTAL, registry)
        self._decisions = counter(WORKER_POLICY_DECISIONS_TOTAL, registry)
        self._references = counter(WORKER_REFERENCE_CALLS_TOTAL, registry)
        self._decided = histogram(WORKER_POLICY_SECONDS, registry)
        self._findings = counter(WORKER_PRIVACY_FINDINGS_TOTAL, registry)
        self._refusals = counter(WORKER_PRIVACY_REFUSALS_TOTAL, registry)
        self._searched = histogram(WORKER_PRIVACY_SECONDS, registry)
        self._leases = counter(WORKER_LEASE_ANSWERS_TOTAL, registry)
        self._dead_letters = counter(WORKER_DEAD_LETTERS_TOTAL, registry)
        self._pauses = counter(WORKER_PAUSES_TOTAL, registry)
        self._quota_waits = histogram(WORKER_QUOTA_WAIT_SECONDS, registry)

    def watch(self, in_flight: Callable[[], int], unacked: Callable[[], int]) -> None:
        """Show the attempts in flight and the unacked requests at each scrape."""
        self._in_flight.set_function(in_flight)
        self._unacked.set_function(unacked)

    def watch_unacked(self, oldest_s: Callable[[], float], span: Callable[[], int]) -> None:
        """Show at each scrape how old what holds a watermark back is, and how much waits behind it."""
        self._oldest.set_function(oldest_s)
        self._span.set_function(span)

    def watch_calls(self, abandoned: Callable[[], int]) -> None:
        """Show at each scrape how many calls that were given up still run."""
        self._abandoned.set_function(abandoned)

    def executed(self, request: StepRequest, error_code: str | None) -> None:
        """Count an attempt that ended."""
        self._attempts.labels(request.work.kind, error_code or "ok").inc()

    def decided(self, decisions: Sequence[Decision], seconds: float) -> None:
        """Count what policies decided on an attempt. ``seconds`` is how long that took, 0 if none was asked."""
        for one in decisions:
            self._decisions.labels(one.point, one.verdict, str(one.enforced).lower()).inc()
        if seconds:
            self._decided.observe(seconds)

    def reference(self, outcome: str) -> None:
        """Count an answer that was chosen to be compared: ``compared``, ``failed`` or ``left_out``."""
        self._references.labels(outcome).inc()

    def looked(self, kinds: Mapping[tuple[str, str], int], seconds: float) -> None:
        """Count what was found in a value. Kinds of an organisation's own are one."""
        self._searched.observe(seconds)
        for (kind, became), count in kinds.items():
            self._findings.labels(kind if kind in KINDS else "own", became).inc(count)

    def refused(self, code: str) -> None:
        """Count a value that was not let pass."""
        self._refusals.labels(code).inc()

    def deferred(self, request: StepRequest) -> None:
        """Count an attempt that was given back unstarted."""
        self._attempts.labels(request.work.kind, "deferred").inc()

    def chained(self) -> None:
        """Count an attempt that was gone on to."""
        self._chained.inc()

    def claimed(self, answer: ClaimAnswer) -> None:
        """Count the answer to taking a claim."""
        self._leases.labels(type(answer).__name__.lower()).inc()

    def dead_letter(self, reason: str) -> None:
        """Count a request that could not be used."""
        self._dead_letters.labels(reason).inc()

    def newer_major(self) -> None:
        """Count a partition that was paused."""
        self._pauses.inc()

    def quota_wait(self, ask: Ask, wait_ms: float) -> None:
        """Observe that a call has no room yet."""
        self._quota_waits.labels(ask.provider, ask.tier).observe(wait_ms / 1000)
