"""Drafts of submissions: the workflow is found, the inputs are checked and redacted, everything is pinned.

Nothing is written here. Steps: the plan, the run's id and its data subject, what the policy lets in, the arms of
rollouts, the gates of flow control, the cheapest path under a budget, and the record of all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schemas import money
from schemas.api_models.runs import SubmitRun
from schemas.errors import InvalidInput, Problem, SubjectRequired
from schemas.ids import HTTP_SOURCE, OWN_SOURCES, canonical_hash, run_id
from schemas.labels.label import Integrity
from schemas.labels.mapped import Labels
from schemas.privacy.sealed_workflows import requires_subject
from schemas.records.base import Json
from schemas.records.flow import RunFlow
from schemas.records.run_events import Capture, RunSubmitted
from schemas.records.security.pinned import Decision, RunSecurity
from schemas.spec.flow_keys import check_without_inputs, run_flow
from schemas.spec.inputs.input_schema import check_input_schema
from schemas.spec.inputs.prompt_values import check_prompt_values
from schemas.spec.model import ResolvedSpec
from schemas.spec.rules_version import ARMS as RULES_OF_ARMS
from schemas.spec.rules_version import FIRST, rules_of_security
from schemas.spec.rules_version import FLOW as RULES_OF_FLOW
from schemas.trace_context import NO_CONTEXT, SenderContext
from services.privacy.redact.redactor import Of
from services.privacy.subjects.submission import SubjectRuns
from services.prompts.rollouts.arms import Armed, Arms
from services.runs.input_check import check_inputs
from services.runs.large_inputs import LargeInputs
from services.runs.path_admission import PathAdmission
from services.runs.path_cost import PathCost
from services.runs.run_ids import RunIds
from services.runs.spender_tags import with_baggage, with_spender
from services.security.policies.inputs import Entered, Entry
from services.security.policies.pinning import Pinning
from services.workflows.resolver import Plan, WorkflowResolver

NOBODY = {"project": None, "end_user": None}


@dataclass(frozen=True, slots=True)
class Asked:
    """A submission as it came through a door.

    ``trace`` is what its sender says of its own trace. ``api_key`` is the id of the key that it came with, for budgets
    of that. ``door`` is how far its inputs are trusted, under a policy: that of a sender without a key is the default.
    ``labels`` are what is known of single inputs besides, such as of rows of a dataset. ``subject`` is the pseudonym of
    a person whose id is no longer known, as of a schedule.
    """

    org_id: str
    source: str
    submission_id: str | None
    body: SubmitRun
    trace: SenderContext = NO_CONTEXT
    api_key: str | None = None
    door: Integrity = Integrity.THIRD_PARTY
    labels: Labels | None = None
    subject: str = ""

    @property
    def budget_nano(self) -> int | None:
        """The run's budget in nano-dollars, if it has one."""
        return None if self.body.budget_cents is None else money.from_cents(self.body.budget_cents)


@dataclass(frozen=True, slots=True)
class Draft:
    """A checked submission of which nothing was written. ``size`` is that of its inputs as JSON, in bytes.

    ``decisions`` are what its policy decided on its inputs.
    """

    record: RunSubmitted
    required: frozenset[str]
    read_here: frozenset[str] | None
    size: int
    path: PathCost | None = None
    decisions: Sequence[Decision] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftPorts:
    """What drafts ask. What is ``None`` is as ``SubmissionPorts`` says."""

    plans: WorkflowResolver
    large_inputs: LargeInputs
    paths: PathAdmission | None = None
    arms: Arms | None = None
    security: Pinning | None = None
    subjects: SubjectRuns | None = None
    ids: RunIds | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pinned:
    """What was found out about a submission, as its record has it."""

    plan: Plan
    entry: Entry
    entered: Entered | None
    inputs: dict[str, Json]
    armed: Armed
    security: RunSecurity | None
    flow: RunFlow | None
    path: PathCost | None

    @property
    def body_hash(self) -> str:
        return self.entry.body_hash if self.entered is None else self.entered.body_hash

    @property
    def rules_version(self) -> int:
        return max(
            self.plan.rules_version,
            RULES_OF_ARMS if self.armed.arms else FIRST,
            rules_of_security(self.security),
            RULES_OF_FLOW if self.flow is not None else FIRST,
        )


