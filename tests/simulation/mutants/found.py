"""The first seed that finds each planted mistake, in ``found.json``: as the simulation plays now."""

import json
from pathlib import Path

_FILE = Path(__file__).with_name("found.json")


def recorded() -> dict[str, int]:
    """Return the seed of each mistake that was found."""
    seeds: dict[str, int] = json.loads(_FILE.read_text()) if _FILE.exists() else {}
    return seeds


def record(bug: str, seed: int | None) -> None:
    """Record the seed of a mistake, or that it was not found."""
    seeds = {name: one for name, one in recorded().items() if name != bug}
    if seed is not None:
        seeds[bug] = seed
    _FILE.write_text(json.dumps(seeds, indent=2, sort_keys=True) + "\n")
