"""Submissions: the one path from a request to a ``RunSubmitted`` record, shared by HTTP and by ingress.

    1. prepare   find the workflow, check the inputs, pin everything; only large inputs are written, as objects
    2. claim     the marker of the run: another body with this id is refused, a known submission is answered
    3. append    ``RunSubmitted``, acknowledged by the broker; with ``turns`` where its organisation has limits
    4. confirm   the marker: readers may see the run

A crash after 2 leaves a pending marker, and the same submission continues with 3 when it is repeated. A crash after 3
makes that repetition a second record of one run, which the run's fold ignores by its id.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from connectors.aio.batching import Batcher
from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from connectors.postgres.cells.places import Places
from connectors.postgres.history.runs import Runs
from connectors.redis.submission_markers import Marker, Receipt, SubmissionMarkers
from schemas import clock
from schemas.api_models.runs import SubmitRun
from schemas.errors import (
    OrganisationMoving,
    OutcomeUnknown,
    PrivacyRefused,
    SubmissionConflict,
    Unavailable,
)
from schemas.ids import run_id, traceparent
from schemas.labels.label import Integrity
from schemas.labels.mapped import Labels
from schemas.payload import INLINE_LIMIT
from schemas.records.run_events import Capture, RunSubmitted
from schemas.records.security.pinned import Decision, RunSecurity
from schemas.trace_context import NO_CONTEXT, SenderContext
from services.privacy.subjects.submission import SubjectRuns
from services.prompts.rollouts.arms import Arms
from services.runs.admission_required import AdmissionRequired
from services.runs.known_runs import KnownRuns, behind
from services.runs.large_inputs import LargeInputs
from services.runs.path_admission import PathAdmission
from services.runs.run_ids import RunIds
from services.runs.submitting.drafts import Asked, Draft, DraftPorts, Drafts
from services.security.enforcement.audit import entry_event
from services.security.policies.pinning import Pinning
from services.workflows.resolver import WorkflowResolver
from topics.catalogue import AUDIT_EVENTS, RUN_EVENTS
from topics.codec import encode

logger = logging.getLogger(__name__)

#: About 1 MB of records: enough that a submission's share of one round trip is small.
MAX_GROUP = 500
#: While one group waits for the broker, the next one waits for Redis; see docs/explanation/performance.md.
GROUPS_AT_ONCE = 2


@dataclass(frozen=True)
class Submitted:
    """A submission that is in the log. ``duplicate``: it was there before."""

    receipt: Receipt
    duplicate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionPorts:
    """What submissions ask and write. Without ``admission_required`` no organisation has limits.

    Without ``known`` every marker is trusted to be there, without ``paths`` no budget is compared with a run's cost,
    without ``arms`` no run has part in a rollout, without ``security`` no run is under a policy. Without ``subjects`` a
    submission with a data subject is refused, without ``ids`` topics of runs never grow. Without ``places`` no
    organisation ever moves to another cell.
    """

    plans: WorkflowResolver
    markers: SubmissionMarkers
    history: Runs
    appender: Appender
    large_inputs: LargeInputs
    admission_required: AdmissionRequired | None = None
    known: KnownRuns | None = None
    paths: PathAdmission | None = None
    arms: Arms | None = None
    security: Pinning | None = None
    subjects: SubjectRuns | None = None
    ids: RunIds | None = None
    places: Places | None = None


class _NotAcknowledged(Unavailable):
    """The broker did not acknowledge an append, which may have happened."""


class Submissions:
    """Accepts submissions. Every method raises ``Unavailable`` when a dependency does not answer."""

    def __init__(
        self, ports: SubmissionPorts, *, capture: Capture = "full", now_ms: Callable[[], int] = clock.now_ms
    ) -> None:
        self._drafts = Drafts(_draft_ports(ports), capture, now_ms)
        self._markers = ports.markers
        self._history = ports.history
        self._appender = ports.appender
        self._large_inputs = ports.large_inputs
        self._admission_required = ports.admission_required
        self._known_runs = ports.known
        self._subjects = ports.subjects
        self._places = ports.places
        self._now_ms = now_ms
        self._group = Batcher(self._submit_group, MAX_GROUP, GROUPS_AT_ONCE)

    async def prepare(
        self,
        org_id: str,
        source: str,
        submission_id: str | None,
        body: SubmitRun,
        trace: SenderContext = NO_CONTEXT,
        api_key: str | None = None,
        *,
        door: Integrity = Integrity.THIRD_PARTY,
        labels: Labels | None = None,
        subject: str = "",
    ) -> RunSubmitted:
        """Return the record of a submission; only large inputs are written.

        The parameters are as ``Asked`` has them.

        Raises ``NotFound`` (no such workflow), ``InvalidInput`` (an input is missing, is
        read by nothing, or breaks the schema of the workflow or of the prompt that gets it, named by its path),
        ``PrivacyRefused`` (the policy refuses what they hold), ``TooLarge`` (the inputs), ``SubjectErased``.
        """
        asked = Asked(org_id, source, submission_id, body, trace, api_key, door, labels, subject)
        try:
            draft = await self.draft(asked)
        except PrivacyRefused as exc:
            await self._audited(org_id, run_id(org_id, source, submission_id), exc.decisions, refused=True)
            raise
        await self._audited(org_id, draft.record.run_id, draft.decisions, draft.record.security)
        if draft.record.subject and self._subjects is not None:
            return await self._subjects.sealed(draft.record)
        if draft.size <= INLINE_LIMIT:
            return draft.record
        return await self._large_inputs.placed(draft.record, draft.read_here)

    async def draft(self, asked: Asked) -> Draft:
        """Return a checked submission; nothing is written. Raises as ``prepare`` does."""
        return await self._drafts.of(asked)

    async def _audited(
        self,
        org_id: str,
        run: str,
        decisions: Sequence[Decision],
        security: RunSecurity | None = None,
        *,
        refused: bool = False,
    ) -> None:
        """Put what a policy decided on inputs into the audit log, before they are in any other."""
        if not decisions:
            return
        policy = "" if security is None else security.policy
        event = entry_event(org_id, run, decisions, policy, self._now_ms(), refused=refused)
        await self._appender.append([OutRecord(AUDIT_EVENTS, org_id.encode(), encode(event))])

    async def earlier(self, draft: Draft) -> Receipt | None:
        """Return the submission that had the id of this one, without claiming it. Raises ``SubmissionConflict``."""
        record = draft.record
        if record.submission_id is None:
            return None
        receipt = await self._markers.find(record.org_id, record.run_id)
        if receipt is None:
            found = (await self._history.body_hashes([record.run_id])).get(record.run_id)
            receipt = None if found is None else _as_written(_receipt(record), *found)
        if receipt is not None and receipt.body_hash != record.body_hash:
            raise _conflict(record)
        return receipt

    async def to_store(self, draft: Draft) -> list[str]:
        """Return the inputs of a submission that would be stored as objects. Raises ``TooLarge``."""
        if draft.record.subject:
            return sorted(draft.record.inputs)
        if draft.size <= INLINE_LIMIT:
            return []
        _, chosen = await self._large_inputs.to_store(draft.record.inputs, draft.read_here)
        return sorted(chosen)

    async def submit(self, record: RunSubmitted) -> Submitted:
        """Put one prepared submission into the log, together with others that wait.

        Raises ``SubmissionConflict``, ``OrganisationMoving``, and ``OutcomeUnknown`` when the broker does not
        acknowledge it.
        """
        try:
            await self.refuse_unknowable([record])
            outcome = await self._group.do(record)
        except _NotAcknowledged as exc:
            raise _maybe(record, exc) from exc
        if isinstance(outcome, SubmissionConflict | OrganisationMoving):
            raise outcome
        return outcome

    async def refuse_unknowable(self, records: Sequence[RunSubmitted]) -> None:
        """Raise ``Unavailable`` while nobody can know whether one of these ids was used with another body.

        This is before the markers are claimed: a marker of the wrong body would refuse the rightful one.
        """
        named = [record for record in records if record.submission_id is not None]
        if self._known_runs is None or not named or await self._known_runs.ids_are_known():
            return
        stored = await self._history.body_hashes([record.run_id for record in named])
        for record in named:
            if record.run_id not in stored and not await self._markers.exists(record.run_id):
                raise behind(f"submission {record.submission_id!r} may have been accepted with another body")

    async def submit_all(self, records: Sequence[RunSubmitted]) -> list[Submitted | SubmissionConflict]:
        """Put prepared submissions into the log with one append, and return the outcome of each, in order.

        Raises ``OrganisationMoving``, with nothing submitted, when one of their organisations is.
        """
        for refused in (await self._refused(records)).values():
            raise refused
        return await self._submit_all(records)

    async def _submit_group(
        self, records: Sequence[RunSubmitted]
    ) -> list[Submitted | SubmissionConflict | OrganisationMoving]:
        """Submit those of a group whose organisations are here; the others share nothing with them."""
        refused = await self._refused(records)
        if not refused:
            return list(await self._submit_all(records))
        taken = iter(await self._submit_all([record for record in records if record.org_id not in refused]))
        return [refused.get(record.org_id) or next(taken) for record in records]

    async def _refused(self, records: Sequence[RunSubmitted]) -> dict[str, OrganisationMoving]:
        """Return why submissions are not taken, by organisation. A move waits longer than from here to the append."""
        return {} if self._places is None else await self._places.refused(record.org_id for record in records)

    async def _submit_all(self, records: Sequence[RunSubmitted]) -> list[Submitted | SubmissionConflict]:
        first: dict[str, RunSubmitted] = {}
        for record in records:
            first.setdefault(record.run_id, record)
        known = await self._known([_receipt(record) for record in first.values()])
        taken: dict[str, Submitted] = {}
        new: list[RunSubmitted] = []
        outcomes: list[Submitted | SubmissionConflict] = []
        for record in records:
            marker = known.get(record.run_id)
            if record.body_hash != (marker or first[record.run_id]).body_hash:
                outcomes.append(_conflict(record))
            elif record.run_id in taken:
                outcomes.append(replace(taken[record.run_id], duplicate=True))
            else:
                if marker is None or marker.receipt is None:
                    new.append(record)
                taken[record.run_id] = _submitted(record, marker)
                outcomes.append(taken[record.run_id])
        await self._append(new)
        return outcomes

    async def _known(self, receipts: Sequence[Receipt]) -> dict[str, Marker]:
        """Claim the markers; for a marker that is not accepted and a submission with an id, query history too.

        A pending marker may be the only trace of a submission that was appended and never confirmed.
        """
        markers = await self._markers.claim(receipts) if receipts else []
        known = {r.run_id: marker for r, marker in zip(receipts, markers, strict=True) if marker is not None}
        sure = {run for run, marker in known.items() if marker.receipt is not None}
        unsure = [r for r in receipts if r.submission_id is not None and r.run_id not in sure]
        if unsure:
            found = await self._history.body_hashes([r.run_id for r in unsure])
            written = [_as_written(r, *found[r.run_id]) for r in unsure if r.run_id in found]
            known |= {r.run_id: Marker(r.body_hash, r) for r in written}
            # A marker would show a deleted run as queued.
            gone = await self._history.deleted([r.run_id for r in written]) if written else frozenset()
            if kept := [r for r in written if r.run_id not in gone]:
                await self._markers.confirm(kept)
        return known

    async def _append(self, records: Sequence[RunSubmitted]) -> None:
        if not records:
            return
        out = [_out(record) for record in await self._in_turn(records)]
        try:
            await self._appender.append(out)
        except Unavailable as exc:
            raise _NotAcknowledged(exc.dependency, str(exc).partition(": ")[2], exc.retry_after_s) from exc
        try:
            await self._markers.confirm([_receipt(record) for record in records])
        except Unavailable:
            # The runs are in the log, so they are accepted; readers see them as soon as history has them.
            logger.warning(
                "%d accepted runs are not visible before they are in history: Redis does not answer",
                len(records),
                extra={"action": "confirm_submission_failed"},
            )

    async def _in_turn(self, records: Sequence[RunSubmitted]) -> Sequence[RunSubmitted]:
        """Mark the submissions that need admission."""
        required = self._admission_required
        if required is None or not (orgs := await required.of({record.org_id for record in records})):
            return records
        return [_with_turns(record) if record.org_id in orgs else record for record in records]


def _draft_ports(ports: SubmissionPorts) -> DraftPorts:
    return DraftPorts(
        plans=ports.plans,
        large_inputs=ports.large_inputs,
        paths=ports.paths,
        arms=ports.arms,
        security=ports.security,
        subjects=ports.subjects,
        ids=ports.ids,
    )


def _with_turns(record: RunSubmitted) -> RunSubmitted:
    return msgspec.structs.replace(record, turns=True)


def _submitted(record: RunSubmitted, marker: Marker | None) -> Submitted:
    """Return the outcome. The one that made the marker is the first: of equal submissions at once, one says so."""
    receipt = marker.receipt if marker is not None else None
    return Submitted(receipt or _receipt(record), duplicate=marker is not None)


def _receipt(record: RunSubmitted) -> Receipt:
    return Receipt(
        run_id=record.run_id,
        org_id=record.org_id,
        body_hash=record.body_hash,
        workflow_name=record.workflow_name,
        workflow_version=record.workflow_version,
        source=record.source,
        submission_id=record.submission_id,
        submitted_at_ms=record.submitted_at_ms,
        tags=record.tags,
        budget_nano=record.budget_nano,
        subject=record.subject,
    )


def _as_written(receipt: Receipt, body_hash: str, version: int, created_ms: int) -> Receipt:
    """Return the receipt of the run that history has."""
    return replace(receipt, body_hash=body_hash, workflow_version=version, submitted_at_ms=created_ms)


def _conflict(record: RunSubmitted) -> SubmissionConflict:
    return SubmissionConflict(
        f"submission {record.submission_id!r} of source {record.source!r} exists with another body; "
        "a new submission needs a new id"
    )


def _maybe(record: RunSubmitted, exc: Unavailable) -> OutcomeUnknown:
    again = (
        "the same request with the same Idempotency-Key repeats it safely"
        if record.submission_id is not None
        else "read the run before you submit again, and send an Idempotency-Key, which makes a repetition safe"
    )
    message = f"{str(exc).partition(': ')[2]}; run {record.run_id} may have been accepted: {again}"
    return OutcomeUnknown(exc.dependency, message, record.run_id, record.workflow_name, record.workflow_version)


def _out(record: RunSubmitted) -> OutRecord:
    headers = (("traceparent", traceparent(record.run_id).encode()),)
    return OutRecord(RUN_EVENTS, record.run_id.encode(), encode(record), headers)
