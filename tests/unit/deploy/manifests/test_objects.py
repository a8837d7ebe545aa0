"""Rules that a schema cannot hold: each planted fault is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deploy.manifests.objects import called, containers, environment, faults, pods, read, serves
from deploy.manifests.plain import FOLDER
from schemas.settings import Settings
from tests.support.chart_goldens import golden, value_sets

Objects = list[Any]


def plain() -> Objects:
    left_out = {"values.yaml", "kustomization.yaml", "control-plane-ha.yaml"}
    return [
        one for path in sorted(FOLDER.glob("*.yaml")) if path.name not in left_out for one in read(path.read_text())
    ]


def workers(objects: Objects) -> Any:
    (found,) = (one for one in objects if called(one) == "deployment/workers")
    return found["spec"]["template"]["spec"]


def worker(objects: Objects) -> Any:
    return workers(objects)["containers"][0]


def test_plain_manifests_are_right() -> None:
    assert faults(plain()) == []


def _no_pepper(objects: Objects) -> None:
    container = worker(objects)
    container["env"] = [one for one in container["env"] if one["name"] != "KEY_PEPPER_FILE"]


PLANTED: dict[str, Callable[[Objects], object]] = {
    "no object runs the role worker": lambda objects: objects.remove(
        next(one for one in objects if called(one) == "deployment/workers")
    ),
    "the role worker is in two objects": lambda objects: objects.append(
        {**next(one for one in objects if called(one) == "deployment/workers"), "metadata": {"name": "more"}}
    ),
    "service/redis is there twice": lambda objects: objects.append(
        next(one for one in objects if called(one) == "service/redis")
    ),
    "WORKER_CONCURENCY is no setting": lambda objects: worker(objects)["env"].append(
        {"name": "WORKER_CONCURENCY", "value": "2"}
    ),
    "KEY_PEPPER is not set": _no_pepper,
    "has a secret in a variable": lambda objects: worker(objects)["env"].append(
        {"name": "API_KEY", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}
    ),
    "where nothing is mounted": lambda objects: worker(objects)["env"].append(
        {"name": "NATS_URL_FILE", "value": "/elsewhere/NATS_URL"}
    ),
    "does not ask /ready": lambda objects: worker(objects)["readinessProbe"]["httpGet"].update(path="/healthz"),
    "does not ask /health": lambda objects: worker(objects)["livenessProbe"]["httpGet"].update(port="http"),
    "is killed after 30 s, its end takes up to 35 s": lambda objects: workers(objects).update(
        terminationGracePeriodSeconds=30
    ),
    "the volume tmp is mounted and not there": lambda objects: workers(objects).update(
        volumes=[one for one in workers(objects)["volumes"] if one["name"] != "tmp"]
    ),
    "may run as root": lambda objects: workers(objects)["securityContext"].pop("runAsNonRoot"),
    "may gain privileges": lambda objects: worker(objects)["securityContext"].pop("capabilities"),
    "may write to its root": lambda objects: worker(objects)["securityContext"].pop("readOnlyRootFilesystem"),
    "has no limit of memory": lambda objects: worker(objects)["resources"].pop("limits"),
    "is in a namespace of its node": lambda objects: workers(objects).update(hostNetwork=True),
}


@pytest.mark.parametrize("sentence", PLANTED)
def test_planted_fault_is_named(sentence: str) -> None:
    objects = copy.deepcopy(golden("minimal"))
    PLANTED[sentence](objects)
    assert any(sentence in fault for fault in faults(objects)), faults(objects)


@pytest.mark.parametrize("name", sorted(value_sets()))
def test_every_process_reads_its_environment_without_a_complaint(name: str, tmp_path: Path) -> None:
    """With made-up secrets and certificates in the place of those that are mounted."""
    objects = golden(name)
    (tmp_path / "tls").mkdir()
    for path in ("tls/ca.crt", "tls/tls.crt"):
        (tmp_path / path).write_text(certificate())
    read_by = 0
    for _, pod in pods(objects):
        for container in filter(serves, containers(pod)):
            given = environment(container, objects)
            plain = {key: value for key, value in given.items() if isinstance(value, str)}
            text = {key: value.replace("/run/agentflow", str(tmp_path)) for key, value in plain.items()}
            for path in (Path(value) for key, value in text.items() if key.endswith("_FILE")):
                path.parent.mkdir(exist_ok=True)
                path.write_text("http://admin:x@grafana:3000" if path.name == "url" else "s" * 40)
            _, problems = Settings.checked(text)
            assert problems == {}
            read_by += 1
    assert read_by >= 4


def certificate() -> str:
    """A certificate that signs itself, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
