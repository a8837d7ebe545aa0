"""Lines of autoscaling: the chart's ScaledObject on a simulated autoscaler. No cluster is asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.deploy.autoscaler import Partition, partition_lag
from bench.deploy.burst import Site, ideal_s, play
from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_most, between, line_of
from deploy.local.engines.progress import Progress
from deploy.manifests.objects import read

MANIFEST = Path(__file__).resolve().parents[3] / "deploy" / "k8s" / "workers-keda.yaml"
STEPS = 10_000
_NONE = at_most(0)

AIMS = (
    Aim("keda_peak_workers", "workers", between(6, 6), between(6, 6)),
    Aim("keda_last_workers", "workers", between(1, 1), between(1, 1)),
    Aim("keda_flaps", "changes", _NONE, _NONE),
    Aim("keda_flaps_steady", "changes", _NONE, _NONE),
    Aim("keda_flaps_steady_doubled", "changes"),
    Aim("keda_drain_over_ideal", "ratio", at_most(1.3), at_most(1.2)),
    Aim("keda_lag_off", "cases", _NONE, _NONE),
)

#: Steady loads, as a share of one worker's power.
LOADS = (0.5, 0.9, 1.2, 1.5, 1.9, 2.5, 3.3, 4.7, 5.5)
#: Offsets of a partition, and the lag that waits there in truth.
LAGS = (
    (Partition(0, 500, 480), 20),
    (Partition(0, 500, 500), 0),
    # Nothing stored: what retention has deleted does not wait.
    (Partition(400, 500), 100),
    # Stored before what is still there.
    (Partition(450, 500, 100), 50),
    # Stored behind the end, as after a broker lost its last records.
    (Partition(0, 500, 510), 0),
)


def scaled_object() -> Mapping[str, Any]:
    """Return the spec of the committed ScaledObject of workers."""
    for one in read(MANIFEST.read_text(encoding="utf-8")):
        if one["kind"] == "ScaledObject":
            spec: Mapping[str, Any] = one["spec"]
            return spec
    raise BenchError(f"{MANIFEST.name} has no ScaledObject")


def measure(quick: bool, progress: Progress) -> Sequence[Line]:  # noqa: ARG001 - it is as quick as can be
    """Play a burst, and an hour of load between one worker's and two workers' power."""
    progress("deploy: the autoscaler of workers, simulated")
    spec, site = scaled_object(), Site()
    burst = play(spec, STEPS, site)
    steady, doubled = _flaps(spec, site), _flaps(_with_threshold(spec, 2 * site.concurrency), site)
    peak = max(burst.replicas)
    ratio = burst.drained_at / ideal_s(STEPS, peak, site)
    off = [one for one, truth in LAGS if partition_lag(one) != truth]
    note = f"simulated: {STEPS:,} steps of {site.call_s:g} s, pods serve after {site.start_s} s"
    return [
        line_of(AIMS, "keda_peak_workers", peak, note),
        line_of(AIMS, "keda_last_workers", burst.replicas[-1], "an hour later"),
        line_of(AIMS, "keda_flaps", burst.flaps, "more pods after fewer, in the hour"),
        line_of(AIMS, "keda_flaps_steady", steady, f"an hour each of {len(LOADS)} loads of 0.5 to 5.5 workers' power"),
        line_of(AIMS, "keda_flaps_steady_doubled", doubled, "the same with a threshold of twice the concurrency"),
        line_of(AIMS, "keda_drain_over_ideal", ratio, f"{burst.drained_at} s; ideal: {peak} workers from the start"),
        line_of(AIMS, "keda_lag_off", len(off), f"of {len(LAGS)} partitions"),
    ]


def _flaps(spec: Mapping[str, Any], site: Site) -> int:
    each = (site.call_s / (load * site.concurrency) for load in LOADS)
    return sum(play(spec, 0, site, every_s=every_s).flaps for every_s in each)


def _with_threshold(spec: Mapping[str, Any], lag: int) -> Mapping[str, Any]:
    changed = [{**one, "metadata": {**one["metadata"], "lagThreshold": str(lag)}} for one in spec["triggers"]]
    return {**spec, "triggers": changed}
