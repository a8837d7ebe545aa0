"""The tools that AgentFlow offers as an MCP server: their names, texts and input schemas."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from schemas.run_states import RunState

Json = Any
NAME: Final[dict[str, Json]] = {"type": "string", "description": "The name of a workflow."}
RUN: Final[dict[str, Json]] = {"type": "string", "description": "The id of a run."}
ACCEPT: Final[dict[str, Json]] = {
    "type": "number",
    "minimum": 0,
    "maximum": 1_000_000_000,
    "description": "The most that the run may cost, in US dollars: it becomes the run's budget, beyond which no model "
    "is called. Without it nothing is submitted, and the answer is what would happen and what it may cost.",
}
WAIT: Final[dict[str, Json]] = {
    "type": "number",
    "minimum": 0,
    "maximum": 300,
    "description": "Wait for the run's end, up to so many seconds.",
}
KEY: Final[dict[str, Json]] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 200,
    "description": "Your id of this submission: the same one twice is one run.",
}
#: What a name of a tool may be for every client and model.
_ODD = re.compile(r"[^A-Za-z0-9_-]")
_MOST_NAME: Final = 64
PREFIX: Final = "run_"


@dataclass(frozen=True)
class Tool:
    """One tool. ``writes``: it needs a key with the permission ``write``."""

    name: str
    title: str
    description: str
    properties: Mapping[str, Json] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    writes: bool = False

    @property
    def schema(self) -> dict[str, Json]:
        """The JSON schema of its arguments."""
        found: dict[str, Json] = {
            "type": "object",
            "properties": dict(self.properties),
            "additionalProperties": False,
        }
        return found | ({"required": list(self.required)} if self.required else {})

    def described(self) -> dict[str, Json]:
        """Return it as ``tools/list`` shows it."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.schema,
            "annotations": {
                "readOnlyHint": not self.writes,
                "destructiveHint": False,
                "idempotentHint": not self.writes,
                "openWorldHint": self.writes,
            },
        }


FIXED: Final = (
    Tool("list_workflows", "List workflows", "List the workflows that can be run, with the inputs that each needs."),
    Tool(
        "describe_workflow",
        "Describe a workflow",
        "Show one workflow: its nodes, the inputs that a run must provide, and their schema.",
        {"workflow": NAME, "version": {"type": "integer", "minimum": 1}},
        ("workflow",),
    ),
    Tool(
        "submit_run",
        "Submit a run",
        "Start a run of a workflow. First call it without accept_cost_usd: the answer says what the run may cost, and "
        "nothing is started. Then call it again with the most that it may cost.",
        {
            "workflow": NAME,
            "inputs": {"type": "object"},
            "version": {"type": "integer", "minimum": 1},
            "accept_cost_usd": ACCEPT,
            "wait_s": WAIT,
            "idempotency_key": KEY,
        },
        ("workflow",),
        writes=True,
    ),
    Tool(
        "wait_for_run",
        "Wait for a run",
        "Wait until a run has ended, or for timeout_s, and return its status, output and cost.",
        {"run_id": RUN, "timeout_s": WAIT | {"default": 60}},
        ("run_id",),
    ),
    Tool(
        "get_run",
        "Show a run",
        "Return a run's status, output, error and steps.",
        {"run_id": RUN, "step_outputs": {"type": "boolean", "default": False}},
        ("run_id",),
    ),
    Tool(
        "list_runs",
        "List runs",
        "List runs, the newest first.",
        {
            "workflow": NAME,
            "status": {"type": "string", "enum": list(get_args(RunState))},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
        },
    ),
    Tool(
        "why",
        "Why does it wait, or why did it fail",
        "Say what a run waits for, or why it failed: the step that caused it, with evidence.",
        {"run_id": RUN},
        ("run_id",),
    ),
    Tool(
        "cost_of_run",
        "What a run costs",
        "Return what a run has cost so far in US dollars, exact, by step, with its tokens and its budget.",
        {"run_id": RUN},
        ("run_id",),
    ),
    Tool(
        "cancel_run",
        "Cancel a run",
        "Request the end of a run. Calls that are being made are broken off.",
        {"run_id": RUN, "reason": {"type": "string", "maxLength": 500}},
        ("run_id",),
        writes=True,
    ),
)


@dataclass(frozen=True)
class Offered:
    """A workflow as a tool: ``tool`` runs ``workflow``."""

    tool: Tool
    workflow: str


def offered(workflows: Iterable[Mapping[str, Json]]) -> list[Offered]:
    """Return a tool for each workflow of a list as the API shows it. Names that clash get a number."""
    found, taken = list[Offered](), {one.name for one in FIXED}
    for one in workflows:
        workflow = str(one["name"])
        name = _name(workflow, taken)
        taken.add(name)
        about = str(one.get("description") or "").strip()
        tool = Tool(
            name,
            f"Run {workflow}",
            f"Run the workflow {workflow}{f': {about[:500]}' if about else ''}. Without accept_cost_usd nothing is "
            "started, and the answer says what a run may cost.",
            {
                "inputs": _inputs(one),
                "accept_cost_usd": ACCEPT,
                "wait_s": WAIT | {"default": 60},
                "idempotency_key": KEY,
            },
            ("inputs",) if one.get("required_inputs") else (),
            writes=True,
        )
        found.append(Offered(tool, workflow))
    return found


def _name(workflow: str, taken: set[str]) -> str:
    plain = PREFIX + _ODD.sub("_", workflow)
    name, number = plain[:_MOST_NAME], 2
    while name in taken:
        end = f"_{number}"
        name, number = plain[: _MOST_NAME - len(end)] + end, number + 1
    return name


def _inputs(one: Mapping[str, Json]) -> dict[str, Json]:
    """Return the schema of a workflow's inputs: its own, or the names that it requires."""
    own = one.get("input_schema")
    if isinstance(own, dict):
        return {"type": "object"} | own
    required = [str(name) for name in one.get("required_inputs") or ()]
    plain: dict[str, Json] = {"type": "object", "properties": {name: {} for name in required}}
    return plain | ({"required": required} if required else {})
