"""Reads runs as comparisons and causes need them: spans, definitions, and inputs that nodes need and did not get."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.clickhouse.run_spans import RunSpans
from connectors.clickhouse.traces import Traces
from connectors.postgres.history.run_facts import RunFacts, RunFactsReader
from connectors.postgres.history.runs import RunFilter, RunLine, Runs
from schemas.errors import InvalidInput, NotFound
from schemas.ids import canonical_hash
from schemas.spec.check.nodes import required_inputs
from schemas.spec.loops import placed_nodes
from schemas.spec.model import AgentNode, LlmNode, Node, ResolvedSpec
from schemas.spec.text.outline import outline_of
from services.observability.diff.recorded import Definition, RecordedRun
from services.observability.traces.reading import Viewer
from services.runs.known_runs import KnownRuns
from services.workflows.resolver import WorkflowResolver

_TRACE_ID = re.compile("[0-9a-f]{32}")
#: Runs of one group, or beside a failed run, that are read at most.
MAX_RUNS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A run with what history says of it: ``None`` for a trace of another program. ``lacking`` is by node."""

    run: RecordedRun
    line: RunLine | None = None
    lacking: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one version of a workflow says: its nodes as a definition, and the inputs that each of them needs."""

    definition: Definition
    needed: Mapping[str, frozenset[str]]


class Recordings:
    """Reads runs. Every method raises ``Unavailable``."""

    def __init__(
        self,
        traces: Traces,
        spans: RunSpans,
        history: Runs,
        facts: RunFactsReader,
        plans: WorkflowResolver,
        known: KnownRuns,
    ) -> None:
        self._traces = traces
        self._spans = spans
        self._history = history
        self._facts = facts
        self._plans = plans
        self._known = known

    async def one(self, viewer: Viewer, key: str) -> Recording:
        """Return a run by its id, or the first run of a trace by the trace's. Raises ``NotFound``."""
        if _TRACE_ID.fullmatch(key):
            runs = [run for run in await self._history.of_trace(viewer.org_id, key) if _admits(viewer, run)]
            return (await self.of(viewer, runs[:1]))[0] if runs else await self._of_others(viewer, key)
        line = await self._history.status(viewer.org_id, key)
        if line is None or not _admits(viewer, line):
            raise await self._known.unknown(key)
        return (await self.of(viewer, [line]))[0]

    async def _of_others(self, viewer: Viewer, trace: str) -> Recording:
        """Return a trace of another program, or one whose runs are not in history any more."""
        spans = await self._traces.spans(viewer.org_id, trace, viewer.scope)
        if not spans:
            raise NotFound(f"there is no trace {trace}; `agentctl trace query` lists traces")
        return Recording(run=RecordedRun(run_id=trace, spans=spans))

    async def page(self, viewer: Viewer, wanted: RunFilter) -> list[Recording]:
        """Return the newest runs of a filter, within what the viewer may see."""
        lines, _ = await self._history.page(viewer.org_id, wanted)
        return await self.of(viewer, [line for line in lines if _admits(viewer, line)])

    async def of(self, viewer: Viewer, lines: Sequence[RunLine]) -> list[Recording]:
        """Return runs of history, in their order. A run whose spans are not stored yet has none."""
        ids = [line.id for line in lines]
        facts = await self._facts.of(viewer.org_id, ids)
        spans = await self._spans.of(viewer.org_id, [one.trace_id for one in facts.values()], ids)
        plans: dict[tuple[str, int], _Plan | None] = {}
        found = []
        for line in lines:
            of_line = facts.get(line.id)
            plan = await self._plan(viewer.org_id, line, plans)
            found.append(
                Recording(
                    run=RecordedRun(
                        run_id=line.id,
                        spans=spans.get(line.id, []),
                        definition=_definition(line, of_line, plan),
                        tags=line.tags,
                    ),
                    line=line,
                    lacking=_lacking(of_line, plan),
                )
            )
        return found

    async def _plan(self, org_id: str, line: RunLine, known: dict[tuple[str, int], _Plan | None]) -> _Plan | None:
        """Return what a run's version of its workflow says; ``None`` where that is gone."""
        key = line.workflow_name, line.workflow_version
        if key not in known:
            try:
                known[key] = _plan_of((await self._plans.plan(org_id, *key)).resolved)
            except (NotFound, InvalidInput):
                known[key] = None
        return known[key]


def _admits(viewer: Viewer, line: RunLine) -> bool:
    return viewer.owns(line.workflow_name, line.tags)


def _definition(line: RunLine, facts: RunFacts | None, plan: _Plan | None) -> Definition:
    """Return a run's definition. Where its prompts have other versions than the plan, its nodes' hashes are unknown."""
    spec_hash = facts.spec_hash if facts is not None else ""
    if plan is None:
        return Definition(workflow=line.workflow_name, version=line.workflow_version, hash=spec_hash)
    return Definition(
        workflow=line.workflow_name,
        version=line.workflow_version,
        hash=spec_hash,
        nodes=plan.definition.nodes if plan.definition.hash == spec_hash else {},
        needs=plan.definition.needs,
    )


def _lacking(facts: RunFacts | None, plan: _Plan | None) -> dict[str, list[str]]:
    if facts is None or plan is None:
        return {}
    missing = {node: sorted(needed - facts.given) for node, needed in plan.needed.items()}
    return {node: [f"inputs.{name}" for name in names] for node, names in missing.items() if names}


def _plan_of(resolved: ResolvedSpec) -> _Plan:
    outline = outline_of(resolved.spec)
    nodes = {node.id: node for _, node in placed_nodes(resolved.spec)}
    needs = {node: tuple(before) for node, before in outline.predecessors.items()}
    hashes = {node_id: _hash_of(node, resolved) for node_id, node in nodes.items()}
    needed = {node.id: required_inputs([node], outline, resolved.prompts) for node in resolved.spec.dag.nodes}
    return _Plan(Definition(hash=resolved.hash, nodes=hashes, needs=needs), needed)


def _hash_of(node: Node, resolved: ResolvedSpec) -> str:
    """Return the hash of what a node says, with that of its pinned prompt."""
    said = node.model_dump(mode="json")
    if isinstance(node, LlmNode | AgentNode) and node.config.prompt_ref in resolved.prompts:
        said["prompt"] = resolved.prompts[node.config.prompt_ref].hash
    return canonical_hash(said)
