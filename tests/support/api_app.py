"""What the apps of the API share in tests: FastAPI reads the signature of each route at its first request."""

from functools import cache
from typing import Any

from fastapi import FastAPI

from api.app import create_app
from schemas.settings import Settings

_INCLUDED: dict[int, Any] = {}


def share_routes(app: FastAPI) -> None:
    """Let an app use the routes that the first one has read. That costs 15 ms for each, and they are the same."""
    assert not app.dependency_overrides, "what an app overrides would hold for all"
    for place, included in enumerate(app.router.routes):
        if (router := getattr(included, "original_router", None)) is not None:
            app.router.routes[place] = _INCLUDED.setdefault(id(router), included)


@cache
def openapi() -> dict[str, Any]:
    """Return the document of the API. It is that of all tests: change a copy."""
    return create_app(Settings()).openapi()
