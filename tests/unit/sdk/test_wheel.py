"""The wheel brings the server's rules along: the same files, with their imports rewritten."""

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sdk.generate.engine_copy import hashes, rewritten, sources

ROOT = Path(__file__).resolve().parents[3]
PIP = ["-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir"]
RUN = """
import pkgutil, sys
import agentflow
from agentflow import Workflow
from agentflow.testing import Simulator
workflow = Workflow("w").tool("fetch", "get").llm("ask", prompt="Sum up {{text}}").inputs(text="fetch.output")
run = Simulator(workflow.depends_on("fetch").end(), tools={"get": "x"}, models={"ask": "done"}).run()
assert run.output == {"ask": "done"}, run.error
assert "pydantic_settings" not in sys.modules
for module in pkgutil.walk_packages(agentflow.__path__, "agentflow."):
    if not module.name.endswith("__main__"):
        __import__(module.name)
print(*sorted(name for name in sys.modules if name.split(".")[0] in {"schemas", "streams"}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package as a wheel installs it. It is built beside a copy, since a build leaves files in its folder."""
    folder = tmp_path_factory.mktemp("wheel")
    left_out = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    for name in ("sdk", "schemas", "streams"):
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    command = [sys.executable, *PIP, str(folder / "dist"), str(folder / "sdk")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = (folder / "dist").glob("agentflow_sdk-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_engine_of_the_wheel_is_this_checkouts(installed):
    engine = installed / "agentflow" / "_engine"
    recorded = json.loads((engine / "hashes.json").read_text())
    assert recorded == hashes(ROOT)
    assert {"schemas/spec/check/workflow.py", "streams/core/runs/fold.py"} <= set(recorded)
    for name in sources(ROOT):
        original = (ROOT / name).read_text(encoding="utf-8")
        assert (engine / name).read_text(encoding="utf-8") == rewritten(original), name
        assert hashlib.sha256(original.encode()).hexdigest() == recorded[name.as_posix()]


def test_the_wheel_runs_workflows_without_the_checkout(installed):
    command = [sys.executable, "-c", RUN]
    env = {"PYTHONPATH": str(installed)}
    done = subprocess.run(command, env=env, cwd=installed, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_the_wheel_has_types_and_the_name_and_extras_of_its_distribution(installed):
    assert (installed / "agentflow" / "py.typed").is_file()
    assert not (installed / "generate").exists()
    [metadata] = installed.glob("agentflow_sdk-*.dist-info/METADATA")
    lines = metadata.read_text().splitlines()
    assert "Name: agentflow-sdk" in lines
    assert {"Provides-Extra: cli", "Provides-Extra: testing", "Provides-Extra: worker"} <= set(lines)
    needed = {
        line.split()[1].partition(">")[0] for line in lines if line.startswith("Requires-Dist") and ";" not in line
    }
    assert needed == {"httpx", "pydantic"}


def test_only_imports_are_rewritten():
    source = 'from schemas.ids import x\n    import streams.core\nname = "schemas.ids"\nfrom schemas_of import y\n'
    assert rewritten(source) == (
        "from agentflow._engine.schemas.ids import x\n    import agentflow._engine.streams.core\n"
        'name = "schemas.ids"\nfrom schemas_of import y\n'
    )
