"""A user's file of tools: loaded, loaded again when it changes, and left alone while it is broken."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.tools import Registry, ToolContext
from connectors.tools.arguments import argument_problems
from connectors.tools.tools_file import ToolsFile, ToolsFileError
from schemas.spec.check.workflow import parse_workflow

ROOT = Path(__file__).resolve().parents[4]
GOOD = "from agentflow import function\n\n\n@function\ndef double(*, x: int) -> int:\n    return {} * x\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mytools.py"
    path.write_text(GOOD.format(2))
    return path


def double(registry: Registry, x: int) -> object:
    context = ToolContext("o", "r", "s", "k", Path(), None)  # type: ignore[arg-type]
    return asyncio.run(registry.call("function", "double", {"x": x}, context))


def test_a_change_is_loaded_even_within_a_second(file: Path) -> None:
    registry = Registry()
    tools = ToolsFile(file, registry)
    tools.refresh()
    assert double(registry, 4) == 8
    file.write_text(GOOD.format(3))
    tools.refresh()
    assert double(registry, 4) == 12


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ndef broken(:\n", "mytools.py:2: SyntaxError"),
        ("x = 1\n\nraise SystemExit(3)\n", "mytools.py:3: SystemExit: 3"),
        ("import no_such_module_here\n", "mytools.py:1: ModuleNotFoundError"),
        (f"{GOOD.format(3)}\n\n@function('double')\ndef other() -> None: ...\n", "'double' is registered twice"),
    ],
)
def test_a_broken_file_is_named_with_its_line_and_what_was_there_stays(file: Path, text: str, message: str) -> None:
    registry = Registry()
    tools = ToolsFile(file, registry)
    tools.refresh()
    file.write_text(text)
    tools.refresh()
    assert message in registry.problems[0]
    assert double(registry, 4) == 8
    file.write_text(GOOD.format(3))
    tools.refresh()
    assert registry.problems == []
    assert double(registry, 4) == 12


def test_a_name_that_is_taken_is_refused(file: Path) -> None:
    registry = Registry()
    registry.function("double")(lambda x: x)
    with pytest.raises(ToolsFileError, match="registered twice"):
        ToolsFile(file, registry).load()


def test_a_missing_tool_is_said_with_what_was_not_loaded(file: Path) -> None:
    registry = Registry()
    file.write_text("raise ValueError('no')\n")
    ToolsFile(file, registry).refresh()
    node = {"id": "a", "type": "function", "config": {"function_name": "double"}}
    spec = parse_workflow({"name": "w", "version": 1, "dag": {"nodes": [node], "edges": []}})
    problem = next(iter(argument_problems(spec, registry)))
    assert problem.path == "dag.nodes[0].config.function_name"
    assert "mytools.py:1: ValueError: no" in problem.message
    assert "loaded again" in problem.fix


@pytest.mark.parametrize(("text", "code", "said"), [(GOOD.format(2), 0, "function double"), ("x = (\n", 1, ":1: ")])
def test_the_command_checks_a_file(file: Path, text: str, code: int, said: str) -> None:
    file.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "connectors.tools.tools_file", str(file)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "sdk")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
