"""Lines of the area ``rollouts``: ``agentctl prompt optimise`` on a hidden rule, by real runs and scripted models."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_least, at_most
from bench.rollouts import hidden_rule
from deploy.local.engines.progress import Progress
from deploy.local.system import System

SEEDS = 10
CASES = 60
BUDGET_USD = Decimal("0.20")
COMMAND_S = 300.0

AIMS = (
    Aim("optimise_rule_found", "of 10", at_least(9), at_least(10)),
    Aim("optimise_over_budget", "runs", at_most(0), at_most(0)),
    Aim("optimise_held_out_in_prompts", "prompts", at_most(0), at_most(0)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Optimise a prompt of each seed in one system."""
    seeds = range(2 if quick else SEEDS)
    with (
        tempfile.TemporaryDirectory(prefix="agentflow-optimise-") as folder,
        System(Path(folder), durable=False, env=environment(), progress=progress) as system,
        system.client() as client,
    ):
        found = []
        for seed in seeds:
            progress(f"rollouts: optimising the prompt of seed {seed}")
            found.append(Optimised(system, client, seed))
    share = sum(one.found for one in found) * SEEDS / len(found)
    spent = ", ".join(f"{one.spent_usd:.4f}" for one in found)
    return [
        Line("optimise_rule_found", "of 10", (share,), f"{len(found)} seeds, {CASES} cases each"),
        Line(
            "optimise_over_budget", "runs", (float(sum(one.spent_usd > BUDGET_USD for one in found)),), f"USD {spent}"
        ),
        Line("optimise_held_out_in_prompts", "prompts", (float(sum(one.leaks for one in found)),), "of all requests"),
    ]


def environment() -> dict[str, str]:
    """Return the environment of roles that have the scripted models."""
    return {"TOOLS": str(Path(hidden_rule.__file__).absolute())}


class Optimised:
    """A prompt that was optimised by the command. Raises ``BenchError`` when the command fails.

    ``spent_usd`` is what the ledger has of all its runs. ``leaks`` counts the requests to the model that rewrites, and
    the candidates, that have a word of a held-out case.
    """

    def __init__(self, system: System, client: httpx.Client, seed: int) -> None:
        self._client = client
        self.name = f"words_{seed}"
        rows = hidden_rule.cases(seed, CASES)
        body = {"name": self.name, "template": hidden_rule.TEMPLATE}
        client.post("/api/v1/prompts", json=body).raise_for_status()
        client.post("/api/v1/datasets", params={"name": self.name}, json={"cases": rows}).raise_for_status()
        self.document = optimise(system, self.name, "--budget", f"{BUDGET_USD:f}", "--seed", str(seed))
        version = self._get(f"/api/v1/prompts/{self.name}")
        self.found = f"if {hidden_rule.rule_of(seed)}," in version["template"]
        self.parent, self.message = version.get("parent"), version["message"]
        runs = self._runs()
        self.spent_usd = sum((Decimal(run["total_cost_usd"]) for run in runs), Decimal(0))
        self.leaks = self._leaks(rows, runs)

    def _get(self, path: str, **params: Any) -> Any:
        return self._client.get(path, params=params).raise_for_status().json()

    def _runs(self) -> list[dict[str, Any]]:
        """Return the runs of the search: its evaluations, and the runs that rewrite."""
        return [self._get(f"/api/v1/workflows/runs/{run_id}") for run_id in self.document["runs"]]

    def _leaks(self, rows: Sequence[dict[str, Any]], runs: Sequence[dict[str, Any]]) -> int:
        held_out = self.document["held_out"]
        words = [row["inputs"]["word"] for row in rows if row["id"] in held_out]
        if not words:
            raise BenchError("no case is held out")
        versions = self._get(f"/api/v1/prompts/{self.name}.candidates/versions")["versions"]
        texts = [
            self._get(f"/api/v1/prompts/{self.name}.candidates", version=one["version"])["template"] for one in versions
        ]
        rewriting = [run for run in runs if run["workflow_name"].startswith("optimise.")]
        texts += [json.dumps(run["inputs"]) for run in rewriting]
        return sum(any(word in text for word in words) for text in texts)


def optimise(system: System, name: str, *options: str) -> dict[str, Any]:
    """Run ``agentctl prompt optimise`` and return its JSON. Raises ``BenchError`` for another exit code than 0."""
    env = {
        **os.environ,
        "AGENTFLOW_ENDPOINT": system.api_url,
        "AGENTFLOW_TOKEN": system.api_key,
        "AGENTFLOW_CONFIG": str(system.data_dir / "agentctl.toml"),
    }
    models = ("--provider", "scripted", "--model", "solver", "--rewriter", "scripted/rewriter")
    args = ["prompt", "optimise", name, "--scorer", "exact", *models, *options, "-o", "json"]
    command = [sys.executable, "-m", "agentflow.cli", *args]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=COMMAND_S, check=False)
    if done.returncode:
        raise BenchError(f"agentctl prompt optimise ended with {done.returncode}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
