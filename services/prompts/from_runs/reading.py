"""One run as history has it: its answers, and what each of them was given, also inside of loops.

The steps of a loop's body are looked up in their iteration, then in the loop, then around it, as the engine does.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from connectors.objects.store import Objects
from connectors.postgres.history.runs import StoredRun, StoredStep
from schemas.errors import Rejected
from schemas.ids import child_step_id
from schemas.labels.label import TRUSTED, UNLABELLED, Label
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, Path
from schemas.payload import Payload
from schemas.prompts.evaluations import Case
from schemas.records.base import Json
from schemas.spec.loops import all_outputs, iteration_prefix, iteration_step, output_node
from schemas.spec.model import LlmNode, LoopNode, Node, ResolvedSpec
from schemas.spec.references import LOOP
from services.prompts.evaluations.needs import needs
from services.prompts.from_runs.values import Given, Marked, labels_of, values_of

Iterations = Literal["last", "all"]
"""Which answers of a node in a loop become cases."""
_PREVIOUS, _ITERATION = f"{LOOP}.previous", f"{LOOP}.iteration"


def is_answer(step: StoredStep) -> bool:
    """Return whether a step is one answer of a model: neither a map as a whole, nor a part that gathers.

    An answer in a loop is none of these, see ``answers_of``.
    """
    own = step.step_id == step.node_id and step.children_total is None
    return _gave(step) and (own or step.child_index >= 0)


def answers_of(steps: Sequence[StoredStep], nodes: Collection[str], iterations: Iterations) -> list[StoredStep]:
    """Return the answers of some nodes in their order; of a node in a loop that of the last iteration, or all."""
    last: dict[str, int] = {}
    for step in steps:
        inside = iteration_step(step.step_id)
        if inside is not None and step.node_id in nodes and _gave(step):
            last[step.node_id] = max(last.get(step.node_id, 0), inside[1])
    found = []
    for step in steps:
        inside = iteration_step(step.step_id)
        if step.node_id not in nodes or not (is_answer(step) if inside is None else _gave(step)):
            continue
        if inside is None or iterations == "all" or last[step.node_id] == inside[1]:
            found.append(step)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReading:
    """What is known of a run. ``outputs`` are values by step.

    ``labels`` are those of the run's inputs, ``None`` where its data has none: then its cases have none either.
    """

    run: StoredRun
    spec: ResolvedSpec
    inputs: Mapping[str, Json]
    outputs: Mapping[str, Json]
    steps: Mapping[str, StoredStep]
    labels: Labels | None = None

    def case(self, step: StoredStep, node: LlmNode, *, expected: bool, iterations: Iterations) -> Case:
        """Return the case of a step. Raises ``LookupError`` for a value that is nowhere."""
        place = _Place(self, step)
        names = sorted(needs(self.spec.prompts[node.config.prompt_ref]))
        given = Given(self.inputs, place.value, place.before(node.id), place.loops)
        several = step.child_index >= 0 or (place.loop is not None and iterations == "all")
        return Case(
            id=f"{self.run.id}:{step.step_id}",
            inputs=values_of(node, names, given, step.child_index),
            expected=self.outputs[step.step_id] if expected else None,
            cluster=self.run.id if several else "",
            labels=self._labels(place, step, node, names, expected=expected),
        )

    def _labels(
        self, place: "_Place", step: StoredStep, node: LlmNode, names: Sequence[str], *, expected: bool
    ) -> dict[str, list[str]]:
        if self.labels is None:
            return {}
        marked = Marked(self.labels, place.label, place.before(node.id), place.loops)
        found: dict[Path, Label] = {ROOT: TRUSTED}
        given = labels_of(node, names, marked, is_child=step.child_index >= 0)
        found |= {("inputs", name): label for name, label in given.items()}
        if expected:
            found |= labels_of_output(step).placed(("expected",))
        return Labels(found).recorded


async def read_run(
    objects: Objects,
    org_id: str,
    run: StoredRun,
    steps: Sequence[StoredStep],
    spec: ResolvedSpec,
    labels: Labels | None = None,
) -> RunReading:
    """Return a run with the values of its inputs and outputs, but for those that are gone. Raises ``Unavailable``."""
    stored = run.stored_inputs or {}
    inline = {name: value for name, value in (run.inputs or {}).items() if name not in stored}
    payloads = {step.step_id: step.output for step in steps if step.output is not None}
    return RunReading(
        run=run,
        spec=spec,
        inputs=inline | await _values(objects, org_id, stored),
        outputs=await _values(objects, org_id, payloads),
        steps={step.step_id: step for step in steps},
        labels=labels,
    )


async def _values(objects: Objects, org_id: str, payloads: Mapping[str, dict[str, Any]]) -> dict[str, Json]:
    """Return values by name, without those whose objects are gone: a null in their place would be another value."""
    found: dict[str, Json] = {}
    for name, payload in payloads.items():
        with suppress(Rejected):
            found[name] = await objects.resolve(org_id, msgspec.convert(payload, Payload))
    return found


class _Place:
    """Where one step looks up names."""

    def __init__(self, reading: RunReading, step: StoredStep) -> None:
        self._reading = reading
        nodes = reading.spec.spec.dag.nodes
        self._loops = {node.id: node for node in nodes if isinstance(node, LoopNode)}
        inside = iteration_step(step.step_id)
        self.loop: LoopNode | None = None if inside is None else self._loops[inside[0]]
        self._number = 0 if inside is None else inside[1]
        self.loops = {all_outputs(name) for name in self._loops} | (
            set() if inside is None else {_PREVIOUS, _ITERATION}
        )

    def before(self, node: str) -> list[str]:
        """Return the nodes before one."""
        edges = self._reading.spec.spec.dag.edges if self.loop is None else self.loop.config.edges
        return [edge.source for edge in edges if edge.target == node]

    def value(self, source: str) -> Json:
        """Return what a name stands for. Raises ``LookupError``."""
        if source == _ITERATION:
            return self._number
        if source == _PREVIOUS:
            assert self.loop is not None
            return self._iteration(self.loop, self._number - 1)
        name, _, what = source.partition(".")
        if what:
            loop = self._loops[name]
            return [self._iteration(loop, number) for number in range(1, self._ended(loop) + 1)]
        return self._output(self._step_id(source))

    def label(self, source: str) -> Labels:
        """Return the labels of what a name stands for."""
        if source == _ITERATION:
            return Labels.of_whole(TRUSTED)
        if source == _PREVIOUS:
            assert self.loop is not None
            return self._iteration_label(self.loop, self._number - 1)
        name, _, what = source.partition(".")
        if what:
            loop = self._loops[name]
            return _listed(self._iteration_label(loop, number) for number in range(1, self._ended(loop) + 1))
        step_id = self._step_id(source)
        step = self._reading.steps.get(step_id)
        if step is not None and step.children_total is not None and step.output is None:
            children = (child_step_id(step_id, index) for index in range(step.children_total))
            return _listed(labels_of_output(self._reading.steps.get(one)) for one in children)
        return labels_of_output(step)

    def _step_id(self, source: str) -> str:
        if self.loop is not None and any(node.id == source for node in self.loop.config.body):
            return f"{iteration_prefix(self.loop.id, self._number)}{source}"
        return source

    def _iteration(self, loop: LoopNode, number: int) -> Json:
        """Return the output of an iteration: null before the first one, and where its node was skipped."""
        step = None if number == 0 else self._reading.steps.get(_giving(loop, number))
        if number and step is None:
            raise LookupError(f"iteration {number} of {loop.id} is not in history")
        return None if step is None or step.status != "succeeded" else self._output(step.step_id)

    def _iteration_label(self, loop: LoopNode, number: int) -> Labels:
        step = self._reading.steps.get(_giving(loop, number))
        is_there = step is not None and step.status == "succeeded"
        return labels_of_output(step) if is_there else Labels.of_whole(TRUSTED)

    def _ended(self, loop: LoopNode) -> int:
        found = filter(None, map(iteration_step, self._reading.steps))
        return max((number for name, number, _ in found if name == loop.id), default=0)

    def _output(self, step_id: str) -> Json:
        """Return a step's output: its own, or the list of its children's. Raises ``LookupError``."""
        if step_id in self._reading.outputs:
            return self._reading.outputs[step_id]
        parent = self._reading.steps.get(step_id)
        if parent is None or parent.children_total is None:
            raise LookupError(f"{step_id} has no output")
        return list(self._children(step_id, parent.children_total))

    def _children(self, node: str, total: int) -> Iterator[Json]:
        """Yield children's outputs as the run joined them: a failed one is left out, or is its error."""
        reading = self._reading
        config = next(one.config for one in reading.spec.spec.dag.nodes if one.id == node)
        collects = config.on_child_error == "collect"
        for step in (reading.steps.get(child_step_id(node, index)) for index in range(total)):
            if step is None or (step.status != "failed" and step.step_id not in reading.outputs):
                raise LookupError(f"{node} has lost an output")
            if step.status != "failed":
                yield reading.outputs[step.step_id]
            elif collects and step.error is not None:
                yield {"error": {"code": step.error["code"], "message": step.error["message"]}}


def labels_of_output(step: StoredStep | None) -> Labels:
    """Return the labels of a step's output; what has none is trusted least."""
    recorded = {} if step is None or step.output is None else step.output.get("labels") or {}
    return Labels.read(recorded) if recorded else Labels.of_whole(UNLABELLED)


def llm_nodes(nodes: Sequence[Node]) -> Iterator[LlmNode]:
    """Yield the nodes that call models, those of loops as well."""
    for node in nodes:
        if isinstance(node, LlmNode):
            yield node
        elif isinstance(node, LoopNode):
            yield from (one for one in node.config.body if isinstance(one, LlmNode))


def _giving(loop: LoopNode, number: int) -> str:
    return f"{iteration_prefix(loop.id, number)}{output_node(loop.config) or loop.config.body[-1].id}"


def _listed(labels: Iterator[Labels]) -> Labels:
    """Return the labels of a list, by place."""
    found: dict[Path, Label] = {ROOT: TRUSTED}
    for index, one in enumerate(labels):
        found |= one.placed((index,))
    return Labels(found)


def _gave(step: StoredStep) -> bool:
    return step.status == "succeeded" and step.output is not None
