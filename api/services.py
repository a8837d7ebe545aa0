"""Everything that the routes work with, wired by ``api.app``, and how a route gets at it."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.auth import Authenticator, Caller
from api.counters import RoleCounters
from api.measure import Measures
from api.overload import Bound
from api.publisher import Publisher
from api.readiness import Check
from api.run_stream import Streams
from connectors.accepted import AcceptedMarkers
from connectors.admission_seen import AdmissionSeen
from connectors.appender import Appender
from connectors.bulk import Bulk
from connectors.bus import Bus
from connectors.objects import Objects
from connectors.plans import Plans
from connectors.postgres.budgets import Budgets
from connectors.postgres.keys import Keys
from connectors.postgres.prompts import Prompts
from connectors.postgres.run_limits import RunLimits
from connectors.postgres.run_steps import RunSteps
from connectors.postgres.runs import Runs
from connectors.postgres.schedules import Backfills, Schedules
from connectors.postgres.workflows import Workflows
from connectors.restarts import Restarts
from connectors.signals import SignalPost
from connectors.spend import Spend
from connectors.submissions import Submissions
from connectors.tools import Registry
from connectors.turns import Turns
from connectors.waits import Waits
from connectors.workers_seen import WorkersSeen
from schemas.api_models.access import Permission
from schemas.errors import Unauthenticated

CreateTopics = Callable[[str], Awaitable[object]]
"""Creates the topics of an organisation, named by its id; harmless when they are there."""
CreateQueues = Callable[[Collection[str]], Awaitable[object]]
"""Creates the topics of queues, by name; harmless when they are there. Raises ``TooLarge``."""


@dataclass(frozen=True)
class Services:
    """The API's parts."""

    workflows: Workflows
    prompts: Prompts
    budgets: Budgets
    keys: Keys
    runs: Runs
    run_steps: RunSteps
    spend: Spend
    plans: Plans
    markers: AcceptedMarkers
    submissions: Submissions
    restarts: Restarts
    bulk: Bulk
    waits: Waits
    workers_seen: WorkersSeen
    signals: SignalPost
    schedules: Schedules
    backfills: Backfills
    appender: Appender
    authenticator: Authenticator
    publisher: Publisher
    run_limits: RunLimits
    limits_publisher: Publisher
    turns: Turns
    admission_seen: AdmissionSeen
    counters: RoleCounters
    measures: Measures
    bound: Bound
    bus: Bus
    streams: Streams
    checks: Mapping[str, Check]
    optional_checks: Mapping[str, Check]
    create_topics: CreateTopics
    create_queues: CreateQueues
    tools: Registry
    objects: Objects


async def services(request: Request) -> Services:
    """Return the app's services."""
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


_bearer = HTTPBearer(auto_error=False, description="An API key: `af_<id>_<secret>`, or the bootstrap key.")

Parts = Annotated[Services, Depends(services)]


async def caller(
    parts: Parts,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    x_org_id: Annotated[str | None, Header(description="Must be the key's organisation when given.")] = None,
) -> Caller:
    """Return who asks. Raises ``Unauthenticated`` and ``Forbidden``."""
    if credentials is None:
        raise Unauthenticated("send an API key: Authorization: Bearer <key>")
    found = await parts.authenticator.authenticate(credentials.credentials)
    found.require_organisation(x_org_id)
    return found


def _may(permission: Permission) -> Callable[[Caller], Awaitable[Caller]]:
    async def check(who: Annotated[Caller, Depends(caller)]) -> Caller:
        who.require(permission)
        return who

    return check


Reader = Annotated[Caller, Depends(_may("read"))]
Writer = Annotated[Caller, Depends(_may("write"))]
Admin = Annotated[Caller, Depends(_may("admin"))]
