"""Why a step with equal inputs came out differently, from what its spans say about it.

The rules are in order: what comes first explains what comes later. A pinned prompt is part of a definition, so it is
looked at before; a definition or a policy chooses routes; an answer from the cache has no call whose model could
differ. Where all is equal and the output is not, the model or the tool has answered differently.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from services.observability.diff.facts import MODEL_CALLS, Facts, Node
from services.observability.diff.pairing import Pair

Kind = Literal[
    "inputs",
    "definition",
    "prompt",
    "policy",
    "cache",
    "route",
    "environment",
    "time",
    "tool_result",
    "model",
    "unknown",
]

#: Errors by which rules end a step: money, quotas, guards, bounds.
POLICY_ERRORS = frozenset(
    {"budget_exceeded", "run_budget_exceeded", "quota_exceeded", "calls_stopped", "guard_failed", "content_filtered"}
    | {"max_cost", "max_turns", "no_route", "unpriced_model", "forbidden_host", "forbidden_address", "forbidden_path"}
    | {"too_many_calls", "too_many_items", "loop_exhausted", "rejected"}
)
#: Errors that come of time alone.
TIME_ERRORS = frozenset({"timeout", "deadline_exceeded", "signal_timeout", "provider_timeout", "batch_expired"})
_WAITS = frozenset({"timer", "signal"})
#: What comes after a node's id in that of a step: ``analyze[3]``, ``assistant/turn-2``, ``refine~2/draft``.
_NODE = re.compile(r"[\[/~]")
_PLACE_TAGS = frozenset({"environment", "env", "stage", "region", "release", "arm", "deployment"})


class Evidence(Struct, frozen=True, kw_only=True):
    """One thing that differs, as both runs have it; "" where a run has none."""

    kind: Kind
    what: str
    a: str = ""
    b: str = ""


class Surroundings(Struct, frozen=True, kw_only=True):
    """What the whole runs say: hashes of definitions and of their nodes, and tags that name an environment."""

    hash_a: str = ""
    hash_b: str = ""
    nodes_a: dict[str, str] = {}
    nodes_b: dict[str, str] = {}
    tags_a: dict[str, str] = {}
    tags_b: dict[str, str] = {}

    @property
    def places(self) -> tuple[str, str]:
        """The tags that name an environment and differ, of each run."""
        names = sorted(n for n in _PLACE_TAGS if self.tags_a.get(n) != self.tags_b.get(n))
        return _shown(names, self.tags_a), _shown(names, self.tags_b)

    def node_differs(self, node_id: str) -> bool | None:
        """Whether a node is defined differently; ``None`` where that is not known."""
        if node_id in self.nodes_a or node_id in self.nodes_b:
            return self.nodes_a.get(node_id) != self.nodes_b.get(node_id)
        return False if self.hash_a and self.hash_a == self.hash_b else None


class _Work(Struct, frozen=True, kw_only=True):
    """What one run's spans of a step say together. The last call of a model counts: it gave the answer."""

    prompt: str = ""
    route: str = ""
    cached: str = ""
    policy: str = ""
    places: str = ""
    error: str = ""


def node_id_of(step: str) -> str:
    """Return the node of the workflow that a step, a child of a map, a part of an agent or of a loop is of."""
    return _NODE.split(step, maxsplit=1)[0]


def containers_of(step: str) -> list[str]:
    """Return the maps, agents, loops and iterations that a step is in, by the beginnings of its id."""
    return [step[: found.start()] for found in _NODE.finditer(step)]


def evidence_of(pair: Pair, around: Surroundings) -> list[Evidence]:
    """Return what differs about a step that both runs have, most telling first."""
    assert pair.a is not None
    assert pair.b is not None
    a, b = _work(pair.a), _work(pair.b)
    found = [*_defined(pair, a, b, around), *_decided(a, b), *_surrounded(pair, a, b, around)]
    if around.node_differs(node_id_of(pair.either.step)) is None and around.hash_a != around.hash_b:
        found.append(Evidence(kind="definition", what="definition of the workflow", a=around.hash_a, b=around.hash_b))
    return [*found, *_answered(pair)]


def _defined(pair: Pair, a: _Work, b: _Work, around: Surroundings) -> Iterator[Evidence]:
    if a.prompt != b.prompt and (a.prompt and b.prompt):
        yield Evidence(kind="prompt", what="version of the prompt", a=a.prompt, b=b.prompt)
    node_id = node_id_of(pair.either.step)
    if around.node_differs(node_id):
        hashes = around.nodes_a.get(node_id, ""), around.nodes_b.get(node_id, "")
        yield Evidence(kind="definition", what=f"definition of the node {node_id}", a=hashes[0], b=hashes[1])