class Drafts:
    """Checks submissions. Every method raises ``Unavailable`` when a dependency does not answer."""

    def __init__(self, ports: DraftPorts, capture: Capture, now_ms: Callable[[], int]) -> None:
        self._plans, self._large_inputs, self._paths = ports.plans, ports.large_inputs, ports.paths
        self._arms, self._security = ports.arms, ports.security
        self._subjects, self._ids = ports.subjects, ports.ids
        self._capture: Capture = capture
        self._now_ms = now_ms

    async def of(self, asked: Asked) -> Draft:
        """Return a checked submission; nothing is written. Raises as ``Submissions.prepare`` does."""
        size, plan = self._large_inputs.size_of(asked.body.inputs), await self._plan(asked)
        run = await self._id(asked)
        subject, body_hash = await self._subject(asked, plan.resolved)
        entry = Entry(
            of=Of(asked.org_id, run, subject),
            workflow=asked.body.workflow_name,
            inputs=asked.body.inputs,
            tags=with_baggage(with_spender(asked.body, asked.api_key), asked.trace.tags),
            body_hash=body_hash,
        )
        entered = await self._entered(entry, asked, plan.resolved)
        inputs = entry.inputs if entered is None else entered.inputs
        size = size if inputs is entry.inputs else self._large_inputs.size_of(inputs)
        armed = await self._armed(entry, inputs, plan.resolved)
        pinned = _Pinned(
            plan=plan,
            entry=entry,
            entered=entered,
            inputs=inputs,
            armed=armed,
            security=await self._secured(entered, asked.org_id, armed, plan.resolved),
            flow=self._flow(entry, inputs, plan.resolved),
            path=await self._path(asked, armed.spec),
        )
        decisions = () if entered is None else entered.decisions
        return Draft(self._record(asked, pinned), plan.required, plan.read_here, size, pinned.path, decisions)

    async def _plan(self, asked: Asked) -> Plan:
        """Return the workflow's plan, with which the inputs agree."""
        body = asked.body
        plan = await self._plans.plan(asked.org_id, body.workflow_name, body.workflow_version)
        check_inputs(f"{body.workflow_name} version {plan.version}", body.inputs, plan.required, plan.known)
        check_input_schema(plan.resolved.spec, body.inputs)
        # Of the stable version: a canary that is stricter fails its steps, which counts against it.
        check_prompt_values(plan.resolved, body.inputs)
        return plan

    def _record(self, asked: Asked, pinned: _Pinned) -> RunSubmitted:
        body, path, entry = asked.body, pinned.path, pinned.entry
        return RunSubmitted(
            run_id=entry.of.run_id,
            org_id=asked.org_id,
            source=asked.source,
            submission_id=asked.submission_id,
            body_hash=pinned.body_hash,
            workflow_name=body.workflow_name,
            workflow_version=pinned.plan.version,
            spec=pinned.armed.spec,
            inputs=pinned.inputs,
            tags=dict(entry.tags),
            budget_nano=asked.budget_nano,
            capture=self._capture,
            submitted_at_ms=self._now_ms(),
            traceparent=asked.trace.traceparent,
            tracestate=asked.trace.tracestate,
            rules_version=pinned.rules_version,
            deadline_ms=body.deadline_ms,
            bounds={} if path is None else dict(path.bounds),
            unbounded=path is not None and bool(path.unbounded),
            rollouts=list(pinned.armed.arms),
            # Not part of the body's hash: the same submission after a change of policies is the same run.
            security=pinned.security,
            subject=entry.of.subject,
            flow=pinned.flow,
        )

    async def _id(self, asked: Asked) -> str:
        place = (asked.org_id, asked.source, asked.submission_id)
        return run_id(*place) if self._ids is None else await self._ids.of(*place)

    async def _entered(self, entry: Entry, asked: Asked, spec: ResolvedSpec) -> Entered | None:
        """Return what enters, as the active policy lets it; ``None`` without a policy."""
        if self._security is None:
            return None
        security = await self._security.of(asked.org_id, asked.door, spec, asked.labels)
        return None if security is None else await self._security.entered(entry, security)

    async def _armed(self, entry: Entry, inputs: dict[str, Json], resolved: ResolvedSpec) -> Armed:
        # A rollout assigns by values of inputs, as they may be in the log, and keeps them beside the run.
        if self._arms is None or entry.of.subject:
            return Armed(resolved)
        return await self._arms.of(entry.of.org_id, entry.of.run_id, resolved, inputs)

    async def _secured(
        self, entered: Entered | None, org_id: str, armed: Armed, resolved: ResolvedSpec
    ) -> RunSecurity | None:
        """Return the run's security, of the definition that its arms lead to."""
        security = None if entered is None else entered.security
        if security is None or self._security is None or armed.spec is resolved:
            return security
        return await self._security.for_spec(security, org_id, armed.spec)

    def _flow(self, entry: Entry, inputs: dict[str, Json], resolved: ResolvedSpec) -> RunFlow | None:
        """Return the gates of a run, with keys of its inputs as they may be in the log. Raises ``InvalidInput``."""
        spec = resolved.spec
        if spec.flow is None:
            return None
        if entry.of.subject:
            check_without_inputs(spec)
        return run_flow(spec, entry.of.org_id, inputs, entry.tags, self._now_ms())

    async def _path(self, asked: Asked, resolved: ResolvedSpec) -> PathCost | None:
        """Return the cheapest path of a run with a budget. Raises ``InvalidInput`` when even that does not fit."""
        budget_nano = asked.budget_nano
        if budget_nano is None or self._paths is None:
            return None
        return await self._paths.path(asked.org_id, resolved, budget_nano, self._now_ms())

    async def _subject(self, asked: Asked, resolved: ResolvedSpec) -> tuple[str, str]:
        """Return the pseudonym of the person whose data a run handles, empty without one, and the body's hash."""
        org_id, body, known = asked.org_id, asked.body, asked.subject
        body_hash = _body_hash(body, asked.budget_nano)
        if body.subject is None and not known:
            if needing := requires_subject(resolved):
                fix = "name the person whose data the run handles, by your own id"
                raise SubjectRequired.of(Problem("subject", f"is missing, and workflow {needing} requires it", fix))
            return "", body_hash
        if self._subjects is None:
            fix = "set VAULT_KEY for this process, or submit it where that is set"
            raise InvalidInput.of(Problem("subject", "cannot be taken here, since nothing could be sealed", fix))
        named = _in_clear(asked)
        if body.subject is None:
            subject = await self._subjects.admit_known(org_id, known, resolved, named)
        else:
            subject = await self._subjects.admit(org_id, body.subject, resolved, named)
        return subject, await self._subjects.keyed_hash(org_id, subject, body_hash)


