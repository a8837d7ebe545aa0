"""Lines of the area ``flow`` for AgentDojo: attackers in what tools return, by simulation and through real runs."""

from collections.abc import Sequence

from bench.agentdojo import guarded, plain, simulated
from bench.lines import Line, NotThere
from bench.prove.area import Aim
from deploy.local.engines.progress import Progress

_PARTS = (simulated, plain, guarded)
AIMS: Sequence[Aim] = tuple(aim for part in _PARTS for aim in part.AIMS)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play the suites. Raises ``BenchError``; where the package cannot be installed there are no lines."""
    try:
        return [line for part in _PARTS for line in part.measure(quick, progress)]
    except NotThere as exc:
        progress(f"NOT MEASURED: {exc}")
        return []
