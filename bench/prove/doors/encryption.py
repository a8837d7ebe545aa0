"""Lines of encryption: what a run costs our processes on plain connections, and on encrypted ones.

Two whole systems, one after the other, with the same runs. The CPU is that of the roles and the API alone: what the
engines spend, and the process that encrypts in front of two of them, is not in it. Time that other programs take from
the machine is no CPU of ours, so a busy machine moves the ratio little.
"""

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median

from bench.lines import Line
from bench.plan import QUICK
from bench.prove.area import Aim, at_most, line_of
from bench.stage import Stage, on_stage
from deploy.local.engines.progress import Progress
from deploy.local.system import System

AIMS = (
    Aim("plain_cpu_ms_per_run", "ms of CPU"),
    Aim("encrypted_cpu_ms_per_run", "ms of CPU"),
    Aim("encryption_cost_ratio", "ratio", at_most(1.6), at_most(1.25)),
)
_line = partial(line_of, AIMS)
RUNS, SAMPLES = 600, 5


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Start a system twice, and measure. A quick run leaves it out: it takes a minute. Raises ``BenchError``."""
    if quick:
        progress("encryption: not measured in a quick run; `make prove AREA=doors` measures it")
        return []
    plain, encrypted = (_measured(tls, progress) for tls in (False, True))
    ratio = median(encrypted.samples) / median(plain.samples)
    note = f"median of {SAMPLES} samples of {RUNS} runs each, roles and API; one system after the other"
    return [plain, encrypted, _line("encryption_cost_ratio", ratio, note)]


def _measured(tls: bool, progress: Progress) -> Line:
    progress(f"encryption: runs on {'encrypted' if tls else 'plain'} connections")
    with tempfile.TemporaryDirectory() as home:
        system = System(Path(home), durable=False, progress=progress, tls=tls)
        (line,) = on_stage(system, QUICK, progress, partial(_sampled, tls))
        return line


async def _sampled(tls: bool, stage: Stage) -> list[Line]:
    samples = []
    for _ in range(SAMPLES):
        before = _own(stage)
        await stage.run_many(RUNS)
        await stage.settle()
        samples.append((_own(stage) - before) * 1000 / RUNS)
    return [_line("encrypted_cpu_ms_per_run" if tls else "plain_cpu_ms_per_run", samples)]


def _own(stage: Stage) -> float:
    """Return the CPU seconds of our own processes so far."""
    return sum(seconds for name, seconds in stage.cpu_seconds().items() if name in stage.system.roles)
