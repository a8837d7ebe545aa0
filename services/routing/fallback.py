"""Which route is tried next when a call has failed at one, within the same attempt.

=============================================  ==========================================================
the call failed with                           what may be tried next
=============================================  ==========================================================
an error that is worth a retry                 the next route
``rate_limited``, a wait past the deadline     the next route
``rate_limited``, a wait that ends before it   nothing: the step's retry waits that long
``provider_no_credit``                         the next route of another provider
``context_too_long``                           the next route that reads more
``calls_stopped`` of a provider or model       the next route of another provider, or the next one
an answer that was given, in whole or in part  nothing: it is paid for, and the caller may have read it
``canceled``, since the run has ended          nothing
everything else, ``content_filtered`` too      nothing: another route would be asked the same
=============================================  ==========================================================

The order is the router's: best score first, of learned routes the highest expected reward. A route whose measured
latency is longer than what is left of the deadline (``sla_ms``, else the attempt's time) is not tried. Every route that
is passed over has its reason.
"""

from collections.abc import Container, Mapping

from msgspec import Struct

from schemas.errors import StepError
from services.routing.choice import Candidate, Choice, Excluded, Reason

NO_CREDIT = "provider_no_credit"
TOO_LONG = "context_too_long"
RATE_LIMITED = "rate_limited"
CANCELED = "canceled"
STOPPED = "calls_stopped"
STREAMED = "streamed"


class Failure(Struct, frozen=True):
    """A try that failed: its route, its error, and whether the provider gave an answer all the same."""

    route: str
    error: StepError
    answered: bool = False


class Limits(Struct, frozen=True, kw_only=True):
    """What a next try may take. ``left_ms`` is what is left until the deadline.

    ``measured_ms`` are latencies of routes that were measured, ``tried`` the routes that were tried before.
    """

    left_ms: float
    measured_ms: Mapping[str, float] = {}
    tried: Container[str] = ()


def may_fall_back(failure: Failure, left_ms: float) -> bool:
    """Return whether another route may be tried after a failure, see the table of this module."""
    error = failure.error
    if failure.answered or error.code == CANCELED or STREAMED in error.details:
        return False
    if error.code == RATE_LIMITED:
        return error.retry_after_ms is None or error.retry_after_ms > left_ms
    if error.code == STOPPED:
        return error.details.get("scope") in ("provider", "model")
    return error.retryable or error.code in (NO_CREDIT, TOO_LONG)


def next_routes(
    choice: Choice, failure: Failure | None, limits: Limits
) -> tuple[tuple[str, ...], tuple[Excluded, ...]]:
    """Return the routes that may be tried after a failure, or beside a call (``None``), in order, and the others."""
    left = [one for one in choice.in_order if one.route not in limits.tried]
    failed = None if failure is None else next((c for c in choice.candidates if c.route == failure.route), None)
    out = [
        Excluded(route=one.route, reason=found[0], detail=found[1])
        for one in left
        if (found := _unfit(one, failure, failed) or _too_slow(one, limits))
    ]
    excluded = {one.route for one in out}
    return tuple(one.route for one in left if one.route not in excluded), tuple(out)


def _unfit(one: Candidate, failure: Failure | None, failed: Candidate | None) -> tuple[Reason, str] | None:
    code = None if failure is None else failure.error.code
    if failure is not None and code == NO_CREDIT and _provider(one.route) == _provider(failure.route):
        return "no_credit", f"the account at {_provider(one.route)} has no credit"
    if failure is not None and code == STOPPED and _provider(one.route) == failure.error.details.get("target"):
        return "stopped", f"calls of provider {_provider(one.route)} were stopped"
    if failed is not None and code == TOO_LONG and one.context_tokens <= failed.context_tokens:
        return "context", f"it takes {one.context_tokens} tokens, {failed.route} takes {failed.context_tokens}"
    return None


def _too_slow(one: Candidate, limits: Limits) -> tuple[Reason, str] | None:
    measured = limits.measured_ms.get(one.route)
    if measured is None or measured <= limits.left_ms:
        return None
    return "too_slow", f"takes {measured:.0f} ms, {max(0.0, limits.left_ms):.0f} ms are left"


def _provider(route: str) -> str:
    return route.partition("/")[0]
