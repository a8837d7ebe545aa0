"""Where the suites of others are: in the folder beside the checkout, or beside one that it is a worktree of."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def suites() -> Path:
    """The folder `shared/suites` beside the repository."""
    found = [folder / "shared" / "suites" for folder in ROOT.parents if (folder / "shared" / "suites").is_dir()]
    if not found:
        pytest.skip(f"SUITES ARE MISSING: there is no folder shared/suites beside {ROOT.name}")
    return found[0]
