"""The sample's rollout: a cheaper version of a prompt that answers worse, and is rolled back by its scores.

1. prepare  two versions, a workflow that names the label, and a scorer of live answers (``examples/rollouts``)
2. warm     letters, until one of their summaries is scored: some seconds after the first step the scorer is known
3. deploy   the second version to half of the runs
4. run      letters, until the statistics have decided
"""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from deploy.local.samples.runs import EXAMPLES, Api, SampleError

DEPLOYMENTS = "/api/v1/deployments"
FOLDER = EXAMPLES / "rollouts"
PROMPT, WORKFLOW, LABEL = "letter", "letter_desk", "production"
LETTERS = tuple((FOLDER / "letters.txt").read_text(encoding="utf-8").splitlines())
LOOK_S = 0.5
#: Runs that are submitted with each look, and that may wait for their score: more would only make it come later.
AT_ONCE, MOST_WAITING = 20, 80
#: Enough by far: 30 scores of each version decide. More would mean that nothing counts them.
MOST_RUNS = 400
#: It takes some 15 s on two cores that do other work as well.
DEADLINE_S = 120.0

Found = Mapping[str, Any]


class Rollback(NamedTuple):
    """How long the worse version was there, and after how many counted runs it was rolled back."""

    seconds: float
    runs: int


async def prepare_rollout(api_url: str, api_key: str, deadline_s: float = DEADLINE_S) -> None:
    """Register what the rollout needs. Safe to repeat. Raises ``SampleError``."""
    try:
        async with asyncio.timeout(deadline_s), Api(api_url, api_key) as api:
            await _prepared(api)
    except TimeoutError:
        raise SampleError(f"the API did not take the prompt {PROMPT} within {deadline_s:g} s") from None


async def run_rollout(
    api_url: str, api_key: str, console: Console, *, generation: int = 0, deadline_s: float = DEADLINE_S
) -> Rollback:
    """Deploy a version that is worse, run until it is rolled back, print why, and return it. Raises ``SampleError``."""
    async with Api(api_url, api_key) as api:
        try:
            async with asyncio.timeout(deadline_s):
                await _prepared(api)
                await _scores(api)
                began = time.monotonic()
                found = await _decided(api, await _deployed(api), console, began, generation)
                passed_s, stays = time.monotonic() - began, await _label(api)
        except TimeoutError:
            raise SampleError(f"the rollout of {PROMPT} was not decided within {deadline_s:g} s") from None
    console.print(figures(found))
    console.print(verdict(found, passed_s), highlight=False, markup=False, soft_wrap=True)
    if found["status"] != "rolled_back":
        raise SampleError(f"the rollout of {PROMPT} is {found['status']}, and its new version is worse")
    if stays != found["stable_version"]:
        raise SampleError(f"{PROMPT}@{LABEL} names version {stays} after the rollback")
    return Rollback(passed_s, found["statistics"]["runs"])


async def _prepared(api: Api) -> None:
    for path in sorted(FOLDER.glob(f"{PROMPT}@*.yaml")):
        await api.request("POST", "/api/v1/prompts", (200, 201), json=yaml.safe_load(path.read_text(encoding="utf-8")))
    scoring = json.loads((FOLDER / "scoring.json").read_text(encoding="utf-8"))
    await api.request("PUT", f"/api/v1/prompts/{PROMPT}/scoring", (200,), json=scoring)
    workflow = (FOLDER / f"{WORKFLOW}.yaml").read_bytes()
    yaml_type = {"Content-Type": "application/yaml"}
    await api.request("POST", "/api/v1/workflows", (200, 201), content=workflow, headers=yaml_type)


async def _scores(api: Api) -> None:
    """Submit a letter now and then until one is scored."""
    while not (await api.request("GET", f"/api/v1/prompts/{PROMPT}/scores", (200,))).json()["scores"]:
        await _submit(api, LETTERS[0])
        await asyncio.sleep(LOOK_S)


