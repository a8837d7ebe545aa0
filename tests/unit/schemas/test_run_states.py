"""The states of runs and steps are listed in one module."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.run_states import OPEN_STEP, TERMINAL_RUN, TERMINAL_STEP, is_run_end

ROOT = Path(__file__).parents[3]
SOURCES = ("schemas", "topics", "connectors", "services", "streams", "api", "deploy", "bench")
#: The states, and the table of their moves: a test of it holds the two against each other.
OWNERS = (ROOT / "schemas" / "run_states.py", ROOT / "streams" / "core" / "runs" / "transitions.py")


def copies(source: str) -> Iterator[int]:
    """Yield the lines with a collection of literals that names every terminal state of a run."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Set | ast.Tuple | ast.List):
            values = [part.value for part in node.elts if isinstance(part, ast.Constant)]
            names = {value.decode(errors="replace") if isinstance(value, bytes) else value for value in values}
            if names >= TERMINAL_RUN:
                yield node.lineno


@pytest.mark.parametrize("package", SOURCES)
def test_terminal_states_are_copied_nowhere(package: str) -> None:
    paths = [path for path in (ROOT / package).rglob("*.py") if path not in OWNERS]
    assert paths
    assert [(str(path), line) for path in paths for line in copies(path.read_text("utf-8"))] == []


def test_terminal_states_are_in_no_lua_script() -> None:
    scripts = {path.name: path.read_text("utf-8") for path in (ROOT / "connectors").rglob("*.lua")}
    assert scripts
    assert [name for name, text in scripts.items() if any(f"'{state}'" in text for state in TERMINAL_RUN)] == []


@pytest.mark.parametrize(
    "source",
    [
        "E = frozenset({'succeeded', 'failed', 'canceled'})",
        "E = {b'canceled', b'succeeded', b'failed', b'x'}",
        "ok = status in ('succeeded', 'failed', 'canceled')",
        "Status = Literal['succeeded', 'failed', 'canceled']",
    ],
)
def test_copy_is_found(source: str) -> None:
    assert list(copies(source)) == [1]


def test_step_is_open_or_terminal() -> None:
    assert not OPEN_STEP & TERMINAL_STEP
    assert {"pending", "ready", "running", "waiting"} == OPEN_STEP


@pytest.mark.parametrize(("state", "over"), [("queued", False), ("running", False), ("failed", True)])
def test_run_is_over_in_a_terminal_state(state, over) -> None:
    assert is_run_end(state) is over
