"""Projects inside of an organisation."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.dependencies import Admin, Parts, ProjectReader
from api.http.strict_json import StrictJsonRoute
from api.render import access as render
from api.routers.errors import errors
from connectors.postgres.organisations import ProjectChanges
from schemas.api_models.access import ID_PATTERN, ChangeProject, CreateProject, ProjectAnswer, ProjectPage

ProjectId = Annotated[str, Path(pattern=ID_PATTERN)]

router = APIRouter(prefix="/api/v1/projects", tags=["access"], route_class=StrictJsonRoute)


@router.post("", status_code=201, responses={200: {"description": "The same project exists"}, **errors(409, 413)})
async def create_project(body: CreateProject, who: Admin, parts: Parts, response: Response) -> ProjectAnswer:
    """Create a project. Keys may belong to it; runs, budgets and keys are listed by it."""
    stored, new = await parts.access.projects.create(who.org_id, body.id, body.name)
    response.status_code = 201 if new else 200
    return render.project(stored)


@router.get("", responses=errors())
async def list_projects(
    who: ProjectReader,
    parts: Parts,
    archived: Annotated[bool, Query(description="Also those that are archived.")] = False,
) -> ProjectPage:
    """List the organisation's projects; a project's key sees its own."""
    found = await parts.access.projects.all(who.org_id, archived=archived)
    return ProjectPage(projects=[render.project(one) for one in found if who.project in (None, one.id)])


@router.get("/{project_id}", responses=errors(404))
async def get_project(project_id: ProjectId, who: ProjectReader, parts: Parts) -> ProjectAnswer:
    """Return a project."""
    who.in_project(project_id)
    return render.project(await parts.access.projects.get(who.org_id, project_id))


@router.patch("/{project_id}", responses=errors(404))
async def change_project(project_id: ProjectId, body: ChangeProject, who: Admin, parts: Parts) -> ProjectAnswer:
    """Rename, archive or restore a project. Within five seconds the keys of an archived project can only read."""
    changes: ProjectChanges = {}
    if body.name is not None:
        changes["name"] = body.name
    if body.archived is not None:
        changes["archived"] = body.archived
    stored = await parts.access.projects.change(who.org_id, project_id, changes)
    parts.access.authenticator.forget_organisation(who.org_id)
    return render.project(stored)
