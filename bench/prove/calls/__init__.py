"""Area ``calls``: model calls. Each module of lines has ``AIMS`` and ``measure``, and a row here."""

from collections.abc import Sequence

from bench.lines import Line
from bench.prove.area import Area
from bench.prove.calls import (
    batches,
    breakers,
    budgets,
    caches,
    hedges,
    optimizer,
    price_lists,
    prices,
    provider_faults,
    quotas,
    reconciliations,
    routes,
    run_costs,
)
from deploy.local.engines.progress import Progress

PARTS = (
    prices,
    price_lists,
    reconciliations,
    routes,
    hedges,
    breakers,
    budgets,
    run_costs,
    quotas,
    optimizer,
    provider_faults,
    caches,
    batches,
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Measure every part. Raises ``BenchError`` when one fails."""
    return [line for part in PARTS for line in part.measure(quick, progress)]


AREA = Area(
    "calls",
    "what model calls promise: prices, routing, budgets, quotas, caches, batches, true savings, faults of providers",
    [aim for part in PARTS for aim in part.AIMS],
    measure,
    judged_when_quick=False,
)
