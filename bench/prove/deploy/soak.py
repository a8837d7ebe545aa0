"""Lines of the soak, twenty minutes of it: ``make soak`` is the whole. A quick one is of a minute, without growth."""

from collections.abc import Sequence

from bench.lines import Line
from bench.prove.area import Aim
from bench.soak.lines import AIMS as LINES
from bench.soak.lines import lines_of
from bench.soak.session import Plan, play
from deploy.local.engines.progress import Progress

AIMS: tuple[Aim, ...] = LINES
FULL, SHORT = Plan(20 * 60), Plan(60, probes=600, warm_s=10)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Soak. Raises ``BenchError`` when a run is lost or a process ends, ``EngineError`` when nothing starts."""
    progress(f"deploy: a soak of {(SHORT if quick else FULL).seconds / 60:.0f} minutes under limits of memory")
    return lines_of(play(SHORT if quick else FULL, progress))
