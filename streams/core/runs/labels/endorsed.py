"""Endorsements are recorded: each result that is trusted more than what it was made of is an event of the audit log."""

from schemas.ids import canonical_hash
from schemas.records.definitions import AuditEvent
from streams.core.runs.labels.given import decided_of
from streams.core.runs.labels.pinned import Pinned
from streams.core.runs.labels.recorded import label_from, whole_of, words_of
from streams.core.runs.labels.steps import declared_of, work_of
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader

ACTOR = "role:orchestrator"


def endorsement(run: RunReader, security: Pinned, step_id: str, step: Step) -> AuditEvent | None:
    """Return the event of a step that has just succeeded, if its result was endorsed. Its id tells repeats."""
    if not security.endorses:
        return None
    node, output = run.node_of(step), step.output
    if step.state != "succeeded" or output is None or step.total is not None:
        return None
    work = work_of(run, step_id, step)
    declared = None if work is None or step.gather is not None else declared_of(run, security, work, node)
    closed = work is None and node.kind == "agent" and security.is_closed(run.header.workflow_name, node.name)
    if not closed and (declared is None or not declared.endorses):
        return None
    read, given = label_from(step.read or ()).join(decided_of(step)), whole_of(output.labels)
    if read.integrity <= given.integrity:
        return None
    header = run.header
    how = "closed schema" if work is None or declared is None or node.call is not None else "declared to endorse"
    return AuditEvent(
        event_id=canonical_hash(["label", header.run_id, step_id, step.attempt]),
        org_id=header.org_id,
        actor=ACTOR,
        action="label.endorse",
        subject=f"{header.workflow_name}/{node.name}",
        decision="allowed",
        reason=how,
        at_ms=run.now_ms,
        kind="label",
        run_id=header.run_id,
        step_id=step_id,
        attempt=step.attempt,
        policy=security.record.policy,
        details={"from": " ".join(words_of(read)), "to": " ".join(words_of(given))},
    )
