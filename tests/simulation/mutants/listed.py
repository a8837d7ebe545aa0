"""The mutants that a reading of the code found to be unseen."""

from tests.simulation.mutants.planting import Mutant

RUNS, TABLE = "streams.core.runs", "streams.runtime.table"

MUTANTS = (
    Mutant(
        "late_cost_dropped",
        RUNS,
        "    run.change(event.step_id, pay(run, event, step), unsettled=unsettled)\n",
        "    run.change(event.step_id, step, unsettled=unsettled)\n",
        "the cost of attempts that timed out or were canceled counts",
    ),
    Mutant(
        "repeat_pays_again",
        RUNS,
        '"unsettled" if event.attempt in step.unsettled else "settled"\n    if event.args_hash',
        '"unsettled"\n    if event.args_hash',
        "a repeat of an outcome pays nothing",
    ),
    Mutant(
        "any_attempt_is_taken",
        RUNS,
        "if not step.attempt_is_open or event.attempt != step.attempt:",
        "if not step.attempt_is_open:",
        "only the outcome of the open attempt is taken",
    ),
    Mutant(
        "cancel_ignored_later",
        RUNS,
        """    \"\"\"Cancel the run.\"\"\"
""",
        """    \"\"\"Cancel the run.\"\"\"
    if any(step.state == "succeeded" for _, step in run.steps()):
        return
""",
        "a cancel ends a run whatever its steps are at",
    ),
    Mutant(
        "restore_without_deadline",
        RUNS,
        "return entries.deadline(data)",
        "return None",
        "a restore arms the run's deadline",
    ),
    Mutant(
        "settled_for_a_second",
        "streams.core.budgets.fold",
        "now_ms + SETTLED_HORIZON_MS",
        "now_ms + 1_000",
        "a settlement is remembered for 45 days",
    ),
    Mutant(
        "corrected_in_its_own_window",
        "streams.core.budgets.fold",
        "shared = (field for field in presumed.fields if not counters.is_counter(field))",
        "shared = spend_fields(event.workflow_name, event.provider, event.model, event.booked_at_ms)",
        "a correction goes where the estimate went",
    ),
    Mutant(
        "cap_is_the_whole_budget",
        RUNS,
        "max(0, budget - self.cost_nano - self.children_nano)",
        "budget",
        "a request may spend what is left of its run's cap",
    ),
    Mutant(
        "lost_timers_fire",
        TABLE,
        "if now_due and owned.status is Status.READY:",
        "if now_due:",
        "timers of a lost partition do not fire",
    ),
    Mutant(
        "open_without_grace_after_restore",
        TABLE,
        "opens = now_ms + self._grace_ms if",
        "opens = now_ms if",
        "a restored table of budgets gives no holds for two leases",
    ),
    Mutant(
        "open_without_grace_after_an_older_dump",
        TABLE,
        "engine.clock.now_ms() + self._grace_ms))",
        "engine.clock.now_ms()))",
        "a table that went back to an older dump gives no holds for two leases",
    ),
)
