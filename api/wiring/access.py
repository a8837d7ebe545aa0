"""Access and security of the API: keys, tokens, secrets, policies, and the audit log."""

from api.auth import Authenticator
from api.http.rate_limit import RateLimits
from api.metrics.measures import Measures
from api.services import AccessServices, AuditServices, SecurityServices
from api.tokens import OidcTokens
from api.wiring.base import Base
from connectors.oidc.issuer import Issuer
from connectors.postgres.audit.holds import AuditHolds
from connectors.postgres.audit.reading import AuditReads
from connectors.postgres.keys import Keys
from connectors.postgres.policies.activations import PolicyActivations
from connectors.postgres.policies.facts import ProviderFactsStore
from connectors.postgres.policies.versions import PolicyVersions
from connectors.postgres.tools.secrets import SecretStore
from connectors.provider_facts import load_facts
from connectors.redis.request_rates import RequestRates
from connectors.tools import REGISTRY
from schemas.clock import now_ms
from services.privacy.redact.standard import redactors_of
from services.security.auditing import Auditing
from services.security.compliance.reporting import Reports
from services.security.oidc import ClaimMapping
from services.security.policies.acting import Acting
from services.security.policies.active import ActivePolicies
from services.security.policies.pinning import Pinning
from services.security.policies.reading import Readings
from services.security.policies.restoring import ReaderRestores
from services.security.tokens import Rules, TokenVerifier
from services.tools.queue_tools import queue_tools_of
from services.tools.secrets import SecretSurface
from services.tools.server_labels import server_labels_of


def access_of(base: Base, measures: Measures) -> AccessServices:
    """Return keys, organisations, projects, and who may ask how often. Raises ``ValueError`` for a wrong setting."""
    keys = Keys(base.clients.database)
    pepper = base.settings.security.key_pepper.get_secret_value()
    return AccessServices(
        keys=keys,
        organisations=base.organisations,
        projects=base.projects,
        rates=RateLimits(RequestRates(base.clients.redis), measures.uncounted),
        authenticator=Authenticator(keys, pepper, tokens=_tokens(base)),
        places=base.clients.places,
        vault=base.vault,
    )


def _tokens(base: Base) -> OidcTokens | None:
    oidc = base.settings.oidc
    if not oidc.issuer:
        return None
    mapping = ClaimMapping.of(oidc.org_claim, oidc.roles_claim, oidc.roles, oidc.organisations)
    issuer = Issuer(oidc.issuer, base.clients.oidc)
    return OidcTokens(TokenVerifier(Rules(oidc.issuer, oidc.audience), issuer), mapping, base.organisations.find)


def security_of(base: Base) -> SecurityServices:
    """Return policies, and what they redact and pin."""
    settings, clients = base.settings, base.clients
    versions, activations = PolicyVersions(clients.database), PolicyActivations(clients.database)
    active, redactors = ActivePolicies(activations, versions), redactors_of(clients.vault)
    servers, queues = server_labels_of(settings, clients.database), queue_tools_of(clients.database)
    return SecurityServices(
        versions=versions,
        activations=activations,
        active=active,
        pinning=Pinning(active, REGISTRY.security, redactors, servers, queues),
        queue_tools=queues,
        redactors=redactors,
        readings=Readings(active),
        acting=Acting(active),
        facts=ProviderFactsStore(clients.database),
        restores=ReaderRestores(active, None if clients.vault is None else clients.vault.tokens),
        base_facts=load_facts(settings.providers.facts_file),
    )


def audit_of(base: Base) -> AuditServices:
    """Return the audit log."""
    auditing, reads = Auditing(base.appender, base.clients.places.is_away), AuditReads(base.clients.database)
    return AuditServices(
        auditing=auditing,
        reads=reads,
        holds=AuditHolds(base.clients.database),
        reports=Reports(reads, auditing.event, now_ms),
        default_org_id=base.settings.api.default_org_id,
    )


def secrets_of(base: Base) -> SecretSurface:
    """Return the secrets for tools, which need an envelope key."""
    return SecretSurface(None if base.clients.kms is None else SecretStore(base.clients.database, base.clients.kms))
