"""Another policy over recorded calls, and a baseline."""

from fastapi import APIRouter

from api.dependencies import Parts, Reader
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from api.routers.filters import stored_text, time_ms
from schemas.api_models.traces.policies import PolicyReport, ReplayPolicy
from schemas.clock import now_ms
from services.observability.replay.policy.replays import CallWindow

router = APIRouter(prefix="/api/v1/traces", tags=["traces"], route_class=StrictJsonRoute)


@router.post("/policy", responses=errors(422), summary="Replay a policy over recorded calls")
async def replay_policy(body: ReplayPolicy, who: Reader, parts: Parts) -> PolicyReport:
    """Compute what other routes, prices, caches, budgets, quotas or guards would have led to, and a baseline.

    No call is made. The newest 200,000 calls of the window count.
    """
    until_ms = time_ms("until", body.until)
    window = CallWindow(
        who.org_id,
        time_ms("since", body.since) or 0,
        now_ms() if until_ms is None else until_ms,
        stored_text("workflow", body.workflow) or "",
    )
    return await parts.policies.replay(window, body.policy)
