"""Attempts of which nobody knows how they ended: ``policy.on_unknown`` at work.

An attempt is *lost* when it was started before and that start left no outcome, since its worker died in it; its claim
counts the starts. It is *broken off* when its call ended without an answer, so it may have had its effect. ``retry``
makes it again in both cases. Otherwise a tool with a hook is asked (``reconcile``), and what is then still unknown
fails the step.
"""

from collections.abc import Awaitable, Callable

from connectors.redis.claims.leases import Granted
from connectors.tools import Done, NotDone, Reconciled, Unknown
from schemas.errors import StepError
from schemas.records.base import Json
from schemas.records.steps import StepRequest, ToolCall

CODE = "outcome_unknown"
LOST = "a worker began it and left no outcome"

Ask = Callable[[], Awaitable[Reconciled]]
"""Asks the attempt's tool what became of its call."""


async def settled(request: StepRequest, granted: Granted | None, ask: Ask, work: Callable[[], Awaitable[Json]]) -> Json:
    """Return the result of an attempt: of ``work``, or of an earlier call of it that the tool knows of.

    Raises what ``work`` raises, and a final ``StepError`` (``outcome_unknown``) when nobody can say.
    """
    if request.on_unknown == "retry" or granted is None:
        return await work()
    if granted.starts > 1:
        found = await _asked(request, ask, LOST)
        if isinstance(found, Done):
            return found.output
    try:
        return await work()
    except StepError as exc:
        if not _is_unknown(exc):
            raise
        found = await _asked(request, ask, str(exc))
        if isinstance(found, Done):
            return found.output
        raise


def _is_unknown(exc: StepError) -> bool:
    return exc.details.get("outcome") == "unknown" or exc.code == "timeout"


async def _asked(request: StepRequest, ask: Ask, why: str) -> Done | NotDone:
    """Return what the tool says. Raises ``StepError`` (``outcome_unknown``) when it cannot say, or is not asked."""
    if request.on_unknown == "reconcile" and isinstance(request.work, ToolCall):
        found = await ask()
        if not isinstance(found, Unknown):
            return found
        why = f"{why}; {found.reason}"
    raise StepError(
        CODE,
        f"nobody knows whether this attempt did its work ({why}); look for its idempotency key "
        f"{request.idempotency_key} where it would have worked, then restart the run from this step",
        details={"outcome": "unknown"},
    )
