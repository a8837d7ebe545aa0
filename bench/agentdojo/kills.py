"""Workers that are killed every few seconds, while others do the work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.local.roles import RoleProcess
from deploy.local.system import System

EVERY_S = 5.0


class Kills:
    """How many workers were killed."""

    def __init__(self) -> None:
        self.count = 0


@asynccontextmanager
async def killing(system: System, every_s: float) -> AsyncIterator[Kills]:
    """Kill a worker every few seconds, in turn one of those that serve, and start it again at once.

    A machine that is busy takes longer than that to start one: then a turn is left out, as nothing would be done else.
    """
    kills = Kills()
    task = asyncio.create_task(_kill(system, kills, every_s))
    try:
        yield kills
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _kill(system: System, kills: Kills, every_s: float) -> None:
    waiting = [worker for name, worker in system.roles.items() if name.startswith("worker")]
    while True:
        await asyncio.sleep(every_s)
        worker = next((one for one in waiting if serves(one)), None)
        if worker is None:
            continue
        # Both are a matter of milliseconds, and a process ends with the thread that started it: this one.
        worker.kill()
        worker.launch()
        kills.count += 1
        waiting.remove(worker)
        waiting.append(worker)


def serves(worker: RoleProcess) -> bool:
    """Return whether a process has reported that it serves, since it was started last."""
    report = worker.log_path.with_suffix(".ready")
    return worker.pid is not None and report.exists() and report.read_bytes().endswith(b"\n")
