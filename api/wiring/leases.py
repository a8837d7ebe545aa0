"""Leases of steps for workers of users' own."""

from collections.abc import Sequence

from api.http.concurrency_limit import Bound
from api.leases import LeaseServices, Presence, Queues
from api.services import DefinitionServices, RunServices
from api.wiring.base import Base
from api.wiring.runs import STREAMS_RETRY_S
from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from connectors.postgres.policies.versions import PolicyVersions
from connectors.redis.claims.lease_desk import LeaseDesk
from connectors.redis.claims.lent_attempts import LentAttempts
from schemas.records.definitions import AuditEvent
from services.privacy.redact.standard import redactors_of
from services.runs.attempts.lent_policies import LentPolicies
from services.runs.attempts.lent_private import LentPrivacy
from services.runs.attempts.lent_results import LentResults
from services.runs.leasing.leases import StepLeases
from topics.catalogue import AUDIT_EVENTS
from topics.codec import encode

#: Each waits for its steps; all share one connection to Redis.
MAX_LEASE_REQUESTS = 512


def leases_of(base: Base, definitions: DefinitionServices, runs: RunServices) -> LeaseServices:
    """Return leases, queues, and which workers are there."""
    redis = base.clients.redis
    claims, policies = LentAttempts(redis, base.partitions), LentPolicies(PolicyVersions(base.clients.database))
    return LeaseServices(
        steps=StepLeases(
            LeaseDesk(redis),
            claims,
            runs.objects,
            runs.appender,
            private=_lent_privacy(base, runs.appender, policies),
            results=LentResults(policies),
        ),
        queues=Queues(definitions.workflows.queues),
        presence=Presence(base.workers),
        bound=Bound("requests for leases", MAX_LEASE_REQUESTS, STREAMS_RETRY_S),
    )


def _lent_privacy(base: Base, appender: Appender, policies: LentPolicies) -> LentPrivacy:
    async def say(events: Sequence[AuditEvent]) -> None:
        await appender.append([OutRecord(AUDIT_EVENTS, one.org_id.encode(), encode(one)) for one in events])

    return LentPrivacy(policies, redactors_of(base.clients.vault), say)
