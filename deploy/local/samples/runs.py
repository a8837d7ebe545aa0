"""The sample: the guide's workflows, registered and run on real documents and on the inputs in ``examples/inputs``."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml
from rich.console import Console

from connectors.http.clients import local_client
from deploy.local.roles import ROOT
from deploy.local.run_rows import RunJson, title
from deploy.local.show import LiveRuns, print_results

EXAMPLES = ROOT / "examples"
DOCUMENTS = EXAMPLES / "documents"
#: It takes some 15 s on two cores; what is slower by so much will hardly end at all.
DEADLINE_S = 180.0
RETRY_S = 0.3
REQUEST_S = 10.0


class SampleError(Exception):
    """The sample could not be registered, or one of its runs did not succeed. The message has codes and names."""


async def run_sample(
    api_url: str, api_key: str, console: Console | None = None, *, generation: int = 0, deadline_s: float = DEADLINE_S
) -> None:
    """Register and submit everything, show the runs until they end, print their results. Raises ``SampleError``.

    An API that restarts meanwhile is asked again. The same ``generation`` continues with the runs of an earlier call.
    """
    runs: dict[str, RunJson] = {}
    screen = console or Console()
    try:
        async with asyncio.timeout(deadline_s), Api(api_url, api_key) as api:
            await register_examples(api)
            ids = [
                await _submit(api, body, f"sample-{generation}-{number}") for number, body in enumerate(submissions())
            ]

            async def fetch(run_id: str) -> RunJson:
                runs[run_id] = (await api.request("GET", f"/api/v1/workflows/runs/{run_id}", (200,))).json()
                return runs[run_id]

            await LiveRuns(fetch, screen).follow(ids, timeout_s=deadline_s)
    except TimeoutError:
        raise SampleError(f"it did not end within {deadline_s:g} s: {_troubles(runs) or 'the API is busy'}") from None
    print_results(runs.values(), screen)
    if troubles := _troubles(runs):
        raise SampleError(troubles)


class Api:
    """The API of a system that is supervised: a request that it cannot answer yet is made again."""

    def __init__(self, url: str, key: str) -> None:
        self._client = local_client(url, {"Authorization": f"Bearer {key}"}, timeout_s=REQUEST_S)

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def request(self, method: str, path: str, codes: Sequence[int], **more: Any) -> httpx.Response:
        """Return the answer with one of ``codes``. Raises ``SampleError`` for another one that says no."""
        while True:
            try:
                answer = await self._client.request(method, path, **more)
                if answer.status_code in codes:
                    return answer
                if answer.status_code < 500 and answer.status_code != 429:
                    raise SampleError(f"{method} {path}: the API answered {answer.status_code}: {answer.text[:500]}")
            except httpx.TransportError:
                pass
            await asyncio.sleep(RETRY_S)


async def register_examples(api: Api) -> None:
    """Register the prompts and workflows of ``examples``. Safe to repeat."""
    for path in sorted((EXAMPLES / "prompts").glob("*.yaml")):
        prompt = yaml.safe_load(path.read_text(encoding="utf-8"))
        await api.request("POST", "/api/v1/prompts", (200, 201), json=prompt)
    # Sorted, a nested workflow comes before the one that runs it.
    for path in sorted((EXAMPLES / "workflows").glob("*.yaml")):
        yaml_type = {"Content-Type": "application/yaml"}
        await api.request("POST", "/api/v1/workflows", (200, 201), content=path.read_bytes(), headers=yaml_type)


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


async def _submit(api: Api, body: dict[str, Any], key: str) -> str:
    answer = await api.request("POST", "/api/v1/workflows/runs", (202,), json=body, headers={"Idempotency-Key": key})
    run_id: str = answer.json()["id"]
    return run_id


def _troubles(runs: dict[str, RunJson]) -> str:
    return "; ".join(_trouble(run) for run in runs.values() if run["status"] != "succeeded")


def _trouble(run: RunJson) -> str:
    error = run.get("error") or {}
    where = f" at {error['step_id']}" if error.get("step_id") else ""
    return f"{title(run)} {run['status']}" + (f" with {error['code']}{where}" if error.get("code") else "")
