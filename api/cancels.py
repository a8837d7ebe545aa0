"""Requests the end of a run, for the routes of whatever the run belongs to."""

from api.caller import Caller
from api.render import runs as render
from api.services import Services
from connectors.ports.engine import OutRecord
from connectors.ports.pubsub import cancel_subject
from schemas.api_models.runs import CancelAccepted
from schemas.errors import Conflict, NotFound, Unavailable
from schemas.records.run_events import CancelRequested
from schemas.run_states import TERMINAL_RUN, RunState
from services.runs.known_runs import RETRY_AFTER_S
from topics.catalogue import RUN_EVENTS
from topics.codec import encode


async def request_cancel(parts: Services, who: Caller, run_id: str, reason: str = "") -> CancelAccepted:
    """Put a cancel of a run into the log. That the caller may is checked before.

    Raises ``NotFound``, ``Conflict`` for a run that has ended, and ``Unavailable``.
    """
    line = await parts.runs.history.status(who.org_id, run_id)
    receipt = await parts.runs.markers.find(who.org_id, run_id) if line is None else None
    known = line or receipt
    unknown = await parts.runs.known.unknown(run_id) if known is None else None
    if isinstance(unknown, NotFound):
        raise unknown
    status: RunState = line.status if line is not None else "queued"
    if status in TERMINAL_RUN:
        raise Conflict(f"run {run_id} has ended: it is {status}")
    event = CancelRequested(run_id=run_id, org_id=who.org_id, reason=reason, requested_by=who.key_id)
    await parts.runs.appender.append([OutRecord(RUN_EVENTS, run_id.encode(), encode(event))])
    if known is None:
        # A submission that is late may follow the cancel, which does not count then; its calls must not be broken off.
        # The fold ignores the cancel of a run that the organisation does not have, so nothing is lost by asking.
        raise Unavailable(
            "history",
            f"run {run_id} is not known yet, because history is behind the log; its cancel is in the log, and ends it "
            "if it exists; ask again",
            RETRY_AFTER_S,
        )
    # The cancel is in the log, before whatever a broken call will say there: so calls may be broken off at once.
    parts.runs.bus.publish(cancel_subject(who.org_id), run_id.encode())
    where = render.links(run_id, known.workflow_name, known.workflow_version)
    return CancelAccepted(id=run_id, status=status, links=where)
