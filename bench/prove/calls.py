"""Area ``calls``: model calls. Each module of lines has ``AIMS`` and ``measure``, and a row here."""

from collections.abc import Sequence

from bench.lines import Line
from bench.prove import optimizer, provider_faults, routes, run_costs
from bench.prove.area import Area
from deploy.local.engines.progress import Progress

PARTS = (routes, optimizer, run_costs, provider_faults)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Measure every part. Raises ``BenchError`` when one fails."""
    return [line for part in PARTS for line in part.measure(quick, progress)]


AREA = Area(
    "calls",
    "what model calls promise: routes that learn, savings that come true, caps and costs of runs, faults of providers",
    [aim for part in PARTS for aim in part.AIMS],
    measure,
    judged_when_quick=False,
)
