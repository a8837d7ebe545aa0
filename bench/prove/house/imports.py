"""Imports between our packages, read by grimp, the library under import-linter."""

import tomllib
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import grimp


def imports_of(packages: Sequence[str]) -> dict[str, set[str]]:
    """Return for each module of importable packages the modules of them that it imports."""
    graph = grimp.build_graph(*packages)
    return {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


def layers_of(pyproject: Path) -> list[list[str]]:
    """Return the layers of import-linter's contract, the highest first; a layer may have siblings."""
    contracts = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    rows: list[Any] = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[name.strip() for name in row.replace(":", "|").split("|")] for row in rows]


def upward(imports: dict[str, set[str]], layers: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Return the imports from a layer to a higher one, or to a sibling. Modules in no layer may import any."""
    height = {name: -place for place, row in enumerate(layers) for name in row}
    found = [(one, other) for one, others in imports.items() for other in others]
    return sorted((one, other) for one, other in found if _is_upward(_top(one), _top(other), height))


def _is_upward(one: str, other: str, height: dict[str, int]) -> bool:
    return one != other and one in height and other in height and height[other] >= height[one]


def _top(module: str) -> str:
    return module.partition(".")[0]


def cycles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Return circles of modules, each broken before the next is looked for: none when imports run one way."""
    left = {module: set(others) for module, others in imports.items()}
    found: list[list[str]] = []
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as exc:
            circle: list[str] = exc.args[1]
            left[circle[1]].discard(circle[0])
            found.append(circle)
        else:
            return found
