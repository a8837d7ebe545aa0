"""The image can be built: what its Dockerfile copies is there, and .dockerignore lets it in."""

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[4]
DOCKERFILE = (ROOT / "deploy" / "images" / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
COPIED = [name for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for name in line.split()[:-1]]


def let_in(name: str) -> bool:
    """Whether a path at the top is part of the build: the last pattern that matches it decides."""
    top = name.split("/", maxsplit=1)[0]
    last = next(pattern for pattern in reversed(IGNORED) if fnmatch(top, pattern.removeprefix("!")))
    return last.startswith("!")


def test_the_dockerfile_copies_something() -> None:
    assert "schemas" in COPIED


@pytest.mark.parametrize("name", sorted(set(COPIED)))
def test_what_is_copied_is_there_and_let_in(name: str) -> None:
    assert (ROOT / name).exists()
    assert let_in(name), f"add !{name} to .dockerignore"


def test_packages_that_the_application_is_made_of_are_copied() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench"}
    assert packages <= set(COPIED)


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("NOT LINTED: hadolint is not in this environment: install requirements-dev.lock")
    done = subprocess.run(
        [hadolint, ROOT / "deploy" / "images" / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_images_run_as_a_user_without_rights_and_say_whether_they_live() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert len(re.findall(r"^HEALTHCHECK ", DOCKERFILE, re.MULTILINE)) == 2
    assert DOCKERFILE.split("FROM ")[-1].startswith("application AS control-plane")


def test_no_host_of_a_registry_is_in_what_builds_images() -> None:
    workflow = (ROOT / "deploy" / "workflows" / "images.yml").read_text(encoding="utf-8")
    assert not re.search(r"[a-z0-9-]+\.(io|com|dev)\b", DOCKERFILE + workflow)


def test_workflow_publishes_both_targets_signed_for_two_architectures() -> None:
    workflow = yaml.safe_load((ROOT / "deploy" / "workflows" / "images.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["image"]
    assert job["strategy"]["matrix"]["target"] == re.findall(r"^FROM application AS (\S+)$", DOCKERFILE, re.M)[::-1]
    (build,) = (step["with"] for step in job["steps"] if "build-push-action" in step.get("uses", ""))
    assert build["platforms"] == "linux/amd64,linux/arm64"
    assert build["provenance"] == "mode=max"
    assert "cosign sign --yes" in job["steps"][-1]["run"]


def test_local_data_and_the_environment_are_no_part_of_the_build() -> None:
    assert not any(map(let_in, (".agentflow", ".venv", ".env", ".git", "tests")))
