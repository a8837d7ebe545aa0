"""Cases of production runs: what their ``llm`` steps were given, and what they answered."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from connectors.objects.store import Objects
from connectors.postgres.history.runs import RunFilter, Runs, StoredRun, StoredStep
from schemas.errors import Conflict, InvalidInput, NotFound, Problem, Rejected
from schemas.ids import child_step_id
from schemas.payload import Payload
from schemas.prompts.evaluations import Case
from schemas.records.base import Json
from schemas.records.run_events import Capture
from schemas.spec.model import LlmNode, ResolvedSpec
from services.prompts.evaluations.needs import needs
from services.prompts.evaluations.step_values import Given, values_of
from services.workflows.of_run import RunDefinitions

#: Runs that are looked at for one dataset, the newest first.
MAX_RUNS = 1_000
_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSteps:
    """Which steps become cases: of which runs, of which nodes, and how many. ``expected``: their outputs are."""

    runs: RunFilter
    node: str | None = None
    prompt: str | None = None
    limit: int = 100
    expected: bool = True


@dataclass(frozen=True, slots=True)
class FoundCases:
    """The cases, and how many steps became none, by reason."""

    cases: list[Case]
    skipped: dict[str, int]


class CasesOfRuns:
    """Reads cases from run history."""

    def __init__(self, history: Runs, definitions: RunDefinitions, objects: Objects, capture: Capture) -> None:
        self._history = history
        self._definitions = definitions
        self._objects = objects
        self._capture = capture

    async def find(self, org_id: str, wanted: WantedSteps) -> FoundCases:
        """Return the cases, those of the newest runs first.

        Raises ``Conflict`` where the installation stores no contents, ``InvalidInput`` when there is no such step, and
        ``Unavailable``.
        """
        if self._capture != "full":
            raise Conflict(
                f"CAPTURE is {self._capture}, so the contents of runs are not copied into datasets; import a file"
            )
        cases: dict[str, Case] = {}
        skipped: Counter[str] = Counter()
        cursor, looked = None, 0
        while looked < MAX_RUNS and len(cases) < wanted.limit:
            lines, cursor = await self._history.page(org_id, replace(wanted.runs, cursor=cursor, limit=_PAGE))
            for line in lines:
                for case in await self._of_run(org_id, line.id, wanted, skipped):
                    if len(cases) < wanted.limit:
                        cases.setdefault(case.id, case)
            looked += len(lines)
            if cursor is None:
                break
        if not cases:
            raise _nothing(looked, skipped)
        return FoundCases(list(cases.values()), dict(skipped))

    async def _of_run(self, org_id: str, run_id: str, wanted: WantedSteps, skipped: Counter[str]) -> list[Case]:
        found = await self._history.get(org_id, run_id, step_outputs=True)
        if found is None:
            return []
        run, steps = found
        spec = await self._definitions.of(org_id, run)
        if spec is None:
            skipped["definition is gone"] += 1
            return []
        if run.subject:
            # A dataset would keep what is to be erased with the person.
            skipped["run has a data subject"] += 1
            return []
        nodes = {node.id: node for node in _nodes(spec, wanted)}
        asked = [step for step in steps if step.node_id in nodes and is_answer(step)]
        known = {step.step_id: step for step in steps}
        reading = _Reading(spec, await self._inputs(org_id, run), await self._outputs(org_id, steps), known)
        cases = []
        for step in asked:
            try:
                cases.append(reading.case(run, step, nodes[step.node_id], expected=wanted.expected))
            except LookupError:
                skipped["value is not in history"] += 1
        return cases

    async def _inputs(self, org_id: str, run: StoredRun) -> dict[str, Json]:
        stored = run.stored_inputs or {}
        inline = {name: value for name, value in (run.inputs or {}).items() if name not in stored}
        return inline | await self._values(org_id, stored)

    async def _outputs(self, org_id: str, steps: Sequence[StoredStep]) -> dict[str, Json]:
        return await self._values(org_id, {step.step_id: step.output for step in steps if step.output is not None})

    async def _values(self, org_id: str, payloads: Mapping[str, dict[str, Any]]) -> dict[str, Json]:
        """Return values by name, without those whose objects are gone: a null in their place would be another value."""
        found: dict[str, Json] = {}
        for name, payload in payloads.items():
            with suppress(Rejected):
                found[name] = await self._objects.resolve(org_id, msgspec.convert(payload, Payload))
        return found


@dataclass(frozen=True, slots=True)
class _Reading:
    spec: ResolvedSpec
    inputs: dict[str, Json]
    outputs: dict[str, Json]
    steps: Mapping[str, StoredStep]

    def case(self, run: StoredRun, step: StoredStep, node: LlmNode, *, expected: bool) -> Case:
        """Return the case of a step. Raises ``LookupError`` for a value that is nowhere."""
        before = [edge.source for edge in self.spec.spec.dag.edges if edge.target == node.id]
        given = Given(self.inputs, self._output, before)
        names = sorted(needs(self.spec.prompts[node.config.prompt_ref]))
        return Case(
            id=f"{run.id}:{step.step_id}",
            inputs=values_of(node, names, given, step.child_index),
            expected=self.outputs[step.step_id] if expected else None,
            cluster=run.id if step.child_index >= 0 else "",
        )

    def _output(self, node: str) -> Json:
        """Return a node's output: its own, or the list of its children's. Raises ``LookupError``."""
        if node in self.outputs:
            return self.outputs[node]
        parent = self.steps.get(node)
        if parent is None or parent.children_total is None:
            raise LookupError(f"{node} has no output")
        return list(self._children(node, parent.children_total))

    def _children(self, node: str, total: int) -> Iterator[Json]:
        """Yield children's outputs as the run joined them: a failed one is left out, or is its error."""
        config = next(one.config for one in self.spec.spec.dag.nodes if one.id == node)
        collects = config.on_child_error == "collect"
        for step in (self.steps.get(child_step_id(node, index)) for index in range(total)):
            if step is None or (step.status != "failed" and step.step_id not in self.outputs):
                raise LookupError(f"{node} has lost an output")
            if step.status != "failed":
                yield self.outputs[step.step_id]
            elif collects and step.error is not None:
                yield {"error": {"code": step.error["code"], "message": step.error["message"]}}


def _nodes(spec: ResolvedSpec, wanted: WantedSteps) -> Iterator[LlmNode]:
    for node in spec.spec.dag.nodes:
        if not isinstance(node, LlmNode) or wanted.node not in (None, node.id):
            continue
        if wanted.prompt in (None, spec.prompts[node.config.prompt_ref].name):
            yield node


def is_answer(step: StoredStep) -> bool:
    """Return whether a step is one answer of a model: neither a map as a whole, nor a part that gathers."""
    own = step.step_id == step.node_id and step.children_total is None
    return step.status == "succeeded" and step.output is not None and (own or step.child_index >= 0)


def _nothing(runs: int, skipped: Counter[str]) -> Rejected:
    if not runs:
        return NotFound("no run matches; see GET /api/v1/workflows/runs with the same filter")
    left = "".join(f", {count} left out: {reason}" for reason, count in skipped.items())
    problem = Problem("body", f"none of {runs} runs has such a step of type llm{left}", "name another node or prompt")
    return InvalidInput.of(problem)
