"""Labels of prompts: words that name one version each until they are moved."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.dependencies import Parts, PromptReader, PromptWriter
from api.http.strict_json import StrictJsonRoute
from api.render import prompts as render
from api.routers.definitions.prompts import PromptName, author, changed
from api.routers.errors import errors
from connectors.postgres.prompts.labels import ANYTHING, LabelChange
from schemas.api_models.prompts.versions import MAX_VERSION, LabelAnswer, LabelPage, MoveLabel
from schemas.errors import InvalidInput, Problem
from schemas.prompts.refs import PromptRef, check_label
from schemas.values.fields import ASCII_INTEGER

router = APIRouter(prefix="/api/v1/prompts/{name}/labels", tags=["prompts"], route_class=StrictJsonRoute)

LabelName = Annotated[str, Path(max_length=80)]


@router.get("", responses=errors(404))
async def list_prompt_labels(name: PromptName, who: PromptReader, parts: Parts) -> LabelPage:
    """List the labels of a prompt, and every move of them."""
    who.require_named("prompt", name)
    registry = parts.definitions.prompts
    await registry.get(who.org_id, PromptRef(name), author(who))
    stored, moves = await registry.labels.all(who.org_id, name), await registry.labels.history(who.org_id, name)
    return render.labels(name, stored, moves)


@router.put("/{label}", responses=errors(404, 409, 413))
async def move_prompt_label(
    name: PromptName, label: LabelName, body: MoveLabel, who: PromptWriter, parts: Parts
) -> LabelAnswer:
    """Let a label name a version, in one atomic step. 409 says who moved it, if it names another than expected."""
    who.require_named("prompt", name)
    _check(label)
    registry = parts.definitions.prompts
    await registry.require_owned(who.org_id, name, author(who))
    expected = body.expected_version if "expected_version" in body.model_fields_set else ANYTHING
    stored = await registry.labels.move(LabelChange(who.org_id, name, label, who.key_id), body.version, expected)
    changed(parts, who)
    return render.label(name, stored)


@router.delete("/{label}", status_code=204, responses=errors(404, 409))
async def remove_prompt_label(
    name: PromptName,
    label: LabelName,
    who: PromptWriter,
    parts: Parts,
    expected_version: Annotated[int | None, Query(ge=1, le=MAX_VERSION), ASCII_INTEGER] = None,
) -> Response:
    """Remove a label. Workflows that name it cannot be submitted until it is there again."""
    who.require_named("prompt", name)
    _check(label)
    registry = parts.definitions.prompts
    await registry.require_owned(who.org_id, name, author(who))
    expected = ANYTHING if expected_version is None else expected_version
    await registry.labels.remove(LabelChange(who.org_id, name, label, who.key_id), expected)
    changed(parts, who)
    return Response(status_code=204)


def _check(label: str) -> None:
    try:
        check_label(label)
    except ValueError as exc:
        # The label is part of the message, and may have a colon itself.
        said, _, fix = str(exc).rpartition(": ")
        raise InvalidInput(str(exc), (Problem("label", said, fix),)) from exc
