"""The image can be built: what its Dockerfile copies is there, and .dockerignore lets it in."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "deploy" / "images" / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
COPIED = [name for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for name in line.split()[:-1]]


def let_in(name: str) -> bool:
    """Whether a path at the top is part of the build: the last pattern that matches it decides."""
    last = next(pattern for pattern in reversed(IGNORED) if fnmatch(name, pattern.removeprefix("!")))
    return last.startswith("!")


def test_the_dockerfile_copies_something() -> None:
    assert "schemas" in COPIED


@pytest.mark.parametrize("name", COPIED)
def test_what_is_copied_is_there_and_let_in(name: str) -> None:
    assert (ROOT / name).exists()
    assert let_in(name), f"add !{name} to .dockerignore"


def test_packages_that_the_application_is_made_of_are_copied() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench"}
    assert packages <= set(COPIED)


def test_local_data_and_the_environment_are_no_part_of_the_build() -> None:
    assert not any(map(let_in, (".agentflow", ".venv", ".env", ".git", "tests")))
