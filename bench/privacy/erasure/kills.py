"""Kills of processes by SIGKILL in the middle of the work, each started again at once."""

import random
import time
from collections import Counter
from collections.abc import Callable

from deploy.local.engines.engine import Engine
from deploy.local.system import System

VICTIMS = ("worker", "orchestrator", "api", "redis")
PAUSE_S = (0.4, 1.6)


def kill_while(system: System, going_on: Callable[[], bool], least: int, chance: random.Random) -> Counter[str]:
    """Kill the victims in turns of a random order while work is going on, ``least`` times at any rate.

    Call it in the thread that started the system: processes end with the thread that started them.
    """
    killed: Counter[str] = Counter()
    while going_on() or killed.total() < least:
        for victim in chance.sample(VICTIMS, len(VICTIMS)):
            if not going_on() and killed.total() >= least:
                break
            time.sleep(chance.uniform(*PAUSE_S))
            _kill(system, victim)
            killed[victim] += 1
    return killed


def _kill(system: System, victim: str) -> None:
    process = system.roles[victim] if victim in system.roles else system.stack.engine("redis")
    process.kill()
    process.launch()
    if isinstance(process, Engine):
        process.wait_ready()


def keep_up(system: System) -> None:
    """Start again what ended by itself while its engine was away."""
    for process in system.roles.values():
        if process.pid is None:
            process.launch()
