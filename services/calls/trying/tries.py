"""The tries of a call whose route was chosen: another route after a failure, or beside a call that is slow.

1. The chosen route is asked. If it is slower than 95% of its like, and the call may be hedged, a second try starts
   beside it; the first answer is taken, and the other try is broken off and settled (``services.calls.trying.race``).
2. After a failure that another route may cure (``services.routing.fallback``) the next one is asked, at most
   ``fallbacks`` times.
3. What was observed is reported and learned, once for each try.
"""

import asyncio
from collections.abc import Callable

from msgspec import structs

from connectors.ports.engine import Clock
from schemas.errors import StepError
from schemas.records.money import ProviderCall
from services.calls.call import Answer, Call, Proceed, Trial
from services.calls.cancellation import Cancellations
from services.calls.ports import PriceSource
from services.calls.route_choice import outcome_of, prompt_of
from services.calls.timeouts import Deferred
from services.calls.trying.race import Racer, first_answer, start, stop
from services.calls.trying.trail import Trail, name_of
from services.routing.choice import Choice, Excluded
from services.routing.fallback import CANCELED, Failure, may_fall_back, next_routes
from services.routing.hedging import Allowance
from services.routing.router import Ended, Router


class Tries:
    """Makes the tries of calls. ``tokens`` bounds the input of a call at its route."""

    def __init__(
        self, router: Router, prices: PriceSource, clock: Clock, aborts: Cancellations, tokens: Callable[[Call], int]
    ) -> None:
        self._router = router
        self._prices = prices
        self._clock = clock
        self._aborts = aborts
        self._tokens = tokens
        self._allowance = Allowance()

    async def answer(self, call: Call, choice: Choice, proceed: Proceed) -> Answer:
        """Return the answer of the first try that has one. Raises ``StepError``; ``Deferred`` if nothing was done."""
        trail = Trail(call, choice, self._router, self._clock)
        one: Call | None = self._sized(call)
        while one is not None:
            answer = await self._tried(trail, one, proceed)
            if answer is not None:
                return answer
            one = await self._next(trail)
        trail.learn(None)
        raise trail.error()

    async def _tried(self, trail: Trail, one: Call, proceed: Proceed) -> Answer | None:
        """Return the answer of a try, or of its hedge; ``None`` when the call may go on elsewhere."""
        racers: list[Racer] = []
        try:
            winner = await self._race(trail, one, proceed, racers)
        finally:
            await stop(racers)
        if winner is None:
            if self._continues(trail, racers):
                return None
            trail.learn(None)
            raise trail.error()
        answer, call = winner.task.result(), trail.call
        call.ledger.provider, call.ledger.model = winner.call.route
        call.ledger.finish_reason = answer.response.finish_reason
        trail.learn(winner.call)
        return structs.replace(answer, route=winner.call.route)

    async def _race(self, trail: Trail, one: Call, proceed: Proceed, racers: list[Racer]) -> Racer | None:
        """Return the try that answers first; ``None`` when all failed."""
        after_s = self._hedged_after_s(one)
        if after_s is not None:
            one = structs.replace(one, trial=structs.replace(one.trial, race_key=one.call_id))
        racers.append(start(lambda call: self._made(trail, call, proceed), trail.begin(one)))
        if after_s is not None and not (await asyncio.wait({racers[0].task}, timeout=after_s))[0]:
            most = self._estimate(one)
            if self._allowance.spend(most):
                hedge = await self._hedge(trail, one, after_s)
                racers.append(start(lambda call: self._made(trail, call, proceed), trail.begin(hedge)))
                winner = await first_answer(racers, self._aborts)
                self._allowance.give_back(most - await self._lost(trail, winner, racers))
                return winner
        return await first_answer(racers, self._aborts)

    async def _lost(self, trail: Trail, winner: Racer | None, racers: list[Racer]) -> int:
        """Return the cost of the tries that lost. That they took so long already is measured."""
        lost = [(one.call, made) for one in racers if one is not winner and (made := trail.record(one.call))]
        for call, made in lost:
            if winner is not None and made.error_code == "canceled":
                await self._router.report(self._ended(call, made, broken_off=True))
        return sum(made.cost_nano for _, made in lost)

    def _ended(self, one: Call, made: ProviderCall, *, broken_off: bool = False) -> Ended:
        failed = not broken_off and made.outcome != "ok"
        return Ended(one.org_id, prompt_of(one), name_of(one.route), failed, made.latency_ms, broken_off)

    async def _made(self, trail: Trail, one: Call, proceed: Proceed) -> Answer:
        """Make one try, and report how it ended to the router."""
        call = trail.call
        call.ledger.provider, call.ledger.model = one.route
        try:
            return await proceed(one)
        finally:
            made = outcome_of(one)
            if made is not None:
                if made.outcome == "ok":
                    self._allowance.earn(made.cost_nano)
                await self._router.report(self._ended(one, made))

    def _continues(self, trail: Trail, racers: list[Racer]) -> bool:
        """Note how the tries failed, and return whether another route may be asked. Raises ``Deferred``."""
        may = True
        for one, task in racers:
            exc = task.exception()
            if isinstance(exc, Deferred) and trail.made:
                route = name_of(one.route)
                trail.skipped[route] = Excluded(route=route, reason="quota", detail=exc.reason)
            elif isinstance(exc, StepError):
                may = self._may_go_on(trail, trail.fail(one, exc), one) and may
            elif exc is not None:
                raise exc
        return may

    def _may_go_on(self, trail: Trail, failure: Failure, one: Call) -> bool:
        if one.trial.number and trail.record(one) is None and failure.error.code != CANCELED:
            # No provider was asked, e.g. since no budget has room for this route: a cheaper one may do.
            return True
        if not trail.call.repeatable and failure.error.details.get("outcome") == "unknown":
            return False
        return may_fall_back(failure, trail.left_ms)

    async def _next(self, trail: Trail) -> Call | None:
        """Return the next try after a failure; ``None`` when there is none."""
        wish = trail.call.content.wish
        if wish is None or trail.fallbacks >= wish.fallbacks or trail.time_left_s <= 0:
            return None
        failure = trail.failures[-1]
        route = await self._route(trail, failure)
        if route is None:
            return None
        why = f"{failure.route}: {failure.error.code}"
        return self._sized(trail.another(route, Trial(kind="fallback", why=why)))

    async def _hedge(self, trail: Trail, one: Call, after_s: float) -> Call:
        """Return the try beside a slow one: at the next route, or at the same where there is no other."""
        route = await self._route(trail, None) or name_of(one.route)
        why = f"{name_of(one.route)} takes longer than {after_s * 1000:.0f} ms"
        hedge = trail.another(route, Trial(kind="hedge", why=why), self._estimate(one))
        return self._sized(structs.replace(hedge, trial=structs.replace(hedge.trial, race_key=hedge.call_id)))

    async def _route(self, trail: Trail, failure: Failure | None) -> str | None:
        """Return the next route that fits and whose breaker admits it; those that are passed over are noted."""
        routes = [one.route for one in trail.choice.candidates]
        able, out = next_routes(trail.choice, failure, trail.limits(routes))
        trail.skipped |= {one.route: one for one in out}
        for route in able:
            if await self._router.admit(route):
                return route
            trail.skipped[route] = Excluded(route=route, reason="unhealthy", detail="its breaker is open")
        return None

    def _hedged_after_s(self, one: Call) -> float | None:
        """Return when a call is hedged; ``None`` when it is not."""
        wish = one.content.wish
        # Two tries cannot give one caller their pieces.
        if wish is None or not wish.hedge or not one.repeatable or one.trial.number or one.delivers:
            return None
        measured = self._router.measured(one.org_id, prompt_of(one), name_of(one.route))
        return None if measured is None else self._allowance.hedged_after_ms(measured, self._estimate(one)) / 1000

    def _estimate(self, one: Call) -> int:
        most, now_ms = one.content.max_tokens, self._clock.now_ms()
        return self._prices.of(one.org_id, now_ms).estimate(*one.route, one.input_tokens, most, now_ms)

    def _sized(self, one: Call) -> Call:
        return structs.replace(one, input_tokens=self._tokens(one))
