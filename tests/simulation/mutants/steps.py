"""Wrong edits of what runs, what is skipped, and what a run and its steps give."""

from tests.simulation.mutants.planting import Mutant

RUNS = "streams.core.runs"

MUTANTS = (
    Mutant(
        "any_waits_for_all",
        RUNS,
        """    if "taken" in edges:
        return "run"
    return "wait" if "open" in edges else "skip"
""",
        """    if "open" in edges:
        return "wait"
    return "run" if "taken" in edges else "skip"
""",
        "`any` runs as soon as one edge is taken",
    ),
    Mutant(
        "all_is_all_done",
        RUNS,
        """    if "untaken" in edges:
        return "skip"
""",
        "",
        "`all` skips when one edge is untaken",
    ),
    Mutant(
        "all_done_needs_one",
        RUNS,
        """    return "wait" if "open" in edges else "run"


JOINS""",
        """    return "wait" if "open" in edges else "run" if "taken" in edges else "skip"


JOINS""",
        "`all_done` never skips",
    ),
    Mutant(
        "untaken_counts_as_taken",
        RUNS,
        "taken = step.value is not None and chose(step.value.value, node.name)",
        "taken = step.value is not None",
        "a switch takes the edges that it chose",
    ),
    Mutant(
        "optional_ignored",
        RUNS,
        "    if not node.policy.optional:\n",
        "    if True:\n",
        "a run goes on without an optional step",
    ),
    Mutant(
        "condition_ignored",
        RUNS,
        "    if answer.holds:\n        return None\n    return f",
        "    return None\n    return f",
        "a condition that does not hold skips its step",
    ),
    Mutant(
        "wrong_item",
        RUNS,
        "return Items(len(value), lambda i: Near(value[i]))",
        "return Items(len(value), lambda i: Near(value[i - 1]))",
        "a child of a map has its own item",
    ),
    Mutant(
        "outputs_shifted_by_the_skipped",
        RUNS,
        "return run.child_output(child_step_id(node_id, position + before))",
        "return run.child_output(child_step_id(node_id, position))",
        "`skip` leaves out the places of failed children, and only those",
    ),
    Mutant(
        "last_child_is_not_awaited",
        RUNS,
        "return None if counts.ended < counts.total else _all_ended",
        "return None if counts.ended < counts.total - 1 else _all_ended",
        "a map ends with its last child",
    ),
    Mutant(
        "one_child_too_many",
        RUNS,
        "counts.open < node.most_open and has_room(run, node):",
        "counts.open <= node.most_open and has_room(run, node):",
        "no more children are open than may be",
    ),
    Mutant(
        "one_place_too_many",
        RUNS,
        "return most is None or run.open_steps < most or",
        "return most is None or run.open_steps <= most or",
        "no more steps are open than may be",
    ),
    Mutant(
        "unseen_forgotten",
        RUNS,
        "    if not node.early or own is None or not own.unseen:\n",
        "    if True:\n",
        "all attempts of a step see the same outputs",
    ),
    Mutant(
        "collected_error_without_code",
        RUNS,
        '{"error": {"code": step.error.code, "message": step.error.message}}',
        '{"error": {"code": step.error.message, "message": step.error.code}}',
        "`collect` gives the error in its place",
    ),
    Mutant(
        "skipped_gives_false",
        RUNS,
        '        if step.state != "succeeded":\n            return None\n        if step.total',
        '        if step.state != "succeeded":\n            return inline(False)\n        if step.total',
        "what was skipped gave null",
    ),
    Mutant(
        "deadline_without_end",
        RUNS,
        "run.deadline_ms = event.submitted_at_ms + min(given)",
        "run.deadline_ms = event.submitted_at_ms + max(given)",
        "the sooner deadline counts",
    ),
    Mutant(
        "deadline_from_the_first_event",
        RUNS,
        "run.deadline_ms = event.submitted_at_ms + min(given)",
        "run.deadline_ms = run.now_ms + 10 * min(given)",
        "a deadline counts from the submission",
    ),
    Mutant(
        "success_is_soon_past_the_deadline",
        RUNS,
        "run.now_ms > run.deadline_ms:",
        "run.now_ms > run.deadline_ms - 60_000:",
        "a run that ends shortly before its deadline succeeds",
    ),
    Mutant(
        "success_is_past_the_deadline",
        RUNS,
        "run.now_ms > run.deadline_ms:",
        "run.now_ms > run.header.submitted_at_ms:",
        "a run that ends before its deadline succeeds",
    ),
    Mutant(
        "wait_is_over_at_once",
        RUNS,
        "due_ms = run.now_ms + duration_ms if duration_ms is not None",
        "due_ms = run.now_ms if duration_ms is not None",
        "a wait takes its time",
    ),
    Mutant(
        "cancel_compensates_nothing",
        RUNS,
        'run.plan.on_cancel if run.status == "canceled" else ()',
        "()",
        "what is to run after a cancel runs",
    ),
    Mutant(
        "compensation_not_told_why",
        RUNS,
        '"run_error_code": error.code if error else ""',
        '"run_error_code": ""',
        "what runs after a failure is told why",
    ),
    Mutant(
        "restore_without_timers",
        RUNS,
        "return entries.armed(data) if field.startswith(STEP_PREFIX) else None",
        "return None",
        "a restore arms what its steps wait for",
    ),
    Mutant(
        "restore_asks_for_nothing",
        RUNS,
        '    if step.state == "running":\n        request(',
        "    if False:\n        request(",
        "a restore asks for what is open",
    ),
    Mutant(
        "agent_is_told_nothing",
        RUNS,
        "before = [_turn_before(run, agent_id, one) for one in range(1, number)]\n    work",
        "before = [_turn_before(run, agent_id, one) for one in range(1, number - 1)]\n    work",
        "an agent's turn is told what was said before",
    ),
)
