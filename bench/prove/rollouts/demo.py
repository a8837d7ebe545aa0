"""Line of the area ``rollouts``: the canary of ``make demo``, which its scores roll back."""

import asyncio
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_most
from deploy.local.engines.progress import Progress
from deploy.local.samples.rollout import Rollback, run_rollout
from deploy.local.samples.runs import SampleError
from deploy.local.system import System

TIMES = 3

AIMS = (Aim("demo_rollback_s", "s", at_most(20), at_most(20)),)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Roll a worse version out in a whole system, some times. Raises ``BenchError`` when one of them stays."""
    times = 1 if quick else TIMES
    progress(f"rollouts: the demo's canary, {times} times")
    with (
        tempfile.TemporaryDirectory(prefix="agentflow-rollouts-") as folder,
        System(Path(folder), durable=False, progress=progress) as system,
    ):
        try:
            found = [_rolled_back(system, number) for number in range(times)]
        except SampleError as exc:
            raise BenchError(str(exc)) from exc
    note = f"after {', '.join(str(one.runs) for one in found)} runs, half of them of the canary"
    return [Line("demo_rollback_s", "s", tuple(one.seconds for one in found), note)]


def _rolled_back(system: System, number: int) -> Rollback:
    console = Console(file=io.StringIO())
    return asyncio.run(run_rollout(system.api_url, system.api_key, console, generation=number))
