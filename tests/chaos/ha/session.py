"""A session of ``tests.chaos`` whose faults are losses of servers that have replicas."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from deploy.local.engines.cluster_stack import RedisKind
from deploy.local.engines.progress import Progress
from tests.chaos import workflows
from tests.chaos.ha.rounds import Rounds
from tests.chaos.ha.site import HaSystem
from tests.chaos.hands import Hands
from tests.chaos.plan import Fault
from tests.chaos.session import Options, Session
from tests.chaos.stack import LoadedSystem

#: Between two faults of a lane, for work to go on.
BREATH_S = 2.0


class HaSession(Session):
    """Plays rounds of losses in ``data_dir``."""

    def __init__(self, options: Options, data_dir: Path, say: Progress, rounds: Rounds, redis: RedisKind) -> None:
        self._rounds = rounds
        self._redis = redis
        super().__init__(options, data_dir, say)

    def _made(self, data_dir: Path) -> LoadedSystem:
        chained = workflows.is_chained(self._options.seed)
        self._site = HaSystem(data_dir, progress=self._say, chain_steps=chained, redis=self._redis)
        return self._site

    async def _carry_out(self, hands: Hands) -> None:
        watch = asyncio.create_task(hands.keep_up())
        try:
            async with asyncio.TaskGroup() as lanes:
                for faults in self._rounds.lanes().values():
                    lanes.create_task(self._lane(hands, faults))
        finally:
            watch.cancel()

    async def _lane(self, hands: Hands, faults: Sequence[Fault]) -> None:
        for fault in faults:
            await hands.strike(fault)
            await self._site.whole()
            await asyncio.sleep(BREATH_S)
