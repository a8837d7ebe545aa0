"""The suites of other projects; a test that needs them is skipped, and says so, where they are missing."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.prompts.mustache_suites import suites_folder


def suites() -> Path:
    """Return the folder of the suites; without it the test is skipped."""
    found = suites_folder()
    if found is None:
        pytest.skip("SUITES ARE MISSING: no folder above the checkout has shared/suites")
    return found


def suite(*path: str) -> list[dict[str, Any]]:
    """Return the documents of a suite; without the folder the test is skipped."""
    return list(yaml.safe_load(suites().joinpath(*path).read_text(encoding="utf-8")))
