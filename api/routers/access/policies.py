"""Policies: what untrusted data may do. Their versions never change; activations say which one decides."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.dependencies import Admin, Parts, Reader
from api.http.strict_json import StrictJsonRoute
from api.render import policies as render
from api.routers.errors import errors
from schemas.api_models.security.policies import (
    ActivatePolicy,
    ActivePolicy,
    CreatePolicy,
    PolicyAnswer,
    PolicyPage,
    PolicyTested,
    PolicyVersionPage,
    TestPolicy,
)
from schemas.errors import NotFound
from schemas.policies.testing import run_tests
from schemas.values.fields import ASCII_INTEGER
from services.security.policies.documents import NAME_PATTERN, check_engines, check_tests, policy_of

router = APIRouter(prefix="/api/v1/policies", tags=["policies"], route_class=StrictJsonRoute)

Name = Annotated[str, Path(pattern=NAME_PATTERN)]
BreakGlass = Annotated[
    str | None,
    Query(min_length=3, max_length=200, description="Why it is done although a rule at `admin` denies it."),
]
Version = Annotated[int, Path(ge=1, le=2**31 - 1), ASCII_INTEGER]


@router.post("", status_code=201, responses={200: {"description": "The newest version is the same"}, **errors(413)})
async def create_policy(body: CreatePolicy, who: Admin, parts: Parts, response: Response) -> PolicyAnswer:
    """Store the next version of a policy. It decides nothing before it is activated.

    A document with problems, or with tests of its own that fail, is refused; all are named.
    """
    policy = policy_of(body.document)
    check_tests(policy)
    check_engines(policy)
    made, new = await parts.security.versions.create(who.org_id, policy, who.key_id, who.actor)
    response.status_code = 201 if new else 200
    return render.version(made)


@router.get("", responses=errors())
async def list_policies(who: Reader, parts: Parts) -> PolicyPage:
    """List the organisation's policies, and which version is active."""
    lines = await parts.security.versions.lines(who.org_id)
    return render.page(lines, await parts.security.activations.listed(who.org_id))


@router.post("/test", responses=errors(404))
async def test_policy(body: TestPolicy, who: Reader, parts: Parts) -> PolicyTested:
    """Run the tests of a document or of a stored version, and further cases. Nothing is stored."""
    document = body.document
    if document is None:
        document = (await parts.security.versions.get(who.org_id, body.name or "", body.version or 0)).policy.document
    policy = policy_of(document, body.cases)
    return render.tested(policy, run_tests(policy))


@router.get("/active", responses=errors())
async def get_active_policy(who: Reader, parts: Parts) -> ActivePolicy:
    """Return the policy that decides for runs that are submitted now, and earlier activations."""
    return render.active(await parts.security.activations.listed(who.org_id))


@router.delete("/active", responses=errors(404))
async def deactivate_policy(who: Admin, parts: Parts, break_glass: BreakGlass = None) -> ActivePolicy:
    """Let no policy decide for runs that are submitted from now on. Earlier runs keep theirs."""
    del break_glass  # it was read before, see ``api.acts``
    await parts.security.activations.deactivate(who.org_id, who.key_id, who.actor)
    return await _changed(who, parts)


@router.get("/{name}", responses=errors(404))
async def list_policy_versions(name: Name, who: Reader, parts: Parts) -> PolicyVersionPage:
    """List the versions of a policy, the newest first."""
    found = await parts.security.versions.lines(who.org_id, name)
    if not found:
        raise NotFound(f"there is no policy {name!r}; see GET /api/v1/policies")
    return PolicyVersionPage(name=name, versions=[render.line(one) for one in found])


@router.get("/{name}/versions/{version}", responses=errors(404))
async def get_policy_version(name: Name, version: Version, who: Reader, parts: Parts) -> PolicyAnswer:
    """Return one version with its document."""
    return render.version(await parts.security.versions.get(who.org_id, name, version))


@router.post("/{name}/activate", responses=errors(404))
async def activate_policy(
    name: Name, body: ActivatePolicy, who: Admin, parts: Parts, break_glass: BreakGlass = None
) -> ActivePolicy:
    """Let a version decide for runs that are submitted from now on, within a second everywhere.

    Runs keep the version that they were submitted under. Activate an earlier version to roll back.
    """
    del break_glass  # it was read before, see ``api.acts``
    await parts.security.activations.activate(who.org_id, name, body.version, body.mode, who.key_id, who.actor)
    return await _changed(who, parts)


async def _changed(who: Admin, parts: Parts) -> ActivePolicy:
    parts.security.active.forget()
    parts.definitions.publisher.wake()
    return render.active(await parts.security.activations.listed(who.org_id))
