"""The chart on a real API server: install, upgrade, rollback, uninstall; Pod Security; applying twice; KEDA's types.

No pod runs: there is no node. Images, kubelets and controllers are not tested here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.manifests import apply, plain
from deploy.manifests.generated import CHART
from deploy.manifests.objects import called, pods, read
from tests.support import kubernetes_server
from tests.support.chart_goldens import FIXED, FOREIGN, golden, value_sets
from tests.support.kubernetes_server import KEDA, NotBuilt, Server

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(bool(kubernetes_server.missing()), reason=f"NO API SERVER: {kubernetes_server.missing()}"),
]

OURS = (
    "deployments",
    "statefulsets",
    "jobs",
    "services",
    "configmaps",
    "secrets",
    "serviceaccounts",
    "networkpolicies",
    "poddisruptionbudgets",
    "horizontalpodautoscalers",
    "ingresses",
    "persistentvolumeclaims",
)
#: A volume of a release is deleted by a controller that is not here.
NO_VOLUME = ("--set", "objects.url=s3://bucket/prefix")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with kubernetes_server.running(tmp_path_factory.mktemp("kubernetes")) as running:
        yield running


@pytest.fixture
def namespace(server: Server, request: pytest.FixtureRequest) -> str:
    """A namespace of its own, where Pod Security enforces `restricted`."""
    name = "t-" + str(abs(hash(request.node.name)) % 10**9)
    server.kubectl("create", "namespace", name)
    for mode in ("enforce", "warn"):
        server.kubectl("label", "namespace", name, f"pod-security.kubernetes.io/{mode}=restricted")
    return name


def release(server: Server, verb: str, namespace: str, *arguments: str) -> str:
    done = server.helm(verb, "agentflow", str(CHART), "-n", namespace, *NO_VOLUME, *arguments)
    assert "would violate PodSecurity" not in done.stderr
    return done.stdout


def specs(server: Server, namespace: str) -> dict[str, Any]:
    there = server.objects("deployments", "statefulsets", "services", "configmaps", "secrets", namespace=namespace)
    return {
        name: one.get("spec", one.get("data"))
        for name, one in there.items()
        if not one["metadata"]["name"].startswith(("sh.helm", "kube-root"))
    }


def test_release_is_installed_upgraded_rolled_back_and_leaves_nothing(server: Server, namespace: str) -> None:
    before = set(server.objects(*OURS, namespace=namespace))
    assert "STATUS: deployed" in release(server, "install", namespace)
    first = specs(server, namespace)
    assert {"deployment/control-plane", "deployment/workers", "statefulset/streams", "statefulset/sinks"} <= set(first)
    release(server, "upgrade", namespace, "--set", "worker.replicas=3,worker.concurrency=7")
    second = specs(server, namespace)
    assert second["deployment/workers"]["replicas"] == 3
    assert second["configmap/agentflow-config"]["WORKER_CONCURRENCY"] == "7"
    assert second["secret/agentflow-secrets"] == first["secret/agentflow-secrets"]
    server.helm("rollback", "agentflow", "1", "-n", namespace)
    assert specs(server, namespace) == first
    server.helm("uninstall", "agentflow", "-n", namespace)
    assert set(server.objects(*OURS, namespace=namespace)) == before


@pytest.mark.parametrize("name", sorted(value_sets()))
def test_restricted_namespace_accepts_every_pod(server: Server, namespace: str, name: str) -> None:
    made = [as_pod(f"p-{number}", namespace, spec) for number, (_, spec) in enumerate(pods(golden(name)))]
    done = server.kubectl("create", "--dry-run=server", "-f", "-", text=yaml.safe_dump_all(made))
    assert len(done.stdout.splitlines()) == len(made) > 5


def as_pod(name: str, namespace: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the pod of a template, with claims of its owner as volumes in memory."""
    mounted = {mount["name"] for part in spec["containers"] for mount in part.get("volumeMounts", ())}
    claims = mounted - {volume["name"] for volume in spec.get("volumes", ())}
    body = {key: value for key, value in spec.items() if key != "priorityClassName"}
    body["volumes"] = [*spec.get("volumes", ()), *({"name": claim, "emptyDir": {}} for claim in sorted(claims))]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": body}


