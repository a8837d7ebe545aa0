"""Area ``prompts``: templates, labels, evaluations. Each module has ``AIMS`` and ``measure``, and a row here."""

from collections.abc import Sequence
from types import ModuleType

from bench.lines import Line
from bench.prove.area import Area
from bench.prove.prompts import labels, rendering
from deploy.local.engines.progress import Progress

PARTS: tuple[ModuleType, ...] = (rendering, labels)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Measure every part. Raises ``BenchError`` when one fails."""
    return [line for part in PARTS for line in part.measure(quick, progress)]


AREA = Area(
    "prompts",
    "prompts: templates, labels, evaluations",
    [aim for part in PARTS for aim in part.AIMS],
    measure,
    judged_when_quick=True,
)
