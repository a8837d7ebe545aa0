"""Explains why a run waits: the reason of each of its steps, computed on request.

The fold's reason is in a step's text; predecessors follow from the definition; the current worker is in the lease; the
broker knows the position in the lane. A reason that cannot be queried now is reported as unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.kafka.lag import LaneLag
from connectors.postgres.history.runs import Runs, StoredRun, StoredStep
from connectors.redis.claims.lease_reader import Holder, LeaseReader
from connectors.redis.readers.admissions import UNKNOWN, AdmissionReader
from connectors.redis.worker_registry import Seen, WorkerRegistry
from schemas.api_models.base import timestamp
from schemas.errors import TryLater
from schemas.ids import request_id
from schemas.queues import whole_name
from schemas.run_states import TERMINAL_STEP, RunState
from schemas.spec.check.nodes import queue_of
from schemas.spec.compensation import compensating
from schemas.spec.graph import predecessors
from schemas.spec.loops import every_node
from schemas.spec.model import Node, ResolvedSpec
from schemas.spec.policy import TIERS
from schemas.tables.wait_reasons import Wait, read_wait
from services.workflows.of_run import RunDefinitions
from topics.catalogue import lane

#: A map may have thousands of open children; what the first ones wait for says it of the rest.
SHOWN = 200
#: Lanes are queried for this many steps; a run's other steps are behind them.
ASKED = 20


@dataclass(frozen=True)
class StepWait:
    """An open step, and the reason why it waits."""

    step_id: str
    node_id: str
    state: str
    wait: Wait


@dataclass(frozen=True)
class RunWaits:
    """Every open step of a run. ``left_out`` counts those beyond ``SHOWN``."""

    status: RunState
    wait: Wait | None
    steps: list[StepWait]
    left_out: int = 0


class Waits:
    """Explains why runs wait. Raises ``Unavailable`` when history does not answer."""

    def __init__(
        self,
        history: Runs,
        definitions: RunDefinitions,
        claims: LeaseReader,
        lanes: LaneLag,
        admission: AdmissionReader,
        workers: WorkerRegistry,
    ) -> None:
        self._history = history
        self._definitions = definitions
        self._claims = claims
        self._lanes = lanes
        self._admission = admission
        self._workers = workers

    async def close(self) -> None:
        """Disconnect from the broker."""
        await self._lanes.close()

    async def of(self, org_id: str, run_id: str) -> RunWaits | None:
        """Return the wait reasons of a run in history; ``None`` for an unknown run."""
        found = await self._history.get(org_id, run_id)
        if found is None:
            return None
        run, steps = found
        if run.status == "queued":
            return RunWaits(run.status, await self._turn(org_id, run), [])
        if run.status != "running":
            return RunWaits(run.status, None, [])
        definition = await self._definitions.of(org_id, run)
        open_steps = [step for step in steps if step.status not in TERMINAL_STEP]
        waits = [*await self._begun(org_id, run, open_steps, definition)]
        if definition is not None:
            waits += not_begun(definition, steps)
        return RunWaits(run.status, None, waits[:SHOWN], max(0, len(waits) - SHOWN))

    async def _turn(self, org_id: str, run: StoredRun) -> Wait:
        try:
            return await self._admission.why(org_id, run.id)
        except TryLater:
            return UNKNOWN

    async def _begun(
        self, org_id: str, run: StoredRun, steps: Sequence[StoredStep], definition: ResolvedSpec | None
    ) -> Iterable[StepWait]:
        nodes = {node.id: node for node in every_node(definition.spec.dag.nodes)} if definition is not None else {}
        parents = {step.node_id for step in steps if step.step_id != step.node_id}
        asked = [s for s in steps if s.status == "running" and s.step_id not in parents][:SHOWN]
        holders = await self._holders(run, asked)
        lanes = {
            step.step_id: await self._lane(org_id, run, step, nodes.get(step.node_id))
            for step in [s for s in asked if s.step_id not in holders][:ASKED]
        }
        return [StepWait(s.step_id, s.node_id, s.status, begun(s, steps, holders, lanes)) for s in steps]

    async def _holders(self, run: StoredRun, steps: Sequence[StoredStep]) -> dict[str, Holder]:
        """Return the lease holders of steps; none while Redis does not answer."""
        ids = {request_id(run.id, step.step_id, step.attempt): step.step_id for step in steps}
        try:
            found = await self._claims.holders(run.id, list(ids))
        except TryLater:
            return {}
        return {ids[request]: holder for request, holder in found.items()}

    async def _seen(self) -> Sequence[Seen] | None:
        """Return the workers; ``None`` while Redis does not answer."""
        try:
            return await self._workers.all()
        except TryLater:
            return None

    async def _lane(self, org_id: str, run: StoredRun, step: StoredStep, node: Node | None) -> Wait:
        if node is None:
            return Wait("lane", detail="requested; the run's definition is unavailable, so its lane is unknown")
        name = whole_name(queue_of(node) or "", org_id) or node.policy.quality
        topic = lane(name)
        if (unread := without_reader(name, topic, await self._seen())) is not None:
            return unread
        try:
            ahead = await self._lanes.ahead(topic, f"{run.id}:{step.step_id}".encode(), step.requested_ms or 0)
        except TryLater:
            return Wait("lane", topic, detail="its position in the lane is unknown now: the broker does not answer")
        if ahead == 0:
            detail = "it is the next request, or a worker has fetched it and holds no lease on it (yet)"
            return Wait("lane", topic, detail=detail)
        return Wait(
            "lane", topic, detail=f"about {ahead} requests are before it in its partition, or are being executed"
        )


def without_reader(name: str, topic: str, workers: Sequence[Seen] | None) -> Wait | None:
    """Return the wait for a lane that no live worker reads, ``None`` when one does or nobody knows.

    The list has this product's workers; one in another language may read a queue without being in it.
    """
    if workers is None:
        return None
    readers = [worker for worker in workers if topic in worker.said.lanes]
    if any(worker.state == "live" for worker in readers):
        return None
    start = "start a worker"
    if name not in TIERS:
        start = (
            f"start a worker with WORKER_QUEUES={name}, or `agentflow worker app.py --queue {name.rpartition('.')[2]}`"
        )
    if not readers:
        return Wait("lane", topic, detail=f"nobody reads {topic}: {start}")
    last = max(readers, key=lambda worker: worker.seen_ms)
    how = "was stopped" if last.state == "stopped" else "is lost"
    detail = f"nobody reads {topic}: worker {last.said.id} {how}, last seen {timestamp(last.seen_ms)}; {start}"
    return Wait("lane", topic, detail=detail)


def begun(
    step: StoredStep, steps: Sequence[StoredStep], holders: Mapping[str, Holder], lanes: Mapping[str, Wait]
) -> Wait:
    """Return the wait reason of a requested step. ``steps`` are all open ones."""
    if step.status == "waiting" or (step.status == "ready" and step.waiting_for):
        failed_with = step.error["message"] if step.error is not None else None
        return read_wait(step.waiting_for or "", step.waiting_until_ms, failed_with)
    children = [other for other in steps if other.node_id == step.node_id and other.step_id != step.node_id]
    if children and step.step_id == step.node_id:
        names = ", ".join(child.step_id for child in children[:3])
        return Wait("dependency", names, detail=f"{len(children)} of its children have not ended")
    if (holder := holders.get(step.step_id)) is not None:
        detail = f"worker {holder.worker_id} executes attempt {step.attempt}; it renews its lease until it is done"
        return Wait("claim", holder.worker_id, holder.until_ms, detail)
    return lanes.get(step.step_id) or Wait("lane", detail="requested; see the steps above for its lane")


def not_begun(definition: ResolvedSpec, steps: Sequence[StoredStep]) -> list[StepWait]:
    """Return the wait reasons of the nodes that were never requested."""
    dag, apart = definition.spec.dag, compensating(definition.spec)
    states = {step.node_id: step.status for step in steps if step.step_id == step.node_id}
    before = predecessors((n.id for n in dag.nodes), ((e.source, e.target) for e in dag.edges))
    unsettled = {n.id for n in dag.nodes if states.get(n.id) not in TERMINAL_STEP}
    return [
        StepWait(node, node, "pending", _pending([source for source in sources if source in unsettled]))
        for node, sources in before.items()
        if node not in states and node not in apart
    ]


def _pending(missing: Sequence[str]) -> Wait:
    if not missing:
        return Wait("concurrency", detail="no predecessor is open: it waits for a free concurrency slot of its run")
    names = ", ".join(missing)
    return Wait("dependency", names, detail=f"not ended: {names}")
