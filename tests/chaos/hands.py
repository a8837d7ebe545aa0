"""The hands that carry faults out, heal what they broke, and start again what ended by itself."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from deploy.local.engines.engine import Engine
from deploy.local.engines.errors import EngineStartError
from deploy.local.roles import RoleProcess
from tests.chaos.plan import Fault
from tests.chaos.stack import LoadedSystem, resume, suspend

Say = Callable[[str], None]
WATCH_S = 0.5
#: An engine that does not come back at once is started again; a log to be checked after a kill takes its time.
STARTS = 3
FLUSH_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Done:
    """A fault that was carried out, in milliseconds since the epoch."""

    fault: Fault
    began_ms: int
    ended_ms: int


class Hands:
    """Carries out a plan in the thread that made it: processes end with the thread that started them."""

    def __init__(self, system: LoadedSystem, say: Say) -> None:
        self._system = system
        self._say = say
        self._locks: dict[str, asyncio.Lock] = {}
        self._down: set[str] = set()
        self.done: list[Done] = []
        self.under_way: dict[Fault, int] = {}
        self.ended_by_themselves: Counter[str] = Counter()

    async def carry_out(self, plan: Sequence[Fault]) -> None:
        """Return when every fault was begun and is over."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self.keep_up())
            async with asyncio.TaskGroup() as faults:
                for fault in plan:
                    await asyncio.sleep(max(0.0, began + fault.at_s - time.monotonic()))
                    faults.create_task(self.strike(fault))
            watch.cancel()

    async def keep_up(self) -> None:
        """Start again whatever ends by itself, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_S)
            for name, process in self._system.roles.items():
                if process.pid is None and name not in self._down:
                    code = process.process.returncode if process.process else None
                    self.ended_by_themselves[name] += 1
                    self._say(f"{name} ended by itself with exit code {code}; it is started again")
                    process.launch()

    async def strike(self, fault: Fault) -> None:
        """Carry out one fault, and return when it is over."""
        async with self._locks.setdefault(fault.target, asyncio.Lock()):
            self._say(str(fault))
            began_ms = _now_ms()
            self.under_way[fault] = began_ms
            try:
                await self._do(fault)
            finally:
                del self.under_way[fault]
                self.done.append(Done(fault, began_ms, _now_ms()))

    async def _do(self, fault: Fault) -> None:
        match fault.kind:
            case "kill":
                await self._kill(fault)
            case "stop":
                await self._stop(fault)
            case "flush":
                await self._flush()
            case _:
                await self._disturb(fault)

    async def _kill(self, fault: Fault) -> None:
        name = fault.target
        self._down.add(name)
        try:
            # Found once: which server is the master may be another one afterwards.
            process = await asyncio.to_thread(self._system.find, name)
            await asyncio.to_thread(process.kill)
            await asyncio.sleep(fault.lasts_s)
            await self._start(process)
        finally:
            self._down.discard(name)

    async def _start(self, process: RoleProcess | Engine) -> None:
        """Start a process. A role is not waited for: it may well need an engine that is down now."""
        if not isinstance(process, Engine):
            process.launch()
            return
        for start in range(1, STARTS + 1):
            process.launch()
            try:
                await asyncio.to_thread(process.wait_ready)
                return
            except EngineStartError as exc:
                if start == STARTS:
                    raise
                self._say(f"{process.name} did not start, once more: {str(exc).splitlines()[0]}")

    async def _stop(self, fault: Fault) -> None:
        pid = self._system.pid_of(fault.target)
        suspend(pid)
        try:
            await asyncio.sleep(fault.lasts_s)
        finally:
            resume(pid)

    async def _flush(self) -> None:
        deadline = time.monotonic() + FLUSH_WITHIN_S
        redis = Redis.from_url(self._system.endpoints.redis_url, socket_timeout=2.0)
        try:
            while time.monotonic() < deadline:
                with suppress(RedisError, OSError):
                    await redis.flushall()
                    return
                await asyncio.sleep(0.2)
            self._say("Redis did not answer, so it was not emptied")
        finally:
            await redis.aclose()

    async def _disturb(self, fault: Fault) -> None:
        await self._system.disturb(fault.target, fault.kind, fault.amount)
        try:
            await asyncio.sleep(fault.lasts_s)
        finally:
            await asyncio.shield(self._system.heal(fault.target))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
