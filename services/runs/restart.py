"""A run again: from one of its steps, or with other inputs. The new run begins with recorded results.

What is recorded comes from history, so it is there as long as history is. The definition must be the very one of the
run (its hash): results of one definition say nothing of another.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from connectors.postgres.history.runs import Runs, StoredRun
from schemas import clock
from schemas.errors import Conflict, InvalidInput, NotFound, Problem, TooLarge
from schemas.ids import canonical_hash, fork_run_id, fork_source
from schemas.labels.label import Integrity
from schemas.payload import INLINE_LIMIT, Reference
from schemas.records.rollouts.arms import RunArm
from schemas.records.run_events import Capture, Reused, RunSubmitted
from schemas.run_states import TERMINAL_RUN
from schemas.spec.compensation import compensating
from schemas.spec.flow_keys import check_are_inline, check_without_inputs, run_flow
from schemas.spec.inputs.decision_inputs import read_here
from schemas.spec.inputs.input_schema import check_input_schema
from schemas.spec.inputs.known_inputs import Arguments, any_arguments, known_inputs
from schemas.spec.inputs.required_inputs import required_of
from schemas.spec.model import LoopNode, ResolvedSpec
from schemas.spec.rules_version import ARMS as RULES_OF_ARMS
from schemas.spec.rules_version import FIRST, rules_of, rules_of_security
from schemas.spec.rules_version import FLOW as RULES_OF_FLOW
from services.privacy.redact.redactor import Of
from services.privacy.subjects.submission import SubjectRuns
from services.runs.input_check import check_inputs
from services.runs.large_inputs import LargeInputs
from services.runs.reuse import reusable
from services.runs.spender_tags import with_key
from services.security.enforcement.audit import entry_event
from services.security.policies.inputs import Entry
from services.security.policies.pinning import Before, Pinning
from services.workflows.of_run import RunDefinitions
from topics.catalogue import AUDIT_EVENTS
from topics.codec import encode

#: The log takes records of 1 MiB; the rest is room for the batch.
MAX_RECORD_BYTES = 900 * 1024


@dataclass(frozen=True)
class Again:
    """What is done again: the node ``start`` with all after it, or what did not succeed without one.

    ``inputs`` are laid over those of the run. ``everything`` reuses nothing.
    """

    start: str | None = None
    inputs: dict[str, Any] | None = None
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPorts:
    """What restarts ask and write. ``arguments`` are the names that a tool or function takes.

    ``subjects`` seal the inputs of runs with a data subject; without them none can be done again. ``appender`` takes
    what a policy decided on inputs; without it no policy redacts them.
    """

    history: Runs
    definitions: RunDefinitions
    large_inputs: LargeInputs
    arguments: Arguments = any_arguments
    security: Pinning | None = None
    subjects: SubjectRuns | None = None
    appender: Appender | None = None


class Restarts:
    """Prepares submissions out of recorded runs. Raises ``Unavailable`` when a dependency does not answer."""

    def __init__(
        self, ports: RestartPorts, capture: Capture = "full", now_ms: Callable[[], int] = clock.now_ms
    ) -> None:
        self._subjects = ports.subjects
        self._appender = ports.appender
        self._history = ports.history
        self._definitions = ports.definitions
        self._large_inputs = ports.large_inputs
        self._capture = capture
        self._now_ms = now_ms
        self._arguments = ports.arguments
        self._security = ports.security

    async def prepare(
        self, org_id: str, of: str, again: Again, key: str | None, api_key: str | None = None
    ) -> RunSubmitted:
        """Return the submission of a run that goes on from the run ``of``; only large inputs are written.

        The same ``key`` is the same new run. Raises ``NotFound`` (no such run), ``Conflict`` (it has not ended, or its
        definition cannot be had), ``InvalidInput`` (node or inputs), ``TooLarge`` (the results), ``SubjectErased``.
        """
        found = await self._history.get(org_id, of, step_outputs=True)
        if found is None:
            raise NotFound(f"there is no run {of} in history; see GET /api/v1/workflows/runs")
        run, steps = found
        if run.status not in TERMINAL_RUN:
            raise Conflict(f"run {of} is {run.status}: cancel it, or wait for its end")
        if run.subject:
            run = await self._opened(org_id, run)
        definition = await self._definition(org_id, run)
        _check_node(definition, again.start)
        reuse = {} if again.everything else reusable(definition.spec, steps, again.start)
        _check_left(definition, reuse, of)
        record = self._record(run, definition, again, key, reuse, org_id)
        record = await self._secured(msgspec.structs.replace(record, tags=with_key(record.tags, api_key)), run, again)
        record = _with_flow(record)
        size = self._large_inputs.size_of(record.inputs)
        if self._subjects is not None and record.subject:
            body_hash = await self._subjects.keyed_hash(org_id, record.subject, record.body_hash)
            record = await self._subjects.sealed(msgspec.structs.replace(record, body_hash=body_hash))
        elif size > INLINE_LIMIT:
            record = await self._large_inputs.placed(record, read_here(definition.spec.dag.nodes))
        _check_size(record)
        return record

    async def _opened(self, org_id: str, run: StoredRun) -> StoredRun:
        """Return a run of a data subject with its inputs in clear: they are checked, and sealed beside given ones."""
        if self._subjects is None:
            raise Conflict(f"run {run.id} has a data subject, and nothing can be sealed here; set VAULT_KEY")
        inputs = await self._subjects.opened(org_id, _stored(run, {}))
        return replace(run, inputs=(run.inputs or {}) | inputs, stored_inputs=None)

    async def _secured(self, record: RunSubmitted, run: StoredRun, again: Again) -> RunSubmitted:
        """Return a submission under the policy that is active now. What it takes over keeps its labels."""
        if self._security is None:
            return record
        before = Before((run.security or {}).get("inputs"), frozenset(again.inputs or ()))
        security = await self._security.again(record.org_id, Integrity.USER, record.spec, before)
        if security is None:
            return record
        of = Of(record.org_id, record.run_id, record.subject)
        entry = Entry(of, record.workflow_name, record.inputs, record.tags, record.body_hash)
        found = await self._security.entered(entry, security)
        if found.decisions and self._appender is not None:
            event = entry_event(record.org_id, record.run_id, found.decisions, security.policy, self._now_ms())
            await self._appender.append([OutRecord(AUDIT_EVENTS, record.org_id.encode(), encode(event))])
        return msgspec.structs.replace(
            record,
            inputs=found.inputs,
            body_hash=found.body_hash,
            security=found.security,
            rules_version=max(record.rules_version, rules_of_security(security)),
        )

    async def _definition(self, org_id: str, run: StoredRun) -> ResolvedSpec:
        definition = await self._definitions.of(org_id, run)
        if definition is not None:
            return definition
        raise Conflict(
            f"run {run.id} was made of {run.workflow_name} version {run.workflow_version} with the hash "
            f"{run.spec_hash[:12]}, which cannot be had any more: a prompt without a version is newer, or is gone. "
            "Submit a new run, and pin prompts (name@version) in workflows that are to be restarted"
        )

    def _record(
        self,
        run: StoredRun,
        definition: ResolvedSpec,
        again: Again,
        key: str | None,
        reuse: dict[str, Reused],
        org_id: str,
    ) -> RunSubmitted:
        given = again.inputs or {}
        arms = _arms(run)
        inputs, stored = (run.inputs or {}) | given, _stored(run, given)
        workflow = f"{run.workflow_name} version {run.workflow_version}"
        # A run of before the check may have unknown inputs, which its restart keeps.
        check_inputs(workflow, inputs, required_of(definition))
        check_inputs(workflow, given, frozenset(), known_inputs(definition, self._arguments) if given else None)
        check_input_schema(definition.spec, inputs, stored)
        source = fork_source(run.id)
        wish = [inputs, again.start, again.everything]
        wish += [{name: one.sha256 for name, one in stored.items()}] if stored else []
        return RunSubmitted(
            run_id=fork_run_id(org_id, run.id, key),
            org_id=org_id,
            source=source,
            submission_id=key,
            body_hash=canonical_hash([run.workflow_name, run.workflow_version, run.tags, run.budget_nano, *wish]),
            workflow_name=run.workflow_name,
            workflow_version=run.workflow_version,
            spec=definition,
            inputs=inputs,
            tags=run.tags,
            budget_nano=run.budget_nano,
            capture=self._capture,
            submitted_at_ms=self._now_ms(),
            rules_version=max(rules_of(definition.spec, definition.prompts.values()), RULES_OF_ARMS if arms else FIRST),
            reuse=reuse,
            stored_inputs=stored,
            rollouts=arms,
            subject=run.subject or "",
        )


def _with_flow(record: RunSubmitted) -> RunSubmitted:
    """Return a submission with the gates of its workflow. Raises ``InvalidInput`` for a key that cannot be computed."""
    spec = record.spec.spec
    if spec.flow is None:
        return record
    if record.subject:
        check_without_inputs(spec)
    check_are_inline(spec, record.stored_inputs)
    flow = run_flow(spec, record.org_id, record.inputs, record.tags, record.submitted_at_ms)
    return msgspec.structs.replace(record, flow=flow, rules_version=max(record.rules_version, RULES_OF_FLOW))


def _arms(run: StoredRun) -> list[RunArm]:
    """Return the arms of a run for one that does it again, which is no exposure of its own: failures are repeated."""
    arms = msgspec.convert(run.rollouts or [], list[RunArm])
    return [msgspec.structs.replace(arm, run_id=arm.run_id or run.id) for arm in arms]


def _stored(run: StoredRun, given: Mapping[str, Any]) -> dict[str, Reference]:
    """Return the references of a run's inputs that no others are laid over."""
    found = {name: one for name, one in (run.stored_inputs or {}).items() if name not in given}
    references: dict[str, Reference] = msgspec.convert(found, dict[str, Reference])
    return references


