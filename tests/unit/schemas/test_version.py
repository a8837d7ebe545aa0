"""The version is said in two places."""

import tomllib
from pathlib import Path

from schemas.version import VERSION

ROOT = Path(__file__).resolve().parents[3]


def test_the_application_and_its_project_file_have_one_version() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION
