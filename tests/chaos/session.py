"""One run of chaos, from the start of the engines to the verdict."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.engines.progress import Progress
from tests.chaos import plan, workflows
from tests.chaos.collect.collector import Collector, Sent
from tests.chaos.evidence import Evidence
from tests.chaos.hands import Hands
from tests.chaos.judge import judged
from tests.chaos.judges.violation import Violation
from tests.chaos.load import Ends, Load, loaded
from tests.chaos.pauses import longest, pauses, slowest
from tests.chaos.records import Strike
from tests.chaos.stack import TARGETS, ChaosSystem, LoadedSystem
from tests.chaos.verdict import Played, Verdict, pronounced

HEARTBEAT_S = 10.0
#: Before the first fault there is time for runs to get in flight, and after the last one to show how work goes on.
FILL_S = 6.0
CALM_S = 5.0
#: Between two readings of a system that is not at rest yet.
AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for. ``settle_s`` bounds the wait for what is in flight, and then that for the last rows.

    ``runs`` is how many are begun at most; ``tls`` encrypts every connection to the engines.
    """

    seed: int
    minutes: float
    in_flight: int = 300
    settle_s: float = 180.0
    runs: int | None = None
    tls: bool = False

    @property
    def faults_s(self) -> float:
        """How long faults strike."""
        return self.minutes * 60 - FILL_S - CALM_S


class Session:
    """Plays one seed in ``data_dir``, which is left as it is for a look."""

    def __init__(self, options: Options, data_dir: Path, say: Progress) -> None:
        self._options = options
        self._say = say
        self._system = self._made(data_dir)

    def _made(self, data_dir: Path) -> LoadedSystem:
        """Return the system, not yet started."""
        chained = workflows.is_chained(self._options.seed)
        return ChaosSystem(data_dir, progress=self._say, chain_steps=chained, tls=self._options.tls)

    async def _carry_out(self, hands: Hands) -> None:
        """Let faults strike; return when all are over."""
        await hands.carry_out(plan.draw(self._options.seed, self._options.faults_s, TARGETS))

    def play(self) -> Verdict:
        """Start everything, let faults strike, settle, check, stop. Raises ``EngineError``, ``KeyboardInterrupt``."""
        with self._system as system:
            with system.client() as client:
                self._keys = workflows.make_organisations(client, system.api_key)
            for org, key in self._keys.items():
                with system.client() as client:
                    client.headers["Authorization"] = f"Bearer {key}"
                    workflows.register(client, org, limited=workflows.is_limited(self._options.seed))
            return asyncio.run(self._play())

    async def _play(self) -> Verdict:
        options, system = self._options, self._system
        self._clock = time.monotonic()
        hands = Hands(system, self._said)
        async with (
            loaded(
                options.seed,
                options.in_flight,
                system.endpoints.kafka_bootstrap,
                system.partitions,
                system.api_url,
                self._keys,
                options.runs,
            ) as (load, ends),
            asyncio.TaskGroup() as group,
        ):
            beat = group.create_task(self._heartbeat(load, ends, hands))
            running = group.create_task(load.run())
            await load.full(FILL_S)
            self._said(f"{load.open} runs are in flight; faults strike from now on")
            await self._carry_out(hands)
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
        """Read and judge until nothing is found or time is up; then once more with what the API shows."""
        collector, sent = Collector(self._system, load.apis), self._sent(load, hands)
        deadline = time.monotonic() + self._options.settle_s
        while True:
            evidence = await collector.read(sent, whole=False)
            found = await asyncio.to_thread(judged, evidence)
            if not found or time.monotonic() > deadline:
                break
            await asyncio.sleep(AGAIN_S)
        evidence = await collector.read(sent, whole=True)
        found = await asyncio.to_thread(judged, evidence)
        return await asyncio.to_thread(self._pronounced, evidence, found, load, hands, to_ms, settle_s)

    def _pronounced(
        self,
        evidence: Evidence,
        found: Mapping[str, Sequence[Violation]],
        load: Load,
        hands: Hands,
        to_ms: int,
        settle_s: float,
    ) -> Verdict:
        results: dict[str, list[int]] = defaultdict(list)
        for event in evidence.events:
            if event.kind in ("succeeded", "failed"):
                results[event.run].append(event.at_ms)
        # A run without a result, such as one that only waits, shows no progress.
        submitted = {run: (e.at_ms, e.partition) for run, e in evidence.submitted.items() if results[run]}
        stood = pauses(submitted, results, hands.done, to_ms)
        played = Played(
            minutes=self._options.minutes,
            longest=longest(stood),
            slowest=slowest(stood),
            settle_s=settle_s,
            taken=load.taken,
            ended_by_themselves=hands.ended_by_themselves,
        )
        return pronounced(evidence, found, played)

    def _sent(self, load: Load, hands: Hands) -> Sent:
        seed, taken = self._options.seed, load.taken
        return Sent(
            seed=seed,
            limited=workflows.is_limited(seed),
            chained=workflows.is_chained(seed),
            expected=taken.expected,
            accepted=sorted(taken.accepted),
            refused=taken.refused,
            bad=taken.bad,
            canceled=sorted(taken.canceled),
            signaled=taken.signaled,
            budgets=workflows.budgets(),
            limits=workflows.limits(seed),
            strikes=[
                Strike(kind=done.fault.kind, target=done.fault.target, began_ms=done.began_ms, ended_ms=done.ended_ms)
                for done in hands.done
            ],
        )

    async def _heartbeat(self, load: Load, ends: Ends, hands: Hands) -> None:
        before = 0
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            ended = len(ends.by_run)
            rate, before = (ended - before) / HEARTBEAT_S, ended
            under_way = ", ".join(" ".join(str(fault).split()) for fault in hands.under_way) or "none"
            self._said(
                f"{load.open} in flight, {len(load.taken.accepted):,} accepted, {ended:,} ended ({rate:.0f}/s); "
                f"faults under way: {under_way}"
            )

    def _said(self, message: str) -> None:
        self._say(f"{time.monotonic() - self._clock:7.1f} s  {message}")
