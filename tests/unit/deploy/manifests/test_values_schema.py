"""The schema of the chart's values: every example fits, and planted mistakes are refused."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest
import yaml

from deploy.manifests.generated import CHART
from deploy.manifests.values_schema import schema
from tests.support.chart_goldens import FIXED, value_sets

VALIDATOR = jsonschema.Draft7Validator(schema())
DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())

#: A path in the values, and what somebody wrote there.
MISTAKES = {
    "misspelt key": ("kafka.botstrap", "kafka:9092"),
    "misspelt setting": ("settings.KAFKA_BOTSTRAP", "kafka:9092"),
    "secret among settings": ("settings.API_KEY", "abc"),
    "misspelt secret": ("secrets.values.API_KYE", "abc"),
    "role that does not exist": ("processes.streams.roles", ["orchestrater"]),
    "text for a number": ("worker.replicas", "three"),
    "memory without a unit that exists": ("worker.resources.limits.memory", "512Mb"),
    "broker without a port": ("kafka.bootstrap", "kafka-1,kafka-2"),
    "port out of range": ("database.port", 70000),
    "cooldown that flaps": ("worker.autoscaling.cooldownSeconds", 30),
    "prefix without a slash": ("image.prefix", "registry.example/agentflow"),
    "password in the URL of NATS": ("nats.url", "nats://user:pw@nats:4222"),
    "host with a scheme": ("redis.host", "redis://redis"),
    "unknown mode": ("controlPlane.autoscaling.mode", "vpa"),
}


def changed(path: str, value: object) -> dict[str, Any]:
    values = copy.deepcopy(DEFAULTS)
    *parents, last = path.split(".")
    inner = values
    for name in parents:
        inner = inner.setdefault(name, {})
    inner[last] = value
    return values


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Values over values, as Helm merges them."""
    both = {key: merged(base[key], over[key]) for key in base.keys() & over.keys() if isinstance(over[key], dict)}
    return {**base, **over, **both}


def test_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(schema())


def test_defaults_fit() -> None:
    VALIDATOR.validate(DEFAULTS)


@pytest.mark.parametrize("name", sorted(value_sets()))
def test_every_set_of_values_fits(name: str) -> None:
    fixed = merged(DEFAULTS, yaml.safe_load(FIXED.read_text()))
    VALIDATOR.validate(merged(fixed, yaml.safe_load(value_sets()[name].read_text())))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_planted_mistake_is_refused(mistake: str) -> None:
    path, value = MISTAKES[mistake]
    errors = list(VALIDATOR.iter_errors(changed(path, value)))
    assert errors
    parents = path.split(".")[:-1]
    assert all(
        [str(part) for part in error.absolute_path][: len(parents)] == parents[: len(error.absolute_path)]
        for error in errors
    )


def test_every_key_of_the_values_is_described_by_the_schema() -> None:
    assert set(DEFAULTS) <= set(schema()["properties"])
