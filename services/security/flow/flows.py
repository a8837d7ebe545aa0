"""What a static check finds of a workflow's data: the labels of each node, and where they come from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from schemas.labels.label import Integrity, Label
from schemas.labels.mapped import Labels
from schemas.spec.loops import CONDITION_NAMES
from schemas.spec.model import Node, ResolvedSpec
from services.security.flow.values import Read

#: The key of ``NodeFlow.reads`` for what decided that a node runs, or how often.
CHOICE = ""


@dataclass(frozen=True, slots=True)
class NodeFlow:
    """The labels of a node: of its arguments by name, of what chose it, and of its output.

    ``source`` is the label of what it brings in by itself. ``reads`` are what each argument was made of, by its name,
    and under ``CHOICE`` what chose the node. ``context`` is what an agent may have read when it calls a tool; of other
    nodes it is empty. ``child`` is the run that it starts. ``outcome`` is the label of how it ended and with which
    words, ``trail`` that and the same of all before it. ``path`` is its place in the document.
    """

    node: Node
    path: str
    args: Labels
    control: Label
    output: Labels
    source: Label
    outcome: Label
    trail: Label
    reads: Mapping[str, tuple[Read, ...]]
    context: Label | None = None
    tools: tuple[str, ...] = ()
    child: "Flow | None" = None

    def argument(self, name: str) -> Labels:
        """Return the labels of an argument; of one that nothing gives, those of what gives the others."""
        return self.args.at((name,))

    def all_reads(self) -> Iterator[Read]:
        """Yield what its output is made of."""
        for reads in self.reads.values():
            yield from reads


@dataclass(frozen=True, slots=True)
class Flow:
    """The labels of a workflow's nodes, those inside of loops included, by id, and of what a run gives.

    ``complete`` is false where the workflow and those that it runs are too many to be followed: nothing is known then.
    """

    resolved: ResolvedSpec
    nodes: Mapping[str, NodeFlow]
    output: Labels
    gives: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True

    def way(self, node: str, argument: str, least: Integrity) -> tuple[str, ...]:
        """Return the shortest way on which data that is less trusted than ``least`` comes to an argument.

        It begins where the data comes in, a node or ``inputs.<name>``, and ends with ``node.argument``. With
        ``CHOICE`` for the argument it is the way to what chose the node.
        """
        return self._way(node, argument, lambda label: label.integrity > least)

    def class_way(self, node: str, argument: str, name: str) -> tuple[str, ...]:
        """Return the shortest way on which data of a class comes to an argument, in the same form."""
        return self._way(node, argument, lambda label: name in label.classes)

    def _way(self, node: str, argument: str, wanted: Callable[[Label], bool]) -> tuple[str, ...]:
        end = f"{node}.{argument}" if argument != CHOICE else node
        waiting: list[tuple[str, bool, tuple[str, ...]]] = []
        seen: set[tuple[str, bool]] = set()

        def add(reads: Iterator[Read] | tuple[Read, ...], loop: str, behind: tuple[str, ...]) -> None:
            for read in reads:
                source = self.gives.get(loop, read.source) if read.source in CONDITION_NAMES else read.source
                if wanted(read.label) and (source, read.chosen) not in seen:
                    seen.add((source, read.chosen))
                    waiting.append((source, read.chosen, behind))

        add(self.nodes[node].reads.get(argument, ()), self._loop(node), (end,))
        # What may not be there yet tells of all before it, and has no way of its own.
        nearest = (waiting[0][0], end) if waiting else (end,)
        for source, chosen, behind in waiting:
            found = self.nodes.get(source)
            if found is None or (not chosen and wanted(found.source)):
                return (source, *behind)
            here = (source, *behind) if source != behind[0] else behind
            add(found.reads.get(CHOICE, ()) if chosen else found.all_reads(), self._loop(source), here)
        return nearest

    def _loop(self, node: str) -> str:
        """Return the loop that a node is inside of."""
        return self.nodes[node].path.partition(".config.body")[0]


def worst(label: Label) -> str:
    """Return what people call data of this label."""
    if "unlabelled" in label.origins and label.integrity is Integrity.WEB:
        return "data without a label"
    return {
        Integrity.TRUSTED: "trusted data",
        Integrity.USER: "a user's data",
        Integrity.THIRD_PARTY: "third-party data",
        Integrity.WEB: "web data",
    }[label.integrity]
