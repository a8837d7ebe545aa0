"""Refuses query parameters that a route does not declare: a misspelt filter would answer with everything."""

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from schemas.errors import InvalidInput, Problem
from schemas.spec.check.shape import MAX_NAMED, similar


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
