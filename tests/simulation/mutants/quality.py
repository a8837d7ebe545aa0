"""Wrong edits of quality: what counts, and what is said."""

from tests.simulation.mutants.planting import Mutant

FOLD = "streams.core.quality"

MUTANTS = (
    Mutant(
        "answer_counts_twice",
        FOLD,
        "        if state.get(answer, BEGUN) is not None:\n",
        "        if state.get(answer, BEGUN) == 2:\n",
        "a scorer's score of an answer counts once",
    ),
    Mutant(
        "restored_series_is_silent",
        FOLD,
        "found += [Emit(_event(group, field, change, reference)) for change in series.changes]",
        "pass",
        "a restored table sends its newest events again",
    ),
    Mutant(
        "change_is_not_kept",
        FOLD,
        "        changes=changes,\n",
        "        changes=series.changes,\n",
        "the newest change of a series is kept",
    ),
    Mutant(
        "event_by_time",
        FOLD,
        'id=f"{prompt}/{scorer}/{by}/{value}/{change.seen}"',
        'id=f"{prompt}/{scorer}/{by}/{value}/{change.at_ms}"',
        "an event's id is the same whenever it is sent",
    ),
)
