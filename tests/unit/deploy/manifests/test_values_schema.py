"""The schema of the chart's values: every example fits, and planted mistakes are refused."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from bench.prove.deploy.chart import MISTAKES, with_mistake
from deploy.manifests.generated import CHART
from deploy.manifests.values_schema import schema
from tests.support.chart_goldens import FIXED, value_sets

VALIDATOR = jsonschema.Draft7Validator(schema())
DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())


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
    errors = list(VALIDATOR.iter_errors(with_mistake(DEFAULTS, path, value)))
    assert errors
    parents = path.split(".")[:-1]
    assert all(
        [str(part) for part in error.absolute_path][: len(parents)] == parents[: len(error.absolute_path)]
        for error in errors
    )


def test_every_key_of_the_values_is_described_by_the_schema() -> None:
    assert set(DEFAULTS) <= set(schema()["properties"])