def _in_clear(asked: Asked) -> dict[str, str]:
    """Return the texts of a submission that the log has in clear, by what names them."""
    body = asked.body
    clear: dict[str, str | None] = {
        "source": _of_sender(asked.source),
        "submission_id": asked.submission_id,
        "project": body.project,
        "end_user": body.end_user,
        "session": body.session,
    }
    clear |= {f"tags.{name}": value for name, value in body.tags.items()}
    return {path: text for path, text in clear.items() if text is not None}


def _of_sender(source: str) -> str | None:
    """Return the source of a submission where its sender named it: ours say nothing of anybody."""
    return None if source == HTTP_SOURCE or source.startswith(OWN_SOURCES) else source


def _body_hash(body: SubmitRun, budget_nano: int | None) -> str:
    """Hash the request, so that 1 and 1.0 cents are one request, and a newer default version is not another one."""
    asked = [body.workflow_name, body.workflow_version, body.inputs, body.tags, budget_nano]
    # Omitted when it is not given, so that earlier submissions keep their hash.
    asked += [] if body.deadline_ms is None else [body.deadline_ms]
    spender = {"project": body.project, "end_user": body.end_user}
    if body.session is not None:
        spender["session"] = body.session
    return canonical_hash(asked if spender == NOBODY else [*asked, spender])
