"""What an organisation declares of tools on queues. A declaration is an act of an administrator, never of a worker."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.dependencies import Admin, Parts, Reader
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from connectors.postgres.tools.queue_tools import QueueTool
from connectors.tools.security import shown
from schemas.api_models.base import timestamp
from schemas.api_models.operations.queue_tools import DeclareQueueTool, QueueToolAnswer, QueueToolPage
from schemas.api_models.operations.queues import QueueOwner
from schemas.api_models.tools import DeclaredSecurity
from schemas.queues import NODE_PATTERN, OWN

QueueName = Annotated[str, Path(pattern=NODE_PATTERN)]
ToolName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.:@-]{1,128}$")]

router = APIRouter(prefix="/api/v1/queues", tags=["queues"], route_class=StrictJsonRoute)


@router.get("/tools", responses=errors())
async def list_queue_tools(who: Reader, parts: Parts) -> QueueToolPage:
    """List what the organisation declares of tools on queues."""
    return QueueToolPage(tools=[_answer(one) for one in await parts.security.queue_tools.all(who.org_id)])


@router.put("/{name}/tools/{queue_tool}", responses=errors(409))
async def declare_queue_tool(
    name: QueueName, queue_tool: ToolName, body: DeclareQueueTool, who: Admin, parts: Parts
) -> QueueToolAnswer:
    """Declare what policies know of a tool that workers of a queue have, or change it.

    It counts within seconds for runs that are submitted from then on. A policy that declares the tool is only made
    stricter by it.
    """
    key = (_named(name, body.of), queue_tool)
    return _answer(await parts.security.queue_tools.put(who.org_id, key, body.security, who.key_id))


@router.delete("/{name}/tools/{queue_tool}", status_code=204, responses=errors(404))
async def delete_queue_tool(
    name: QueueName, queue_tool: ToolName, who: Admin, parts: Parts, of: QueueOwner = "organisation"
) -> None:
    """Remove what is declared of a tool: it may have effects, and its results are trusted least."""
    await parts.security.queue_tools.delete(who.org_id, (_named(name, of), queue_tool))


def _named(name: str, of: QueueOwner) -> str:
    """Return a queue's name as nodes write it."""
    return f"{OWN}{name}" if of == "organisation" else name


def _answer(one: QueueTool) -> QueueToolAnswer:
    return QueueToolAnswer(
        queue=one.queue,
        tool=one.tool,
        security=DeclaredSecurity.model_validate(shown(one.security)),
        declared_by=one.declared_by,
        declared_at=timestamp(one.declared_ms),
    )
