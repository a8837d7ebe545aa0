"""Everything that the routes work with, wired by ``api.app``, and how a route gets at it."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.auth import Authenticator, Caller
from api.http.concurrency_limit import Bound
from api.http.metrics import Measures
from api.http.readiness import Check
from api.http.role_counters import RoleCounters
from api.live.run_stream import Streams
from api.publisher import Publisher
from connectors.kafka.deadline_appender import Appender
from connectors.objects.store import Objects
from connectors.ports.pubsub import PubSub
from connectors.postgres.budgets import Budgets
from connectors.postgres.keys import Keys
from connectors.postgres.prompts import Prompts
from connectors.postgres.run_limits import RunLimits
from connectors.postgres.run_steps import RunSteps
from connectors.postgres.runs import Runs
from connectors.postgres.schedules import Backfills, Schedules
from connectors.postgres.workflows import Workflows
from connectors.redis.admission_reader import AdmissionReader
from connectors.redis.spend_reader import Spend
from connectors.redis.submission_markers import SubmissionMarkers
from connectors.redis.worker_registry import WorkerRegistry
from connectors.tools import Registry
from schemas.api_models.access import Permission
from schemas.errors import Unauthenticated
from services.runs.admission_required import Turns
from services.runs.bulk import Bulk
from services.runs.explain_waiting import Waits
from services.runs.restart import Restarts
from services.runs.signals import SignalSender
from services.runs.submit import Submissions
from services.workflows.resolver import WorkflowResolver

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
    plans: WorkflowResolver
    markers: SubmissionMarkers
    submissions: Submissions
    restarts: Restarts
    bulk: Bulk
    waits: Waits
    workers_seen: WorkerRegistry
    signals: SignalSender
    schedules: Schedules
    backfills: Backfills
    appender: Appender
    authenticator: Authenticator
    publisher: Publisher
    run_limits: RunLimits
    limits_publisher: Publisher
    turns: Turns
    admission_seen: AdmissionReader
    counters: RoleCounters
    measures: Measures
    bound: Bound
    bus: PubSub
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
