"""The installation into a virtual environment, but for what needs a network."""

import subprocess
import venv
from pathlib import Path

from deploy.local.install import link_sdk
from deploy.local.roles import ROOT


def test_the_environment_can_import_the_sdk_of_the_checkout(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    assert link_sdk(python)
    shown = subprocess.run(
        [str(python), "-c", "import agentflow; print(agentflow.__file__)"],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(shown.stdout.strip()) == ROOT / "sdk" / "agentflow" / "__init__.py"


def test_a_broken_environment_is_reported(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert not link_sdk(broken)
