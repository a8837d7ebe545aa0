"""Kills of processes by SIGKILL in the middle of the work, each started again at once."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from bench.lines import BenchError
from deploy.local.engines.engine import Engine
from deploy.local.roles import RoleProcess, RoleStartError
from deploy.local.system import System

VICTIMS = ("worker", "orchestrator", "api", "redis")
NO_STRIKES: Mapping[str, Callable[[System], None]] = {}
PAUSE_S = (0.4, 1.6)
SERVES_WITHIN_S = 90.0
_POLL_S = 0.2


def kill_while(
    system: System,
    going_on: Callable[[], bool],
    kills: int,
    chance: random.Random,
    victims: Sequence[str] = VICTIMS,
    strikes: Mapping[str, Callable[[System], None]] = NO_STRIKES,
) -> Counter[str]:
    """Kill the victims in turns of a random order, so many times, and start again what ends until the work is done.

    A victim of ``strikes`` is struck by its function. More kills would only let a busy machine start processes and do
    nothing else. Call it in the thread that started the system: processes end with the thread that started them.
    """
    killed: Counter[str] = Counter()
    while killed.total() < kills:
        for victim in chance.sample(victims, min(len(victims), kills - killed.total())):
            time.sleep(chance.uniform(*PAUSE_S))
            keep_up(system)
            strikes.get(victim, partial(_kill, victim=victim))(system)
            killed[victim] += 1
    while going_on():
        keep_up(system)
        time.sleep(_POLL_S)
    return killed


def _kill(system: System, victim: str) -> None:
    process = system.roles[victim] if victim in system.roles else system.stack.engine("redis")
    if isinstance(process, Engine):
        process.kill()
        process.launch()
        process.wait_ready()
        return
    # One that has not begun to serve since its last kill would never do so on a busy machine.
    _serving(system, victim)
    process.kill()
    process.launch()


def _serving(system: System, name: str) -> None:
    """Wait until a process serves, and start it again if it ended by itself. Raises ``BenchError``."""
    process, deadline = system.roles[name], time.monotonic() + SERVES_WITHIN_S
    while time.monotonic() < deadline:
        if process.pid is None:
            process.launch()
        if system.api_serves() if name == "api" else _is_ready(process):
            return
        time.sleep(_POLL_S)
    raise BenchError(f"{name} does not serve {SERVES_WITHIN_S:.0f} s after it was started: {process.log_tail()}")


def _is_ready(process: RoleProcess) -> bool:
    try:
        process.wait_ready(timeout_s=_POLL_S)
    except RoleStartError:
        return False
    return True


def keep_up(system: System) -> None:
    """Start again what ended by itself while its engine was away."""
    for process in system.roles.values():
        if process.pid is None:
            process.launch()
