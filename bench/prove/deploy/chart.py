"""Lines of the chart: mistakes in values that its schema refuses, and what is wrong with the plain manifests."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import jsonschema_rs
import yaml

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most, line_of
from deploy.local.engines.progress import Progress
from deploy.manifests.generated import CHART
from deploy.manifests.objects import faults, read
from deploy.manifests.plain import FOLDER, ORDER
from deploy.manifests.values_schema import schema

_NONE = at_most(0)

AIMS = (
    Aim("chart_mistakes_refused", "%", at_least(100), at_least(100)),
    Aim("k8s_objects_wrong", "faults", _NONE, _NONE),
)

#: A path in the values, and the mistake that is written there.
MISTAKES: Mapping[str, tuple[str, object]] = {
    "misspelt key": ("kafka.botstrap", "kafka:9092"),
    "misspelt setting": ("settings.KAFKA_BOTSTRAP", "kafka:9092"),
    "secret among settings": ("settings.API_KEY", "abc"),
    "misspelt secret": ("secrets.values.API_KYE", "abc"),
    "role that does not exist": ("processes.streams.roles", ["orchestrater"]),
    "text for a number": ("worker.replicas", "three"),
    "memory in no unit": ("worker.resources.limits.memory", "512Mb"),
    "broker without a port": ("kafka.bootstrap", "kafka-1,kafka-2"),
    "port out of range": ("database.port", 70000),
    "cooldown that swings": ("worker.autoscaling.cooldownSeconds", 30),
    "prefix without a slash": ("image.prefix", "registry.example/agentflow"),
    "password in the URL of NATS": ("nats.url", "nats://user:pw@nats:4222"),
    "host with a scheme": ("redis.host", "redis://redis"),
    "unknown mode": ("controlPlane.autoscaling.mode", "vpa"),
}


def with_mistake(values: Mapping[str, Any], path: str, mistake: object) -> dict[str, Any]:
    """Return values with something else at a path."""
    changed = deepcopy(dict(values))
    *parents, last = path.split(".")
    inner = changed
    for name in parents:
        inner = inner.setdefault(name, {})
    inner[last] = mistake
    return changed


def measure(quick: bool, progress: Progress) -> Sequence[Line]:  # noqa: ARG001 - it is as quick as can be
    """Plant the mistakes, and look through the manifests."""
    progress("deploy: mistakes in values, and rules for objects")
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    fits = jsonschema_rs.validator_for(schema()).is_valid
    passed = [name for name, planted in MISTAKES.items() if fits(with_mistake(values, *planted))]
    refused = 100 * (len(MISTAKES) - len(passed)) / len(MISTAKES) if fits(values) else 0.0
    objects = [one for name in ORDER for one in read((FOLDER / name).read_text(encoding="utf-8"))]
    wrong = faults(objects)
    return [
        line_of(AIMS, "chart_mistakes_refused", refused, f"of {len(MISTAKES)}; passed: {', '.join(passed) or 'none'}"),
        line_of(AIMS, "k8s_objects_wrong", len(wrong), f"{len(objects)} objects; {'; '.join(wrong) or 'none'}"),
    ]