def _check_node(definition: ResolvedSpec, node: str | None) -> None:
    nodes = definition.spec.dag.nodes
    ids = [n.id for n in nodes]
    if node is not None and node not in ids:
        loops = [n for n in nodes if isinstance(n, LoopNode)]
        loop = next((n.id for n in loops if any(inner.id == node for inner in n.config.body)), None)
        if loop is not None:
            problem = Problem("from", f"{node!r} is inside of the loop {loop!r}", f"take {loop!r}")
        else:
            problem = Problem("from", f"there is no node {node!r}", f"take one of {', '.join(ids[:20])}")
        raise InvalidInput.of(problem)


def _check_left(definition: ResolvedSpec, reuse: dict[str, Reused], run: str) -> None:
    if len(reuse) == len(definition.spec.dag.nodes) - len(compensating(definition.spec)):
        problem = Problem("from", "is missing", "name the node to begin with")
        raise InvalidInput(f"every node of run {run} succeeded, so nothing is left to do again", (problem,))


def _check_size(record: RunSubmitted) -> None:
    size = len(encode(record))
    if size > MAX_RECORD_BYTES:
        raise TooLarge(
            f"inputs, definition and the results to begin with have {size} bytes, the limit is {MAX_RECORD_BYTES}: "
            "begin with an earlier node, so that fewer results are reused"
        )
