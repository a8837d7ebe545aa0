"""Where two runs part: causes, the first of them, and what only follows.

A step is a **cause** when its inputs are equal and what came out is not, or when its inputs differ though nothing
before it does. What comes out is its output, its error, or a decision about it (route, cache, refusal). All other
differences are **consequences**. Time and cost alone are no difference. A cause that changed no output, such as another
route with the same answer, is the first one only where no cause changed an output.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from services.observability.diff.facts import Node, tree_of
from services.observability.diff.kinds import Evidence, Kind, Surroundings, containers_of, evidence_of, node_id_of
from services.observability.diff.pairing import Pair, paired
from services.observability.diff.recorded import RecordedRun, ancestors

Effect = Literal["output", "decision", "only_a", "only_b"]
_SPENT_UP = frozenset({"run_budget_exceeded", "max_cost"})


class Divergence(Struct, frozen=True, kw_only=True):
    """A difference of two runs at a step; the step is "" for the run itself.

    ``at_ns``: after the run's start, in the run where it came earlier.
    """

    step: str
    kind: Kind
    effect: Effect
    at_ns: int
    evidence: Sequence[Evidence] = ()


class Compared(Struct, frozen=True, kw_only=True):
    """Two runs compared. ``first`` is one of ``causes``, which are in causal order; ``None`` for equal runs."""

    first: Divergence | None
    causes: Sequence[Divergence]
    consequences: Sequence[str]
    root: Pair | None

    @property
    def equal(self) -> bool:
        """Whether the runs differ nowhere, but for time and cost."""
        return not self.causes and not self.consequences


def compare(a: RecordedRun, b: RecordedRun) -> Compared:
    """Return where two runs part. Runs without any span are equal to each other only."""
    left, right = tree_of(a.spans), tree_of(b.spans)
    if left is None or right is None:
        return _with_nothing(left, right)
    return _Comparison(a, b, paired(left, right)).result()


def _with_nothing(left: Node | None, right: Node | None) -> Compared:
    if left is right:
        return Compared(first=None, causes=(), consequences=(), root=None)
    missing = Evidence(
        kind="unknown", what="spans", a="" if left is None else "some", b="" if right is None else "some"
    )
    one = Divergence(
        step="", kind="unknown", effect="only_b" if left is None else "only_a", at_ns=0, evidence=(missing,)
    )
    return Compared(first=one, causes=(one,), consequences=(), root=None)


class _Change(Struct, kw_only=True):
    """A step that differs in some way. ``inputs``: whether they are equal, ``None`` where that is not recorded."""

    pair: Pair
    above: Pair
    at_ns: int
    inputs: bool | None
    effect: Effect | None


class _Comparison:
    """One comparison: changes of steps in causal order, each set down as a cause or as a consequence."""

    def __init__(self, a: RecordedRun, b: RecordedRun, root: Pair) -> None:
        self._root = root
        self._around = Surroundings(
            hash_a=a.definition.hash,
            hash_b=b.definition.hash,
            nodes_a=dict(a.definition.nodes),
            nodes_b=dict(b.definition.nodes),
            tags_a=dict(a.tags),
            tags_b=dict(b.tags),
        )
        self._before = ancestors({**a.definition.needs, **b.definition.needs})
        self._causes: list[Divergence] = []
        self._consequences: list[str] = []
        #: The nodes that came out differently, and what the steps above are in: a map may have thousands of them.
        self._changed: set[str] = set()
        self._containers: set[str] = set()
        self._spent_more = False

    def result(self) -> Compared:
        changes, containers = self._changes()
        if self._given_others():
            self._add_cause(Divergence(step="", kind="inputs", effect="output", at_ns=0, evidence=(_INPUTS,)))
        for change in sorted(changes, key=lambda one: (self._is_after_all(one), one.at_ns)):
            self._judge(change)
        for change in containers:
            self._judge_container(change)
        causes = self._causes
        first = next((one for one in causes if one.effect != "decision"), causes[0] if causes else None)
        return Compared(first=first, causes=causes, consequences=self._consequences, root=self._root)

    def _given_others(self) -> bool:
        a, b = self._root.a, self._root.b
        return bool(a and b and a.facts.inputs and b.facts.inputs and a.facts.inputs != b.facts.inputs)

    def _changes(self) -> tuple[list[_Change], list[_Change]]:
        """Return the steps that differ, those with steps below them apart and inner ones first."""
        leaves: list[_Change] = []
        containers: list[_Change] = []
        rest: list[tuple[Pair, Pair]] = [(step, self._root) for step in self._root.steps]
        while rest:
            pair, above = rest.pop()
            inner = pair.steps
            # A turn of an agent has its calls below it, and a result of its own that they do not make.
            made_of_inner = inner and not any(part.either.type == "attempt" for part in pair.parts)
            change = _Change(
                pair=pair, above=above, at_ns=self._at(pair), inputs=_equal_inputs(pair), effect=_effect(pair)
            )
            if change.effect is not None or change.inputs is False:
                (containers if made_of_inner and change.effect not in _ONE_SIDED else leaves).append(change)
            # Of a step that one run has not, what is below it says nothing more.
            if change.effect not in _ONE_SIDED:
                rest += [(one, pair) for one in inner]
        return leaves, containers[::-1]

    def _at(self, pair: Pair) -> int:
        """Return how long after its run a step started, in the run where that was less.

        An effect starts after its cause in both runs, so it does by this time, too.
        """
        sides = [(pair.a, self._root.a), (pair.b, self._root.b)]
        return min(one.span.start_ns - of.span.start_ns for one, of in sides if one is not None and of is not None)

    def _is_after_all(self, change: _Change) -> bool:
        """Return whether a step only says that its run ended before it did, which another step may explain.

        A step that one run alone has is so, too, unless both runs were complete, or only one definition has the node.
        """
        if change.effect not in _ONE_SIDED:
            return "canceled" in _codes(change.pair)
        node_id, around = node_id_of(change.pair.either.step), self._around
        if (node_id in around.nodes_a) != (node_id in around.nodes_b):
            return False
        roots = (self._root.a, self._root.b)
        return any(root is None or root.facts.status == "error" for root in roots)

    def _judge(self, change: _Change) -> None:
        step = change.pair.either.step
        explained = self._explained(change)
        if change.effect in _ONE_SIDED:
            if explained or self._changed:
                self._add_consequence(step)
            else:
                self._add_cause(self._one_sided(change))
        elif change.inputs is True or not explained:
            self._add_equal_inputs(change, explained=explained)
        else:
            self._add_consequence(step)
            if change.effect is not None:
                self._changed.add(node_id_of(step))

    def _add_equal_inputs(self, change: _Change, *, explained: bool) -> None:
        step = change.pair.either.step
        found = evidence_of(change.pair, self._around)
        if change.inputs is False:
            # Nothing before it differs, so its inputs are put together in another way.
            found = sorted(found, key=lambda one: one.kind not in {"definition", "environment"})
        canceled = _codes(change.pair) & {"canceled"}
        spent_up = _codes(change.pair) & _SPENT_UP and self._spent_more
        if self._changed and (canceled or spent_up) and change.inputs is not False:
            self._add_consequence(step)
            return
        kind: Kind = found[0].kind if found else "unknown"
        effect = change.effect or "decision"
        self._add_cause(Divergence(step=step, kind=kind, effect=effect, at_ns=change.at_ns, evidence=tuple(found)))
        self._spent_more = True

    def _judge_container(self, change: _Change) -> None:
        """A map, an agent or a loop differs by what is in it; only where nothing in it does, is it a cause itself."""
        step = change.pair.either.step
        if step in self._containers or (change.inputs is not True and self._explained(change)):
            self._add_consequence(step)
        else:
            self._add_equal_inputs(change, explained=False)

    def _one_sided(self, change: _Change) -> Divergence:
        """Return the cause of a step that only one run has: how the node above it, or the workflow, is defined."""
        above, pair = change.above.either.step, change.pair
        step = above or pair.either.step
        around, node_id = self._around, node_id_of(step)
        kind: Kind = "definition" if around.node_differs(node_id) or around.hash_a != around.hash_b else "unknown"
        found = Evidence(
            kind=kind, what=f"step {pair.either.step}", a="run" if pair.a else "", b="run" if pair.b else ""
        )
        return Divergence(
            step=step, kind=kind, effect=change.effect or "decision", at_ns=change.at_ns, evidence=(found,)
        )

    def _explained(self, change: _Change) -> bool:
        """Return whether something that this step may depend on has come out differently."""
        if self._given_others():
            return True
        step = change.pair.either.step
        node = node_id_of(step)
        # Steps of one node are in order: turns of an agent, iterations. Children of a map do not see each other.
        if node in self._changed and ("/" in step or "~" in step):
            return True
        others = self._changed - {node}
        return bool(others & self._before.get(node, frozenset()) if self._before else others)

    def _add_consequence(self, step: str) -> None:
        self._consequences.append(step)
        self._containers.update(containers_of(step))

    def _add_cause(self, cause: Divergence) -> None:
        self._causes.append(cause)
        self._containers.update(containers_of(cause.step))
        if cause.effect != "decision":
            self._changed.add(node_id_of(cause.step))


_ONE_SIDED = frozenset({"only_a", "only_b"})
_INPUTS = Evidence(kind="inputs", what="inputs of the run")


def _equal_inputs(pair: Pair) -> bool | None:
    if pair.a is None or pair.b is None:
        return None
    a, b = pair.a.inputs, pair.b.inputs
    return a == b if a and b else None


def _effect(pair: Pair) -> Effect | None:
    if pair.a is None or pair.b is None:
        return "only_b" if pair.a is None else "only_a"
    if _outcome(pair.a) != _outcome(pair.b):
        return "output"
    return "decision" if not pair.steps and _decisions(pair.a) != _decisions(pair.b) else None


def _outcome(node: Node) -> tuple[bool, str, str]:
    """Return whether a step failed, with which error, and the hash of its output; its last attempt says the same."""
    failed = node.span.status == "error"
    if node.output and not failed:
        return failed, "", node.output
    last = next((part for part in reversed(node.parts) if part.type == "attempt"), node)
    return failed, node.facts.error or last.facts.error, node.output


def _decisions(node: Node) -> list[tuple[str, str, str]]:
    """Return the routes, answers from caches and rules of a step's last attempt."""
    attempts = [part for part in node.parts if part.type == "attempt"]
    calls = attempts[-1].children if attempts else node.parts
    return [
        (one.facts.route, one.facts.cached, "; ".join(one.facts.policy))
        for one in calls
        if one.facts.route or one.facts.cached or one.facts.policy
    ]


def _codes(pair: Pair) -> set[str]:
    sides = [_outcome(node)[1] for node in (pair.a, pair.b) if node is not None]
    return {code for code in sides if code and sides.count(code) < 2}