def _decided(a: _Work, b: _Work) -> Iterator[Evidence]:
    if a.policy != b.policy:
        yield Evidence(kind="policy", what="decision of a rule", a=a.policy, b=b.policy)
    if a.error != b.error and {a.error, b.error} & POLICY_ERRORS:
        yield Evidence(kind="policy", what="refusal by a rule", a=a.error, b=b.error)
    if a.cached != b.cached:
        yield Evidence(kind="cache", what="earlier answer that stood in", a=a.cached, b=b.cached)
    if a.route != b.route and a.route and b.route:
        yield Evidence(kind="route", what="route of the call", a=a.route, b=b.route)


def _surrounded(pair: Pair, a: _Work, b: _Work, around: Surroundings) -> Iterator[Evidence]:
    if a.places != b.places:
        yield Evidence(kind="environment", what="where it ran", a=a.places, b=b.places)
    place_a, place_b = around.places
    if place_a != place_b:
        yield Evidence(kind="environment", what="tags of the run", a=place_a, b=place_b)
    if a.error != b.error and {a.error, b.error} & TIME_ERRORS:
        yield Evidence(kind="time", what="it took too long", a=a.error, b=b.error)
    elif pair.either.type in _WAITS:
        yield Evidence(kind="time", what="end of a wait", a=a.error, b=b.error)


def _answered(pair: Pair) -> Iterator[Evidence]:
    """Yield calls that were asked the same and answered differently, or that one run made and the other did not."""
    calls = [one for one in _parts(pair) if one.either.type in {*MODEL_CALLS, "tool_call"}]
    for call in calls:
        if call.a is None or call.b is None:
            continue
        a, b = call.a.facts, call.b.facts
        asked_the_same = a.inputs == b.inputs
        if asked_the_same and (a.output, a.error) != (b.output, b.error):
            tool = call.either.type == "tool_call"
            what = "result of a tool" if tool else "answer of a model"
            yield Evidence(kind="tool_result" if tool else "model", what=what, a=_came(a), b=_came(b))
    if pair.a is not None and pair.b is not None:
        yield from _worked(pair.a, pair.b)


def _worked(a: Node, b: Node) -> Iterator[Evidence]:
    """Yield what a step came to by what it does, where no call of it says more: functions have no spans of calls."""
    came_a, came_b = (node.facts.error or _last(node).error or node.output[:12] for node in (a, b))
    if came_a == came_b:
        return
    does = _last(a).does or _last(b).does
    if does.startswith("function"):
        yield Evidence(kind="time", what=f"{does}, which is not pure", a=came_a, b=came_b)
    elif does:
        yield Evidence(kind="tool_result", what=f"result of the {does}", a=came_a, b=came_b)
    elif _last(a).prompt or _last(b).prompt:
        yield Evidence(kind="model", what="result", a=came_a, b=came_b)
    else:
        # A step without any attempt is done by the orchestrator; what it decides on may be known to it alone.
        ended = not {came_a, came_b} & {"canceled", "skipped"}
        yield Evidence(kind="time" if ended else "unknown", what="result", a=came_a, b=came_b)


def _last(node: Node) -> Facts:
    return next((part.facts for part in reversed(node.parts) if part.type == "attempt"), node.facts)


def _came(facts: Facts) -> str:
    return facts.error or facts.output[:12]


def _parts(pair: Pair) -> Iterator[Pair]:
    for part in pair.parts:
        yield part
        yield from _parts(part)


def _work(node: Node) -> _Work:
    found = [node, *_nodes(node)]
    last = next((one.facts for one in reversed(found) if one.type in MODEL_CALLS), None)
    return _Work(
        prompt=next((one.facts.prompt for one in found if one.facts.prompt), ""),
        route=last.route if last is not None else "",
        cached=last.cached if last is not None else "",
        policy="; ".join(sorted({word for one in found for word in one.facts.policy})),
        places=" ".join(sorted({f"{name}={value}" for one in found for name, value in one.facts.places})),
        error=next((one.facts.error for one in found if one.facts.error and one.facts.status == "error"), ""),
    )


def _nodes(node: Node) -> Iterator[Node]:
    """Yield the spans of a step's last attempt and all that is no attempt; earlier attempts gave no result."""
    attempts = [part for part in node.parts if part.type == "attempt"]
    for part in node.parts:
        if part.type != "attempt" or part is attempts[-1]:
            yield part
            yield from _nodes(part)


def _shown(names: Sequence[str], tags: Mapping[str, str]) -> str:
    return " ".join(f"{name}={tags[name]}" for name in names if name in tags)
