"""Workflows: register and read."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from api.caller import Caller
from api.dependencies import Parts, WorkflowReader, WorkflowWriter
from api.http.bodies import refuse_encoded
from api.render import workflows as render
from api.routers.errors import errors
from schemas.api_models.base import timestamp
from schemas.api_models.definitions import WorkflowAnswer, WorkflowDryRun, WorkflowEntry, WorkflowPage
from schemas.errors import InvalidSpec, Problem
from schemas.queues import whole_name
from schemas.spec.check.workflow import queues_of
from schemas.spec.model import NAME_PATTERN, WorkflowSpec
from schemas.values.fields import ASCII_INTEGER
from services.workflows.checks import Parsed
from services.workflows.schema_checks import named_prompts, named_workflows

router = APIRouter(prefix="/api/v1/workflows", tags=["workflows"])

RESERVED = "runs"

_EXAMPLE: dict[str, Any] = {
    "name": "document_analysis",
    "version": 1,
    "dag": {
        "nodes": [
            {
                "id": "ingest",
                "type": "tool",
                "config": {
                    "tool_name": "s3.fetch",
                    "tool_args": {"bucket": "documents", "key": "{{document_key}}"},
                },
            },
            {
                "id": "analyze",
                "type": "llm",
                "config": {"prompt_ref": "document_analyzer@3", "inputs": {"content": "ingest.output"}},
                "policy": {"quality": "Gold", "sla_ms": 30000},
            },
        ],
        "edges": [{"from": "ingest", "to": "analyze"}],
    },
}
#: The body is read as text, so that YAML, duplicate keys and problems inside the document can be reported.
_BODY = {
    "requestBody": {
        "required": True,
        "description": "The workflow document, as JSON or as YAML.",
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": _EXAMPLE},
            "application/yaml": {"schema": {"type": "string"}},
        },
    }
}


@router.post(
    "",
    status_code=201,
    responses={200: {"description": "The same document exists, or it was a dry run"}, **errors(409, 413, 415, 429)},
    openapi_extra=_BODY,
)
async def register_workflow(
    request: Request,
    who: WorkflowWriter,
    parts: Parts,
    response: Response,
    dry_run: Annotated[bool, Query(description="Check and answer as below; store nothing.")] = False,
) -> WorkflowAnswer | WorkflowDryRun:
    """Register a version of a workflow. The document is validated as a whole; a version never changes."""
    refuse_encoded(request)
    text = _text(await request.body())
    if who.scopes.limited:
        _require_names(who, await parts.definitions.checks.parse(text))
    draft = await parts.definitions.registrations.check(who.org_id, text, who.project)
    _refuse_unreachable(draft.spec)
    if dry_run:
        response.status_code = 200
        return render.dry_run(draft)
    queues = {whole_name(queue, who.org_id) for queue in queues_of(draft.spec)}
    if queues:
        # Before the workflow is there: a request on a topic that is not there would stop its orchestrator.
        await parts.definitions.topics.of_queues(queues)
    stored, new = await parts.definitions.registrations.store(who.org_id, draft)
    parts.definitions.plans.forget(who.org_id)
    parts.definitions.publisher.wake()
    response.status_code = 201 if new else 200
    return render.workflow(stored, draft.warnings)


@router.get("", responses=errors())
async def list_workflows(who: WorkflowReader, parts: Parts) -> WorkflowPage:
    """List the newest version of every workflow."""
    lines = await parts.definitions.workflows.all(who.org_id)
    entries = [
        WorkflowEntry(
            name=w.name,
            version=w.version,
            versions=w.versions,
            required_inputs=w.required_inputs,
            created_at=timestamp(w.created_ms),
            description=w.description,
            input_schema=w.input_schema,
        )
        for w in lines
        if who.scopes.allow("workflow", w.name)
    ]
    return WorkflowPage(workflows=entries)


@router.get("/{name}", responses=errors(404))
async def get_workflow(
    name: Annotated[str, Path(pattern=NAME_PATTERN)],
    who: WorkflowReader,
    parts: Parts,
    version: Annotated[int | None, Query(ge=1, le=1_000_000_000), ASCII_INTEGER] = None,
) -> WorkflowAnswer:
    """Return a version of a workflow, the newest without `version`."""
    who.require_named("workflow", name)
    return render.workflow(await parts.definitions.workflows.get(who.org_id, name, version))


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InvalidSpec((Problem("", "the document is not UTF-8", "save it as UTF-8"),)) from exc


def _require_names(who: Caller, parsed: Parsed) -> None:
    """Raise ``Forbidden`` for names outside of a key's scopes: a workflow may start others, and show prompts."""
    for workflow in named_workflows(parsed):
        who.require_named("workflow", workflow)
    for prompt in named_prompts(parsed):
        who.require_named("prompt", prompt)


def _refuse_unreachable(spec: WorkflowSpec) -> None:
    if spec.name == RESERVED:
        raise InvalidSpec((Problem("name", f"{RESERVED!r} is a path of this API", "choose another name"),))
