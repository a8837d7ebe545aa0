"""Lines of the area ``flow`` for submissions: what the layer costs those without a policy, and those with one."""

import asyncio
from collections.abc import Sequence

from bench.lines import BenchError, Line
from bench.policies.pinning import pinning_cost
from bench.prove.area import Aim, at_most, line_of
from deploy.local.engines.progress import Progress

AIMS = (
    Aim("submission_without_policy_us", "us", at_most(20), at_most(5)),
    Aim("submission_with_policy_us", "us", at_most(200), at_most(60)),
    Aim("submission_policy_queries", "queries", at_most(1), at_most(1)),
)
_TIMES, _QUICK_TIMES, _ROUNDS = 5_000, 500, 5


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Pin again and again. It needs no engines. Raises ``BenchError`` where nothing was pinned."""
    progress("policies: what a submission pays")
    times = _QUICK_TIMES if quick else _TIMES
    none = [asyncio.run(pinning_cost(times, active=False)) for _ in range(_ROUNDS)]
    some = [asyncio.run(pinning_cost(times, active=True)) for _ in range(_ROUNDS)]
    if any(one.pinned for one in none) or not all(one.pinned for one in some):
        raise BenchError("submissions pin a policy where there is none, or none where there is one")
    return [
        Line("submission_without_policy_us", "us", tuple(one.us for one in none), "of processor, in each submission"),
        Line("submission_with_policy_us", "us", tuple(one.us for one in some), "all packs, a workflow with 10 tools"),
        line_of(AIMS, "submission_policy_queries", max(one.queries for one in none), f"of {times} in one second"),
    ]
