"""A chat prompt with a part, parameters and a schema, from the registry to the answer; a worker dies in its repair."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from deploy.local.system import ORG, PARTITIONS
from tests.support.checker import Checker, settlements
from tests.support.client import RUNS, define_workflow, llm, submission, submit, unique, wait_for_run
from tests.support.crashes import crash_system
from tests.support.polling import until

LATENCY_MS = 1_500
#: A hold lasts 12 s, and the system is slow where others work, too.
SETTLE_S = 90
SCHEMA = {
    "type": "object",
    "properties": {"mood": {"enum": ["glad", "sad"]}, "why": {"type": "string"}},
    "required": ["mood", "why"],
}


def define(client: httpx.Client, name: str, **fields: Any) -> None:
    client.post("/api/v1/prompts", json={"name": name, **fields}).raise_for_status()


def test_a_chat_is_answered_by_its_schema_and_a_death_in_a_repair_is_paid_once(tmp_path: Path) -> None:
    with crash_system(tmp_path, latency_ms=LATENCY_MS) as (system, model_url), system.client() as client:
        head, chat = unique("head"), unique("chat")
        define(client, head, template="Read what {{who}} says:")
        system_text = {"role": "system", "template": f"{{{{> {head}@1 who=name}}}}"}
        asks = {"output_schema": SCHEMA, "repair": True, "schema": {"text": {"type": "string"}}}
        asks |= {"parameters": {"model": "local-echo"}}
        # The model repeats its last twelve words: one answer follows the schema, one is requested again.
        for text in ('{"mood": "glad", "why": "{{text}}"}', "{{text}}"):
            define(client, chat, messages=[system_text, {"role": "user", "template": text}], **asks)
        right, wrong = (define_workflow(client, llm("ask", f"{chat}@{version}")) for version in (1, 2))
        inputs = {"name": "{{text}}", "text": "the sun is out today and all is green"}

        refused = client.post(RUNS, json=submission(right, inputs | {"text": 5}))
        first = submit(client, submission(right, inputs))
        second = submit(client, submission(wrong, inputs))
        until(lambda: any(key.endswith("~repair") for key in calls(model_url)) or None, 60, "a repair is asked")
        system.roles["worker"].kill()
        system.roles["worker"].start()
        ended = {run: wait_for_run(client, run, 90, outputs=True) for run in (first, second)}
        checker = Checker(system.endpoints, PARTITIONS, ORG, set(ended))
        report = asyncio.run(checker.settled(SETTLE_S))
    assert ended[first]["by_id"]["ask"].get("error") is None
    assert ended[first]["by_id"]["ask"]["output"] == {"mood": "glad", "why": "the sun is out today and all is green"}
    assert (refused.status_code, refused.json()["problems"][0]["path"]) == (422, "inputs.text")
    assert ended[second]["by_id"]["ask"]["error"]["code"] == "invalid_output"
    assert report.problems == []
    assert report.money_difference_nano == 0
    repairs = [one for one in settlements(checker.seen.costs).values() if one.call_id.endswith("~repair")]
    assert len(repairs) == len({one.call_id for one in repairs}) == 2, "one died, and its repeat was made once"
    assert sorted(one.kind for one in repairs) == ["actual", "presumed"]


def calls(model_url: str) -> dict[str, int]:
    """Return the model's calls by idempotency key."""
    found: dict[str, int] = httpx.get(f"{model_url}/calls", trust_env=False).json()["by_key"]
    return found
