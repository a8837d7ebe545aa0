"""Wrong edits of the money of organisations: settlements, windows, holds."""

from tests.simulation.mutants.planting import Mutant

FOLD = "streams.core.budgets.fold"
COUNTERS = "streams.core.budgets.counters"

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
        "provider_and_model_swapped",
        FOLD,
        "fields = spend_fields(event.workflow_name, event.provider, event.model,",
        "fields = spend_fields(event.workflow_name, event.model, event.provider,",
        "each dimension has its own spend",
    ),
    Mutant(
        "ledger_added_twice",
        COUNTERS,
        "== event.budget_id and not one.opened and",
        "== event.budget_id and",
        "what was spent before a budget was defined is added once",
    ),
    Mutant(
        "ledger_estimate_never_corrected",
        COUNTERS,
        "    if one.opened:\n        add(",
        "    if False:\n        add(",
        "an estimate that the ledger had is corrected in the counter",
    ),
    Mutant(
        "counter_of_a_removed_budget_stays",
        COUNTERS,
        "    state.drop(event.org_id, _entry(event.budget_id))\n",
        "    pass\n",
        "nothing is counted for a budget that is no more",
    ),
    Mutant(
        "hours_of_utc_everywhere",
        "schemas.windows",
        "(at_ms + _offset_ms(self.zone, at_ms)) % LENGTHS_MS",
        "at_ms % LENGTHS_MS",
        "windows are those of the budget's time zone",
    ),
    Mutant(
        "thresholds_reported_again",
        "streams.core.budgets.thresholds",
        "        if (threshold, soft) not in known\n        and",
        "        if",
        "each threshold is reported once per window",
    ),
    Mutant(
        "lost_reports_not_sent_again",
        FOLD,
        "return [] if entity.startswith(SETTLED_PREFIX) else list(thresholds.outstanding(state, entity))",
        "return []",
        "a report that was lost with its owner is sent by the next one",
    ),
)
