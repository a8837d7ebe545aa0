"""The suites of others, in the folder ``shared/suites`` beside the checkout, or beside one that it is a worktree of."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def suite(*path: str) -> list[dict[str, Any]]:
    """Return the documents of a suite; without the folder the test is skipped."""
    return list(yaml.safe_load(_folder().joinpath(*path).read_text(encoding="utf-8")))


def _folder() -> Path:
    found = [folder / "shared" / "suites" for folder in ROOT.parents if (folder / "shared" / "suites").is_dir()]
    if not found:
        pytest.skip(f"SUITES ARE MISSING: there is no folder shared/suites beside {ROOT.name}")
    return found[0]
