"""Follows labels through a resolved workflow, node by node, by the rules that the fold follows at run time.

What a node gives has the labels of its declaration, of all its arguments, and of what chose it (its control). That is
the join of what its condition reads, of its predecessors' control, of the switch that chose it, of the list that it is
mapped over and of the loop that it is inside of. A loop is followed until its labels no longer change; another
workflow is followed with the labels that it is given here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from schemas.labels.label import TRUSTED, UNLABELLED, Label, joined
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, Path
from schemas.spec.check.flow import conditions_of
from schemas.spec.compensation import RUN_ERROR
from schemas.spec.graph import topological_order
from schemas.spec.loops import CONDITION_NAMES, all_outputs, output_node
from schemas.spec.model import LoopNode, Node, ResolvedSpec, SwitchNode
from schemas.spec.references import LOOP
from schemas.spec.text.outline import Outline, OutlineNode, outline_of
from services.security.flow.arguments import Given, given
from services.security.flow.flows import CHOICE, Flow, NodeFlow
from services.security.flow.ground import Ground, elements, listed
from services.security.flow.outputs import Made, made
from services.security.flow.values import Bound, Names, Read, bound, condition, tainted

#: Nodes that one check looks at, with those of other workflows as often as they are run with other labels.
MAX_VISITS = 50_000
#: Rounds of a loop in which its output's places are kept apart.
_EXACT_ROUNDS = 3
_RUN_END = "the run's end"


@dataclass(slots=True)
class Visits:
    """How many nodes were looked at, and the flows that are known: of a workflow with some labels each."""

    left: int = MAX_VISITS
    known: dict[tuple[str, Labels, Label], Flow] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """What decides that a node runs: its label, and what was read for it. ``unseen``: see ``Names``."""

    label: Label
    reads: tuple[Read, ...] = ()
    unseen: Label = TRUSTED

    def also(self, reads: Iterable[Read]) -> "Choice":
        """Return the choice that depends on more."""
        found = list(reads)
        label = joined((self.label, *(one.label for one in found)))
        return Choice(label, tainted([*self.reads, *found]), self.unseen)


def flow_of(resolved: ResolvedSpec, ground: Ground, visits: Visits | None = None) -> Flow:
    """Return the labels of a checked workflow's nodes."""
    visits = visits or Visits()
    return Walk(resolved, resolved.children, ground, visits).flow(ground.inputs, ground.control)


