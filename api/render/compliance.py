"""Facts of providers as answers."""

from collections.abc import Iterable

from connectors.postgres.policies.facts import FactsVersion
from schemas.api_models.base import timestamp
from schemas.api_models.security.compliance import FactsVersionLine, KnownProvider, ProviderFactsAnswer
from schemas.compliance.facts import Facts, FactsDocument


def facts(found: FactsVersion | None, base: FactsDocument, routes: Iterable[str] = ()) -> ProviderFactsAnswer:
    """Return a version over ``base``, with what is known of ``routes``, or else of all that are named exactly."""
    own = FactsDocument() if found is None else found.stored.facts
    known = Facts(base, own)
    named = [one.route for one in (*own.providers, *base.providers) if "*" not in one.route]
    return ProviderFactsAnswer(
        version=0 if found is None else found.stored.version,
        created_by="" if found is None else found.created_by,
        created_at=None if found is None else timestamp(found.created_ms),
        providers=own.body().get("providers", []),
        shipped=base.body()["providers"],
        known=[_known(known, route) for route in dict.fromkeys([*routes] or named)],
    )


def line(found: FactsVersion) -> FactsVersionLine:
    """Return a version in a list."""
    return FactsVersionLine(
        version=found.stored.version,
        created_by=found.created_by,
        created_at=timestamp(found.created_ms),
        entries=len(found.stored.facts.providers),
    )


def _known(known: Facts, route: str) -> KnownProvider:
    provider, _, model = route.partition("/")
    one = known.of(provider, model)
    return KnownProvider(
        route=route,
        regions=None if one.regions is None else list(one.regions),
        retention_days=one.retention_days,
        trains=one.trains,
        certifications=None if one.certifications is None else list(one.certifications),
        sources={field: source for field, source in one.sources if source},
    )
