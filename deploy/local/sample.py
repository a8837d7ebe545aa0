"""The sample: the guide's workflows, registered and run on real documents and on the inputs in ``examples/inputs``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from connectors.http.clients import local_client
from deploy.local.roles import ROOT
from deploy.local.run_rows import RunJson
from deploy.local.show import LiveRuns, print_results

EXAMPLES = ROOT / "examples"
DOCUMENTS = EXAMPLES / "documents"
FOLLOW_S = 300


class SampleError(Exception):
    """The sample could not be registered, or one of its runs did not succeed."""


async def run_sample(api_url: str, api_key: str) -> None:
    """Register and submit everything, show the runs until they end, print their results. Raises ``SampleError``."""
    headers = {"Authorization": f"Bearer {api_key}"}
    async with local_client(api_url, headers, timeout_s=30) as api:
        await _register(api)
        ids = [await _submit(api, body) for body in submissions()]

        async def fetch(run_id: str) -> RunJson:
            answer = await api.get(f"/api/v1/workflows/runs/{run_id}")
            answer.raise_for_status()
            run: RunJson = answer.json()
            return run

        runs = await LiveRuns(fetch).follow(ids, timeout_s=FOLLOW_S)
    print_results(runs)
    failed = [run["id"] for run in runs if run["status"] != "succeeded"]
    if failed:
        raise SampleError(f"these runs did not succeed: {', '.join(failed)}")


def submissions(documents: Path = DOCUMENTS) -> list[dict[str, Any]]:
    """Return the submissions: every document as a whole, the longest one also in parts, then ``examples/inputs``."""
    texts = sorted(documents.glob("*.txt"), key=lambda path: path.stat().st_size)
    whole = [
        {"workflow_name": "document_analysis", "inputs": {"document_key": t.name}, "tags": {"document": t.stem}}
        for t in texts
    ]
    longest = texts[-1]
    parts = {
        "workflow_name": "map_reduce_analysis",
        "inputs": {"text": longest.read_text(encoding="utf-8")},
        "tags": {"document": longest.stem},
    }
    return [*whole, parts, *_examples()]


def _examples() -> list[dict[str, Any]]:
    """Return the runs of ``examples/inputs``: a list per workflow, each run with its ``inputs`` and a name to show."""
    return [
        {
            "workflow_name": path.stem,
            "inputs": {name: _input(value) for name, value in run["inputs"].items()},
            "tags": {"document": run["document"]},
        }
        for path in sorted((EXAMPLES / "inputs").glob("*.yaml"))
        for run in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def _input(value: Any) -> Any:
    """Return an input; ``{file: …}`` is the text of a file in ``examples``, in a list, too."""
    if isinstance(value, list):
        return [_input(one) for one in value]
    if isinstance(value, dict) and list(value) == ["file"]:
        return (EXAMPLES / value["file"]).read_text(encoding="utf-8")
    return value


async def _register(api: httpx.AsyncClient) -> None:
    for path in sorted((EXAMPLES / "prompts").glob("*.yaml")):
        prompt = yaml.safe_load(path.read_text(encoding="utf-8"))
        _expect(await api.post("/api/v1/prompts", json=prompt), (200, 201), path)
    # Sorted, a nested workflow comes before the one that runs it.
    for path in sorted((EXAMPLES / "workflows").glob("*.yaml")):
        yaml_type = {"Content-Type": "application/yaml"}
        _expect(await api.post("/api/v1/workflows", content=path.read_bytes(), headers=yaml_type), (200, 201), path)


async def _submit(api: httpx.AsyncClient, body: dict[str, Any]) -> str:
    answer = await api.post("/api/v1/workflows/runs", json=body)
    _expect(answer, (202,), body["workflow_name"])
    run_id: str = answer.json()["id"]
    return run_id


def _expect(answer: httpx.Response, codes: Sequence[int], what: object) -> None:
    if answer.status_code not in codes:
        raise SampleError(f"{what}: the API answered {answer.status_code}: {answer.text[:500]}")
