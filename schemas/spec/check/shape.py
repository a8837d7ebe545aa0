"""Validates the shape of a document, with messages in a workflow author's terms and paths into the document."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import Problem
from schemas.records.base import Json
from schemas.spec.caching import WRITTEN_AS, CachePolicy, SemanticPolicy
from schemas.spec.check.number_texts import number_text_problems
from schemas.spec.flow import ConcurrencyRule, DebounceRule, Flow, RateRule
from schemas.spec.model import (
    AgentConfig,
    AgentNode,
    Dag,
    Edge,
    FunctionConfig,
    FunctionNode,
    Join,
    LlmConfig,
    LlmNode,
    LoopConfig,
    LoopNode,
    Node,
    NodeKind,
    SignalConfig,
    SignalNode,
    SwitchCase,
    SwitchConfig,
    SwitchNode,
    ToolConfig,
    ToolNode,
    WaitConfig,
    WaitNode,
    WorkflowConfig,
    WorkflowNode,
    WorkflowSpec,
)
from schemas.spec.policy import TIERS, Policy, Retries
from schemas.spec.text.read import MAX_PROBLEMS
from schemas.values.check import quoted

KINDS: tuple[str, ...] = get_args(NodeKind)
_NODES: dict[str, type[BaseModel]] = {
    "llm": LlmNode,
    "tool": ToolNode,
    "function": FunctionNode,
    "wait": WaitNode,
    "switch": SwitchNode,
    "signal": SignalNode,
    "agent": AgentNode,
    "workflow": WorkflowNode,
    "loop": LoopNode,
}
_CONFIGS: dict[str, type[BaseModel]] = {
    "llm": LlmConfig,
    "tool": ToolConfig,
    "function": FunctionConfig,
    "wait": WaitConfig,
    "switch": SwitchConfig,
    "signal": SignalConfig,
    "agent": AgentConfig,
    "workflow": WorkflowConfig,
    "loop": LoopConfig,
}

_FLOW_RULES: dict[str, type[BaseModel]] = {
    "concurrency": ConcurrencyRule,
    "rate": RateRule,
    "debounce": DebounceRule,
}

_NODE: TypeAdapter[Node] = TypeAdapter(Node)

#: Of more names only those are compared that begin with the same letter: each comparison takes some microseconds.
_COMPARED = 200

Loc = tuple[str | int, ...]

#: The most unknown names of a request that are reported: each costs a search for the nearest known one.
MAX_NAMED = 20


def shape_problems(document: dict[str, Json]) -> tuple[WorkflowSpec | None, list[Problem]]:
    """Return the spec, or ``None`` and every problem of the document's shape."""
    try:
        spec = WorkflowSpec.model_validate(document)
    except ValidationError as exc:
        found = exc.errors(include_url=False)[:MAX_PROBLEMS]
        return None, [_problem(error) for error in found]
    problems = list(number_text_problems(spec, document))
    return None if problems else spec, problems


def node_or_none(raw: Json) -> Node | None:
    """Return a node that is valid by itself, so that the rest of an invalid document can be checked, too."""
    try:
        return _NODE.validate_python(raw)
    except ValidationError:
        return None


