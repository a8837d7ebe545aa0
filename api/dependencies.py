"""How a route gets at its services and at who asks."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.auth import Caller
from api.http.known_query import refuse_unknown_query
from api.services import Services
from schemas.api_models.access import Permission
from schemas.errors import Unauthenticated


async def services(request: Request) -> Services:
    """Return the services of the app; ``api.app.create_app`` puts them there."""
    found: Services = request.app.state.services
    return found


_bearer = HTTPBearer(auto_error=False, description="An API key: `af_<id>_<secret>`, or the bootstrap key.")

Parts = Annotated[Services, Depends(services)]


async def caller(
    parts: Parts,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    x_org_id: Annotated[str | None, Header(description="Optional; must be the key's organisation.")] = None,
) -> Caller:
    """Return the caller. Raises ``Unauthenticated`` and ``Forbidden``."""
    if credentials is None:
        raise Unauthenticated("send an API key: Authorization: Bearer <key>")
    found = await parts.access.authenticator.authenticate(credentials.credentials)
    found.require_organisation(x_org_id)
    return found


def _may(permission: Permission) -> Callable[[Request, Caller], Awaitable[Caller]]:
    async def check(request: Request, who: Annotated[Caller, Depends(caller)]) -> Caller:
        who.require(permission)
        refuse_unknown_query(request)
        return who

    return check


Reader = Annotated[Caller, Depends(_may("read"))]
Writer = Annotated[Caller, Depends(_may("write"))]
Admin = Annotated[Caller, Depends(_may("admin"))]
