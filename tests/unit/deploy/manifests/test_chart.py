"""The chart: its goldens are valid for three versions of Kubernetes and right by our rules, and Helm renders them."""

from __future__ import annotations

import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from deploy.manifests import plain
from deploy.manifests.generated import CHART, stale
from deploy.manifests.helm import HelmError, find, run, template
from deploy.manifests.objects import called, faults, pods, read
from tests.support.chart_goldens import EXAMPLES, FOREIGN, golden, render, value_sets, written

VERSIONS = ("1.25", "1.30", "1.37")
SETS = sorted(value_sets())

needs_helm = pytest.mark.skipif(
    find("helm") is None, reason="HELM IS NOT HERE: run `python -m deploy.manifests tools`; goldens are still validated"
)


def test_there_are_twelve_sets_of_values() -> None:
    assert len(SETS) == 12
    assert {"minimal", "guide", "ha", "tls", "external"} == {path.stem for path in EXAMPLES.glob("*.yaml")}


def test_newest_version_of_kubernetes_that_is_known_is_among_those_validated() -> None:
    assert kubernetes_validate.latest_version().startswith(VERSIONS[-1])


@pytest.mark.parametrize("name", SETS)
def test_objects_are_valid_for_every_version(name: str) -> None:
    objects = [one for one in written(name) if one["kind"] not in FOREIGN]
    for version in VERSIONS:
        for one in objects:
            kubernetes_validate.validate(one, version, strict=True)
    assert objects


@pytest.mark.parametrize("name", SETS)
def test_objects_are_right_by_our_rules(name: str) -> None:
    assert faults(golden(name)) == []


def test_invalid_object_is_refused_by_the_validation() -> None:
    one = next(one for one in golden("minimal") if one["kind"] == "Deployment")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**one, "spec": {**one["spec"], "replica": 1}}, VERSIONS[0], strict=True)


@needs_helm
@pytest.mark.parametrize("name", SETS)
def test_helm_renders_the_golden(name: str) -> None:
    there = {called(one): one for one in render(name)}
    wanted = {called(one): one for one in golden(name)}
    assert there == wanted, "if this is meant: python -m tests.support.chart_goldens"


@needs_helm
def test_helm_lints_the_chart_without_a_warning() -> None:
    said = run(["lint", "--strict", str(CHART)])
    assert "0 chart(s) failed" in said
    assert "[WARNING]" not in said


@needs_helm
def test_plain_manifests_are_the_chart() -> None:
    for name, text in plain.rendered().items():
        there = (plain.FOLDER / name).read_text(encoding="utf-8")
        assert there == text, f"{name} is stale: python -m deploy.manifests render"


@needs_helm
@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["production=true"], "of this chart are for development"),
        (["processes.sinks.roles={audit}"], "no process has the role"),
        (["processes.sinks.roles={ingress}"], "role ingress is in"),
        (["secrets.existing=mine"], "secrets.keys"),
        (["externalSecrets.enabled=true"], "store.name and data"),
        (["worker.autoscaling.mode=keda", "worker.autoscaling.max=99"], "share 36 partitions"),
        (["worker.autoscaling.min=7"], "min is above max"),
        (["worker.concurrency=10"], "workers would come and go"),
        (["controlPlane.ingress.enabled=true"], "controlPlane.ingress.host"),
    ],
)
def test_what_cannot_work_is_refused_with_the_fix(settings: list[str], says: str) -> None:
    with pytest.raises(HelmError, match=says):
        template([], settings)


@needs_helm
@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["kafka.replication=1"], "below 3"),
        (["image.tag=latest"], "moves"),
        (["controlPlane.replicas=1"], "below 2"),
        (["objects.url="], "objects.url is empty"),
        (["secrets.existing="], "end with the release"),
    ],
)
def test_production_refuses_what_loses_data(settings: list[str], says: str) -> None:
    template([EXAMPLES / "ha.yaml"])
    with pytest.raises(HelmError, match=says):
        template([EXAMPLES / "ha.yaml"], settings)


@needs_helm
def test_keda_is_used_where_its_definitions_are_and_hpa_elsewhere() -> None:
    values = EXAMPLES / "ha.yaml"
    kinds = {one["kind"] for one in read(template([values]))}
    with_keda = read(run(["template", "x", str(CHART), "--values", str(values), "--api-versions", "keda.sh/v1alpha1"]))
    assert "HorizontalPodAutoscaler" in kinds
    assert {one["kind"] for one in with_keda} >= {"ScaledObject"}
    assert not {"HorizontalPodAutoscaler"} & {one["kind"] for one in with_keda}


def test_generated_files_are_those_of_the_code() -> None:
    assert stale() == [], "run python -m deploy.manifests"


def test_scaled_workers_avoid_the_traps_of_lag() -> None:
    (scaled,) = (one for one in golden("keda") if called(one) == "scaledobject/workers")
    spec = scaled["spec"]
    assert spec["minReplicaCount"] >= 1
    assert spec["cooldownPeriod"] >= 300
    down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down == {"stabilizationWindowSeconds": 300, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}
    for trigger in spec["triggers"]:
        assert trigger["metadata"]["offsetResetPolicy"] == "earliest"
        assert trigger["metadata"]["consumerGroup"] == "agentflow.worker"
        assert trigger["authenticationRef"] == {"name": "kafka"}


def test_scaled_objects_state_no_replicas_which_an_upgrade_would_reset() -> None:
    for name in ("keda", "hpa"):
        for one in golden(name):
            if one["kind"] == "Deployment":
                assert "replicas" not in one["spec"]


def test_owners_of_tables_keep_their_names() -> None:
    for one, pod in pods(golden("ha")):
        if one["kind"] == "StatefulSet":
            (named,) = (env for env in pod["containers"][0]["env"] if env["name"] == "GROUP_INSTANCE_ID")
            assert named["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
        if called(one) == "deployment/workers":
            assert "GROUP_INSTANCE_ID" not in {env["name"] for env in pod["containers"][0]["env"]}


def test_network_policies_let_names_stores_and_https_out() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in golden("ha") if one["kind"] == "NetworkPolicy"}
    dns, own = policies["agentflow-netpol"]["egress"]
    assert dns == {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}
    assert own["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/part-of"] == "agentflow"
    (out,) = policies["agentflow-egress"]["egress"]
    assert {port["port"] for port in out["ports"]} == {443, 9092, 5432, 6379, 8123, 4222}


def test_migrations_come_first_where_stores_are_there_and_pods_wait_for_them_elsewhere() -> None:
    jobs = {name: next(one for one in golden(name) if one["kind"] == "Job") for name in ("ha", "minimal")}
    assert jobs["ha"]["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert "annotations" not in jobs["minimal"]["metadata"]
    for name, waits in (("ha", False), ("minimal", True)):
        for one, pod in pods(golden(name)):
            if called(one) == "deployment/workers":
                assert bool(pod.get("initContainers")) is waits


def test_no_secret_is_in_a_config_map_or_a_variable() -> None:
    secrets = yaml.safe_load((Path(__file__).parent / "fixed.yaml").read_text())["secrets"]["values"].values()
    for name in SETS:
        for one in golden(name):
            if one["kind"] != "Secret":
                text = yaml.safe_dump(one)
                assert not [secret for secret in secrets if secret in text], called(one)


def test_examples_say_what_they_are_for() -> None:
    for path in EXAMPLES.glob("*.yaml"):
        assert re.match(r"# [A-Z].+\.\n", path.read_text()), path.name
