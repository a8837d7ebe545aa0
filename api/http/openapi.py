"""The OpenAPI document: FastAPI's own, with the problems that routes can answer, and an example of each body."""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from api.dependencies import Rule
from api.routers.errors import response
from schemas.api_models.problem import ProblemDetails

_REF = "#/components/schemas/{model}"
#: Statuses of requests with a body, whatever the route.
_OF_BODIES = (400, 408, 413, 415)
_TIME = "2026-11-22T18:31:42.474Z"
#: Examples by the end of a field's name, before those by type.
_BY_NAME = {
    "_at": _TIME,
    "_usd": "0.002853",
    "_cents": "0.2853",
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "workflow_name": "document_analysis",
    "name": "document_analysis",
    "id": "a1f98e89-72c4-58b6-83d2-e04ab6255896",
}
_BY_TYPE: dict[str, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None}
_DEEPEST = 6
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


def install(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Serve the document, which is built once. ``routers`` are those of the app."""
    own = [route for router in routers for route in router.routes]

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, own)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI, routes: Iterable[BaseRoute]) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        tags=app.openapi_tags,
        routes=app.routes,
    )
    problem = ProblemDetails.model_json_schema(ref_template=_REF)
    schemas = found["components"]["schemas"]
    schemas |= problem.pop("$defs", {})
    schemas["ProblemDetails"] = problem
    for operation in operations(found):
        _complete(operation, schemas)
    _declare(found, routes)
    _name_bounds(found)
    return found


def _declare(document: dict[str, Any], routes: Iterable[BaseRoute]) -> None:
    """Add the rule of each route: its permission, the scopes and keys of projects that it admits."""
    for route in routes:
        if not isinstance(route, APIRoute) or route.path_format not in document["paths"]:
            continue
        rule = rule_of(route.dependant)
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            operation["x-permission"] = _permission(rule)
            operation["x-scopes"] = list(rule.scopes) if rule is not None else ["any"]
            operation["x-projects"] = rule is None or rule.project


def rule_of(dependant: Dependant) -> Rule | None:
    """Return the rule that a route declares, ``None`` where anybody is admitted."""
    calls: list[object] = [one.call for one in dependant.dependencies]
    own = [call for call in calls if isinstance(call, Rule)]
    return own[0] if own else next(filter(None, map(rule_of, dependant.dependencies)), None)


def _permission(rule: Rule | None) -> str:
    if rule is None:
        return "none"
    return "platform" if rule.platform else rule.permission or "authenticated"


def _name_bounds(value: Any) -> None:
    """Rename bounds to what JSON Schema calls them. Pydantic leaves those of fields with a validator as they are."""
    if isinstance(value, dict):
        for name, standard in _BOUNDS.items():
            if isinstance(value.get(name), int | float):
                value[standard] = value.pop(name)
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _name_bounds(child)


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every operation of a document."""
    for path in document["paths"].values():
        yield from path.values()


def _complete(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Add the errors of bodies, and examples where a model brings none."""
    answers = operation["responses"]
    body = operation.get("requestBody")
    if body is not None:
        for status in _OF_BODIES:
            answers.setdefault(str(status), response(status))
        _exemplify(body, schemas)
    for answer in answers.values():
        _exemplify(answer, schemas)


def _exemplify(holder: dict[str, Any], schemas: dict[str, Any]) -> None:
    for media_type, media in holder.get("content", {}).items():
        if "example" not in media and media_type == "application/json":
            media["example"] = example(media.get("schema", {}), schemas)


def example(schema: dict[str, Any], schemas: dict[str, Any], name: str = "", depth: int = 0) -> Any:
    """Return a value of a schema: the model's own example, or one made of names and types."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], schemas, name, depth + 1)
    given = schema.get("examples") or schema.get("enum") or [schema[key] for key in ("const",) if key in schema]
    if given:
        return given[0]
    if "anyOf" in schema:
        return example(schema["anyOf"][0], schemas, name, depth + 1)
    if depth > _DEEPEST:
        return None
    match schema.get("type"):
        case "object":
            parts = schema.get("properties", {})
            return {part: example(one, schemas, part, depth + 1) for part, one in parts.items()}
        case "array":
            return [example(schema.get("items", {}), schemas, name, depth + 1)]
        case kind:
            return _scalar(name, kind)


def _scalar(name: str, kind: str | None) -> Any:
    if kind == "string":
        return next((value for end, value in _BY_NAME.items() if name.endswith(end)), _BY_TYPE["string"])
    return _BY_TYPE.get(kind or "null")
