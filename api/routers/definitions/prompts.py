"""Prompts: versioned and immutable; deleting one is archiving it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.caller import Caller
from api.dependencies import Parts, PromptReader, PromptWriter
from api.http.document_body import DocumentRoute
from api.render import prompts as render
from api.routers.errors import errors
from schemas.api_models.prompts.versions import (
    MAX_VERSION,
    CreatePrompt,
    PromptAnswer,
    PromptPage,
    PromptVersionPage,
)
from schemas.errors import InvalidInput, Problem
from schemas.prompts.refs import LABEL_PATTERN, LATEST, PromptRef
from schemas.spec.model import NAME_PATTERN
from schemas.values.fields import ASCII_INTEGER
from services.prompts.registry.prompts import Author, Draft

router = APIRouter(prefix="/api/v1/prompts", tags=["prompts"], route_class=DocumentRoute)

PromptName = Annotated[str, Path(pattern=NAME_PATTERN)]


def author(who: Caller) -> Author:
    """Return the caller as the registry knows it."""
    return Author(who.key_id, who.project, who.scopes)


@router.post(
    "",
    status_code=201,
    responses={200: {"description": "The same version exists"}, **errors(404, 409, 413)},
    openapi_extra={"requestBody": {"content": {"application/yaml": {"schema": {"type": "string"}}}}},
)
async def create_prompt(body: CreatePrompt, who: PromptWriter, parts: Parts, response: Response) -> PromptAnswer:
    """Create a version of a prompt: the next one, or the given `version`. The same content is the same version."""
    who.require_named("prompt", body.name)
    if body.project is not None:
        who.in_project(body.project)
    draft = Draft(
        name=body.name,
        template=body.template or "",
        form=body.form(),
        schema=body.variables,
        version=body.version,
        project=body.project,
        message=body.message,
        parent=body.parent,
        labels=body.labels,
    )
    stored, new = await parts.definitions.prompts.create(who.org_id, draft, author(who))
    changed(parts, who)
    response.status_code = 201 if new else 200
    return render.prompt(stored)


@router.get("", responses=errors())
async def list_prompts(
    who: PromptReader,
    parts: Parts,
    archived: Annotated[bool, Query(description="List the archived ones instead.")] = False,
) -> PromptPage:
    """List the newest version of every prompt."""
    found = await parts.definitions.prompts.all(who.org_id, author(who), archived=archived)
    return PromptPage(prompts=[render.line(one) for one in found])


@router.get("/{name}", responses=errors(404))
async def get_prompt(
    name: PromptName,
    who: PromptReader,
    parts: Parts,
    version: Annotated[int | None, Query(ge=1, le=MAX_VERSION), ASCII_INTEGER] = None,
    label: Annotated[str | None, Query(pattern=LABEL_PATTERN)] = None,
) -> PromptAnswer:
    """Return the version of a prompt that `version` or `label` names, with its parts; the newest without either."""
    who.require_named("prompt", name)
    if version is not None and label is not None:
        problem = Problem("label", "is given together with `version`", "give one of them")
        raise InvalidInput.of(problem)
    ref = PromptRef(name, version, None if label == LATEST else label)
    return render.prompt(await parts.definitions.prompts.get(who.org_id, ref, author(who)))


@router.get("/{name}/versions", responses=errors(404))
async def list_prompt_versions(name: PromptName, who: PromptReader, parts: Parts) -> PromptVersionPage:
    """List the versions of a prompt, the newest first."""
    who.require_named("prompt", name)
    return render.versions(await parts.definitions.prompts.versions(who.org_id, name, author(who)))


@router.delete("/{name}", responses=errors(404, 409))
async def archive_prompt(
    name: PromptName,
    who: PromptWriter,
    parts: Parts,
    force: Annotated[bool, Query(description="Also if workflows name it; they cannot be submitted then.")] = False,
) -> PromptAnswer:
    """Archive a prompt: no list shows it, no workflow may use it; what runs used can be read. Returns the newest."""
    who.require_named("prompt", name)
    stored = await parts.definitions.prompts.archive(who.org_id, name, author(who), force=force)
    changed(parts, who)
    return render.prompt(stored)


@router.post("/{name}/restore", responses=errors(404))
async def restore_prompt(name: PromptName, who: PromptWriter, parts: Parts) -> PromptAnswer:
    """Restore an archived prompt. Returns its newest version."""
    who.require_named("prompt", name)
    stored = await parts.definitions.prompts.restore(who.org_id, name, author(who))
    changed(parts, who)
    return render.prompt(stored)


def changed(parts: Parts, who: Caller) -> None:
    """Let the plans of this process, and those who read definitions, learn of a change at once."""
    parts.definitions.plans.forget(who.org_id)
    parts.definitions.publisher.wake()