async def _submit(api: Api, letter: str, key: str | None = None) -> None:
    body = {"workflow_name": WORKFLOW, "inputs": {"letter": letter}}
    headers = {} if key is None else {"Idempotency-Key": key}
    await api.request("POST", "/api/v1/workflows/runs", (200, 202), json=body, headers=headers)


async def _deployed(api: Api) -> str:
    body = json.loads((FOLDER / "deployment.json").read_text(encoding="utf-8"))
    made = await api.request("POST", f"/api/v1/prompts/{PROMPT}/deployments", (201,), json=body)
    deployment: str = made.json()["id"]
    return deployment


async def _decided(api: Api, deployment: str, console: Console, began: float, generation: int) -> Found:
    """Submit letters while the rollout runs, with a line for each look that found more; return it at its end."""
    submitted, shown = 0, -1
    while True:
        found: Found = (await api.request("GET", f"{DEPLOYMENTS}/{deployment}", (200,))).json()
        if found["status"] != "running":
            return found
        runs = (found["statistics"] or {}).get("runs", 0)
        if runs != shown:
            console.print(progress(found, time.monotonic() - began), highlight=False, markup=False, soft_wrap=True)
        shown = runs
        for _ in range(min(AT_ONCE, MOST_RUNS - submitted, MOST_WAITING + scored(found) - submitted)):
            letter = LETTERS[submitted % len(LETTERS)]
            await _submit(api, letter, f"rollout-{generation}-{deployment}-{submitted}")
            submitted += 1
        await asyncio.sleep(LOOK_S)


def scored(found: Found) -> int:
    """Return how many scores were counted."""
    metrics = (found["statistics"] or {}).get("metrics", ())
    return sum(one["stable_runs"] + one["canary_runs"] for one in metrics if one["metric"] == "score")


async def _label(api: Api) -> int:
    """Return the version that the label names."""
    found = (await api.request("GET", f"/api/v1/prompts/{PROMPT}", (200,), params={"label": LABEL})).json()
    version: int = found["version"]
    return version


def progress(found: Found, passed_s: float) -> str:
    """Return one look as a line: how many runs were counted, and what the score says."""
    statistics = found["statistics"]
    if statistics is None:
        return f"rollout of {found['prompt']}: {found['waiting'][0]['text']}"
    line = f"rollout of {found['prompt']}: {statistics['runs']} runs counted, {passed_s:.1f} s"
    score = next((one for one in statistics["metrics"] if one["metric"] == "score"), None)
    if score is None:
        return line
    share = max(0.0, score["worse"]["has"] / score["worse"]["needed"])
    runs = f"{score['stable_runs']} + {score['canary_runs']} scores"
    means = f"{score['stable']:.2f} of stable, {score['canary']:.2f} of version {found['canary_version']}"
    return f"{line}; {runs}: {means}; {min(1.0, share):.0%} of the evidence for a rollback"


def figures(found: Found) -> Table:
    """Return the metrics that were decided by as a table."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("metric", no_wrap=True)
    for column in ("stable", "canary", "runs", "harm at every look", "evidence", "verdict"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in (found["statistics"] or {}).get("metrics", ()):
        table.add_row(
            one["metric"],
            f"{one['stable']:.3g}",
            f"{one['canary']:.3g}",
            f"{one['stable_runs']} + {one['canary_runs']}",
            f"{one['low']:+.2f} to {one['high']:+.2f}",
            f"{one['worse']['has']:.1f}/{one['worse']['needed']:.1f}",
            one["verdict"].replace("_", " "),
        )
    return table


def verdict(found: Found, passed_s: float) -> str:
    """Return what was decided, and when."""
    decision = found["decision"]
    status = found["status"].replace("_", " ")
    return f"{found['prompt']}@{found['canary_version']} is {status} after {passed_s:.1f} s: {decision['text']}"
