"""Wrong edits of the money of organisations: settlements, windows, holds."""

from tests.simulation.mutants.planting import Mutant

FOLD = "streams.core.budgets.fold"
CAPS = "streams.core.budgets.caps"

MUTANTS = (
    Mutant(
        "presumed_after_actual",
        FOLD,
        'if isinstance(known, Presumed) and event.kind == "actual":',
        "if isinstance(known, Presumed):",
        "an estimate that comes twice is booked once",
    ),
    Mutant(
        "never_corrected",
        FOLD,
        'if isinstance(known, Presumed) and event.kind == "actual":',
        "if False:",
        "the real cost takes the place of the estimate",
    ),
    Mutant(
        "corrected_on_top",
        FOLD,
        "event.amount_nano - presumed.amount_nano",
        "event.amount_nano",
        "a correction books the difference",
    ),
    Mutant(
        "hold_stays",
        FOLD,
        "return [ExpireAt(entity, now_ms + SETTLED_HORIZON_MS), _release(event)]",
        "return [ExpireAt(entity, now_ms + SETTLED_HORIZON_MS)]",
        "a settlement releases its hold",
    ),
    Mutant(
        "start_holds_nothing",
        FOLD,
        "    return [Hold(event)]\n",
        "    return []\n",
        "a call that started is held until it is settled",
    ),
    Mutant(
        "start_after_settlement",
        FOLD,
        "return _start(state, event) if known is None else []",
        "return _start(state, event)",
        "the start of a settled call is ignored",
    ),
    Mutant(
        "months_of_all_years_mixed",
        "schemas.budgets",
        'f"month:{at:%Y-%m}"',
        'f"month:{at:%m}"',
        "each window has its own spend",
    ),
    Mutant(
        "booked_when_folded",
        FOLD,
        "event.model, event.booked_at_ms)\n    _spend(",
        "event.model, now_ms)\n    _spend(",
        "a settlement books into the windows of its hold's time",
    ),
    Mutant(
        "expired_hold_is_not_reported",
        FOLD,
        "(_tell(state, event) if event.unreported else [])",
        "[]",
        "a run learns of settlements that no outcome reports",
    ),
    Mutant(
        "correction_is_not_reported",
        FOLD,
        "_reports(state, event, now_ms) + _tell(state, event)\n",
        "_reports(state, event, now_ms)\n",
        "a run learns of an actual cost that comes late",
    ),
    Mutant(
        "report_is_not_repeated",
        FOLD,
        "return [] if told is None else [Emit(told)]",
        "return []",
        "a restored table of budgets reports again",
    ),
    Mutant(
        "cap_counts_no_spend",
        FOLD,
        "expiries = caps.spend(state, event.caps, event.amount_nano, now_ms)",
        "expiries: list[Command] = []",
        "a settlement counts against the caps of its runs",
    ),
    Mutant(
        "cap_is_corrected_on_top",
        FOLD,
        "caps.correct(state, event.caps, difference)",
        "caps.correct(state, event.caps, event.amount_nano)",
        "a correction changes a cap by the difference",
    ),
    Mutant(
        "cap_is_freed_at_the_end",
        CAPS,
        "            state.put(entity, CAP_ENDED, now_ms)\n",
        "            state.put(entity, CAP_ENDED, now_ms)\n            state.put(entity, CAP_SPENT, 0)\n",
        "a cap holds what comes after its run's end, too",
    ),
    Mutant(
        "cap_is_not_held",
        "connectors.redis.holds",
        "    fields += [*call.counters, *map(cap_entity, call.caps)]\n",
        "    fields += [*call.counters]\n",
        "calls at the same moment cannot pass a cap together",
    ),
    Mutant(
        "child_counts_against_its_own_cap_only",
        "streams.core.runs.nodes.workflow",
        "        caps=turn.caps,\n",
        "",
        "a child counts against the caps of those that started it",
    ),
    Mutant(
        "provider_and_model_swapped",
        FOLD,
        "fields = spend_fields(event.workflow_name, event.provider, event.model,",
        "fields = spend_fields(event.workflow_name, event.model, event.provider,",
        "each dimension has its own spend",
    ),
)
