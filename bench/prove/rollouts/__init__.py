"""Area ``rollouts``: how rollouts decide. Each module of lines has ``AIMS`` and ``measure``, and a row here."""

from collections.abc import Sequence
from types import ModuleType

from bench.lines import Line
from bench.prove.area import Area
from bench.prove.rollouts import assignment, decisions, demo, killed, optimise, statistics
from deploy.local.engines.progress import Progress

PARTS: tuple[ModuleType, ...] = (statistics, assignment, decisions, killed, demo, optimise)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Measure every part."""
    return [line for part in PARTS for line in part.measure(quick, progress)]


AREA = Area(
    "rollouts",
    "how rollouts of prompts decide: false rollbacks, power, assignment, recomputed decisions",
    [aim for part in PARTS for aim in part.AIMS],
    measure,
    judged_when_quick=False,
)
