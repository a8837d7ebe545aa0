"""How a route gets at its services and at who asks.

Each route declares one rule: the permission that it needs, the kinds of scopes that it admits, and whether it admits
keys of projects. The OpenAPI document shows it (``x-permission``, ``x-scopes``, ``x-projects``). ``Reader``, ``Writer``
and ``Admin`` admit no limited keys; a route that admits them limits what it does to what they name.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Header, Path, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.caller import Caller
from api.services import Services
from connectors.log_context import log_for
from schemas.api_models.access import Permission
from schemas.errors import Forbidden, InvalidInput, Problem, Unauthenticated
from schemas.scopes import ScopeKind
from schemas.spec.check.shape import MAX_NAMED, similar

RunId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")]

_bearer = HTTPBearer(
    auto_error=False,
    description="An API key: `af_<id>_<secret>`, or the bootstrap key; or a token of the OIDC issuer, if there is one.",
)


async def services(request: Request) -> Services:
    """Return the services of the app; ``api.app.create_app`` puts them there."""
    found: Services = request.app.state.services
    return found


Parts = Annotated[Services, Depends(services)]


async def admitted(parts: Services, request: Request, secret: str, org_id: str | None) -> Caller:
    """Return who sends a request with this key, which is counted once against the key's rate limit.

    ``org_id`` is the organisation that the request names, if it does.

    Raises ``Unauthenticated``, ``Forbidden``, ``RateLimited`` and ``Unavailable``, which is ``OrganisationMoving`` or
    ``OrganisationLeft`` where the organisation is not answered here.
    """
    who = await parts.access.authenticator.authenticate(secret)
    # Before anything is counted or recorded: what is copied must not change.
    await parts.access.places.check(who.org_id)
    if not hasattr(request.state, "caller"):
        request.state.caller = who
        parts.audit.auditing.used(who.org_id, who.actor)
    who.require_organisation(org_id)
    log_for(who.org_id, traceparent=request.headers.get("traceparent", ""))
    if who.requests_per_minute is not None and not hasattr(request.state, "counted"):
        request.state.counted = True
        await parts.access.rates.check(who)
    return who


async def caller(
    request: Request,
    parts: Parts,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    x_org_id: Annotated[str | None, Header(description="Optional; must be the key's organisation.")] = None,
) -> Caller:
    """Return the caller. Raises as ``admitted`` does."""
    if credentials is None:
        raise Unauthenticated("send an API key: Authorization: Bearer <key>")
    return await admitted(parts, request, credentials.credentials, x_org_id)


@dataclass(frozen=True)
class Rule:
    """What a route demands of its caller. ``scopes`` has ``any`` where a scope of any kind is enough.

    ``platform``: only the bootstrap key is admitted.
    """

    permission: Permission | None
    scopes: tuple[ScopeKind | Literal["any"], ...] = ()
    project: bool = False
    platform: bool = False

    def check(self, who: Caller) -> None:
        """Raise ``Forbidden`` unless the caller may use the route."""
        if self.permission is not None:
            who.require(self.permission)
        who.require_breadth(self.scopes, project=self.project)
        if self.platform and not who.bootstrap:
            raise Forbidden("this concerns all organisations, so only the bootstrap key (API_KEY) may; use that key")


@dataclass(frozen=True)
class May(Rule):
    """The rule of a route that any caller may use who fulfils it."""

    async def __call__(self, request: Request, who: Annotated[Caller, Depends(caller)]) -> Caller:
        """Return the caller, who may. Raises ``Forbidden``."""
        self.check(who)
        refuse_unknown_query(request)
        return who


@dataclass(frozen=True)
class MayOfRun(Rule):
    """The rule of a route of one run. A run that the caller does not own is unknown to it."""

    async def __call__(
        self, request: Request, who: Annotated[Caller, Depends(caller)], run_id: RunId, parts: Parts
    ) -> Caller:
        """Return the caller, who may. Raises ``Forbidden``, and for an unknown run ``NotFound``."""
        self.check(who)
        refuse_unknown_query(request)
        await require_run(parts, who, run_id)
        return who


async def require_run(parts: Services, who: Caller, run_id: str) -> None:
    """Raise as for an unknown run unless the caller owns the run. It is looked up for limited callers only."""
    if not await owned_runs(parts, who, [run_id]):
        raise await parts.runs.known.unknown(run_id)


async def owned_runs(parts: Services, who: Caller, run_ids: Collection[str]) -> Collection[str]:
    """Return those of the runs that the caller may see; all, unknown ones too, where it is not limited."""
    if not who.limited:
        return run_ids
    own = set()
    for run_id in run_ids:
        known = await parts.runs.history.status(who.org_id, run_id) or await parts.runs.markers.find(who.org_id, run_id)
        if known is not None and who.owns(known.workflow_name, known.tags):
            own.add(run_id)
    return own


#: The rule of a submission, whose route may ask it without a dependency.
WRITER = May("write", ("workflow",), project=True)
#: The rule of a stream of a run, which asks it again while it is open.
READER = May("read", ("workflow",), project=True)
Reader = Annotated[Caller, Depends(May("read"))]
Writer = Annotated[Caller, Depends(May("write"))]
Admin = Annotated[Caller, Depends(May("admin"))]
Platform = Annotated[Caller, Depends(May("admin", platform=True))]
Anyone = Annotated[Caller, Depends(May(None, ("any",), project=True))]
AnyReader = Annotated[Caller, Depends(May("read", ("any",), project=True))]
ProjectReader = Annotated[Caller, Depends(May("read", project=True))]
ProjectWriter = Annotated[Caller, Depends(May("write", project=True))]
ProjectAdmin = Annotated[Caller, Depends(May("admin", project=True))]
WorkflowReader = Annotated[Caller, Depends(READER)]
WorkflowWriter = Annotated[Caller, Depends(WRITER)]
PromptReader = Annotated[Caller, Depends(May("read", ("prompt",), project=True))]
PromptWriter = Annotated[Caller, Depends(May("write", ("prompt",), project=True))]
ScheduleReader = Annotated[Caller, Depends(May("read", ("workflow",), project=True))]
ScheduleWriter = Annotated[Caller, Depends(May("write", ("workflow",), project=True))]
RunReader = Annotated[Caller, Depends(MayOfRun("read", ("workflow",), project=True))]
RunAdmin = Annotated[Caller, Depends(MayOfRun("admin", ("workflow",), project=True))]
RunWriter = Annotated[Caller, Depends(MayOfRun("write", ("workflow",), project=True))]


def refuse_unknown_query(request: Request) -> None:
    """Raise ``InvalidInput`` for each query parameter that the request's route does not declare."""
    if not request.query_params:
        return
    route = request.scope["route"]
    known = _declared(route.dependant) if isinstance(route, APIRoute) else frozenset[str]()
    unknown = [name for name in dict.fromkeys(request.query_params) if name not in known][:MAX_NAMED]
    problems = tuple(
        Problem(f"query.{name}", f"the parameter `{name}` is unknown", _fix(name, known)) for name in unknown
    )
    if problems:
        raise InvalidInput.of(*problems)


def _declared(dependant: Dependant) -> frozenset[str]:
    own = frozenset(field.alias for field in dependant.query_params)
    return own.union(*(_declared(further) for further in dependant.dependencies))


def _fix(name: str, known: frozenset[str]) -> str:
    return similar(name.lower(), known) if known else "remove it; this path takes no parameters"
