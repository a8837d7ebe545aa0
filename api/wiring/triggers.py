"""Triggers: requests and topics of other systems that submit runs."""

from api.metrics.measures import Measures
from api.services import TriggerServices
from api.wiring.base import Base
from connectors.postgres.triggers.positions import TriggerPositions
from connectors.postgres.triggers.stored import Triggers
from connectors.redis.request_rates import RequestRates
from schemas.triggers.allowed_topics import read_allowed
from services.runs.submit import Submissions
from services.triggers.hooks import Hooks
from services.triggers.surface import TriggerSurface
from services.workflows.resolver import WorkflowResolver
from topics.catalogue import OWN_TOPICS


def triggers_of(base: Base, plans: WorkflowResolver, submissions: Submissions, measures: Measures) -> TriggerServices:
    """Return the services of triggers. Raises ``ValueError`` for a wrong setting."""
    clients = base.clients
    stored = Triggers(clients.database, clients.kms)
    topics = read_allowed(base.settings.triggers.topics, OWN_TOPICS)
    return TriggerServices(
        surface=TriggerSurface(stored, TriggerPositions(clients.database), plans, topics),
        hooks=Hooks(stored, submissions, RequestRates(clients.redis), measures.uncounted.inc),
    )
