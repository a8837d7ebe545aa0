"""``make install-cli`` makes a program that runs from anywhere, and overwrites nothing that is not its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from agentflow.version import VERSION

from deploy.local.install_cli import NAME, advice, install


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment whose Python is the one that runs the tests."""
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    python = tmp_path / "venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    return tmp_path / "venv"


def test_the_program_runs_from_another_directory(venv: Path, tmp_path: Path) -> None:
    link = install(venv, tmp_path / "bin")
    done = subprocess.run(
        [str(link), "--version"], cwd="/", env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )
    assert done.stdout == f"agentctl {VERSION}\n", done.stderr


def test_commands_on_files_find_the_servers_rules_from_another_directory(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "greeter.prompt.md").write_text('---\nname: greeter\n---\nGreet "{{name}}"\n', encoding="utf-8")
    command = [str(install(venv, tmp_path / "bin")), "prompt", "lint", str(tmp_path)]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd="/", env=env, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "greeter" in done.stdout, done.stderr


def test_it_can_be_installed_again(venv: Path, tmp_path: Path) -> None:
    assert install(venv, tmp_path / "bin") == install(venv, tmp_path / "bin")


def test_another_program_of_that_name_stays(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / NAME).write_text("another", encoding="utf-8")
    with pytest.raises(FileExistsError, match="is another program"):
        install(venv, tmp_path / "bin")
    assert (tmp_path / "bin" / NAME).read_text(encoding="utf-8") == "another"


def test_a_directory_that_is_not_on_the_path_is_named_with_the_fix(tmp_path: Path) -> None:
    assert advice(tmp_path, {"PATH": f"/bin:{tmp_path}"}) == "try it: agentctl --version"
    assert f'export PATH="{tmp_path}:$PATH"' in advice(tmp_path, {"PATH": "/bin"})
