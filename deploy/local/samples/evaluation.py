"""The sample's evaluation: two versions of a prompt, compared by the cases in ``examples/evaluations``."""

import asyncio
import json
import time
from typing import Any

import msgspec
import yaml
from rich.console import Console

from deploy.local.samples.runs import EXAMPLES, Api, SampleError
from schemas.prompts.evaluations import Report
from services.prompts.evaluations.text import text_of_report

EVALUATIONS = "/api/v1/evaluations"
FOLDER = EXAMPLES / "evaluations"
LOOK_S = 0.25
#: It has 24 answers, which take about a second.
DEADLINE_S = 60.0


async def run_evaluation(api_url: str, api_key: str, console: Console, deadline_s: float = DEADLINE_S) -> None:
    """Register two versions and their cases, evaluate them, and print the report. Raises ``SampleError``."""
    async with Api(api_url, api_key) as api:
        try:
            async with asyncio.timeout(deadline_s):
                evaluation = await _started(api)
                found = await _followed(api, evaluation, console)
        except TimeoutError:
            raise SampleError(f"the evaluation of prompts did not end within {deadline_s:g} s") from None
    if found["report"] is None:
        raise SampleError(f"the evaluation of prompts is {found['state']}: {found['error']}")
    console.print(
        text_of_report(msgspec.convert(found["report"], Report)), highlight=False, markup=False, soft_wrap=True
    )


async def _started(api: Api) -> str:
    for path in sorted(FOLDER.glob("*.yaml")):
        await api.request("POST", "/api/v1/prompts", (200, 201), json=yaml.safe_load(path.read_text(encoding="utf-8")))
    body = json.loads((FOLDER / "gist.json").read_text(encoding="utf-8"))
    await api.request(
        "POST",
        "/api/v1/datasets",
        (200, 201),
        params={"name": body["dataset"]},
        content=(FOLDER / "gist.jsonl").read_bytes(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    evaluation: str = (await api.request("POST", EVALUATIONS, (202,), json=body)).json()["id"]
    return evaluation


async def _followed(api: Api, evaluation: str, console: Console) -> dict[str, Any]:
    """Return the evaluation once it has ended, with a line for each look that found more."""
    began, shown = time.monotonic(), -1
    while True:
        found: dict[str, Any] = (await api.request("GET", f"{EVALUATIONS}/{evaluation}", (200,))).json()
        done, total = found["progress"]["done"], found["progress"]["total"]
        if done != shown:
            console.print(
                f"evaluation of {found['prompt']}: {done} of {total} answers, {time.monotonic() - began:.1f} s"
            )
        shown = done
        if found["report"] is not None or found["state"] in ("failed", "canceled"):
            return found
        await asyncio.sleep(LOOK_S)
