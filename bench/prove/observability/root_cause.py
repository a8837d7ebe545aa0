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
from bench.observability.faults import FAULTS, FaultCase, FaultKind, fault_case, healthy_case
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
#: Every so many seeds it says how far it is.
PROGRESS_SEEDS = 4

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
    """What was found of a case, how long that took in seconds, and what the simple rules say.

    The case's runs are not kept: those of all cases are gigabytes, and the collector would search them over and over.
    """

    step: str
    kind: FaultKind
    peers: int
    found: Explanation
    seconds: float
    held_out: bool
    first_failed_is_right: bool
    last_deploy_is_right: bool

    @property
    def step_is_right(self) -> bool:
        """Whether the step is the one of the fault; of a fault of a whole map, any of its children."""
        return self.found.cause is not None and names(self.step, self.found.cause.step)

    @property
    def kind_is_right(self) -> bool:
        """Whether the kind is that of the fault."""
        return self.found.cause is not None and self.found.cause.kind == self.kind


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Inject faults, and ask for their causes."""
    seeds = {False: TUNED, True: HELD_OUT}
    if quick:
        seeds = {held_out: some[:QUICK_SEEDS] for held_out, some in seeds.items()}
    wanted = [(held_out, seed) for held_out, some in seeds.items() for seed in some]
    judged = list[Judged]()
    for number, (held_out, seed) in enumerate(wanted):
        if number % PROGRESS_SEEDS == 0:
            progress(f"root causes: {len(judged)} of {len(FAULTS) * len(wanted)} faults of {len(FAULTS)} kinds")
        judged += [judge(fault_case(seed, kind), held_out=held_out) for kind in FAULTS]
    healthy = QUICK_HEALTHY if quick else HEALTHY
    progress(f"root causes: {healthy} runs that succeeded")
    blamed = sum(judge(healthy_case(seed), held_out=False).found.verdict != "healthy" for seed in range(healthy))
    of_healthy = f"of {healthy} runs that succeeded among others"
    return [*_lines(judged), line_of(AIMS, "healthy_blamed", float(blamed), of_healthy), *_simple(judged)]


def judge(case: FaultCase, *, held_out: bool) -> Judged:
    """Ask for the cause of a case's run."""
    begun = time.perf_counter()
    run, *peers = (seen(one) for one in (case.run, *case.peers))
    found = explain(run, peers)
    return Judged(
        step=case.step,
        kind=case.kind,
        peers=len(peers),
        found=found,
        seconds=time.perf_counter() - begun,
        held_out=held_out,
        first_failed_is_right=names(case.step, _first_failed(run)),
        last_deploy_is_right=names(case.step, case.last_deploy),
    )


def seen(run: WorldRun) -> ObservedRun:
    """Return a run of the model world as its spans show it."""
    found = observed(recorded(run.run_id, run.world, run.spans, known=True), run.missing_inputs)
    assert found is not None
    return found


def names(fault: str, step: str) -> bool:
    """Return whether a step is that of a fault at a step, or at all children of a node."""
    return step == fault or ("[" not in fault and node_id_of(step) == fault)


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
    peers = median(one.peers for one in judged)
    return [
        *lines,
        line_of(AIMS, "cause_precision_pct", precise, f"step and kind of {len(named)} named, {len(judged)} in all"),
        line_of(AIMS, "cause_median_s", seconds, f"beside {peers:.0f} other runs, spans in memory"),
    ]


def _simple(judged: Sequence[Judged]) -> list[Line]:
    """Lines of what simple rules name: no step of them says the kind as well."""
    constant = Counter(one.step for one in judged).most_common(1)[0][0]
    rules = {
        "cause_first_failed_step_pct": _share(one.first_failed_is_right for one in judged),
        "cause_last_deploy_pct": _share(one.last_deploy_is_right for one in judged),
        "cause_constant_step_pct": _share(names(one.step, constant) for one in judged),
    }
    return [line_of(AIMS, name, share, "a simple rule, for comparison") for name, share in rules.items()]


def _first_failed(run: ObservedRun) -> str:
    failed = [step for step in run.steps if step.error and step.error != "canceled"]
    return min(failed, key=lambda step: step.ended_ms).step if failed else ""


def _share(right: Iterable[bool]) -> float:
    found = list(right)
    return 100 * sum(found) / len(found) if found else 0.0
