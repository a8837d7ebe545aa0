"""Goldens of the chart: ``python -m tests.support.chart_goldens`` renders them again by Helm.

The golden of ``minimal`` is whole. The others hold the objects that differ, after a list of those that they lack.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy.manifests.generated import CHART
from deploy.manifests.helm import template
from deploy.manifests.objects import called, read

FOLDER = Path(__file__).parents[1] / "unit" / "deploy" / "manifests"
GOLDENS, VALUES = FOLDER / "goldens", FOLDER / "values"
FIXED = FOLDER / "fixed.yaml"
BASE = "minimal"
#: Kinds whose definitions come with the operators that read them.
FOREIGN = frozenset({"ScaledObject", "ServiceMonitor", "PrometheusRule", "ExternalSecret"})
EXAMPLES = CHART / "examples"

Object = Mapping[str, Any]


def value_sets() -> dict[str, Path]:
    """Return the files of values by name: the chart's examples, and those of the tests."""
    return {path.stem: path for folder in (EXAMPLES, VALUES) for path in sorted(folder.glob("*.yaml"))}


def render(name: str) -> list[Object]:
    """Return what Helm renders, with secrets that do not change. Raises ``HelmError``."""
    return read(template([FIXED, value_sets()[name]]))


def written(name: str) -> list[Object]:
    """Return the objects in the file of a golden: those that other goldens do not have."""
    return [one for one in read((GOLDENS / f"{name}.yaml").read_text(encoding="utf-8")) if "kind" in one]


def golden(name: str) -> list[Object]:
    """Return the objects of a golden, whole."""
    base = read((GOLDENS / f"{BASE}.yaml").read_text(encoding="utf-8"))
    if name == BASE:
        return base
    head, *changed = read((GOLDENS / f"{name}.yaml").read_text(encoding="utf-8"))
    whole = {called(one): one for one in base} | {called(one): one for one in changed}
    return [one for key, one in whole.items() if key not in head["lacks"]]


def difference(objects: Sequence[Object], base: Sequence[Object]) -> list[Object]:
    """Return the documents of a golden that is not the base's."""
    there, before = {called(one): one for one in objects}, {called(one): one for one in base}
    head = {"lacks": sorted(before.keys() - there.keys())}
    return [head, *(one for key, one in there.items() if before.get(key) != one)]


def main() -> int:
    """Write all goldens."""
    base = render(BASE)
    GOLDENS.mkdir(exist_ok=True)
    for name in value_sets():
        documents = base if name == BASE else difference(render(name), base)
        (GOLDENS / f"{name}.yaml").write_text(
            yaml.safe_dump_all(documents, sort_keys=True, width=200), encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
