"""The suites of other projects, in the folder ``shared/suites`` of a directory above the checkout."""

from pathlib import Path

from bench.results import ROOT


def suites_folder(*path: str) -> Path | None:
    """Return the folder, or one in it; ``None`` where it is missing. A worktree finds that of its checkout, too."""
    places = (above.joinpath("shared", "suites", *path) for above in ROOT.parents)
    return next((place for place in places if place.is_dir()), None)