class Walk:
    """Follows one workflow. ``family`` are all workflows that are reached, by ``name@version``."""

    def __init__(
        self, resolved: ResolvedSpec, family: Mapping[str, ResolvedSpec], ground: Ground, visits: Visits
    ) -> None:
        self._resolved = resolved
        self._family = family
        self._ground = ground
        self._visits = visits
        self._nodes: dict[str, NodeFlow] = {}
        self._outputs: dict[str, Labels] = {}
        self._gives: dict[str, str] = {}
        self._inputs = Labels.of_whole(TRUSTED)

    def flow(self, inputs: Labels, control: Label) -> Flow:
        """Return the labels for a run with these inputs, which a choice of this label started."""
        self._inputs = inputs
        outline = outline_of(self._resolved.spec)
        if not self._walk(outline, Choice(control), lambda id_: id_ not in outline.apart):
            return Flow(self._resolved, {}, Labels.of_whole(UNLABELLED), complete=False)
        output = self._run_output(outline, control)
        if outline.apart:
            # Whether a run fails, and with which words, may depend on all that it read.
            all_read = joined(one.outcome for one in self._nodes.values())
            ended = Choice(control, unseen=all_read).also([Read(_RUN_END, all_read)])
            self._inputs = Labels(dict(inputs) | {(name,): all_read for name in RUN_ERROR})
            if not self._walk(outline, ended, lambda id_: id_ in outline.apart):
                return Flow(self._resolved, {}, Labels.of_whole(UNLABELLED), complete=False)
        return Flow(self._resolved, self._nodes, output, self._gives)

    def _walk(self, outline: Outline, base: Choice, wanted: Callable[[str], bool]) -> bool:
        """Follow the wanted nodes of a graph; return false when there are too many."""
        by_id = {found.id: found for found in outline.nodes}
        hasty = frozenset(id_ for id_, found in by_id.items() if found.node and found.node.join in ("any", "all"))
        for id_ in topological_order(outline.before):
            if wanted(id_):
                node = by_id[id_].node
                is_early = node is not None and (node.join == "any" or bool(hasty & outline.above[id_]))
                self._visits.left -= 1
                if self._visits.left < 0 or not self._node(by_id[id_], outline, base, early=is_early):
                    return False
        return True

    def _node(self, found: OutlineNode, outline: Outline, base: Choice, *, early: bool) -> bool:
        node = found.node
        assert node is not None
        before = [source for source in outline.before[node.id] if source in self._nodes]
        if early:
            # It may run while nodes before it still do, and then does without them.
            trails = joined(self._nodes[source].trail for source in before)
            base = replace(base, unseen=base.unseen.join(trails))
        names = Names(self._inputs, self._outputs, unseen=base.unseen)
        chosen = self._chosen(node, before, outline, base, names, early=early)
        items: Bound | None = None
        if node.config.parallel:
            items = self._items(node, before, names)
            length = items.labels.root
            chosen = chosen.also(replace(one, label=length) for one in items.reads)
            chosen = replace(chosen, label=chosen.label.join(length))
            names = replace(names, item=Bound(elements(items.labels), items.reads), index=chosen.label)
        args = given(node, before, names, self._resolved)
        path = f"{outline.path}[{found.index}]"
        if isinstance(node, LoopNode):
            return self._loop(node, path, before, outline, chosen)
        if isinstance(node, SwitchNode):
            args = _switch_args(node, names, outline.above[node.id])
            chosen = chosen.also(args.reads["cases"])
            chosen = replace(chosen, label=chosen.label.join(args.labels.whole))
        result = made(node, args, chosen.label, self._ground, self._run_child, self._resolved)
        self._settle(node, path, before, args, chosen, result, items)
        return result.child is None or result.child.complete

    def _chosen(
        self, node: Node, before: list[str], outline: Outline, base: Choice, names: Names, *, early: bool
    ) -> Choice:
        reads: list[Read] = []
        for source in before:
            one = self._nodes[source]
            reads.append(Read(source, one.control, chosen=True))
            if isinstance(one.node, SwitchNode):
                reads.append(Read(source, one.output.whole))
            if early:
                reads.append(Read(source, one.trail))
            elif one.node.policy.optional or node.id in outline.apart:
                # It continues without that one's success, so it tells of that.
                reads.append(Read(source, one.outcome))
        if node.config.condition is not None:
            reads += condition(node.config.condition, names, outline.above[node.id])
        return base.also(reads)

    def _items(self, node: Node, before: list[str], names: Names) -> Bound:
        if node.config.items is not None:
            return bound(node.config.items, names)
        labels = self._outputs[before[0]] if len(before) == 1 else Labels.of_whole(UNLABELLED)
        return Bound(labels, tainted([Read(source, labels.whole) for source in before]))

    def _settle(
        self,
        node: Node,
        path: str,
        before: list[str],
        args: Given,
        chosen: Choice,
        result: Made,
        items: Bound | None = None,
    ) -> None:
        output = result.output
        if node.policy.optional or node.config.on_child_error != "fail":
            # That it failed, and with which words, is read as its output.
            output = output.raised(args.labels.whole.join(result.source))
        if items is not None:
            output = listed(chosen.label, output)
        body = [one.id for one in node.config.body] if isinstance(node, LoopNode) else []
        outcome = joined(
            (chosen.label, args.labels.whole, output.whole, result.source, *(self._nodes[id_].outcome for id_ in body))
        )
        if body and node.policy.optional:
            output = output.raised(outcome)
        trails = (self._nodes[source].trail for source in before)
        self._outputs[node.id] = output
        self._nodes[node.id] = NodeFlow(
            node=node,
            path=path,
            args=args.labels,
            control=chosen.label,
            output=output,
            source=result.source,
            outcome=outcome,
            trail=joined((outcome, *trails)),
            reads={**args.reads, CHOICE: chosen.reads},
            context=result.context,
            tools=result.tools,
            child=result.child,
        )

    def _loop(self, node: LoopNode, path: str, before: list[str], outline: Outline, chosen: Choice) -> bool:
        """Follow a loop's body until what an iteration finds no longer changes."""
        body, gives = outline.inner[node.id], output_node(node.config) or node.config.body[-1].id
        self._gives[path] = gives
        above = outline.above[node.id] | CONDITION_NAMES | {LOOP}
        previous, choice, rounds = Labels.of_whole(chosen.label), chosen, 0
        while True:
            rounds += 1
            self._outputs[f"{LOOP}.previous"] = previous
            self._outputs[f"{LOOP}.iteration"] = Labels.of_whole(choice.label)
            if not self._walk(body, choice, lambda _id: True):
                return False
            self._outputs[f"{LOOP}.output"] = self._outputs[gives]
            names = Names(self._inputs, self._outputs, unseen=chosen.unseen)
            asked = [read for _, text in conditions_of(node) for read in condition(text, names, above)]
            then, wider = choice.also(asked), previous.join(self._outputs[gives])
            if wider == previous and then.label == choice.label:
                break
            previous = wider if rounds < _EXACT_ROUNDS else Labels.of_whole(wider.whole)
            choice = then
        for name in CONDITION_NAMES:
            self._outputs.pop(name)
        output = self._outputs[gives].join(Labels.of_whole(choice.label)).raised(choice.label)
        reads = {"output": tainted([Read(gives, output.whole)])}
        self._settle(node, path, before, Given(Labels.of_whole(TRUSTED), reads), choice, Made(output, TRUSTED))
        self._outputs[all_outputs(node.id)] = listed(choice.label, self._outputs[node.id])
        return True

    def _run_child(self, key: str, inputs: Labels, control: Label) -> Flow | None:
        resolved = self._family.get(key)
        if resolved is None:
            return None
        asked = (key, inputs, control)
        if asked not in self._visits.known:
            walk = Walk(resolved, self._family, self._ground, self._visits)
            self._visits.known[asked] = walk.flow(inputs, control)
        return self._visits.known[asked]

    def _run_output(self, outline: Outline, control: Label) -> Labels:
        sources = {source for id_, before in outline.before.items() if id_ not in outline.apart for source in before}
        sinks = [id_ for id_ in outline.ids if id_ not in sources and id_ not in outline.apart]
        if len(sinks) == 1:
            return self._outputs[sinks[0]].raised(control)
        places: dict[Path, Label] = {ROOT: control}
        for sink in sinks:
            places |= self._outputs[sink].placed((sink,))
        return Labels(places)


def _switch_args(node: SwitchNode, names: Names, above: frozenset[str]) -> Given:
    reads = [read for case in node.config.cases for read in condition(case.when, names, above)]
    return Given(Labels.of_whole(joined(one.label for one in reads)), {"cases": tainted(reads)})
