"""A function that takes the read side of a run changes nothing of it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

RUNS = Path(__file__).parents[5] / "streams" / "core" / "runs"
#: What fills a list, or a mapping, of a run.
CHANGING = frozenset({"append", "extend", "pop", "remove", "clear", "update", "setdefault", "insert"})


def changes_of(function: ast.FunctionDef) -> Iterator[int]:
    """Yield the lines at which a function changes what it takes as a ``RunReader``."""
    readers = {
        arg.arg
        for arg in function.args.args
        if isinstance(arg.annotation, ast.Name) and arg.annotation.id == "RunReader"
    }
    for node in ast.walk(function):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
        )
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            targets = [node.func.value]
        for target in targets:
            if isinstance(target, ast.Name):
                continue
            if any(isinstance(part, ast.Name) and part.id in readers for part in ast.walk(target)):
                yield node.lineno


@pytest.mark.parametrize("path", sorted(RUNS.rglob("*.py")), ids=lambda path: str(path.relative_to(RUNS)))
def test_no_function_changes_the_read_side(path: Path) -> None:
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    assert [(function.name, line) for function in functions for line in changes_of(function)] == []


def test_a_change_of_the_read_side_would_be_found() -> None:
    source = "def f(run: RunReader, found: list):\n    found.append(1)\n    run.done += 1\n    run.requests.append(2)\n"
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert list(changes_of(function)) == [3, 4]
