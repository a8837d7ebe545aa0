"""One run of chaos, from the start of the engines to the verdict."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from deploy.local.engines.progress import Progress
from deploy.local.system import ORG
from tests.chaos import plan, workflows
from tests.chaos.hands import Hands
from tests.chaos.load import Ends, Load, loaded
from tests.chaos.money import bill
from tests.chaos.pauses import longest, pauses, slowest
from tests.chaos.stack import TARGETS, ChaosSystem
from tests.chaos.turns import over_limits, places_kept
from tests.chaos.verdict import Verdict, judge
from tests.support.checker import Checker, settlements

HEARTBEAT_S = 10.0
#: Before the first fault there is time for runs to get in flight, and after the last one to show how work goes on.
FILL_S = 6.0
CALM_S = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for. ``settle_s`` bounds the wait for what is in flight, and then that for the last rows."""

    seed: int
    minutes: float
    in_flight: int = 300
    settle_s: float = 180.0

    @property
    def faults_s(self) -> float:
        """How long faults strike."""
        return self.minutes * 60 - FILL_S - CALM_S


class Session:
    """Plays one seed in ``data_dir``, which is left as it is for a look."""

    def __init__(self, options: Options, data_dir: Path, say: Progress) -> None:
        self._options = options
        self._say = say
        self._system = ChaosSystem(data_dir, progress=say)

    def play(self) -> Verdict:
        """Start everything, let faults strike, settle, check, stop. Raises ``EngineError``, ``KeyboardInterrupt``."""
        with self._system as system:
            with system.client() as client:
                workflows.register(client, limited=workflows.is_limited(self._options.seed))
            return asyncio.run(self._play())

    async def _play(self) -> Verdict:
        options, system = self._options, self._system
        self._clock = time.monotonic()
        hands = Hands(system, self._said)
        faults = plan.draw(options.seed, options.faults_s, TARGETS)
        async with (
            loaded(
                options.seed,
                options.in_flight,
                system.endpoints.kafka_bootstrap,
                system.partitions,
                system.api_url,
                system.api_key,
            ) as (load, ends),
            asyncio.TaskGroup() as group,
        ):
            beat = group.create_task(self._heartbeat(load, ends, hands))
            running = group.create_task(load.run())
            await load.full(FILL_S)
            self._said(f"{load.open} runs are in flight; faults strike from now on")
            await hands.carry_out(faults)
            keeper = group.create_task(hands.keep_up())
            await asyncio.sleep(CALM_S)
            to_ms = time.time_ns() // 1_000_000
            load.stop()
            await running
            settled_at = time.monotonic()
            self._said("no more faults, no more submissions; waiting for what is in flight")
            await load.all_ended(options.settle_s)
            settle_s = time.monotonic() - settled_at
            self._said(f"{load.open} runs are open after {settle_s:.1f} s; checking")
            verdict = await self._judged(load, hands, to_ms, settle_s)
            for task in (beat, keeper):
                task.cancel()
        return verdict

    async def _judged(self, load: Load, hands: Hands, to_ms: int, settle_s: float) -> Verdict:
        options, system = self._options, self._system
        checker = Checker(system.endpoints, system.partitions, ORG, load.accepted)
        report = await checker.settled(options.settle_s)
        seen = checker.seen
        async with httpx.AsyncClient(base_url=system.model_url, trust_env=False, timeout=30) as model:
            calls = (await model.get("/calls")).json()["by_key"]
            answers = (await model.get("/billed")).json()["by_key"]
        settled = settlements(seen.costs)
        found = await asyncio.to_thread(pauses, seen.submitted, seen.result_times, hands.done, to_ms)
        spent = sum(c.amount_nano for c in settled.values() if c.workflow_name == workflows.CAPPED)
        over = await asyncio.to_thread(
            over_limits, system.endpoints.kafka_bootstrap, workflows.is_limited(options.seed)
        )
        kept = await asyncio.to_thread(places_kept, system, options.settle_s)
        return judge(
            seed=options.seed,
            minutes=options.minutes,
            report=report,
            seen=seen,
            bill=bill(answers, settled.values()),
            calls=calls,
            longest=longest(found),
            slowest=slowest(found),
            over_cap=max(0, spent - workflows.CAP_NANO),
            settle_s=settle_s,
            answers=load.answers,
            faults=hands.done,
            ended_by_themselves=hands.ended_by_themselves,
            odd=load.odd,
            refused=load.refused,
            turns=[*over, *kept],
        )

    async def _heartbeat(self, load: Load, ends: Ends, hands: Hands) -> None:
        before = 0
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            ended = len(ends.by_run)
            rate, before = (ended - before) / HEARTBEAT_S, ended
            under_way = ", ".join(" ".join(str(fault).split()) for fault in hands.under_way) or "none"
            self._said(
                f"{load.open} in flight, {len(load.accepted):,} accepted, {ended:,} ended ({rate:.0f}/s); "
                f"faults under way: {under_way}"
            )

    def _said(self, message: str) -> None:
        self._say(f"{time.monotonic() - self._clock:7.1f} s  {message}")
