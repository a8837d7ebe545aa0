"""The simulated autoscaler: formulas of KEDA and of Kubernetes, and the lines of the chart's ScaledObject."""

import copy

import pytest

from bench.deploy.autoscaler import Autoscaler, Partition, metric, partition_lag
from bench.deploy.burst import Site, play
from bench.prove.area import missed
from bench.prove.areas import AREAS
from bench.prove.deploy.autoscaling import AIMS, LAGS, measure, scaled_object


def scaler(replicas: int, **behaviour) -> Autoscaler:
    spec = copy.deepcopy(dict(scaled_object()))
    spec["triggers"] = spec["triggers"][:1]
    spec["triggers"][0]["metadata"]["lagThreshold"] = "10"
    spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] |= behaviour
    return Autoscaler(spec, replicas)


def test_every_floor_holds():
    lines = measure(True, print)
    assert [line.name for line in lines] == [aim.name for aim in AIMS]
    assert missed(AREAS["deploy"], lines) == []


def test_threshold_of_twice_the_concurrency_swings():
    lines = {line.name: line.value for line in measure(True, print)}
    assert lines["keda_flaps_steady_doubled"] > 10 * max(1, lines["keda_flaps_steady"])


@pytest.mark.parametrize(("partition", "truth"), LAGS)
def test_lag_is_what_waits(partition, truth):
    assert partition_lag(partition) == truth


def test_policy_latest_sees_nothing_before_an_offset_is_stored():
    assert partition_lag(Partition(0, 1_000), policy="latest") == 0


def test_without_idle_consumers_partitions_bound_the_metric():
    one = [Partition(0, 10_000, 0)]
    assert metric(one, 20, policy="earliest", idle_consumers=False) == 20
    assert metric(one, 20, policy="earliest", idle_consumers=True) == 10_000


def test_small_differences_change_nothing():
    assert scaler(2).at(0, [21]) == 2
    assert scaler(2).at(0, [23]) == 3


def test_fewer_only_after_the_window_and_one_a_minute():
    one = scaler(6)
    assert {one.at(second, [0] if second else [60]) for second in range(0, 301, 15)} == {6}
    assert [one.at(second, [0]) for second in range(315, 450, 15)] == [5, 5, 5, 5, 4, 4, 4, 4, 3]


def test_bounds_hold():
    assert scaler(1).at(0, [10_000]) <= 6
    assert scaler(1).at(0, [0]) == 1


def test_without_a_window_the_number_swings():
    spec = copy.deepcopy(dict(scaled_object()))
    down = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}
    spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"] = down
    for trigger in spec["triggers"]:
        trigger["metadata"]["lagThreshold"] = "40"
    assert play(spec, 0, Site(), every_s=2 / 30).flaps > 10