def test_restricted_namespace_refuses_a_pod_that_may_be_root(server: Server, namespace: str) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root", "namespace": namespace}}
    body = {**pod, "spec": {"containers": [{"name": "root", "image": "busybox"}]}}
    done = server.kubectl("create", "--dry-run=server", "-f", "-", text=yaml.safe_dump(body), check=False)
    assert "violates PodSecurity" in done.stderr


def test_applying_twice_changes_nothing(server: Server) -> None:
    manifests = server.kubectl("kustomize", str(plain.FOLDER)).stdout
    text = apply.with_images(manifests, "registry.example/", "v1.0.0")
    server.kubectl("apply", "--server-side", "-f", "-", text=text)
    first = server.objects("deployments", "statefulsets", "services", namespace="agentflow")
    server.kubectl("apply", "--server-side", "-f", "-", text=text)
    second = server.objects("deployments", "statefulsets", "services", namespace="agentflow")
    versions = [{name: one["metadata"]["resourceVersion"] for name, one in each.items()} for each in (first, second)]
    assert versions[0] == versions[1]


@pytest.mark.parametrize("name", sorted(value_sets()))
def test_server_accepts_every_object(server: Server, namespace: str, name: str) -> None:
    objects = [one for one in golden(name) if one["kind"] not in FOREIGN]
    text = yaml.safe_dump_all([{**one, "metadata": {**one["metadata"], "namespace": namespace}} for one in objects])
    done = server.kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", text=text)
    assert len(done.stdout.splitlines()) == len(objects)


def test_definitions_of_keda_accept_the_scaled_objects_and_refuse_a_wrong_one(server: Server, namespace: str) -> None:
    try:
        folder = kubernetes_server.module_dir("github.com/kedacore/keda/v2", KEDA)
    except NotBuilt as exc:
        pytest.skip(f"NO DEFINITIONS OF KEDA: {exc}")
    server.kubectl("apply", "--server-side", "-f", str(folder / "config" / "crd" / "bases"))
    server.kubectl("wait", "--for=condition=established", "--timeout=30s", "crd/scaledobjects.keda.sh")
    release(server, "install", namespace, "--values", str(value_sets()["keda"]), "--values", str(FIXED))
    assert set(server.objects("scaledobjects", namespace=namespace)) == {
        "scaledobject/workers",
        "scaledobject/control-plane",
    }
    (wrong,) = (one for one in golden("keda") if called(one) == "scaledobject/workers")
    text = yaml.safe_dump(
        {**wrong, "metadata": {"name": "x", "namespace": namespace}, "spec": {"minReplicaCount": "one"}}
    )
    done = server.kubectl("create", "--dry-run=server", "-f", "-", text=text, check=False)
    assert done.returncode != 0
    assert "minReplicaCount" in done.stderr or "scaleTargetRef" in done.stderr


def test_command_of_the_makefile_applies_everything_but_cannot_wait_for_pods(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
    original = apply.kubectl
    waited: list[tuple[str, ...]] = []

    def kubectl(*arguments: str, text: str = "") -> str:
        if arguments[0] == "wait":
            waited.append(arguments)
            return ""
        return original(*arguments, text=text)

    monkeypatch.setattr(apply, "kubectl", kubectl)
    apply.apply("registry.example/", "v1.0.0")
    keys = set(server.objects("secrets", namespace="agentflow")["secret/agentflow-secrets"]["data"])
    first = server.objects("secrets", namespace="agentflow")["secret/agentflow-secrets"]["data"]
    apply.apply("registry.example/", "v1.0.1")
    assert server.objects("secrets", namespace="agentflow")["secret/agentflow-secrets"]["data"] == first
    assert keys == set(yaml.safe_load(plain.VALUES.read_text())["secrets"]["keys"])
    image = server.objects("deployments", namespace="agentflow")["deployment/workers"]["spec"]["template"]["spec"]
    assert image["containers"][0]["image"] == "registry.example/agentflow-worker:v1.0.1"
    assert len(waited) == 4


def test_helm_test_pod_is_rendered(server: Server, namespace: str) -> None:
    said = server.helm("template", "agentflow", str(CHART), "-n", namespace, "--values", str(Path(FIXED))).stdout
    assert "pod/ready-test" in {called(one) for one in read(said)}
