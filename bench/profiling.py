"""``python -m bench profile``: the CPU of a run in each role, and the functions that use it.

Every role runs in a process of its own. The first pass measures CPU without a profiler; in the second one every role
runs under ``cProfile``, which multiplies its CPU, so only the shares of its table mean something.
"""

import pstats
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.lines import Line, shown
from bench.measures import throughput
from bench.measures.growth import LAYOUT
from bench.measures.throughput import Load
from bench.plan import Sizes
from bench.stage import Stage, on_stage
from deploy.local.engines.progress import Progress
from deploy.local.roles import RoleProcess
from deploy.local.system import System

#: Functions of each role that are shown, by the time spent in them without what they call.
FUNCTIONS = 15


class ProfiledSystem(System):
    """A system whose roles write a profile to ``<data_dir>/<role>.prof`` when they are stopped."""

    def role(self, name: str, roles: Sequence[str], env: Mapping[str, str] | None = None) -> RoleProcess:
        """Return a process of roles under the profiler."""
        process = super().role(name, roles, env)
        process.argv = ["-m", "bench.profiled_role", str(self.profile(name)), *roles]
        return process

    def profile(self, name: str) -> Path:
        """Where a role's profile is."""
        return self.data_dir / f"{name}.prof"


def measure(data_dir: Path, sizes: Sizes, progress: Progress) -> tuple[list[Line], list[str]]:
    """Return the lines of CPU by role, and the functions as text. Raises ``BenchError`` and ``EngineError``."""
    load = Load(sizes.runs, sizes.runs_in_flight)

    async def by_role(stage: Stage) -> list[Line]:
        return throughput.lines(await throughput.rounds_of(stage, load), load)

    async def once(stage: Stage) -> list[Line]:
        await stage.run_many(load.runs)
        await stage.settle()
        return []

    plain = System(data_dir / "plain", durable=False, layout=LAYOUT, progress=progress, with_api=False)
    lines = on_stage(plain, sizes, progress, by_role)
    profiled = ProfiledSystem(data_dir / "profiled", durable=False, layout=LAYOUT, progress=progress, with_api=False)
    on_stage(profiled, sizes, progress, once)
    return lines, [row for name in LAYOUT for row in functions(name, profiled.profile(name))]


def functions(role: str, profile: Path) -> list[str]:
    """Return a role's most expensive functions: their share of its time, their calls, and their places."""
    found: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = vars(pstats.Stats(str(profile)))["stats"]
    busy = {where: (calls, own) for where, (_, calls, own, _, _) in found.items()}
    whole = sum(own for _, own in busy.values()) or 1.0
    rows = [f"# {role}: {shown(whole)} s of CPU under the profiler"]
    for (file, line, name), (calls, own) in sorted(busy.items(), key=lambda item: -item[1][1])[:FUNCTIONS]:
        where = f"{Path(file).name}:{line}" if line else "built in"
        rows.append(f"#   {own / whole:6.1%}  {calls:>9} calls  {name} ({where})")
    return rows
