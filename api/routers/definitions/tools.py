"""Tools and functions, with their schemas and effects."""

from fastapi import APIRouter

from api.dependencies import AnyReader, Parts
from api.routers.errors import errors
from api.services import Services
from connectors.tools.entries import ToolKind
from schemas.api_models.tools import FunctionPage, ToolEntry, ToolPage

router = APIRouter(prefix="/api/v1", tags=["tools"])


@router.get("/tools", responses=errors())
async def list_tools(_: AnyReader, parts: Parts) -> ToolPage:
    """List the tools that a node of type `tool` may name."""
    return ToolPage(tools=_entries(parts, "tool"), problems=parts.definitions.tools.problems)


@router.get("/functions", responses=errors())
async def list_functions(_: AnyReader, parts: Parts) -> FunctionPage:
    """List the functions that a node of type `function` may name."""
    return FunctionPage(functions=_entries(parts, "function"), problems=parts.definitions.tools.problems)


def _entries(parts: Services, kind: ToolKind) -> list[ToolEntry]:
    return [ToolEntry.model_validate(entry.describe()) for entry in parts.definitions.tools.entries(kind)]
