"""Wrong edits of rollouts: what counts, in which order, and who decides."""

from tests.simulation.mutants.planting import Mutant

FOLD = "streams.core.deployments"
TESTS = "schemas.rollouts"

MUTANTS = (
    Mutant(
        "run_is_exposed_twice",
        FOLD,
        "known = known if known is not None and known.deployment_id == event.deployment_id else None",
        "known = None",
        "a run counts once, whatever comes twice",
    ),
    Mutant(
        "last_outcome_counts",
        FOLD,
        "    if one.ok is not None:\n        return one\n",
        "",
        "the first outcome of a run counts",
    ),
    Mutant(
        "outcomes_count_as_they_arrive",
        FOLD,
        "if one.ok is None and not _overdue(",
        "if one.ok is None and _overdue(",
        "outcomes count in the order of assignment",
    ),
    Mutant(
        "other_deployment_counts",
        FOLD,
        "if head is None or head.deployment_id != event.deployment_id:",
        "if head is None:",
        "records of another deployment change nothing",
    ),
    Mutant(
        "hand_loses_after_the_end",
        FOLD,
        "    if not (changes.head.by_hand and changes.head.status == status):",
        '    if changes.head.status == "running":',
        "a decision by hand wins over the statistics",
    ),
    Mutant(
        "exposed_after_the_end",
        FOLD,
        '    if changes.head.status != "running":\n        return [_count("late")]\n',
        "",
        "nothing counts after the end",
    ),
    Mutant(
        "restored_rollout_is_silent",
        FOLD,
        "return [] if decided is None else [Emit(decided), Emit(event_of(decided))]",
        "return []",
        "a restored table emits its newest decision again",
    ),
    Mutant(
        "errors_of_stable_are_not_betted",
        TESTS,
        "return log(betted / ratio) if canary else log((1.0 - betted) / (1.0 - ratio))",
        "return log(betted / ratio) if canary else 0.0",
        "the brake compares with stable",
    ),
)

RUNS = "streams.core.runs"

#: What runs with arms do wrong.
MUTANTS += (
    Mutant(
        "arm_outcome_is_said_for_each_step",
        RUNS,
        "if arm is not None and arm.deployment_id not in said and _is_outcome(step, event):",
        "if arm is not None and _is_outcome(step, event):",
        "a run has one outcome of an arm",
    ),
    Mutant(
        "arm_is_lost_in_child_runs",
        RUNS,
        "return [structs.replace(arm, run_id=arm.run_id or run.run_id) for arm in run.arms if arm.ref in refs]",
        "return []",
        "a child run has the arm of the run that started it",
    ),
    Mutant(
        "child_run_is_an_exposure_of_its_own",
        RUNS,
        "return [structs.replace(arm, run_id=arm.run_id or run.run_id) for arm in run.arms if arm.ref in refs]",
        "return [arm for arm in run.arms if arm.ref in refs]",
        "a run counts once, with all runs that it starts",
    ),
    Mutant(
        "failure_that_is_tried_again_is_an_outcome",
        RUNS,
        'return step.state == "failed" and isinstance(event, StepFailed) and event.exposed',
        "return isinstance(event, StepFailed) and event.exposed",
        "an outcome is what comes after the retries",
    ),
    Mutant(
        "withdrawn_canary_has_nothing_beside_it",
        RUNS,
        "        other=None if other is None else other.call,",
        "        other=None,",
        "the version that replaces a withdrawn canary travels with it",
    ),
    Mutant(
        "unrendered_failure_is_an_outcome",
        RUNS,
        "isinstance(event, StepFailed) and event.exposed",
        "isinstance(event, StepFailed)",
        "what nobody was exposed to has no outcome",
    ),
)
