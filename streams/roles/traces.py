"""The traces role: deletes the traces that a policy does not keep after the ends of their runs, and those that are old.

The policy is looked at ``AFTER_MS`` after a run's end, when what comes late has come, for the runs of the hour before.
"""

from collections import defaultdict
from typing import Protocol

from connectors.clickhouse.trace_retention import TraceRetention
from connectors.ports.engine import Clock
from schemas.configuration.days import read_days
from schemas.money import from_cents
from schemas.settings import Settings
from services.observability.traces.sampling import TracePolicy
from streams.process.context import RoleContext
from streams.process.role import RoleApp, TickApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.poll import Partition

TICK_S = 60.0
#: Money of a worker that died comes when its hold has ended, which is two minutes by default.
AFTER_MS = 5 * 60_000
WINDOW_MS = 60 * 60_000
#: Old traces are looked for so often.
EXPIRE_EVERY_MS = 60 * 60_000


class Retention(Protocol):
    """Where traces are, see ``connectors.clickhouse.trace_retention``."""

    async def unkept(
        self, since_ms: int, until_ms: int, *, bound: int, dear_nano: int, slow_ms: int
    ) -> list[tuple[str, str]]:
        """Return organisation and trace of runs that ended in that time and that nothing keeps."""
        ...

    async def delete(self, org_id: str, traces: list[str]) -> None:
        """Delete traces of an organisation."""
        ...

    async def oldest(self, days: int) -> dict[str, bool]:
        """Return the organisations that have spans, and whether some are older than so many days."""
        ...

    async def expire(self, org_id: str, days: int) -> None:
        """Delete what began more than so many days ago."""
        ...


class TraceTicker:
    """Does what is due now."""

    def __init__(self, policy: TracePolicy, retention: Retention, clock: Clock) -> None:
        self._policy = policy
        self._retention = retention
        self._clock = clock
        self._expired_ms = 0

    def paused(self) -> dict[Partition, str]:
        """Return nothing: no partition is read."""
        return {}

    async def tick(self) -> None:
        """Delete what is not kept. Raises ``Unavailable``: the next tick looks at the same runs again."""
        now_ms = self._clock.now_ms()
        if self._policy.share < 1:
            await self._thin(now_ms - AFTER_MS)
        if now_ms - self._expired_ms >= EXPIRE_EVERY_MS:
            await self._expire()
            self._expired_ms = now_ms

    async def _thin(self, until_ms: int) -> None:
        policy = self._policy
        found = await self._retention.unkept(
            until_ms - WINDOW_MS,
            until_ms,
            bound=policy.bound,
            dear_nano=policy.dear_nano,
            slow_ms=policy.slow_ms,
        )
        traces: dict[str, list[str]] = defaultdict(list)
        for org_id, trace_id in found:
            traces[org_id].append(trace_id)
        for org_id, ids in traces.items():
            await self._retention.delete(org_id, ids)

    async def _expire(self) -> None:
        policy = self._policy
        for days in sorted({policy.days, *policy.days_of.values()}):
            for org_id, has_old in (await self._retention.oldest(days)).items():
                if has_old and policy.days_of.get(org_id, policy.days) == days:
                    await self._retention.expire(org_id, days)


def policy_of(settings: Settings) -> TracePolicy:
    """Return the policy that the settings say."""
    said = settings.traces
    return TracePolicy(
        share=said.share,
        dear_nano=from_cents(said.dear_cents),
        slow_ms=said.slow_ms,
        days=said.days,
        days_of=read_days(said.days_of),
    )


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    ticker = TraceTicker(policy_of(ctx.settings), TraceRetention(ctx.clickhouse()), ctx.clock)
    return TickApp(SPEC.name, ticker, TICK_S)


SPEC = RoleSpec(
    name="traces",
    summary="deletes traces that are old, or that no policy keeps",
    build=build,
    needs=(Dependency.CLICKHOUSE,),
)
