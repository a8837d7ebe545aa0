"""Before step 3: a call that a budget has no room for is served a tier below, where that budget says so."""

from msgspec import structs

from schemas.errors import StepError
from schemas.spec.policy import TIERS, Tier
from services.calls.call import Answer, Call, Proceed


class NoRoom(StepError):
    """A budget has no room for the call, and wants it stepped down rather than refused."""


class StepDown:
    """Asks the stages after it again, one tier below, as long as a budget that steps down refuses.

    Nothing was done by then: no money is held and nobody was asked. Raises the refusal when there is no tier below, and
    when that has no route for the call.
    """

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        try:
            return await proceed(call)
        except NoRoom as refused:
            below = tier_below(call)
            if below is None:
                raise
            stepped = structs.replace(call, tier=below, asked_tier=call.asked_tier or call.tier)
            try:
                return await self(stepped, proceed)
            except StepError as exc:
                raise (refused if exc.code == "no_route" else exc) from exc


def tier_below(call: Call) -> Tier | None:
    """Return the tier that a call steps down to; ``None`` for the lowest, and for a route that the caller fixed."""
    lower = TIERS[TIERS.index(call.tier) + 1 :]
    return lower[0] if lower and call.pinned.model is None and call.pinned.provider is None else None
