"""Area ``calls``: model calls. Each module of lines has ``AIMS`` and ``measure``, and a row here."""

from bench.prove.area import area_of
from bench.prove.calls import (
    batches,
    breakers,
    budgets,
    caches,
    hedges,
    money,
    optimizer,
    price_lists,
    prices,
    provider_faults,
    quotas,
    reconciliations,
    routes,
    run_costs,
)

PARTS = (
    prices,
    price_lists,
    reconciliations,
    routes,
    hedges,
    breakers,
    budgets,
    run_costs,
    money,
    quotas,
    optimizer,
    provider_faults,
    caches,
    batches,
)


AREA = area_of(
    "calls",
    "what model calls promise: prices, routing, budgets, quotas, caches, batches, true savings, faults of providers",
    PARTS,
    judged_when_quick=False,
)
