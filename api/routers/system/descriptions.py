"""What this system says about its topics: the AsyncAPI document, and the JSON Schema of each record. No key needed."""

from functools import lru_cache

import orjson
from fastapi import APIRouter, Response

from api.routers.errors import errors
from schemas.errors import NotFound
from topics import asyncapi
from topics.json_schemas import PATH, components, document

router = APIRouter(tags=["operations"])

#: They change with a release only.
_HEADERS = {"Cache-Control": "public, max-age=300"}


@router.get("/asyncapi.json", include_in_schema=False)
async def describe_topics() -> Response:
    """Return the AsyncAPI 3.0 document of the topics."""
    return Response(_asyncapi(), media_type="application/vnd.aai.asyncapi+json;version=3.0.0", headers=_HEADERS)


@router.get(PATH.removesuffix("/"), include_in_schema=False)
async def list_schemas() -> dict[str, list[str]]:
    """Return the paths of all schemas."""
    return {"schemas": [f"{PATH}{name}.json" for name in components()]}


@router.get(f"{PATH}{{name}}.json", responses=errors(404), include_in_schema=False)
async def get_schema(name: str) -> Response:
    """Return the JSON Schema of a record, or of a part of one."""
    return Response(_schema(name), media_type="application/schema+json", headers=_HEADERS)


@lru_cache(maxsize=1)
def _asyncapi() -> bytes:
    return orjson.dumps(asyncapi.document())


@lru_cache(maxsize=256)
def _schema(name: str) -> bytes:
    if name not in components():
        raise NotFound(f"there is no schema {name[:100]!r}; GET {PATH.removesuffix('/')} lists them")
    return orjson.dumps(document(name))
