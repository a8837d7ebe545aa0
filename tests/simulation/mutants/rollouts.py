"""Wrong edits of rollouts: what counts, in which order, and who decides."""

from tests.simulation.mutants.planting import Mutant

FOLD = "streams.core.deployments"

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
        "    if not (turn.head.by_hand and turn.head.status == status):",
        '    if turn.head.status == "running":',
        "a decision by hand wins over the statistics",
    ),
    Mutant(
        "exposed_after_the_end",
        FOLD,
        '    if turn.head.status != "running":\n        return [_count("late")]\n',
        "",
        "nothing counts after the end",
    ),
    Mutant(
        "restored_rollout_is_silent",
        FOLD,
        "return [] if decided is None else [Emit(decided)]",
        "return []",
        "a restored table emits its newest decision again",
    ),
    Mutant(
        "errors_of_stable_are_not_betted",
        FOLD,
        "return log(betted / ratio) if canary else log((1.0 - betted) / (1.0 - ratio))",
        "return log(betted / ratio) if canary else 0.0",
        "the brake compares with stable",
    ),
)
