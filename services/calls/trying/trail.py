"""What the tries of one call have led to so far, and what a next try may take.

Each try is a call of its own: it has its own id, idempotency key, span, hold, ``ProviderCall`` and settlement, so the
money of each is right whatever becomes of the others. A process that is killed between two tries leaves the first
one's hold to be presumed, as for any call whose ledger was lost, and nothing of the second; a repeat of the attempt
has another call id, hence other ids for all of its tries (``tests/unit/services/calls/test_tries.py``).
"""

from collections.abc import Iterable

from msgspec import structs

from connectors.ports.engine import Clock
from connectors.providers.deltas import Piece, UsageDelta
from schemas.errors import StepError
from schemas.ids import try_id, try_idempotency_key, try_span_id
from schemas.records.money import ProviderCall
from services.calls.answers.streamed import OnDelta
from services.calls.call import Call, Trial
from services.calls.route_choice import learn, outcome_of, prompt_of
from services.routing.choice import Choice, Excluded
from services.routing.fallback import Failure, Limits
from services.routing.router import Route, Router


class Trail:
    """The tries of a call that was routed by ``choice``."""

    def __init__(self, call: Call, choice: Choice, router: Router, clock: Clock) -> None:
        self.call = call
        self.choice = choice
        self.failures: list[Failure] = []
        self.skipped: dict[str, Excluded] = {}
        self._router = router
        self._clock = clock
        self._started_ms = clock.now_ms()
        self._costs_before = len(call.ledger.costs)
        self._tries: list[Call] = []
        self._shown = ""

    @property
    def tried(self) -> set[str]:
        """The routes that were tried."""
        return {name_of(one.route) for one in self._tries}

    @property
    def fallbacks(self) -> int:
        """How many tries followed a failure."""
        return sum(one.trial.kind == "fallback" for one in self._tries)

    @property
    def made(self) -> bool:
        """Whether a provider was asked, so that the ledger must not be lost."""
        return any(self.record(one) is not None for one in self._tries)

    @property
    def time_left_s(self) -> float:
        """What is left of the time of the attempt."""
        return self.call.timeout_s - (self._clock.now_ms() - self._started_ms) / 1000

    @property
    def left_ms(self) -> float:
        """What is left until the deadline: ``sla_ms``, else the end of the attempt's time."""
        left = self.time_left_s * 1000
        if self.call.sla_ms is None:
            return left
        return min(left, self.call.sla_ms - (self._clock.now_ms() - self._started_ms))

    def limits(self, routes: Iterable[str]) -> Limits:
        """Return what a next try may take."""
        found = {route: self._router.measured(self.call.org_id, prompt_of(self.call), route) for route in routes}
        measured = {route: one.mean_ms for route, one in found.items() if one is not None}
        return Limits(left_ms=self.left_ms, measured_ms=measured, tried=self.tried | set(self.skipped))

    def begin(self, one: Call) -> Call:
        """Note a try that is about to be made, and return it."""
        self._tries.append(one)
        return structs.replace(one, on_delta=self._gate(one.call_id, one.on_delta)) if one.watched else one

    def _gate(self, call_id: str, listener: OnDelta | None) -> OnDelta | None:
        """Return a listener that gets the pieces of this try, unless those of another one are out already."""
        if listener is None:
            return None

        async def look(delta: Piece | UsageDelta) -> None:
            self._shown = self._shown or call_id
            if self._shown == call_id:
                await listener(delta)

        return look

    def another(self, route: str, trial: Trial, held_nano: int = 0) -> Call:
        """Return a further try. ``held_nano`` is what a try beside it may cost."""
        call, number, to = self.call, len(self._tries), Route(*route.split("/", 1))
        spent = sum(cost.amount_nano for cost in call.ledger.costs[self._costs_before :])
        return structs.replace(
            call,
            call_id=try_id(call.call_id, number),
            idempotency_key=try_idempotency_key(call.idempotency_key, number, route),
            trace=structs.replace(call.trace, span_id=try_span_id(call.trace.span_id, number)),
            route=to,
            trial=structs.replace(trial, number=number, skipped=tuple(self.skipped.values())),
            timeout_s=max(0.0, self.time_left_s),
            cap_nano=None if call.cap_nano is None else max(0, call.cap_nano - spent - held_nano),
        )

    def fail(self, one: Call, error: StepError) -> Failure:
        """Note how a try failed."""
        made = self.record(one)
        failure = Failure(name_of(one.route), error, made is not None and made.outcome == "ok")
        self.failures.append(failure)
        return failure

    def record(self, one: Call) -> ProviderCall | None:
        """Return the request that a try led to, if it led to one."""
        return next((made for made in self.call.ledger.calls if made.call_id == one.call_id), None)

    def error(self) -> StepError:
        """Return the error of a call whose tries all failed: the first that is worth a retry, else the first."""
        first = next((one for one in self.failures if one.error.retryable), self.failures[0])
        others = [f"{one.route}: {one.error.code}" for one in self.failures if one is not first]
        if others:
            first.error.details = first.error.details | {"other_routes": ", ".join(others)}
        return first.error

    def learn(self, answered: Call | None) -> None:
        """Book the outcomes to learn from. The try that ended the call is its decision, which scores will name."""
        made = [(one, record) for one in self._tries if (record := outcome_of(one)) is not None]
        if not made:
            return
        last = made[-1][0] if answered is None else answered
        for one, record in made:
            decision = one.origin.request_id if one.call_id == last.call_id else one.call_id
            learn(one, self.choice, record, decision)


def name_of(route: Route) -> str:
    """Return ``provider/model``."""
    return f"{route.provider}/{route.model}"
