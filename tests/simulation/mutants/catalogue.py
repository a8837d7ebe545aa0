"""Every mistake that can be planted, by name."""

from tests.simulation.mutants import (
    admissions,
    audit,
    budgets,
    engine,
    flow,
    labels,
    listed,
    loops,
    outcomes,
    quality,
    rollouts,
    steps,
    subjects,
    traces,
)
from tests.simulation.mutants.classes import BUGS
from tests.simulation.mutants.planting import Mutant

_TABLES = (
    *(listed, outcomes, steps, loops, budgets, admissions, flow, engine, rollouts, quality, traces, audit, labels),
    subjects,
)
MUTANTS: dict[str, Mutant] = {mutant.name: mutant for table in _TABLES for mutant in table.MUTANTS}
#: Those that are planted by subclasses, and those that are edits.
ALL: tuple[str, ...] = (*BUGS, *MUTANTS)
