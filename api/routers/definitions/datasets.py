"""Datasets: versioned, immutable lists of cases."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from api.caller import Caller
from api.dependencies import Parts, PromptReader, PromptWriter
from api.http.bodies import refuse_encoded
from api.http.strict_json import StrictJsonRoute
from api.routers.errors import errors
from api.routers.filters import stored_text, time_ms
from connectors.postgres.datasets import DatasetVersion
from connectors.postgres.history.runs import RunFilter
from schemas.api_models.base import MAX_PAGE, timestamp
from schemas.api_models.prompts.datasets import (
    CaseAnswer,
    CasePage,
    CasesFromRuns,
    DatasetAnswer,
    DatasetFromRuns,
    DatasetPage,
    ImportCases,
)
from schemas.api_models.prompts.versions import MAX_VERSION
from schemas.errors import BadValue, InvalidInput, Problem, Undecodable
from schemas.prompts.evaluations import Case
from schemas.spec.check.shape import path_of
from schemas.spec.model import NAME_PATTERN
from schemas.values.fields import ASCII_INTEGER
from schemas.values.json_text import read_json
from services.prompts.evaluations.cases import from_columns, from_source, read_cases, read_lines, read_table
from services.prompts.from_runs.cases import WantedSteps
from services.prompts.from_runs.datasets import Named

_LINES = ("application/jsonl", "application/x-ndjson", "application/x-jsonlines")
_UPLOAD = {
    "requestBody": {
        "required": True,
        "description": "The cases: JSON lines, CSV with a header, or JSON.",
        "content": {
            "application/json": {"schema": ImportCases.model_json_schema()},
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": '{"inputs": {"name": "Ada"}, "expected": "Hello Ada"}\n',
            },
            "text/csv": {"schema": {"type": "string"}},
        },
    }
}

router = APIRouter(prefix="/api/v1/datasets", tags=["datasets"], route_class=StrictJsonRoute)

Name = Annotated[str, Path(pattern=NAME_PATTERN)]
Version = Annotated[int | None, Query(ge=1, le=MAX_VERSION), ASCII_INTEGER]


@router.post(
    "",
    status_code=201,
    responses={200: {"description": "The newest version has the same cases"}, **errors(400, 413, 415)},
    openapi_extra=_UPLOAD,
    summary="Import a dataset",
)
async def import_dataset(
    request: Request,
    who: PromptWriter,
    parts: Parts,
    response: Response,
    name: Annotated[str, Query(pattern=NAME_PATTERN, description="The dataset's name.")],
    message: Annotated[str, Query(max_length=1_000, description="The reason of this version.")] = "",
    source: Annotated[str, Query(max_length=1_000, description="The label of all cases: `web class:pii`.")] = "",
    columns: Annotated[
        str, Query(max_length=8_000, description='Labels by column, as JSON: `{"text": "web", "author": "user"}`.')
    ] = "",
) -> DatasetAnswer:
    """Store the cases as the next version. A bad row is named by its line, and then nothing is stored.

    Evaluations give the labels of `source`, and those of the cases, to their runs. With `columns` each input has its
    own; those that are not named have `source`, and without it are trusted least.
    """
    _require(who, name)
    refuse_encoded(request)
    cases = _read(request.headers.get("content-type", ""), await request.body())
    if columns:
        cases = from_columns(cases, columns, source)
    elif source:
        cases = from_source(cases, source)
    stored, new = await parts.definitions.datasets.create(
        who.org_id, name, cases, author=who.key_id, message=stored_text("query.message", message) or ""
    )
    response.status_code = 201 if new else 200
    return answer(stored)


@router.post("/from-runs", status_code=201, responses={200: {"description": "It says the same"}, **errors(404, 409)})
async def make_dataset_from_runs(
    body: CasesFromRuns, who: PromptWriter, parts: Parts, response: Response
) -> DatasetFromRuns:
    """Store what models were asked in runs as the next version of a dataset, redacted by the active policy."""
    who.require("read")
    who.require_named("workflow", body.workflow)
    _require(who, body.name)
    wanted = WantedSteps(
        runs=RunFilter(
            status=body.status,
            workflow=body.workflow,
            since_ms=time_ms("body.since", body.since),
            until_ms=time_ms("body.until", body.until),
            project=who.project,
        ),
        node=body.node,
        prompt=body.prompt,
        limit=body.limit,
        expected=body.expected,
        iterations=body.iterations,
    )
    named = Named(org_id=who.org_id, name=body.name, author=who.key_id, message=body.message)
    stored, new, found = await parts.evaluations.of_runs.make(named, wanted)
    response.status_code = 201 if new else 200
    return DatasetFromRuns(**answer(stored).model_dump(), skipped=found.skipped, redacted=found.redacted)


@router.get("", responses=errors())
async def list_datasets(who: PromptReader, parts: Parts) -> DatasetPage:
    """List the newest version of every dataset."""
    found = await parts.definitions.datasets.all(who.org_id)
    return DatasetPage(datasets=[answer(one) for one in found if who.scopes.allow("prompt", one.name)])


@router.get("/{name}", responses=errors(404))
async def get_dataset(name: Name, who: PromptReader, parts: Parts, version: Version = None) -> DatasetAnswer:
    """Return a version of a dataset, the newest without `version`."""
    _require(who, name)
    return answer(await parts.definitions.datasets.get(who.org_id, name, version))


@router.get("/{name}/versions", responses=errors(404))
async def list_dataset_versions(
    name: Name,
    who: PromptReader,
    parts: Parts,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE), ASCII_INTEGER] = 100,
) -> DatasetPage:
    """List the versions of a dataset, the newest first."""
    _require(who, name)
    await parts.definitions.datasets.get(who.org_id, name)
    found = await parts.definitions.datasets.versions(who.org_id, name, limit)
    return DatasetPage(datasets=[answer(one) for one in found])


@router.get("/{name}/rows", responses=errors(404))
async def list_cases(
    name: Name,
    who: PromptReader,
    parts: Parts,
    version: Version = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE), ASCII_INTEGER] = 100,
    cursor: Annotated[int, Query(ge=0, le=2**31 - 1, description="Of the page before."), ASCII_INTEGER] = 0,
) -> CasePage:
    """Return the cases of a version by page, in order."""
    _require(who, name)
    datasets = parts.definitions.datasets
    found = await datasets.get(who.org_id, name, version)
    rows = await datasets.cases(who.org_id, name, found.version, after=cursor - 1, limit=limit)
    end = rows[-1][0] + 1 if rows else found.cases
    return CasePage(
        cases=[CaseAnswer(**{"inputs": {}, **msgspec.to_builtins(case)}) for _, case in rows],
        next_cursor=str(end) if end < found.cases else None,
    )


def answer(stored: DatasetVersion) -> DatasetAnswer:
    """Return a version as the API shows it."""
    fields = asdict(stored)
    created_at = timestamp(fields.pop("created_ms"))
    return DatasetAnswer(id=f"{stored.name}@{stored.version}", created_at=created_at, **fields)


def _require(who: Caller, name: str) -> None:
    """A key that is limited to some prompts may use the datasets of their names."""
    who.require_named("prompt", name)


def _read(content_type: str, body: bytes) -> list[Case]:
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        raise HTTPException(400, "the body is empty: send the cases")
    if kind in _LINES:
        return read_lines(body)
    if kind == "text/csv":
        return read_table(body)
    if kind == "application/json":
        return _read_document(body)
    found = f"content-type {kind} is not supported" if kind else "the body has no content type"
    raise HTTPException(415, f"{found}: send JSON, JSON lines ({_LINES[1]}) or CSV (text/csv)")


def _read_document(body: bytes) -> list[Case]:
    try:
        return read_cases(ImportCases.model_validate(read_json(body)).cases)
    except BadValue as exc:
        raise InvalidInput.of(exc.problem) from exc
    except Undecodable as exc:
        raise HTTPException(400, f"the body is not valid JSON: {exc}") from exc
    except ValidationError as exc:
        raise InvalidInput("the body has no list of cases", tuple(map(_problem, exc.errors()))) from exc


def _problem(error: Mapping[str, Any]) -> Problem:
    return Problem(path_of(error["loc"]), error["msg"], 'send {"cases": [{"inputs": {...}}]}')
