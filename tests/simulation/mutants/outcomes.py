"""Wrong edits of what results, retries, timeouts, signals and ends of children do to a run."""

from tests.simulation.mutants.planting import Mutant

RUNS = "streams.core.runs"

MUTANTS = (
    Mutant(
        "one_attempt_too_many",
        RUNS,
        "wanted and attempt < retries.max_attempts",
        "wanted and attempt <= retries.max_attempts",
        "a step has as many attempts as its policy says",
    ),
    Mutant(
        "one_attempt_too_few",
        RUNS,
        "wanted and attempt < retries.max_attempts",
        "wanted and attempt < retries.max_attempts - 1",
        "a step has as many attempts as its policy says",
    ),
    Mutant(
        "final_errors_are_retried",
        RUNS,
        "return error.retryable and wanted",
        "return wanted",
        "an error that is for good is not tried again",
    ),
    Mutant(
        "retry_after_ignored",
        RUNS,
        "max(int(backoff), min(retry_after_ms or 0, MAX_RETRY_AFTER_MS))",
        "int(backoff)",
        "a retry waits as long as the error asks for",
    ),
    Mutant(
        "retry_costs_nothing",
        RUNS,
        '"cost_nano": step.cost_nano + event.cost_nano,',
        '"cost_nano": event.cost_nano,',
        "a step's cost is that of all of its attempts",
    ),
    Mutant(
        "outcome_paid_twice",
        RUNS,
        "        self.cost_nano += cost_nano\n",
        "        self.cost_nano += 2 * cost_nano\n",
        "an outcome is paid once",
    ),
    Mutant(
        "one_nano_off",
        RUNS,
        "        self.cost_nano += cost_nano\n",
        "        self.cost_nano += cost_nano + 1\n",
        "costs are exact",
    ),
    Mutant(
        "unfollowed_cost_dropped",
        RUNS,
        """    usage = event.usage
    turn.pay(event.cost_nano, usage)
""",
        "    usage = event.usage\n",
        "what a worker went on to by itself is paid, too",
    ),
    Mutant(
        "other_args_are_taken",
        RUNS,
        "if event.args_hash and event.args_hash != asked_for(turn, turn.node_of(step)):",
        "if False:",
        "an outcome that was made of another output than the recorded one is not taken",
    ),
    Mutant(
        "stale_timers_count",
        RUNS,
        "if step is None or step.timer != timer:",
        "if step is None:",
        "a timer counts only while its step waits for it",
    ),
    Mutant(
        "no_backstop",
        RUNS,
        "    if node.policy.timeout_ms is None:\n        return None, None\n",
        "    return None, None\n",
        "an attempt that nobody answers is given up in time",
    ),
    Mutant(
        "timeout_forgets_the_attempt",
        RUNS,
        '{"unsettled": (*step.unsettled, step.attempt), "finished_at_ms"',
        '{"unsettled": step.unsettled, "finished_at_ms"',
        "the cost of an attempt that timed out counts when it comes",
    ),
    Mutant(
        "cancel_forgets_the_attempt",
        RUNS,
        "unsettled=(*step.unsettled, step.attempt) if still_open else step.unsettled,",
        "unsettled=step.unsettled,",
        "the cost of an attempt that was canceled counts when it comes",
    ),
    Mutant(
        "signal_taken_twice",
        RUNS,
        "    if event.signal_id in turn.signals.ids:\n",
        "    if False:\n",
        "a run takes a signal once",
    ),
    Mutant(
        "signal_not_kept",
        RUNS,
        'return "early" if turn.signals.has_room(payload_size(event.payload)) else "one_too_many"',
        'return "one_too_many"',
        "a signal that nobody waits for yet is kept",
    ),
    Mutant(
        "kept_signal_stays",
        RUNS,
        "tuple(one for one in turn.signals.kept if one is not kept)",
        "turn.signals.kept",
        "a kept signal is given to one step",
    ),
    Mutant(
        "child_cost_dropped",
        RUNS,
        "    turn.children_nano += event.cost_nano\n    turn.disarm(step)\n",
        "    turn.disarm(step)\n",
        "what a child cost counts in its parent",
    ),
    Mutant(
        "child_cost_twice",
        RUNS,
        'whose cost was counted."""\n',
        'whose cost was counted."""\n    turn.children_nano += event.cost_nano\n',
        "what a child cost counts once",
    ),
    Mutant(
        "grandchildren_cost_nothing",
        RUNS,
        "cost_nano=turn.cost_nano + turn.children_nano,",
        "cost_nano=turn.cost_nano,",
        "what a child's children cost is told to its parent",
    ),
    Mutant(
        "child_without_cap",
        RUNS,
        "min((cap for cap in (turn.left_nano, child.max_cost_nano) if cap is not None), default=None)",
        "child.max_cost_nano",
        "a child may spend what is left of its parent's cap",
    ),
    Mutant(
        "deferral_asks_anew",
        RUNS,
        "ask_again(turn, step_id, step, step.attempt, step.deferral, ask)",
        "ask_again(turn, step_id, step, step.attempt + 1, step.deferral, ask)",
        "an attempt that was given back is the same attempt",
    ),
)