def similar(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` when a known name is close, else the known names."""
    names = sorted(known)
    same = [one for one in names if one.lower() == name.lower()]
    if len(names) > _COMPARED:
        names = [one for one in names if one[:1] == name[:1]][:_COMPARED] or names[:_COMPARED]
    close = same or difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known are {', '.join(names[:20])}" if names else "there are none"


def path_of(loc: Sequence[str | int]) -> str:
    """Return a location as text: ``dag.nodes[2].config``."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _problem(error: ErrorDetails) -> Problem:
    loc = _without_tag(error["loc"])
    path = path_of(loc)
    kind, context = error["type"], error.get("ctx", {})
    last = str(loc[-1]) if loc else ""
    match kind:
        case "missing":
            return Problem(path, "is missing", f"add `{last}`")
        case "extra_forbidden":
            return _unknown_field(error["loc"], path, last)
        case "union_tag_not_found":
            return Problem(f"{path}.type", "is missing", f"write one of {', '.join(KINDS)}")
        case "union_tag_invalid":
            tag = str(context.get("tag"))
            if tag == "loop" and "body" in loc:
                said, fix = "a loop cannot be inside of a loop", "run a workflow that has the inner loop"
                return Problem(f"{path}.type", said, fix)
            return Problem(f"{path}.type", f"there is no node type '{tag}'", similar(tag, KINDS))
        case "literal_error" if last == "quality":
            given = str(error["input"])
            return Problem(path, f"there is no quality '{given}'", similar(given.lower(), TIERS))
        case "literal_error" if last == "join":
            return Problem(path, f"there is no join '{error['input']}'", f"write one of {', '.join(get_args(Join))}")
        case "string_pattern_mismatch":
            return Problem(path, f"'{error['input']}' is not a valid name here", _pattern_fix(last))
        case "string_type" if error["input"] is None or isinstance(error["input"], bool | int | float):
            return Problem(path, f"should be a text, and is {json.dumps(error['input'])}", quoted(error["input"]))
        case _:
            return _of_flow(path, context) if loc[:1] == ("flow",) and kind == "value_error" else _other(path, error)


def _of_flow(path: str, context: Mapping[str, Any]) -> Problem:
    said, _, fix = str(context.get("error")).partition("; ")
    return Problem(path, said, fix)


def _other(path: str, error: ErrorDetails) -> Problem:
    return Problem(path, _words(error), _range_fix(error))


def _unknown_field(loc: Loc, path: str, name: str) -> Problem:
    of = _fields_of_cache if "cache_policy" in loc else _fields_of_flow if loc[0] == "flow" else _fields_at
    known = of(loc)
    return Problem(path, f"the field `{name}` is unknown", similar(name, known))


def _fields_of_cache(loc: Loc) -> list[str]:
    return list((SemanticPolicy if loc[-2] == "semantic" else CachePolicy).model_fields)


def _fields_of_flow(loc: Loc) -> list[str]:
    return list((_FLOW_RULES[str(loc[1])] if len(loc) > 2 else Flow).model_fields)


def _fields_at(loc: Loc) -> list[str]:
    """Return the known fields at the place of an unknown one."""
    if loc[3:6] == ("loop", "config", "body"):
        loc = (*loc[:2], *loc[6:])
    names = [part for part in loc[:-1] if isinstance(part, str)]
    tag = loc[3] if len(loc) > 4 and loc[:2] == ("dag", "nodes") else None
    model: type[BaseModel] = WorkflowSpec
    match names:
        case ["dag"]:
            model = Dag
        case ["dag", "edges"]:
            model = Edge
        case ["dag", "nodes", _]:
            model = _NODES[str(tag)]
        case ["dag", "nodes", "loop", "config", "edges"]:
            model = Edge
        case ["dag", "nodes", "switch", "config", "cases"]:
            model = SwitchCase
        case ["dag", "nodes", _, "config", *_]:
            model = _CONFIGS[str(tag)]
        case ["dag", "nodes", _, "policy", "retries"]:
            model = Retries
        case ["dag", "nodes", _, "policy"]:
            model = Policy
    return [field.alias or name for name, field in model.model_fields.items()]


def _without_tag(loc: Loc) -> Loc:
    """Omit the types of nodes, which pydantic adds after the index of a node, and name fields as they are written."""
    if len(loc) > 3 and loc[:2] == ("dag", "nodes") and loc[3] in KINDS:
        loc = loc[:3] + loc[4:]
    if len(loc) > 6 and loc[3:5] == ("config", "body") and loc[6] in KINDS:
        loc = loc[:6] + loc[7:]
    return tuple(WRITTEN_AS.get(part, part) if isinstance(part, str) else part for part in loc)


def _words(error: ErrorDetails) -> str:
    given = repr(error["input"])
    shown = given if len(given) <= 60 else f"{given[:57]}..."
    return f"{error['msg'][:1].lower()}{error['msg'][1:]} (it is {shown})"


def _range_fix(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    limits = [f"{words[key]} {context[key]}" for key in words if key in context]
    return f"write a number that is {' and '.join(limits)}" if limits else "see the workflow format in the docs"


def _pattern_fix(field: str) -> str:
    if field == "id":
        return "use a letter or '_', then up to 63 letters, digits, '_' or '-'"
    if field == "prompt_ref":
        return "write name@version, such as summarizer@1"
    return "use a letter, then up to 127 letters, digits, '_', '.' or '-'"
