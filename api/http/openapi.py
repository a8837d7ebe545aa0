"""The OpenAPI document: FastAPI's own, with the schemas of the problems that every route can answer."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from schemas.api_models.problem import ProblemDetails

_REF = "#/components/schemas/{model}"


def install(app: FastAPI) -> None:
    """Serve the document, which is built once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
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
    return found
