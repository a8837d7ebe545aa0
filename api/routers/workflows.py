"""Workflows: register and read."""

import re
from itertools import islice
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from api.dependencies import Parts, Reader, Writer
from api.http.bodies import refuse_encoded
from api.routers.errors import errors
from connectors.postgres.workflows import StoredWorkflow
from connectors.tools.arguments import argument_problems
from schemas.api_models.base import timestamp
from schemas.api_models.definitions import WorkflowAnswer, WorkflowEntry, WorkflowPage
from schemas.errors import InvalidSpec, Problem
from schemas.spec.check.workflow import prompt_refs, queues_of
from schemas.spec.model import NAME_PATTERN, WorkflowSpec
from schemas.spec.read import MAX_PROBLEMS
from services.workflows.nested import load_family, pin_prompts

router = APIRouter(prefix="/api/v1/workflows", tags=["workflows"])

RESERVED = "runs"
#: The escape of U+0000, and not an escaped backslash before the letters u0000.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

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
    responses={200: {"description": "The same document exists"}, **errors(409, 413, 415, 429)},
    openapi_extra=_BODY,
)
async def register_workflow(request: Request, who: Writer, parts: Parts, response: Response) -> WorkflowAnswer:
    """Register a version of a workflow. The document is validated as a whole; a version never changes."""
    refuse_encoded(request)
    checks = parts.definitions.checks
    parsed = await checks.parse(_text(await request.body()))
    spec = parsed.spec
    _refuse_unreachable(spec)
    prompts = await pin_prompts(parts.definitions.prompts, who.org_id, prompt_refs(spec))
    family = await load_family(parts.definitions.workflows, parts.definitions.prompts, who.org_id, spec)
    checked = await checks.check(
        parsed,
        prompts=prompts,
        tools=list(parts.definitions.tools.names("tool")),
        functions=list(parts.definitions.tools.names("function")),
        further=list(islice(argument_problems(spec, parts.definitions.tools), MAX_PROBLEMS)),
        family=family,
    )
    queues = queues_of(spec)
    if queues:
        # Before the workflow is there: a request on a topic that is not there would stop its orchestrator.
        await parts.definitions.topics.of_queues(queues)
    stored, new = await parts.definitions.workflows.create(who.org_id, spec, sorted(checked.required_inputs))
    parts.definitions.plans.forget(who.org_id)
    parts.definitions.publisher.wake()
    response.status_code = 201 if new else 200
    return _answer(stored)


@router.get("", responses=errors())
async def list_workflows(who: Reader, parts: Parts) -> WorkflowPage:
    """List the newest version of every workflow."""
    lines = await parts.definitions.workflows.all(who.org_id)
    entries = [
        WorkflowEntry(
            name=w.name,
            version=w.version,
            versions=w.versions,
            required_inputs=w.required_inputs,
            created_at=timestamp(w.created_ms),
        )
        for w in lines
    ]
    return WorkflowPage(workflows=entries)


@router.get("/{name}", responses=errors(404))
async def get_workflow(
    name: Annotated[str, Path(pattern=NAME_PATTERN)],
    who: Reader,
    parts: Parts,
    version: Annotated[int | None, Query(ge=1, le=1_000_000_000)] = None,
) -> WorkflowAnswer:
    """Return a version of a workflow, the newest without `version`."""
    return _answer(await parts.definitions.workflows.get(who.org_id, name, version))


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InvalidSpec((Problem("", "the document is not UTF-8", "save it as UTF-8"),)) from exc


def _refuse_unreachable(spec: WorkflowSpec) -> None:
    if _NUL.search(orjson.dumps(spec.model_dump(mode="json", by_alias=True))):
        raise InvalidSpec((Problem("", "the document has the character U+0000", "remove it"),))
    if spec.name == RESERVED:
        raise InvalidSpec((Problem("name", f"{RESERVED!r} is a path of this API", "choose another name"),))


def _answer(stored: StoredWorkflow) -> WorkflowAnswer:
    return WorkflowAnswer(
        name=stored.name,
        version=stored.version,
        hash=stored.hash,
        required_inputs=stored.required_inputs,
        created_at=timestamp(stored.created_ms),
        spec=stored.spec,
    )
