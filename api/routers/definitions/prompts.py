"""Prompts: versioned, immutable texts."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.dependencies import Parts, PromptReader, PromptWriter
from api.http.document_body import DocumentRoute
from api.routers.errors import errors
from connectors.postgres.prompts import StoredPrompt
from schemas.api_models.base import timestamp
from schemas.api_models.definitions import (
    MAX_VERSION,
    CreatePrompt,
    PromptAnswer,
    PromptEntry,
    PromptPage,
)
from schemas.errors import InvalidInput
from schemas.spec.check.texts import prompt_problems
from schemas.spec.model import NAME_PATTERN
from schemas.values.fields import ASCII_INTEGER

router = APIRouter(prefix="/api/v1/prompts", tags=["prompts"], route_class=DocumentRoute)


@router.post(
    "",
    status_code=201,
    responses={200: {"description": "The same version exists"}, **errors(409, 413)},
    openapi_extra={"requestBody": {"content": {"application/yaml": {"schema": {"type": "string"}}}}},
)
async def create_prompt(body: CreatePrompt, who: PromptWriter, parts: Parts, response: Response) -> PromptAnswer:
    """Create a version of a prompt: the next one, or the given `version`. The same text again is the same version."""
    who.require_named("prompt", body.name)
    if problems := tuple(prompt_problems("template", body.template)):
        raise InvalidInput("; ".join(map(str, problems)), problems)
    stored, new = await parts.definitions.prompts.create(
        who.org_id, body.name, body.template, body.version, body.variables
    )
    parts.definitions.plans.forget(who.org_id)
    parts.definitions.publisher.wake()
    response.status_code = 201 if new else 200
    return _answer(stored)


@router.get("", responses=errors())
async def list_prompts(who: PromptReader, parts: Parts) -> PromptPage:
    """List the newest version of every prompt."""
    lines = await parts.definitions.prompts.all(who.org_id)
    entries = [
        PromptEntry(
            name=p.name,
            version=p.version,
            versions=p.versions,
            hash=p.hash,
            created_at=timestamp(p.created_ms),
        )
        for p in lines
        if who.scopes.allow("prompt", p.name)
    ]
    return PromptPage(prompts=entries)


@router.get("/{name}", responses=errors(404))
async def get_prompt(
    name: Annotated[str, Path(pattern=NAME_PATTERN)],
    who: PromptReader,
    parts: Parts,
    version: Annotated[int | None, Query(ge=1, le=MAX_VERSION), ASCII_INTEGER] = None,
) -> PromptAnswer:
    """Return a version of a prompt, the newest without `version`."""
    who.require_named("prompt", name)
    return _answer(await parts.definitions.prompts.get(who.org_id, name, version))


def _answer(stored: StoredPrompt) -> PromptAnswer:
    fields = asdict(stored)
    created_at = timestamp(fields.pop("created_ms"))
    return PromptAnswer(id=f"{stored.name}@{stored.version}", created_at=created_at, **fields)
