"""The sample of privacy: an address that a model never sees, and a person who is erased (``examples/privacy``).

1. prepare  a policy that puts tokens in the place of personal data, a prompt and a workflow
2. run      a letter about a data subject; the model is asked with tokens
3. read     by a key that may not see values, then by one that may
4. erase    the person, and read again
"""

import asyncio
import time
from typing import Any, NamedTuple

import yaml
from rich.console import Console

from deploy.local.samples.runs import EXAMPLES, Api, SampleError
from schemas.run_states import TERMINAL_RUN

FOLDER = EXAMPLES / "privacy"
POLICY, WORKFLOW, STEP = "letters", "letter_answer", "answer"
RUNS = "/api/v1/workflows/runs"
PERSON, ADDRESS = "customer-4711", "anna.berg@example.org"
LETTER = f"My parcel has not come. Please write to {ADDRESS} when it will be here. It was sent a week ago."
LOOK_S = 0.1
#: One run and some requests; it takes about two seconds.
DEADLINE_S = 60.0


class Shown(NamedTuple):
    """What readers saw of one answer: without the right to values, with it, and after the erasure."""

    token: str
    value: str
    erased: str


async def run_privacy(
    api_url: str, api_key: str, console: Console, *, generation: int = 0, deadline_s: float = DEADLINE_S
) -> Shown:
    """Run a letter, read it as two readers, erase its person, print what was seen. Raises ``SampleError``."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(deadline_s), Api(api_url, api_key) as api:
            await _prepared(api)
            run = await _ended(api, await _submitted(api, generation))
            async with Api(api_url, await _plain_key(api)) as reader:
                token = await _answer(reader, run)
            value = await _answer(api, run)
            await api.request("POST", f"/api/v1/subjects/{PERSON}-{generation}/erase", (200,))
            erased = await _answer(api, run)
            await api.request("DELETE", "/api/v1/policies/active", (200, 204))
    except TimeoutError:
        raise SampleError(f"the sample of privacy did not end within {deadline_s:g} s") from None
    shown = Shown(token, value, erased)
    for line in lines(shown, time.monotonic() - began):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    _check(shown)
    return shown


def lines(shown: Shown, seconds: float) -> list[str]:
    """Return what is printed of it."""
    return [
        f"privacy: a letter came:                 {LETTER}",
        f"privacy: the model and the log have:    {shown.token}",
        f"privacy: a reader who may see values:   {shown.value}",
        f"privacy: after the person was erased:   {shown.erased}  ({seconds:.1f} s)",
    ]


def _check(shown: Shown) -> None:
    if ADDRESS in shown.token:
        raise SampleError("a reader without the right to values was shown an address")
    if ADDRESS not in shown.value:
        raise SampleError("a reader with the right to values was not shown the address")
    if ADDRESS in shown.erased:
        raise SampleError("the address of an erased person was shown")


async def _prepared(api: Api) -> None:
    prompt = yaml.safe_load((FOLDER / f"{WORKFLOW}@1.yaml").read_text(encoding="utf-8"))
    await api.request("POST", "/api/v1/prompts", (200, 201), json=prompt)
    yaml_type = {"Content-Type": "application/yaml"}
    content = (FOLDER / f"{WORKFLOW}.yaml").read_bytes()
    await api.request("POST", "/api/v1/workflows", (200, 201), content=content, headers=yaml_type)
    document = yaml.safe_load((FOLDER / "policy.yaml").read_text(encoding="utf-8"))
    stored = await api.request("POST", "/api/v1/policies", (200, 201), json={"document": document})
    version = {"version": stored.json()["version"], "mode": "enforce"}
    await api.request("POST", f"/api/v1/policies/{POLICY}/activate", (200,), json=version)


async def _submitted(api: Api, generation: int) -> str:
    body = {"workflow_name": WORKFLOW, "inputs": {"letter": LETTER}, "subject": f"{PERSON}-{generation}"}
    key = {"Idempotency-Key": f"privacy-{generation}"}
    run: str = (await api.request("POST", RUNS, (202,), json=body, headers=key)).json()["id"]
    return run


async def _ended(api: Api, run: str) -> str:
    while True:
        found = (await api.request("GET", f"{RUNS}/{run}", (200, 404))).json()
        if found.get("status") in TERMINAL_RUN:
            break
        await asyncio.sleep(LOOK_S)
    if found["status"] != "succeeded":
        raise SampleError(f"{WORKFLOW} {found['status']}: {(found.get('error') or {}).get('code')}")
    return run


async def _plain_key(api: Api) -> str:
    """Return a key that may read runs, and no more."""
    body = {"name": "reader of tokens", "permissions": ["read"]}
    key: str = (await api.request("POST", "/api/v1/keys", (201,), json=body)).json()["key"]
    return key


async def _answer(api: Api, run: str) -> str:
    """Return the line of the answer that says where to write to, or what is shown in place of an answer."""
    found: dict[str, Any] = (await api.request("GET", f"{RUNS}/{run}", (200,))).json()
    output = (found["output"] or {}).get(STEP)
    if isinstance(output, dict):
        return str(output.get("kind", output))
    return next((line.strip("- ") for line in str(output).splitlines() if "write to" in line), str(output))
