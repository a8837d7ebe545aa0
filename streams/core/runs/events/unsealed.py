"""Outcomes that may not be in the log as they are: refused, however they came into it.

Workers of ours and the API's leases seal the outcomes of a run with a data subject, redact those of a run whose policy
wants that, and apply the policy's rules at ``output`` and the schemas of answers. A program that writes to
``run-events`` itself may do none of it. Its record cannot be taken out of the topic any more, but nothing of it goes
any further: no table, checkpoint, view or other step has what it said.

| run | refused |
|---|---|
| with a data subject | an output, or arguments of tools, not sealed with the person's key: ``unsealed_outcome`` |
| whose policy redacts what the log has | an output of which the outcome does not say so: ``unredacted_outcome`` |
| either | the words of an error; its code stays |
| whose policy has rules at ``output`` | the same output of a tool or a model: ``unjudged_outcome`` |
| whose policy endorses a node's answers by their schema | the same output of that node: ``unjudged_outcome`` |

Decisions 0065 and 0067 have the reasons. Runs of older rules take what they took.
"""

import re

from msgspec import structs

from schemas.errors import Forbidden
from schemas.payload import Inline, Payload
from schemas.privacy.sealed import ERASED_MESSAGE, is_sealed, place_of
from schemas.records.base import ErrorInfo
from schemas.records.run_events import StepFailed, StepSucceeded, ToolUse
from schemas.spec.error_codes import SUBJECT_ERASED, UNJUDGED_OUTCOME, UNREDACTED_OUTCOME, UNSEALED_OUTCOME
from schemas.spec.rules_version import JUDGED, OUTCOMES
from streams.core.runs.state.reader import RunReader

LEFT_OUT = "the words of this error came in clear, and are left out"
_UNSEALED = (
    "a worker's outcome is not sealed with the key of the run's data subject; let it serve its queue over HTTP, where "
    "the API seals what it returns"
)
_UNREDACTED = (
    "a worker's outcome was not redacted, and the run's policy wants that of what the log has; let it serve its queue "
    "over HTTP, where the API redacts what it returns"
)
_UNJUDGED = (
    "nobody has decided by the run's policy on what a worker gave; let it serve its queue over HTTP, where the API does"
)
#: What a code looks like; another text may be anything.
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


def refused(run: RunReader, event: StepSucceeded) -> ErrorInfo | None:
    """Return the error of an output that may not go any further; ``None`` for one that may."""
    if run.header.rules_version < OUTCOMES:
        return None
    if run.header.subject and not _is_whole(run, event):
        return ErrorInfo(code=UNSEALED_OUTCOME, message=_UNSEALED, step_id=event.step_id)
    if _redacts(run) and not event.redacted:
        return ErrorInfo(code=UNREDACTED_OUTCOME, message=_UNREDACTED, step_id=event.step_id)
    if run.header.rules_version >= JUDGED and not event.redacted and _judges(run, event.step_id):
        return ErrorInfo(code=UNJUDGED_OUTCOME, message=_UNJUDGED, step_id=event.step_id)
    return None


def worded(run: RunReader, event: StepFailed) -> ErrorInfo:
    """Return the error of an attempt with no more words than may go further."""
    error = event.error
    if run.header.rules_version < OUTCOMES or not (run.header.subject or _redacts(run)):
        return error
    is_sealed_here = error.sealed is not None and _is_ours(run, error.sealed)
    if is_sealed_here if run.header.subject else event.redacted:
        return error
    message = ERASED_MESSAGE if error.code == SUBJECT_ERASED else LEFT_OUT
    code = error.code if _CODE.fullmatch(error.code) else "exception"
    return structs.replace(error, code=code, message=message, details={}, sealed=None)


def _redacts(run: RunReader) -> bool:
    return run.security is not None and run.security.record.redacts


def _judges(run: RunReader, step_id: str) -> bool:
    """Return whether the policy has something to say of what a step gives. Of functions it says nothing."""
    security = run.security
    if security is None or not (security.record.judges or security.record.closed):
        return False
    node = run.node_of(run.recorded(step_id))
    if node.kind == "function":
        return False
    return security.record.judges or security.is_closed(run.header.workflow_name, node.name)


def _is_whole(run: RunReader, event: StepSucceeded) -> bool:
    return _is_ours(run, event.output) and all(_is_use(run, use) for use in event.tool_calls)


def _is_use(run: RunReader, use: ToolUse) -> bool:
    return not use.args and (use.sealed is None or _is_ours(run, use.sealed))


def _is_ours(run: RunReader, payload: Payload) -> bool:
    """Return whether a payload is sealed with the key of the run's subject, in the run's organisation."""
    if isinstance(payload, Inline) or not is_sealed(payload):
        return False
    try:
        place = place_of(payload)
    except Forbidden:
        return False
    return place.subject == run.header.subject and place.object_org in ("", run.header.org_id)
