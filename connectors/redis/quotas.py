"""Quotas in Redis: one script takes the room of a call from all limits that apply, one corrects it after the answer.

Everything is in one slot, so that limits of any scope are taken together in a single round trip. The clock is the
server's, so that the clocks of processes do not matter.
"""

from collections.abc import Callable, Sequence

from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import QUOTAS
from connectors.redis.scripts import script
from schemas.errors import StepError
from schemas.limits.quotas import Ask, Limit, Made, Observed, Scope, Taken, Usage, Waiting
from schemas.spec.policy import Tier

_TAKE = script("quota_take")
_SETTLE = script("quota_settle")
_WAIT = script("quota_wait")
MINUTE_MS = 60_000
DAY_MS = 86_400_000
#: Room is taken so far ahead of its time, so that callers wait for it once and are punctual.
AHEAD_MS = 60
SHORTEST_MS = 5
#: The shares of an organisation's flows while a limit is short: bronze has a tenth beside one gold and one silver flow.
WEIGHTS: dict[Tier, int] = {"gold": 6, "silver": 3, "bronze": 1}
_SEPARATOR = "\x1f"
PAUSED = Limit("requests", "minute")

Debt = Callable[[Observed, int], float]
"""``(what a provider said, the minute in ms)`` to the units that calls must pause for."""


class RedisQuotas:
    """The quotas of all processes. ``debt`` judges what providers say. Methods raise ``Unavailable``.

    ``minute_ms`` is shorter in tests of providers whose minute is. ``now_ms`` replaces the server's clock there.
    """

    def __init__(
        self, redis: Redis, debt: Debt, minute_ms: int = MINUTE_MS, now_ms: Callable[[], float] | None = None
    ) -> None:
        self._take = redis.register_script(_TAKE)
        self._settle = redis.register_script(_SETTLE)
        self._wait = redis.register_script(_WAIT)
        self._debt = debt
        self._minute_ms = minute_ms
        self._now_ms = now_ms

    async def take(self, ask: Ask, scopes: Sequence[Scope], patience_ms: float) -> Taken | Waiting:
        """Take room, or say how long to wait for it and whether to come back then.

        Raises a final ``StepError`` ``quota_exceeded`` for a call that is larger than a limit.
        """
        flow = _SEPARATOR.join((ask.org_id, ask.workflow, str(WEIGHTS[ask.tier])))
        args: list[str | int | float] = [
            *self._times(),
            int(patience_ms),
            AHEAD_MS,
            *(ask.call_id, ask.ticket, ask.org_id, flow, WEIGHTS[ask.tier], ask.lasts_ms, len(scopes)),
        ]
        for scope in scopes:
            args += (scope.key, len(scope.limits))
            for limit in scope.limits:
                args += (limit.unit, limit.window, limit.most, ask.usage.of(limit.unit))
        with redis_errors(f"take the quota of {ask.call_id}"):
            reply = await self._take(keys=[QUOTAS], args=args)
        if reply[0] == b"go":
            return Taken(ask, tuple(scopes), int(reply[1]))
        if reply[0] == b"over":
            raise _too_large(ask, scopes[reply[1] - 1], reply[2] - 1, reply[3])
        scope = scopes[reply[2] - 1]
        limit = scope.limits[reply[3] - 1]._replace(most=reply[4]) if reply[3] else PAUSED
        back = bool(reply[5])
        # Who stays asks when its room can be taken ahead.
        wait_ms = reply[1] if back else max(SHORTEST_MS, reply[1] - AHEAD_MS / 2)
        return Waiting(wait_ms, scope, limit, back)

    async def waits(self, asked: Sequence[tuple[Scope, Usage]]) -> list[tuple[float, Limit]]:
        """Return how long a call that uses so much would wait in each scope, and for which limit. It takes no room.

        The time is negative for a call that is larger than the limit.
        """
        args: list[str | int | float] = [*self._times(), len(asked)]
        for scope, usage in asked:
            args += (scope.key, len(scope.limits))
            for limit in scope.limits:
                args += (limit.unit, limit.window, limit.most, usage.of(limit.unit))
        with redis_errors("read quotas"):
            reply = await self._wait(keys=[QUOTAS], args=args)
        return [
            (wait_ms, scope.limits[number - 1]._replace(most=most) if number else PAUSED)
            for (scope, _), (wait_ms, number, most) in zip(asked, reply, strict=True)
        ]

    async def settle(self, taken: Taken, made: Made) -> None:
        """Correct the room that a call took by what became of it."""
        ask, observed = taken.ask, {one.unit: one for one in made.observed}
        args: list[str | int | float] = [*self._times(), ask.call_id, len(taken.scopes)]
        for scope in taken.scopes:
            learns = any(limit.most == 0 for limit in scope.limits)
            args += (scope.key, made.blocked_ms if learns else 0, len(scope.limits))
            for limit in scope.limits:
                more = made.used.of(limit.unit) - ask.usage.of(limit.unit)
                seen = observed.get(limit.unit) if learns and limit.window == "minute" else None
                said = (seen.most, self._debt(seen, self._minute_ms)) if seen is not None else (0, 0)
                args += (limit.unit, limit.window, limit.most, more, *said)
        with redis_errors(f"settle the quota of {ask.call_id}"):
            await self._settle(keys=[QUOTAS], args=args)

    def _times(self) -> tuple[str | float, int, int]:
        return ("" if self._now_ms is None else self._now_ms(), self._minute_ms, DAY_MS)


def _too_large(ask: Ask, scope: Scope, index: int, most: int) -> StepError:
    limit = scope.limits[index]._replace(most=most)
    needed = ask.usage.of(limit.unit)
    return StepError(
        "quota_exceeded",
        f"quota {scope.name}: the call needs {needed} {limit.unit.replace('_', ' ')} and the limit is {limit.name}; "
        "lower max_tokens, shorten the prompt or raise the limit",
        details={"scope": scope.name, "limit": limit.name, "needed": str(needed)},
    )
