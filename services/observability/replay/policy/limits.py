"""What refuses or delays calls in a lane: budgets by window, quotas by the minute, guards."""

from collections.abc import Sequence

from schemas.api_models.traces.policies import PolicyBudget, PolicyGuard, PolicyQuota
from schemas.budgets import Budget, Spender
from schemas.money import NANO_PER_DOLLAR
from services.observability.replay.policy.calls import RecordedCall, Route

_MINUTE_MS = 60_000


class Budgets:
    """Spend of a lane's budgets. A call is refused that would go over one; it is counted at its cost, not its hold."""

    def __init__(self, given: Sequence[PolicyBudget]) -> None:
        self._budgets = [_budget(number, one) for number, one in enumerate(given, start=1)]
        self._spent: dict[tuple[str, int], int] = {}

    def refuses(self, call: RecordedCall, route: Route, cost_nano: int) -> str:
        """Count a call; return the name of the budget that has no room for it, which counts nothing, or nothing."""
        if not self._budgets:
            return ""
        spender = Spender(
            call.workflow, route.provider, route.model, f"{call.workflow}/{call.node}", call.prompt, call.tags
        )
        found = [one for one in self._budgets if one.applies(spender)]
        keys = [(one.id, one.windows.start(call.at_ms)) for one in found]
        for one, key in zip(found, keys, strict=True):
            if self._spent.get(key, 0) + cost_nano > one.limit_nano:
                return one.id
        for key in keys:
            self._spent[key] = self._spent.get(key, 0) + cost_nano
        return ""


class Quotas:
    """Buckets of requests and tokens that fill by the minute, in the order of the calls."""

    def __init__(self, given: Sequence[PolicyQuota]) -> None:
        self._quotas = [_Quota(one) for one in given]

    def wait_ms(self, call: RecordedCall, route: Route) -> float | None:
        """Return how long a call waits for all quotas of its route; ``None``, taking nothing, if that is too long."""
        if not self._quotas:
            return 0.0
        mine = [one for one in self._quotas if one.applies(route)]
        tokens = call.usage.input_tokens + call.usage.output_tokens
        waits = [one.wait_ms(call.at_ms, tokens) for one in mine]
        if any(wait > one.given.max_wait_s * 1000 for wait, one in zip(waits, mine, strict=True)):
            return None
        for one in mine:
            one.take(tokens)
        return max(waits, default=0.0)


class Guard:
    """Refuses what reads too much."""

    def __init__(self, given: PolicyGuard) -> None:
        self._most = given.max_input_tokens

    def refuses(self, call: RecordedCall) -> bool:
        """Return whether a call is refused."""
        return self._most is not None and call.usage.input_tokens > self._most


class _Bucket:
    """Holds a minute's worth at most; it may owe, and what comes then waits."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._level = float(per_minute)
        self._at_ms: int | None = None

    def wait_ms(self, at_ms: int, amount: int) -> float:
        if self._at_ms is not None and at_ms > self._at_ms:
            filled = (at_ms - self._at_ms) * self._per_minute / _MINUTE_MS
            self._level = min(float(self._per_minute), self._level + filled)
        self._at_ms = at_ms if self._at_ms is None else max(self._at_ms, at_ms)
        return max(0.0, (amount - self._level) * _MINUTE_MS / self._per_minute)

    def take(self, amount: int) -> None:
        self._level -= amount


class _Quota:
    def __init__(self, given: PolicyQuota) -> None:
        self.given = given
        self._requests = None if given.requests_per_minute is None else _Bucket(given.requests_per_minute)
        self._tokens = None if given.tokens_per_minute is None else _Bucket(given.tokens_per_minute)

    def applies(self, route: Route) -> bool:
        return self.given.provider == route.provider and self.given.model in (None, route.model)

    def wait_ms(self, at_ms: int, tokens: int) -> float:
        requests = 0.0 if self._requests is None else self._requests.wait_ms(at_ms, 1)
        return max(requests, 0.0 if self._tokens is None else self._tokens.wait_ms(at_ms, tokens))

    def take(self, tokens: int) -> None:
        if self._requests is not None:
            self._requests.take(1)
        if self._tokens is not None:
            self._tokens.take(tokens)


def _budget(number: int, given: PolicyBudget) -> Budget:
    target = "" if given.target is None else f" {given.target}"
    return Budget(
        id=f"budget {number} ({given.scope}{target})",
        org_id="",
        name="",
        scope=given.scope,
        target=given.target,
        period=given.period,
        limit_nano=int(given.limit_usd * NANO_PER_DOLLAR),
        timezone=given.timezone,
    )
