"""The tree of a run's spans with what matters of each: what came in, what came out, and by which decisions.

Spans without a type, of older records, are told apart by their attributes.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

from schemas.records.spans import Span

STEPS = frozenset({"step", "map", "agent", "timer", "signal", "child_run"})
#: Calls of models, and earlier answers that stood in for one.
MODEL_CALLS = frozenset({"llm_call", "embedding", "cache"})
#: Attributes that name where and by which build something ran. A worker's own id is not one: it differs each time.
_PLACES = (
    "deployment.environment.name",
    "agentflow.worker.version",
    "service.version",
)


class Facts(Struct, frozen=True, kw_only=True):
    """What a span says, but for its times.

    ``error`` is its code, or ``canceled`` or ``skipped`` of a step that ended so. ``does`` is the tool or the function.
    ``route``: ``provider/model``. ``cached``: the kind of the earlier answer that stood in, "" for none. ``policy``:
    what rules decided about it. ``places``: where and by which build it ran.
    """

    inputs: str = ""
    output: str = ""
    status: str = "unset"
    error: str = ""
    does: str = ""
    prompt: str = ""
    route: str = ""
    cached: str = ""
    policy: tuple[str, ...] = ()
    places: tuple[tuple[str, str], ...] = ()


class Node(Struct, kw_only=True):
    """A span in its place. ``type`` is filled in for old spans; ``children`` are in the order in which they started.

    ``step`` is the id of the step that it is or that it belongs to, "" for the run. Cost is nano-dollars, own only.
    """

    span: Span
    type: str
    step: str
    children: list["Node"] = field(default_factory=list)
    known: Facts | None = None

    @property
    def facts(self) -> Facts:
        """What the span says; read when it is first needed, as most of it never is."""
        if self.known is None:
            self.known = facts_of(self.span)
        return self.known

    @property
    def inputs(self) -> str:
        """The hash of what came in: its own, or that of its attempts, which all have the same."""
        if self.span.input_hash:
            return self.span.input_hash
        return next((one.span.input_hash for one in self.children if one.type == "attempt"), "")

    @property
    def output(self) -> str:
        """The hash of what came out: its own, or that of its last attempt."""
        if self.span.output_hash:
            return self.span.output_hash
        return next((one.span.output_hash for one in reversed(self.children) if one.type == "attempt"), "")

    @property
    def is_step(self) -> bool:
        """Whether it is a step, a child of a map or a turn of an agent, and not the run or a part of a step."""
        return self.type in STEPS

    @property
    def steps(self) -> list["Node"]:
        """The steps right below it."""
        return [child for child in self.children if child.is_step]

    @property
    def parts(self) -> list["Node"]:
        """What is right below it and no step: attempts, calls, guards."""
        return [child for child in self.children if not child.is_step]


def tree_of(spans: Iterable[Span]) -> Node | None:
    """Return the run's root with all spans below it; ``None`` where there is no span.

    A span whose parent is missing is put below the root, so that nothing is left out of a comparison. Where there is no
    run's span, the spans' own parent, or nothing, stands in for it. Steps that only have attempts get a node as well.
    """
    nodes = {span.span_id: _node(span) for span in spans}
    if not nodes:
        return None
    root = next((node for node in nodes.values() if node.type == "run"), None)
    if root is None:
        start, end = min(n.span.start_ns for n in nodes.values()), max(n.span.end_ns for n in nodes.values())
        root = Node(span=Span(span_id="", name="run", start_ns=start, end_ns=end), type="run", step="")
    own_steps: dict[str, Node] = {}
    for node in sorted(nodes.values(), key=lambda one: (one.span.start_ns, one.span.span_id)):
        if node is root:
            continue
        parent = nodes.get(node.span.parent_span_id or "", root)
        if parent is node or _is_above(node, parent, nodes):
            parent = root
        if node.type == "attempt" and not parent.is_step:
            parent = _step_of(node, own_steps, parent)
        parent.children.append(node)
        if not node.step and not node.is_step:
            node.step = parent.step
    return root


def _is_above(node: Node, parent: Node, nodes: dict[str, Node]) -> bool:
    """Return whether a span is above its own parent, as spans of other programs may claim. Looks up a few levels."""
    above: Node | None = parent
    for _ in range(64):
        above = nodes.get(above.span.parent_span_id or "") if above is not None else None
        if above is None:
            return False
        if above is node:
            return True
    return True


def _step_of(attempt: Node, steps: dict[str, Node], root: Node) -> Node:
    """Return the step of an attempt that has no span of its own: it looks like its last attempt."""
    step = steps.get(attempt.step)
    if step is None:
        step = Node(span=attempt.span, type="step", step=attempt.step)
        steps[attempt.step] = step
        root.children.append(step)
    step.span, step.known = attempt.span, None
    return step


def _node(span: Span) -> Node:
    kind = span.type or _type_of(span)
    return Node(span=span, type=kind, step=span.step_id or _text(span.attributes, "agentflow.step.id"))


def _type_of(span: Span) -> str:
    attributes = span.attributes
    if "agentflow.call.id" in attributes:
        return "embedding" if attributes.get("gen_ai.operation.name") == "embeddings" else "llm_call"
    if "agentflow.step.attempt" in attributes:
        return "attempt"
    return "run" if "agentflow.run.id" in attributes else "external"


def facts_of(span: Span) -> Facts:
    """Return what a span says of its inputs, its output and the decisions about it."""
    said = span.attributes
    provider = span.provider or _text(said, "gen_ai.provider.name")
    model = span.model or _text(said, "gen_ai.request.model")
    prompt = " ".join(filter(None, (_text(said, "agentflow.prompt.ref"), _text(said, "agentflow.prompt.hash"))))
    return Facts(
        inputs=span.input_hash,
        output=span.output_hash,
        status="error" if span.status == "error" else "ok",
        error=span.error_code or _text(said, "error.type") or _text(said, "agentflow.step.state"),
        does=_does(said),
        prompt=prompt,
        route=f"{provider}/{model}" if provider or model else "",
        cached=(_text(said, "agentflow.cache.kind") or "exact") if is_cached(span) else "",
        policy=_policy(span),
        places=tuple((name, str(said[name])) for name in _PLACES if name in said),
    )


def is_cached(span: Span) -> bool:
    """Return whether a span is of an earlier answer that stood in for a call."""
    return span.type == "cache" or span.attributes.get("agentflow.call.cached") is True


def _does(said: dict[str, Any]) -> str:
    """Return the tool or the function that an attempt calls: ``tool search``, ``function split``."""
    for kind, name in (("tool", "agentflow.tool.name"), ("function", "agentflow.function.name")):
        if name in said:
            return f"{kind} {said[name]}"
    return ""


def _policy(span: Span) -> tuple[str, ...]:
    """Return what rules decided, in words that are equal where the decisions are."""
    said = span.attributes
    found = [f"stepped down from {said[key]}" for key in ("agentflow.call.stepped_down_from",) if key in said]
    if span.type == "guard" and span.status == "error":
        found.append(f"{span.name}: {span.error_code or 'stopped'}")
    return tuple(found)


def _text(attributes: dict[str, Any], name: str) -> str:
    value = attributes.get(name)
    return value if isinstance(value, str) else ""
