"""Lines of root causes: injected faults named by step and kind, none in healthy runs, beside simple rules.

Weights and thresholds of ``services.observability.cause`` were tuned on the seeds of ``TUNED``; those of ``HELD_OUT``
were looked at to measure only. The injector (``bench.observability.faults``) acts at the providers, the tools and the
configuration of a model world, and the code that names causes cannot import it.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.lines import Line
from bench.observability.faults import FAULTS, FaultCase, fault_case, healthy_case
from bench.observability.world.running import WorldRun
from bench.observability.world.spans import recorded
from bench.prove.area import Aim, at_least, at_most, line_of
from deploy.local.engines.progress import Progress
from services.observability.cause.explain import Explanation, explain
from services.observability.cause.observed import ObservedRun, observed
from services.observability.diff.kinds import node_id_of

TUNED = range(17)
HELD_OUT = range(1_000, 1_017)
HEALTHY = 60
QUICK_SEEDS, QUICK_HEALTHY = 2, 6

AIMS = (
    Aim("cause_step_top1_pct", "%", at_least(85), at_least(95)),
    Aim("cause_kind_pct", "%", at_least(85), at_least(95)),
    Aim("cause_step_held_out_pct", "%", at_least(85), at_least(95)),
    Aim("cause_kind_held_out_pct", "%", at_least(85), at_least(95)),
    Aim("healthy_blamed", "runs", at_most(0), at_most(0)),
    Aim("cause_precision_pct", "%", at_least(97), at_least(97)),
    Aim("cause_median_s", "s", at_most(2), at_most(0.5)),
    Aim("cause_first_failed_step_pct", "%"),
    Aim("cause_last_deploy_pct", "%"),
    Aim("cause_constant_step_pct", "%"),
)


@dataclass(frozen=True)
class Judged:
    """A case with what was found, how long that took in seconds, and what the simple rules say."""

    case: FaultCase
    found: Explanation
    seconds: float
    held_out: bool

    @property
    def step_is_right(self) -> bool:
        """Whether the step is the one of the fault; of a fault of a whole map, any of its children."""
        return self.found.cause is not None and names(self.case, self.found.cause.step)

    @property
    def kind_is_right(self) -> bool:
        """Whether the kind is that of the fault."""
        return self.found.cause is not None and self.found.cause.kind == self.case.kind


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Inject faults, and ask for their causes."""
    seeds = {False: TUNED, True: HELD_OUT}
    if quick:
        seeds = {held_out: some[:QUICK_SEEDS] for held_out, some in seeds.items()}
    progress(f"root causes: {len(FAULTS) * sum(map(len, seeds.values()))} faults of {len(FAULTS)} kinds")
    judged = [
        judge(fault_case(seed, kind), held_out=held_out)
        for held_out, some in seeds.items()
        for seed in some
        for kind in FAULTS
    ]
    healthy = [judge(healthy_case(seed), held_out=False) for seed in range(QUICK_HEALTHY if quick else HEALTHY)]
    return [*_lines(judged), _blamed(healthy), *_simple(judged)]


def judge(case: FaultCase, *, held_out: bool) -> Judged:
    """Ask for the cause of a case's run."""
    begun = time.perf_counter()
    run, *peers = (seen(one) for one in (case.run, *case.peers))
    found = explain(run, peers)
    return Judged(case, found, time.perf_counter() - begun, held_out)


def seen(run: WorldRun) -> ObservedRun:
    """Return a run of the model world as its spans show it."""
    found = observed(recorded(run.run_id, run.world, run.spans, known=True), run.missing_inputs)
    assert found is not None
    return found


def names(case: FaultCase, step: str) -> bool:
    """Return whether a step is that of the fault."""
    return step == case.step or ("[" not in case.step and node_id_of(step) == case.step)


def _lines(judged: Sequence[Judged]) -> list[Line]:
    held_out = [one for one in judged if one.held_out]
    named = [one for one in judged if one.found.cause is not None]
    both = [one for one in named if one.step_is_right and one.kind_is_right]
    note = f"{len(judged)} faults in workflows of 12 to 40 steps"
    shares = {
        "cause_step_top1_pct": _share(one.step_is_right for one in judged),
        "cause_kind_pct": _share(one.kind_is_right for one in judged),
        "cause_step_held_out_pct": _share(one.step_is_right for one in held_out),
        "cause_kind_held_out_pct": _share(one.kind_is_right for one in held_out),
    }
    lines = [line_of(AIMS, name, share, note) for name, share in shares.items()]
    precise = 100 * len(both) / len(named) if named else 0.0
    seconds = median(one.seconds for one in judged)
    peers = median(len(one.case.peers) for one in judged)
    return [
        *lines,
        line_of(AIMS, "cause_precision_pct", precise, f"step and kind of {len(named)} named, {len(judged)} in all"),
        line_of(AIMS, "cause_median_s", seconds, f"beside {peers:.0f} other runs, spans in memory"),
    ]


def _blamed(healthy: Sequence[Judged]) -> Line:
    blamed = sum(one.found.verdict != "healthy" for one in healthy)
    return line_of(AIMS, "healthy_blamed", float(blamed), f"of {len(healthy)} runs that succeeded among others")


def _simple(judged: Sequence[Judged]) -> list[Line]:
    """Lines of what simple rules name: no step of them says the kind as well."""
    constant = Counter(one.case.step for one in judged).most_common(1)[0][0]
    rules = {
        "cause_first_failed_step_pct": _share(names(one.case, _first_failed(one.case)) for one in judged),
        "cause_last_deploy_pct": _share(names(one.case, one.case.last_deploy) for one in judged),
        "cause_constant_step_pct": _share(names(one.case, constant) for one in judged),
    }
    return [line_of(AIMS, name, share, "a simple rule, for comparison") for name, share in rules.items()]


def _first_failed(case: FaultCase) -> str:
    failed = [step for step in seen(case.run).steps if step.error and step.error != "canceled"]
    return min(failed, key=lambda step: step.ended_ms).step if failed else ""


def _share(right: Iterable[bool]) -> float:
    found = list(right)
    return 100 * sum(found) / len(found) if found else 0.0
