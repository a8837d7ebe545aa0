"""What an organisation states of providers: regions, retention, training. Demands of its policy decide by it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.dependencies import Admin, Parts, Reader
from api.http.strict_json import StrictJsonRoute
from api.render import compliance as render
from api.routers.errors import errors
from schemas.api_models.security.compliance import FactsVersionPage, ProviderFactsAnswer, PutProviderFacts
from schemas.compliance.facts import FactsDocument
from schemas.errors import InvalidInput, Problem
from schemas.values.fields import ASCII_INTEGER

router = APIRouter(prefix="/api/v1/providers/facts", tags=["providers"], route_class=StrictJsonRoute)

RouteName = Annotated[
    str | None, Query(max_length=256, pattern=r"^[A-Za-z0-9_.:/@-]+$", description="`provider`, or `provider/model`.")
]


@router.put("", responses={201: {"description": "It is a new version"}, **errors(413)})
async def put_provider_facts(
    body: PutProviderFacts, who: Admin, parts: Parts, response: Response
) -> ProviderFactsAnswer:
    """State the facts of providers, in place of those before. Every worker decides by them within a second.

    They go before those that come along, field by field. A field that is left out is not stated; `null` says that it
    is unknown.
    """
    routes = [one.route for one in body.providers]
    twice = next((one for one in routes if routes.count(one) > 1), None)
    if twice is not None:
        raise InvalidInput.of(Problem("providers", f"names {twice} twice", "keep one of them"))
    document = FactsDocument(providers=tuple(body.providers))
    made, new = await parts.security.facts.put(who.org_id, document, who.key_id)
    parts.definitions.publisher.wake()
    response.status_code = 201 if new else 200
    return render.facts(made, parts.security.base_facts)


@router.get("", responses=errors())
async def get_provider_facts(who: Reader, parts: Parts, route: RouteName = None) -> ProviderFactsAnswer:
    """Return the facts that count now; of one route with `route`."""
    found = await parts.security.facts.newest(who.org_id)
    return render.facts(found, parts.security.base_facts, () if route is None else (route,))


@router.get("/versions", responses=errors())
async def list_provider_facts(who: Reader, parts: Parts) -> FactsVersionPage:
    """List the versions of the facts, the newest first."""
    return FactsVersionPage(versions=[render.line(one) for one in await parts.security.facts.versions(who.org_id)])


@router.get("/versions/{version}", responses=errors(404))
async def get_provider_facts_version(
    version: Annotated[int, Path(ge=1, le=2**31 - 1), ASCII_INTEGER], who: Reader, parts: Parts
) -> ProviderFactsAnswer:
    """Return one version."""
    return render.facts(await parts.security.facts.get(who.org_id, version), parts.security.base_facts)
