"""A system whose worker has a benchmark's tools and reaches its scripted model."""

import json
from collections.abc import Mapping
from pathlib import Path

from bench.agentdojo.worlds import Worlds
from bench.results import ROOT
from deploy.local.engines.progress import Progress, silent
from deploy.local.system import LAYOUT, System

TOOLS = ROOT / "bench" / "agentdojo" / "tools_file.py"
#: The scripted model costs something, as every model must have a price.
PRICES = [
    {"provider": "compatible", "model": "scripted", "version": "1"}
    | {f"{kind}_usd_per_mtok": "0.01" for kind in ("input", "output")}
    | {"context_tokens": 4_000_000}
]


def dojo_system(
    folder: Path, worlds: Worlds, progress: Progress = silent, env: Mapping[str, str] | None = None, *, workers: int = 1
) -> System:
    """Return the system, not yet started. ``folder`` must exist."""
    more = {f"worker-{number}": ("worker",) for number in range(2, workers + 1)}
    prices = folder / "prices.json"
    prices.write_text(json.dumps(PRICES), "utf-8")
    return System(
        folder,
        durable=False,
        progress=progress,
        layout={**LAYOUT, **more},
        env={
            "TOOLS": str(TOOLS),
            "AGENTDOJO_WORLDS": worlds.address,
            "COMPATIBLE_BASE_URL": f"http://{worlds.address}/v1",
            "PRICES_FILE": str(prices),
            "WORKER_CONCURRENCY": "32",
            **(env or {}),
        },
    )
