"""Rules that a schema cannot hold: each planted fault is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from deploy.manifests.objects import called, faults, read
from deploy.manifests.plain import FOLDER
from tests.support.chart_goldens import golden

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
