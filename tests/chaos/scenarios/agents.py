"""An agent that reads a document, writes two, and answers."""

from hashlib import sha256
from typing import Any

from tests.chaos.scenarios.answers import as_text, echo, price_of, tokens
from tests.chaos.scenarios.nodes import MODEL_NAME, PATIENT, workflow
from tests.chaos.scenarios.scenario import Case, Made, Scenario, expect
from tests.support.client import document

Json = dict[str, Any]

_LEAD = "Read, note, then say something short about {text}:"
TEMPLATE = "\n\n".join(
    [
        _LEAD.replace("{text}", "{{text}}"),
        '@tool s3.fetch {"key": "gettysburg.txt"}',
        "\n".join(
            f'@tool s3.put {{"bucket": "notes", "key": "{{{{name}}}}-{which}.txt", "body": "{{{{text}}}}"}}'
            for which in "ab"
        ),
    ]
)
PROMPT = {"name": "chaos_agent", "version": 1, "template": TEMPLATE}


def _put(key: str, text: str) -> Json:
    size, etag = len(text.encode()), sha256(text.encode()).hexdigest()
    return {"uri": f"file://notes/{key}", "bucket": "notes", "key": key, "size": size, "etag": etag}


def _agent(case: Case) -> Made:
    name = f"n{case.number}"
    turns = [
        [("s3.fetch", {"key": "gettysburg.txt"})],
        [("s3.put", {"bucket": "notes", "key": f"{name}-{which}.txt", "body": case.text}) for which in "ab"],
    ]
    results = [[document("gettysburg.txt")], [_put(f"{name}-{which}.txt", case.text) for which in "ab"]]
    prompt = TEMPLATE.replace("{{text}}", case.text).replace("{{name}}", name)
    steps: dict[str, list[Any]] = {}
    priced: dict[str, int] = {}
    read = tokens(prompt)
    for number, (calls, found) in enumerate(zip(turns, results, strict=True), 1):
        turn = f"bot/turn-{number}"
        uses = [{"id": f"call_{number}_{i}", "name": tool, "args": args} for i, (tool, args) in enumerate(calls, 1)]
        steps[turn] = [{"text": "", "tool_calls": uses}]
        priced[turn] = price_of(read, sum(tokens(f"{tool} {as_text(args)}") for tool, args in calls))
        steps |= {f"{turn}/{calls[i][0]}[{i}]": [value] for i, value in enumerate(found)}
        read += sum(tokens(as_text(value)) for value in found)
    said = [as_text(value) for values in results for value in values]
    answer = echo("\n\n".join([_LEAD.format(text=case.text), *said]))
    steps |= {"bot/turn-3": [answer], "bot": [answer]}
    priced["bot/turn-3"] = price_of(read, tokens(answer))
    found_ = expect(case, "chaos_agent", {"bot": answer}, steps=steps, priced=priced, paid=list(priced))
    return Made({"text": case.text, "name": name}, found_)


SCENARIOS = (
    Scenario(
        workflow(
            "chaos_agent",
            {
                "id": "bot",
                "type": "agent",
                "config": {
                    "prompt_ref": "chaos_agent@1",
                    "tools": ["s3.fetch", "s3.put"],
                    "model": MODEL_NAME,
                    "max_tokens": 256,
                },
                "policy": PATIENT,
            },
        ),
        6,
        _agent,
    ),
)
