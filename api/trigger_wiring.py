"""How the services of triggers are made."""

from api.clients import Clients
from api.metrics.measures import Measures
from api.services import TriggerServices
from connectors.postgres.triggers.positions import TriggerPositions
from connectors.postgres.triggers.stored import Triggers
from connectors.redis.request_rates import RequestRates
from schemas.settings import Settings
from schemas.triggers.allowed_topics import read_allowed
from services.runs.submit import Submissions
from services.triggers.hooks import Hooks
from services.triggers.surface import TriggerSurface
from services.workflows.resolver import WorkflowResolver
from topics.catalogue import OWN_TOPICS


def triggers_of(
    settings: Settings, clients: Clients, plans: WorkflowResolver, submissions: Submissions, measures: Measures
) -> TriggerServices:
    """Return the services of triggers."""
    stored = Triggers(clients.database, clients.kms)
    topics = read_allowed(settings.triggers.topics, OWN_TOPICS)
    return TriggerServices(
        surface=TriggerSurface(stored, TriggerPositions(clients.database), plans, topics),
        hooks=Hooks(stored, submissions, RequestRates(clients.redis), measures.uncounted.inc),
    )
