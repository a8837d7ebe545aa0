"""What can be observed of a run's steps without knowing why: hashes, errors, decisions, times, counts."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from services.observability.diff.facts import MODEL_CALLS, Node, tree_of
from services.observability.diff.kinds import node_id_of
from services.observability.diff.recorded import RecordedRun

_NS_PER_MS = 1_000_000


class ObservedStep(Struct, frozen=True, kw_only=True):
    """One step that calls something. Times are milliseconds; ``at_ms`` is after the run's start.

    ``took_ms`` is the time of its longest attempt without waits, ``lost_ms`` that of attempts that failed before
    another one, pauses included. ``quota_ms`` are waits for quotas, given back attempts included. ``asked`` is the hash
    of what came in, ``tokens`` what a model wrote.
    """

    step: str
    node: str
    at_ms: float
    ended_ms: float
    asked: str
    output: str
    error: str
    attempts: int
    took_ms: float
    lost_ms: float
    quota_ms: float
    tokens: int
    cached: str
    route: str
    prompt: str
    policy: tuple[str, ...]


class ObservedRun(Struct, frozen=True, kw_only=True):
    """A run as its spans show it. ``error`` is "" for one that succeeded; steps are in the order of their starts.

    ``lacking``: by node, names of what its inputs refer to and was not there, such as ``inputs.customer`` or ``crm``.
    """

    run_id: str
    error: str
    duration_ms: float
    steps: Sequence[ObservedStep]
    nodes: Mapping[str, str]
    needs: Mapping[str, Sequence[str]]
    hash: str
    lacking: Mapping[str, Sequence[str]]
    inputs: str = ""
    started_ms: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether it ended with an error."""
        return bool(self.error)


def observed(run: RecordedRun, lacking: Mapping[str, Sequence[str]] | None = None) -> ObservedRun | None:
    """Return what a run's spans show; ``None`` for a run without any."""
    root = tree_of(run.spans)
    if root is None:
        return None
    steps = sorted((_step(node, root) for node in _leaves(root)), key=lambda one: (one.at_ms, one.step))
    error = root.facts.error or ("failed" if root.span.status == "error" else "")
    return ObservedRun(
        run_id=run.run_id,
        error=error,
        duration_ms=(root.span.end_ns - root.span.start_ns) / _NS_PER_MS,
        steps=steps,
        nodes=run.definition.nodes,
        needs=run.definition.needs,
        hash=run.definition.hash,
        lacking=lacking or {},
        inputs=root.inputs,
        started_ms=root.span.start_ns / _NS_PER_MS,
    )


def _leaves(root: Node) -> Iterator[Node]:
    """Yield the steps that do something themselves: maps and agents only wait for those below them."""
    rest = list(root.steps)
    while rest:
        node = rest.pop()
        if any(part.type == "attempt" for part in node.parts) or not node.steps:
            yield node
        rest += node.steps


def _step(node: Node, root: Node) -> ObservedStep:
    attempts = [part for part in node.parts if part.type == "attempt"]
    inside = [one for part in (attempts or [node]) for one in (part, *part.parts)]
    last = attempts[-1] if attempts else node
    calls = [one for one in inside if one.type in MODEL_CALLS]
    final = next((one.facts for one in reversed(calls)), None)
    span = node.span
    return ObservedStep(
        step=node.step,
        node=node_id_of(node.step),
        at_ms=(span.start_ns - root.span.start_ns) / _NS_PER_MS,
        ended_ms=(span.end_ns - root.span.start_ns) / _NS_PER_MS,
        asked=node.inputs,
        output=node.output,
        error=_error(node, last),
        attempts=len(attempts),
        took_ms=max(((one.span.end_ns - one.span.start_ns) / _NS_PER_MS - _waited(one) for one in attempts), default=0),
        lost_ms=max(0.0, (last.span.start_ns - attempts[0].span.start_ns) / _NS_PER_MS) if attempts else 0.0,
        quota_ms=sum(_waited(one, "quota") for one in attempts) + _given_back(node, attempts),
        tokens=sum(one.span.output_tokens for one in calls),
        cached=final.cached if final is not None else "",
        route=final.route if final is not None else "",
        prompt=next((one.facts.prompt for one in inside if one.facts.prompt), ""),
        policy=tuple(sorted({word for one in inside for word in one.facts.policy})),
    )


def _error(node: Node, last: Node) -> str:
    """Return why a step failed, or ``canceled``; an attempt that nobody reported was open when its run ended."""
    if node.facts.error == "canceled" or last.facts.error == "canceled":
        return "canceled"
    return node.facts.error or last.facts.error if node.span.status == "error" else ""


def _given_back(node: Node, attempts: Sequence[Node]) -> float:
    """Return how long a step waited outside of attempts: workers give back what would wait for long, unstarted.

    With an attempt, that is the time before the first that says so. A canceled step without any was never begun.
    """
    span = node.span
    if not attempts:
        return (span.end_ns - span.start_ns) / _NS_PER_MS if node.facts.error == "canceled" else 0.0
    if "agentflow.step.deferrals" not in attempts[0].span.attributes:
        return 0.0
    return max(0.0, (attempts[0].span.start_ns - span.start_ns) / _NS_PER_MS)


def _waited(node: Node, kind: str = "") -> float:
    """Return how long an attempt waited inside of its own time, in all or for one reason."""
    span = node.span
    inside = [phase for phase in span.phases if phase.start_ns >= span.start_ns and (not kind or phase.type == kind)]
    return sum(min(phase.end_ns, span.end_ns) - phase.start_ns for phase in inside) / _NS_PER_MS
