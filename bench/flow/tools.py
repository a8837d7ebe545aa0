"""The tools of random workflows: what is declared of them, and what a call gives.

Every result depends on the arguments alone, and that of ``search`` on the web, too, whose content a variant changes.
What is declared keeps its word: the field ``id`` of ``search`` depends on its arguments only.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.records.base import Json
from schemas.records.security.pinned import ToolSecurity
from schemas.records.steps import AgentTurn, StepRequest

TOOLS: Mapping[str, ToolSecurity] = {
    "search": ToolSecurity(source=["web", "from:search"], fields={"$.id": ["user"]}),
    "contacts": ToolSecurity(source=["third_party", "class:pii"], fields={"$.id": ["user"]}),
    "table": ToolSecurity(source=["trusted"]),
    "shout": ToolSecurity(pure=True),
    "mail": ToolSecurity(source=["trusted"], effects=True, sinks={"to": "recipient", "body": "content"}),
    "pay": ToolSecurity(source=["trusted"], effects=True, sinks={"to": "recipient", "amount": "amount"}),
}
#: Tools whose results depend on what the web says.
OUTSIDE = frozenset({"search"})
EFFECTS = frozenset(name for name, tool in TOOLS.items() if tool.effects)
#: What ids of nodes end with whose calls may fail.
FLAKY = "_f"


@dataclass(frozen=True, slots=True)
class Given:
    """What a call gave: an output, calls of tools that a model requests, or an error's text."""

    output: Json = None
    calls: tuple[tuple[str, dict[str, Json]], ...] = ()
    error: str = ""


def work_on(request: StepRequest, web: str) -> Given:
    """Return what a worker gives for a request when the web says ``web``."""
    name = getattr(request.work, "name", "model")
    known = [name, request.args]
    if isinstance(request.work, AgentTurn):
        return _turn(request, [*known, [_said(before) for before in request.work.before]])
    outside = web if name in OUTSIDE else ""
    number = _number([*known, outside])
    if request.node_id.endswith(FLAKY) and number % 3 == 0:
        return Given(error=f"{name} failed: {number}")
    return Given(_value(number) | {"id": f"id{_number(known) % 10_000}"})


def _value(number: int) -> dict[str, Json]:
    items: list[Json] = [f"e{number % 97 + one}" for one in range(number % 3)]
    return {"text": f"t{number % 100_000}", "flag": number % 2 == 0, "n": number % 4, "list": items}


def _turn(request: StepRequest, known: Json) -> Given:
    """Return a model's turn: it obeys all that it reads, since each word of it decides which calls it requests."""
    number = _number(known)
    tools = request.work.tools if isinstance(request.work, AgentTurn) else []
    before = request.work.before if isinstance(request.work, AgentTurn) else []
    if not tools or len(before) >= 2 or number % 4 == 0:
        return Given(_value(number))
    calls = []
    for one in range(1 + number % 2):
        name = tools[(number // 7 + one) % len(tools)]
        calls.append((name, {"to": f"x{number % 50}", "body": f"b{number % 50}", "q": f"q{number % 50}"}))
    return Given(calls=tuple(calls))


def _said(before: object) -> Json:
    said = getattr(before, "said", None)
    results = getattr(before, "results", [])
    return [
        getattr(said, "value", None),
        [
            [getattr(one.output, "value", None), "" if one.error is None else [one.error.code, one.error.message]]
            for one in results
        ],
    ]


def _number(value: Json) -> int:
    written = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()
    return int.from_bytes(hashlib.sha256(written).digest()[:6], "big")
