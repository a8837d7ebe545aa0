"""Lines of policy replays over 10,000 simulated runs: exact costs, and how fast a window is replayed."""

import time
from collections.abc import Mapping, Sequence

from bench.lines import BenchError, Line
from bench.observability.policy_traffic import PROVIDER, VERSION, book, closed_form, traffic
from bench.prove.area import Aim, at_least, at_most
from deploy.local.engines.progress import Progress
from schemas.api_models.traces.policies import PolicyDocument, PolicyReport
from services.observability.replay.policy.calls import RecordedCall
from services.observability.replay.policy.report import compared

RUNS, QUICK_RUNS = 10_000, 1_000

AIMS = (
    Aim("policy_same_cost_off_nano", "nano-dollars", at_most(0), at_most(0)),
    Aim("policy_doubled_off", "nano-dollars", at_most(0), at_most(0)),
    Aim("policy_tier_off", "nano-dollars", at_most(0), at_most(0)),
    Aim("policy_speed_x", "x", at_least(50), at_least(200)),
)
_LOWER = {"routes": [{"match": {"model": "gold"}, "to": f"{PROVIDER}/silver"}]}


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Replay the same policy, doubled prices and a lower tier. Raises ``BenchError`` for a report without coverage."""
    calls = traffic(QUICK_RUNS if quick else RUNS)
    progress(f"observability: {len(calls)} calls under other policies")
    same = _replayed(calls, {})
    doubled = _replayed(calls, {"prices": {"factor": 2}})
    started, cpu = time.perf_counter(), time.process_time()
    lower = _replayed(calls, _LOWER)
    took_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    moved = [call for call in calls if call.route.model == "gold"]
    kept = closed_form([call for call in calls if call.route.model != "gold"])
    expected = closed_form(moved, model="silver") + kept
    coverage = lower.coverage
    if coverage.calls != len(calls) or abs(coverage.unchanged + coverage.evidence + coverage.unknown - 1) > 1e-9:
        raise BenchError(f"the report covers {coverage.calls} of {len(calls)} calls")
    shares = f"{coverage.unchanged:.0%} unchanged, {coverage.evidence:.0%} evidence, {coverage.unknown:.0%} unknown"
    off = same.baseline_off_nano + abs(same.cost_difference_nano) + abs(same.recorded_nano - closed_form(calls))
    return [
        Line("policy_same_cost_off_nano", "nano-dollars", (off,), f"{len(calls)} calls; every call's, added up"),
        Line(
            "policy_doubled_off", "nano-dollars", (abs(doubled.candidate.cost_nano - closed_form(calls, factor=2)),), ""
        ),
        Line("policy_tier_off", "nano-dollars", (abs(lower.candidate.cost_nano - expected),), shares),
        Line("policy_speed_x", "x", (lower.replayed_s / cpu_s,), _speed(lower, took_s)),
    ]


def _replayed(calls: Sequence[RecordedCall], policy: Mapping[str, object]) -> PolicyReport:
    window = (calls[0].at_ms, calls[-1].at_ms)
    return compared(calls, PolicyDocument.model_validate(policy), {VERSION: book()}, window)


def _speed(found: PolicyReport, took_s: float) -> str:
    return f"{found.replayed_s:.0f} s of 20 runs/s, of a core's time; {found.replayed_s / took_s:.0f} x by the clock"
